"""One homography per clip: features find it, structure aligned over several frames makes it exact.

A rigid rig has one homography, so that frames with different content add precision like repeated measurements. Features
find it from anywhere, and say when nothing fits; structure that is aligned from there is three times as exact.
USAC/MAGSAC++ (Barath et al. 2020) rejects orientation-reversing models: everything here is scene-handed, and
`geometry.with_mirrors` composes the mirrors afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.distortion import NO_DISTORTION, Distortion
from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.features import Grey, Matches, match_pictures
from nirvis_registration.geometry import Matrix, Size, corner_distances, corners, normalised, project
from nirvis_registration.lens_terms import with_lens_terms
from nirvis_registration.lucas_kanade import Alignment, align, align_structure, structure_frame

THRESHOLD_PX = 1.5
"""Largest noise of a match that MAGSAC++ marginalises over."""
MIN_INLIERS = 50
"""Wrong homographies were seen with up to 90 inliers of 4000 features, right ones mostly with more than 75."""
SURE_INLIERS = 200
START_SIGMA_PX = 0.5
"""Features that are as sure as this are a good start for the alignment; no further frame is searched for any."""
ALIGNED_FRAMES = 4
"""Frames whose structure is aligned: more cost time and change nothing that a pair of 640×480 would show."""
MAX_DISAGREEMENT_PX = 1.5
"""Estimates that differ more at a corner than this, and than three times their uncertainty, are of different things."""
MAX_SKEW = 1.5
"""Ratio of the scales of the sides of a picture; one where the homography is a similarity."""
MAX_ROTATION_DEG = 30.0
MAX_STRANGENESS = 0.8
"""See `Alignment.strangeness`; measured are 0.1 to 0.32 for the same scene, and 1.02 and more for others."""
_CELL_PX = 4.0
"""Matches closer than this are not independent."""
_ITERATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The homography of a clip between scene-handed pictures, and its quality."""

    homography_vis_to_nir: Matrix
    corner_covariance: NDArray[np.float64]
    """``(8, 8)`` px², of the mapped corners of the vis picture: x and y of each, clockwise from the top left."""
    inliers: int
    """0 where a calibration spared the features, as are the matches."""
    matches: int
    reprojection_error_px: float
    """Median distance of the inliers; NaN without any."""
    frames: int
    """Frames that it comes from."""
    aligned_frames: int = 0
    """Frames whose structure was aligned; 0 where that contradicted the features, and was left out."""
    distortion: Distortion = NO_DISTORTION
    """Of vis, before the homography; where it is significant."""

    @property
    def corner_sigma_px(self) -> float:
        """Standard deviation of a mapped corner, root mean square over the corners, both coordinates together."""
        return float(np.sqrt(np.trace(self.corner_covariance) / 4))


def estimate(pairs: Iterable[tuple[Grey, Grey]], features: int = 4000) -> Estimate:
    """Find the homography that maps vis onto nir.

    pairs
        Scene-handed grey pictures (nir, vis) of several frames, the most telling first; taken one at a time, and no
        further than precision gains from it.
    Raises `RegistrationRefused` with the reason in one line.
    """
    seen: list[tuple[Grey, Grey]] = []
    pooled: list[Matches] = []
    found: Estimate | None = None
    for nir, vis in pairs:
        seen.append((nir, vis))
        if not _is_sure(found):
            pooled.append(match_pictures(nir, vis, features))
            found = fit(pooled, _size(vis))
        if _is_sure(found) and len(seen) >= ALIGNED_FRAMES:
            break
    if not seen:
        raise RegistrationRefused("no frame of the clip shows enough to be registered")
    if found is None or found.inliers < MIN_INLIERS:
        raise _too_few(found, seen[0], features)
    _check_plausible(found, _size(seen[0][1]))
    frames = [structure_frame(nir, vis) for nir, vis in seen[:ALIGNED_FRAMES]]
    aligned = align(frames, found.homography_vis_to_nir)
    exact = made_exact(found, aligned, _size(seen[0][1]))
    if aligned is None or not exact.aligned_frames:
        return exact
    return _aligned(exact, with_lens_terms(frames, aligned))


def estimate_from(
    start: Matrix, pairs: Iterable[tuple[Grey, Grey]], distortion: Distortion = NO_DISTORTION
) -> Estimate | None:
    """Align structure from a homography that is nearly right; None where that does not lead to one that fits.

    pairs
        As for `estimate`; all are used.
    distortion
        Of the lens of vis: it is not estimated anew.
    """
    aligned = align_structure(list(pairs), start, distortion)
    if aligned is None or aligned.strangeness > MAX_STRANGENESS:
        return None
    return Estimate(
        homography_vis_to_nir=aligned.homography_vis_to_nir,
        corner_covariance=aligned.corner_covariance,
        inliers=0,
        matches=0,
        reprojection_error_px=float("nan"),
        frames=aligned.frames,
        aligned_frames=aligned.frames,
        distortion=aligned.distortion,
    )


def _is_sure(found: Estimate | None) -> bool:
    return found is not None and found.inliers >= SURE_INLIERS and found.corner_sigma_px < START_SIGMA_PX


def made_exact(found: Estimate, aligned: Alignment | None, vis_size: Size) -> Estimate:
    """The estimate with the homography of its aligned structure; as it was where the two contradict each other."""
    if aligned is None:
        return found
    apart_px = corner_distances(aligned.homography_vis_to_nir, found.homography_vis_to_nir, vis_size).max()
    if apart_px > max(MAX_DISAGREEMENT_PX, 3 * found.corner_sigma_px):
        return found
    return _aligned(found, aligned)


