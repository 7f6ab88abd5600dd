"""Pictures in which misregistration is seen: edges of both arms on each other, and how far regions lie apart."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_registration.features import Grey, relative_gradient
from nirvis_registration.quality import displacements, luma
from nirvis_registration.warp import Picture

Rgb8 = NDArray[np.uint8]
MAGNIFIED = 30.0
"""Residual vectors are drawn so many times as long as they are."""
_EDGE = 1.6
"""Gradient in units of its mean around from which on a pixel is an edge."""


def edge_overlay(source: Picture, target: Picture) -> Rgb8:
    """Edges of nir in red and of vis in green over the dimmed target: yellow where they coincide. RGB ``(H, W, 3)``."""
    dimmed = np.repeat((luma(target) // 3)[..., None], 3, axis=2)
    for channel, picture in enumerate((source, target)):
        dimmed[..., channel] = np.where(_edges(luma(picture)), 255, dimmed[..., channel])
    return dimmed


def residual_vectors(source: Picture, target: Picture) -> NDArray[np.float64]:
    """How far the target lies off the source, by region: ``(N, 4)`` px, x and y of the region, dx and dy."""
    return displacements(luma(source), luma(target))


def vector_overlay(source: Picture, target: Picture) -> Rgb8:
    """Residual vectors, `MAGNIFIED` times as long as they are, over the source; the circle is a tenth of a pixel."""
    picture = np.repeat(luma(source)[..., None], 3, axis=2)
    for x, y, dx, dy in residual_vectors(source, target):
        start = round(x), round(y)
        end = round(x + MAGNIFIED * dx), round(y + MAGNIFIED * dy)
        cv2.circle(picture, start, round(0.1 * MAGNIFIED), (0, 200, 255), 1, cv2.LINE_AA)
        cv2.arrowedLine(picture, start, end, (255, 220, 0), 2, cv2.LINE_AA, tipLength=0.25)
    return picture


def _edges(picture: Grey) -> NDArray[np.bool_]:
    strong: NDArray[np.bool_] = relative_gradient(picture) > _EDGE
    return strong
