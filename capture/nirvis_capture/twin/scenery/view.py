"""Where things of a street stand in the picture: a level camera before a street that runs left to right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """The camera and the ground plan. Distances in metres from the camera, everything in the picture in pixels.

    Scale and horizon follow from the height alone: a wider picture shows more of the same street.
    """

    width: int
    height: int
    horizon_px: float
    focal_px: float
    """Pixels per radian near the axis, the same in both directions."""
    camera_height_m: float
    facade_m: float
    far_kerb_m: float
    lanes: int
    parking_m: float
    """Width of the strip of parked cars before the far kerb, or 0."""
    slant: float
    """How much the fronts recede: change of their height over one and a third picture heights, relative."""

    LANE_M = 3.3

    @property
    def near_kerb_m(self) -> float:
        return self.far_kerb_m - self.parking_m - self.lanes * self.LANE_M

    def row(self, distance_m: float) -> float:
        """Row of the ground at that distance."""
        return self.horizon_px + self.focal_px * self.camera_height_m / distance_m

    def scale(self, distance_m: float) -> float:
        """Pixels per metre at that distance."""
        return self.focal_px / distance_m

    def ground(self, x_m: float, distance_m: float) -> tuple[float, float]:
        """A point of the ground, `x_m` to the right of the axis."""
        return self.width / 2 + x_m * self.scale(distance_m), self.row(distance_m)

    def lane_m(self, lane: int) -> float:
        """Distance of the middle of a lane, counted from the far one."""
        return self.far_kerb_m - self.parking_m - (lane + 0.5) * self.LANE_M

    def half_width_m(self, distance_m: float) -> float:
        """Half of what is seen at that distance."""
        return self.width / 2 / self.scale(distance_m)

    def front_size(self, column: float) -> float:
        """How much larger the fronts are at that column than on the axis."""
        return 1 + self.slant * (column - self.width / 2) / (4 / 3 * self.height)

    def front_foot(self, column: float) -> float:
        """Row where the fronts stand on the ground."""
        return self.horizon_px + self.front_size(column) * (self.row(self.facade_m) - self.horizon_px)


def choose_view(rng: np.random.Generator, width: int, height: int) -> View:
    facade_m = rng.uniform(25, 30)
    return View(
        width=width,
        height=height,
        horizon_px=height * rng.uniform(0.54, 0.6),
        focal_px=height * rng.uniform(1.05, 1.35),
        camera_height_m=rng.uniform(2.6, 3.6),
        facade_m=facade_m,
        far_kerb_m=facade_m - rng.uniform(3.4, 4.6),
        lanes=int(rng.integers(2, 4)),
        parking_m=2.2 if rng.random() < 0.4 else 0.0,
        slant=rng.choice([-1, 1]) * rng.uniform(0.06, 0.22),
    )
