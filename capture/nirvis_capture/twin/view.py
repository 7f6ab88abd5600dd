"""Where things of a street stand in the picture: a level camera before a street that runs left to right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """The camera and the ground plan. Distances in metres from the camera, everything in the picture in pixels."""

    width: int
    height: int
    horizon_px: float
    focal_px: float
    camera_height_m: float
    facade_m: float
    far_kerb_m: float
    lanes: int
    slant: float
    """How much the fronts recede: height of their right end against their left end, minus one."""

    LANE_M = 3.3

    @property
    def near_kerb_m(self) -> float:
        return self.far_kerb_m - self.lanes * self.LANE_M

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
        return self.far_kerb_m - (lane + 0.5) * self.LANE_M

    def half_width_m(self, distance_m: float) -> float:
        """Half of what is seen at that distance."""
        return self.width / 2 / self.scale(distance_m)


def choose_view(rng: np.random.Generator, width: int, height: int) -> View:
    facade_m = rng.uniform(25, 30)
    return View(
        width=width,
        height=height,
        horizon_px=height * rng.uniform(0.54, 0.6),
        focal_px=height * rng.uniform(1.05, 1.25),
        camera_height_m=rng.uniform(3.0, 3.8),
        facade_m=facade_m,
        far_kerb_m=facade_m - rng.uniform(2.8, 3.8),
        lanes=int(rng.integers(2, 4)),
        slant=rng.choice([-1, 1]) * rng.uniform(0.06, 0.22),
    )
