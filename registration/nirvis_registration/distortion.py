"""How the lens of one arm bends a picture more than that of the other, along the radius (Brown 1971).

A homography leaves no room for it. Only what both lenses do differently matters, and it is booked on the vis arm: an
ideal point ``u`` of vis, which the homography maps to nir, is seen at ``c + (u - c) (1 + k1 r² + k2 r⁴)``, with ``c``
the middle of the picture and ``r`` the distance from it, 1 at the corners. Mirrors leave it as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirvis_registration.geometry import Matrix, Size, project

Points = NDArray[np.float64]
"""``(..., 2)``, x and y in pixels."""

_STEPS = 6


class Distortion(NamedTuple):
    """Radial terms of vis relative to nir; `k1` is the share by which a corner is moved outwards."""

    k1: float = 0.0
    k2: float = 0.0

    def distorted(self, ideal: Points, size: Size) -> Points:
        """Where ideal points are seen in pictures of this width and height."""
        if self == NO_DISTORTION:
            return ideal
        middle, radius = middle_and_radius(size)
        return middle + (ideal - middle) * self._stretch((ideal - middle) / radius)

    def ideal(self, seen: Points, size: Size) -> Points:
        """The ideal points of what is seen at these; by iteration, to a thousandth of a pixel for any usual lens."""
        if self == NO_DISTORTION:
            return seen
        middle, radius = middle_and_radius(size)
        points = seen
        for _ in range(_STEPS):
            points = middle + (seen - middle) / self._stretch((points - middle) / radius)
        return points

    def corner_px(self, size: Size) -> float:
        """How far a corner is moved outwards."""
        return (self.k1 + self.k2) * middle_and_radius(size)[1]

    def _stretch(self, unit: Points) -> Points:
        squared = (unit**2).sum(axis=-1, keepdims=True)
        stretch: Points = 1 + squared * (self.k1 + squared * self.k2)
        return stretch


NO_DISTORTION = Distortion()


def mapped(homography: Matrix, distortion: Distortion, points: NDArray[np.floating], vis_size: Size) -> Points:
    """Where points of vis ``(N, 2)`` fall in nir."""
    return project(homography, distortion.ideal(points.astype(np.float64), vis_size))


def middle_and_radius(size: Size) -> tuple[Points, float]:
    """Middle of a picture, and the distance of its corners from there."""
    middle = (np.array(size, np.float64) - 1) / 2
    return middle, float(np.linalg.norm(middle))
