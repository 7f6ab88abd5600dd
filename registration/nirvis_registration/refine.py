"""Sub-pixel refinement on structure: ECC (Evangelidis and Psarakis 2008) on log normalised gradient magnitude.

It errs independently of features, so that their weighted mean is better than either: on 26 real pairs with known
transforms 0.22 px in the median, against 0.37 of features alone and 0.26 of alignment alone. It also diverges at
times, and then the features stand alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.features import Grey, relative_gradient
from nirvis_registration.geometry import Matrix, Size, corner_distances, corners, normalised, project

MAX_DISAGREEMENT_PX = 1.5
"""Estimates that differ more at a corner are not two measurements of one thing."""
ALIGNMENT_SIGMA_PX = 0.06
"""Uncertainty of an alignment on the scale of `Estimate.corner_sigma_px`, balanced on real pairs of two kinds."""
_ITERATIONS = 30
_EPSILON = 1e-5
_SMOOTHING_PX = 5


def align(nir: Grey, vis: Grey, start: Matrix) -> Matrix | None:
    """Homography vis to nir of one frame, from a start within a few pixels; None where it does not converge."""
    guess = normalised(np.linalg.inv(start).astype(np.float64))
    try:
        _, found = cv2.findTransformECC(
            structure(nir),
            structure(vis),
            guess.astype(np.float32),
            cv2.MOTION_HOMOGRAPHY,
            (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, _EPSILON),
            np.full_like(vis, 255),
            _SMOOTHING_PX,
        )
    except cv2.error:
        return None
    if not np.isfinite(found).all() or abs(np.linalg.det(found)) < 1e-6:
        return None
    return normalised(np.linalg.inv(found.astype(np.float64)))


def combine(
    features: Matrix, corner_sigma_px: float, aligned: list[Matrix | None], vis_size: Size
) -> tuple[Matrix, int]:
    """Mean of the feature estimate and of the alignments that agree with it, and how many those are.

    corner_sigma_px
        Standard deviation of the feature estimate at the corners; the larger, the more the alignments weigh.
    """
    gate_px = max(MAX_DISAGREEMENT_PX, 3 * corner_sigma_px)
    agreeing = [a for a in aligned if a is not None and corner_distances(a, features, vis_size).max() <= gate_px]
    if not agreeing or 2 * len(agreeing) < len(aligned):
        return features, 0
    square = corners(vis_size)
    alignment = np.mean([project(a, square) for a in agreeing], axis=0)
    weight = corner_sigma_px**2 / (corner_sigma_px**2 + ALIGNMENT_SIGMA_PX**2)
    return from_corners(square, weight * alignment + (1 - weight) * project(features, square)), len(agreeing)


def from_corners(before: Matrix, after: Matrix) -> Matrix:
    """The homography that moves four points; solved in double precision, which OpenCV does not offer."""
    rows, values = [], []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    elements = np.linalg.solve(np.array(rows), np.array(values))
    return np.append(elements, 1.0).reshape(3, 3)


def structure(picture: Grey) -> NDArray[np.float32]:
    """Where edges are, weak and strong alike: logarithm of the gradient magnitude relative to its surroundings."""
    return np.log1p(relative_gradient(picture))
