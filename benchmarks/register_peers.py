"""What others do to find the homography of one near-infrared and visible pair; the same call for all.

Each takes grey pictures (nir, vis) and gives the homography vis → nir, or None where it finds none. The thresholds are
those of the papers and of the libraries' own examples.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

import cv2
import numpy as np

from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.features import Grey
from nirvis_registration.geometry import Matrix
from nirvis_registration.homography import estimate

Method = Callable[[Grey, Grey], Matrix | None]


def nirvis(nir: Grey, vis: Grey) -> Matrix | None:
    try:
        return estimate([(nir, vis)]).homography_vis_to_nir
    except RegistrationRefused:
        return None


def sift(nir: Grey, vis: Grey) -> Matrix | None:
    """SIFT, ratio test .75, RANSAC 5 px: the VSIAD paper."""
    return _features(cv2.SIFT.create(4000), cv2.NORM_L2, nir, vis)


def akaze(nir: Grey, vis: Grey) -> Matrix | None:
    return _features(cast(Any, cv2).AKAZE_create(), cv2.NORM_HAMMING, nir, vis)


def ecc(nir: Grey, vis: Grey) -> Matrix | None:
    """ECC (Evangelidis and Psarakis 2008) on grey, four levels of a pyramid."""
    onto = np.eye(3, dtype=np.float32)
    for level in (3, 2, 1, 0):
        small_nir, small_vis = (
            cv2.resize(picture, None, fx=0.5**level, fy=0.5**level, interpolation=cv2.INTER_AREA)
            for picture in (nir, vis)
        )
        scale = np.diag([0.5**level, 0.5**level, 1.0])
        warp = (scale @ onto @ np.linalg.inv(scale)).astype(np.float32)
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-5)
        try:
            _, found = cv2.findTransformECC(
                small_vis, small_nir, warp, cv2.MOTION_HOMOGRAPHY, criteria, np.empty(0, np.uint8), 5
            )
        except cv2.error:  # does not converge at this level; the next one may
            if level == 0:
                return None
            continue
        onto = np.asarray(np.linalg.inv(scale) @ found @ scale, np.float32)
    return np.asarray(onto, np.float64)


def simple_itk(nir: Grey, vis: Grey) -> Matrix | None:
    """Mattes mutual information, affine, three levels."""
    import SimpleITK as sitk  # noqa: N813

    fixed, moving = (sitk.Cast(sitk.GetImageFromArray(picture), sitk.sitkFloat32) for picture in (vis, nir))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 7)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 100, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    affine = sitk.AffineTransform(2)
    affine.SetCenter([(vis.shape[1] - 1) / 2, (vis.shape[0] - 1) / 2])
    method.SetInitialTransform(affine, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:
        return None
    origin, across, down = (np.array(affine.TransformPoint(point)) for point in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    return np.vstack([np.column_stack([across - origin, down - origin, origin]), [0.0, 0.0, 1.0]])


def elastix(nir: Grey, vis: Grey) -> Matrix | None:
    """Mutual information, affine, the default parameters of elastix."""
    import itk

    fixed, moving = (itk.image_from_array(picture.astype(np.float32)) for picture in (vis, nir))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("affine", 4))
    try:
        _, result = itk.elastix_registration_method(fixed, moving, parameter_object=parameters, log_to_console=False)
    except RuntimeError:
        return None
    numbers = [float(text) for text in result.GetParameter(0, "TransformParameters")]
    centre = np.array([float(text) for text in result.GetParameter(0, "CenterOfRotationPoint")])
    linear, move = np.array(numbers[:4]).reshape(2, 2), np.array(numbers[4:])
    return np.vstack([np.column_stack([linear, move + centre - linear @ centre]), [0.0, 0.0, 1.0]])


def available() -> dict[str, Method]:
    """Name of each method that is installed; a line says which are not."""
    methods: dict[str, Method] = {"nirvis": nirvis, "SIFT + RANSAC": sift}
    optional: tuple[tuple[str, bool, Method], ...] = (
        ("AKAZE + RANSAC", hasattr(cv2, "AKAZE_create"), akaze),
        ("ECC, pyramid", True, ecc),
        ("SimpleITK, MI", find_spec("SimpleITK") is not None, simple_itk),
        ("elastix, MI", find_spec("itk") is not None, elastix),
    )
    for name, is_there, method in optional:
        if is_there:
            methods[name] = method
        else:
            print(f"{name}: not installed, left out (pip install 'nirvis[bench]')", flush=True)
    return methods


def _features(detector: Any, norm: int, nir: Grey, vis: Grey) -> Matrix | None:
    (nir_points, nir_descriptors), (vis_points, vis_descriptors) = (
        detector.detectAndCompute(picture, None) for picture in (nir, vis)
    )
    if nir_descriptors is None or vis_descriptors is None:
        return None
    neighbours = cv2.BFMatcher(norm).knnMatch(vis_descriptors, nir_descriptors, k=2)
    good = [two[0] for two in neighbours if len(two) == 2 and two[0].distance < 0.75 * two[1].distance]
    if len(good) < 4:
        return None
    seen = np.array([vis_points[m.queryIdx].pt for m in good], np.float32)
    found = cv2.findHomography(seen, np.array([nir_points[m.trainIdx].pt for m in good], np.float32), cv2.RANSAC, 5.0)
    return cast("Matrix | None", found[0])