def _aligned(found: Estimate, aligned: Alignment) -> Estimate:
    return replace(
        found,
        homography_vis_to_nir=aligned.homography_vis_to_nir,
        corner_covariance=aligned.corner_covariance,
        aligned_frames=aligned.frames,
        distortion=aligned.distortion,
    )


def fit(pooled: list[Matches], vis_size: Size) -> Estimate | None:
    """Robust homography through pooled matches; None when there are too few for any."""
    matches = Matches.pooled(pooled)
    if len(matches) < 8:
        return None
    found, mask = cv2.findHomography(
        matches.vis, matches.nir, cv2.USAC_MAGSAC, THRESHOLD_PX, maxIters=_ITERATIONS, confidence=0.99999
    )
    homography = cast("Matrix | None", found)
    if homography is None:
        return None
    inlier = mask.ravel().astype(bool)
    if inlier.sum() < 8:
        return None
    vis, nir = matches.vis[inlier].astype(np.float64), matches.nir[inlier].astype(np.float64)
    residuals = project(homography, vis) - nir
    return Estimate(
        homography_vis_to_nir=normalised(homography),
        corner_covariance=corner_covariance(homography, vis, residuals, vis_size),
        inliers=int(inlier.sum()),
        matches=len(matches),
        reprojection_error_px=float(np.median(np.linalg.norm(residuals, axis=1))),
        frames=len(pooled),
    )


def corner_covariance(
    homography: Matrix, vis: NDArray[np.float64], residuals: NDArray[np.float64], vis_size: Size
) -> NDArray[np.float64]:
    """Covariance ``(8, 8)`` of the mapped corners, propagated from the spread of the residuals.

    Hartley and Zisserman 2004, section 5.2: Σ = σ² (JᵀJ)⁻¹ for the eight free elements of H, then through the
    Jacobian of the corners. Matches at one place, on grey and on gradient or in several frames of what stands still,
    err alike: they count as one.
    """
    jacobian = _jacobian(homography, vis)
    degrees = max(1, 2 * len(vis) - 8)
    repeated = len(vis) / len(np.unique(np.floor(vis / _CELL_PX), axis=0))
    variance = float((residuals**2).sum()) / degrees * repeated
    # columns of H differ by six orders of magnitude; scaled to unit length they invert safely
    length = np.linalg.norm(jacobian, axis=0)
    normal = (jacobian / length).T @ (jacobian / length)
    of_elements = variance * np.linalg.pinv(normal, hermitian=True) / np.outer(length, length)
    to_corners = _jacobian(homography, corners(vis_size))
    covariance: NDArray[np.float64] = to_corners @ of_elements @ to_corners.T
    return covariance


def _jacobian(homography: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Derivative ``(2 N, 8)`` of mapped points by the elements of H, row by row without the last."""
    mapped = project(homography, points)
    weight = points @ homography[2, :2] + homography[2, 2]
    homogeneous = np.column_stack([points, np.ones(len(points))]) / weight[:, None]
    rows = np.zeros((len(points), 2, 8))
    rows[:, 0, 0:3] = homogeneous
    rows[:, 1, 3:6] = homogeneous
    rows[:, :, 6:8] = -mapped[:, :, None] * homogeneous[:, None, :2]
    return rows.reshape(-1, 8)


def _check_plausible(found: Estimate, vis_size: Size) -> None:
    """Refuse a homography that no beam-splitter rig can have. Raises `RegistrationRefused`."""
    quad = project(found.homography_vis_to_nir, corners(vis_size))
    sides = np.roll(quad, -1, axis=0) - quad
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    lengths = np.linalg.norm(sides, axis=1) / np.array([vis_size[0] - 1, vis_size[1] - 1] * 2)
    if (turns <= 0).any() or lengths.max() > MAX_SKEW * lengths.min():
        raise RegistrationRefused(
            f"the {found.inliers} matches agree only on a distortion that no rig has (sides scaled by "
            f"{lengths.min():.2f} to {lengths.max():.2f}): repeated or moving texture; record houses, signs or kerbs"
        )
    angle = float(np.degrees(np.arctan2(sides[0, 1], sides[0, 0])))
    if abs(angle) > MAX_ROTATION_DEG:
        raise RegistrationRefused(
            f"the arms are rotated by {angle:.0f}° against each other: one camera is mounted on its side or head"
        )


def _too_few(found: Estimate | None, first: tuple[Grey, Grey], features: int) -> RegistrationRefused:
    """Say why so little matches: the wrong handedness, or nothing in common."""
    inliers = found.inliers if found else 0
    nir, vis = first
    reversed_vis: Grey = np.ascontiguousarray(np.fliplr(vis))
    other = fit([match_pictures(nir, reversed_vis, features)], _size(vis))
    if other is not None and other.inliers >= max(MIN_INLIERS, 3 * inliers):
        return RegistrationRefused(
            f"the arms fit only with the other handedness ({other.inliers} matches against {inliers}): "
            "`mirror` of one arm is wrong in the profile that the clip was recorded with"
        )
    return RegistrationRefused(
        f"only {inliers} matches agree, at least {MIN_INLIERS} are needed: different scenes, out of focus, or only "
        "sky, meadow or moving leaves in view; record houses, signs or kerbs"
    )


def _size(picture: Grey) -> Size:
    return picture.shape[1], picture.shape[0]
