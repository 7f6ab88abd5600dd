"""How an arm stands at a moment: fixed, drifting, or panning; and what stands still before it then."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nirvis_capture.camera import Arm
from nirvis_capture.twin.imaging.optics import Homography, RigOptics, panning
from nirvis_capture.twin.imaging.raster import Raster
from nirvis_capture.twin.imaging.still import Backdrop, Passing, Standing, Still
from nirvis_capture.twin.scenery.view import View


class Position(Protocol):
    """Where one arm looks."""

    def still(self, pulse: int, moment_s: float) -> Still:
        """What stands still before it, `moment_s` after the middle of an exposure."""
        ...

    def pan_px_s(self, pulse: int) -> float:
        """How fast it turns along with what goes to the right, in pixels of the canvas."""
        ...


class Fixed:
    """An arm that does not pan. Only drift, which vis has, makes it project the street anew."""

    def __init__(self, arm: Arm, optics: RigOptics, raster: Raster, backdrop: Backdrop) -> None:
        self._arm, self._optics, self._raster = arm, optics, raster
        self._backdrop = backdrop if arm == "vis" and optics.drifts else None
        self._step = optics.drift_step(0)
        self._still = Standing(backdrop, raster, optics.canvas_to_raw(arm))

    def still(self, pulse: int, moment_s: float) -> Still:
        del moment_s  # nothing moves within an exposure
        step = self._optics.drift_step(pulse)
        if self._backdrop is not None and step != self._step:
            self._step = step
            self._still = Standing(self._backdrop, self._raster, self._optics.canvas_to_raw(self._arm, pulse))
        return self._still

    def pan_px_s(self, pulse: int) -> float:
        del pulse  # at no time
        return 0.0


class Panning:
    """An arm that turns to and fro with its rig."""

    def __init__(self, arm: Arm, optics: RigOptics, raster: Raster, backdrop: Backdrop, view: View) -> None:
        self._arm, self._optics, self._raster, self._backdrop, self._view = arm, optics, raster, backdrop, view

    def still(self, pulse: int, moment_s: float) -> Still:
        # The angle is that of the pulse, whatever the exposures: so panning leaves the arms as they lie to each other.
        angle_rad = self._optics.pan_rad(pulse) + self._optics.pan_rad_per_s(pulse) * moment_s
        to_raw: Homography = self._optics.canvas_to_raw(self._arm, pulse) @ panning(self._view, angle_rad)
        return Passing(self._backdrop, self._raster, np.asarray(to_raw, np.float64))

    def pan_px_s(self, pulse: int) -> float:
        return self._optics.pan_rad_per_s(pulse) * self._view.focal_px
