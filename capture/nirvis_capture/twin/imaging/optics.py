"""Where the scene falls on the two sensors: misalignment of the arms and its drift, mirror of the splitter, panning.

Coordinates, all with pixel centres at integers: the *canvas* is the painted scene; a *picture* is what an arm would see
on its whole sensor without a mirror; *raw* pixels are those of the region of interest, as they are read out.
"""

from __future__ import annotations

from math import ceil, cos, radians, sin, tan
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm

if TYPE_CHECKING:
    from nirvis_capture.profile import ArmSettings, Profile
    from nirvis_capture.twin.scenery.view import View

Homography = NDArray[np.float64]
"""3×3, maps ``(x, y, 1)``, ``[2, 2]`` is one."""

DRIFT_REACH_PX = 6.0
"""A rig that drifts comes back: warm mounts bend by so much, and bend back when the sun has gone."""
DRIFT_STEP_PX = 0.05
"""Drift goes in steps, so that the street that stands still is projected anew now and then only."""
_SPARE_PX = 12
"""Canvas beyond the corners of both arms, for the reach of the interpolation."""
_FOCAL_SHARES = (1.0, 1.4)
"""Focal length of any `View`, in heights of the canvas."""
_SKY_SHARE = 0.62
"""Its horizon is never lower, in heights of the canvas."""


def normalised(homography: Homography) -> Homography:
    return np.asarray(homography / homography[2, 2], np.float64)


def translation(x: float, y: float) -> Homography:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float) -> Homography:
    """Scale about the corner of the picture, which lies half a pixel before the first centre."""
    return translation(-0.5, -0.5) @ np.diag([x, y, 1.0]) @ translation(0.5, 0.5)


def mirroring(width_px: int) -> Homography:
    """Left-right reversal of a picture of that width; its own inverse."""
    return np.array([[-1.0, 0.0, width_px - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def picture_to_raw(settings: ArmSettings) -> Homography:
    """The mirror of the arm, then its region of interest."""
    mirror = mirroring(settings.sensor.width_px) if settings.mirror else np.eye(3)
    return translation(-settings.roi.offset_x, -settings.roi.offset_y) @ mirror


def panning(view: View, angle_rad: float) -> Homography:
    """The canvas as a camera sees it that is turned to the right by an angle: K R⁻¹ K⁻¹.

    The optical axis goes through the horizon; the picture is an eccentric part of its image plane, as behind a shift
    lens, so that houses stand upright while the rig turns.
    """
    intrinsics = translation(view.width / 2, view.horizon_px) @ np.diag([view.focal_px, view.focal_px, 1.0])
    turn = np.array([[cos(angle_rad), 0, -sin(angle_rad)], [0, 1, 0], [sin(angle_rad), 0, cos(angle_rad)]])
    return np.asarray(intrinsics @ turn @ np.linalg.inv(intrinsics), np.float64)


def misalignment(
    rig_seed: int, corner_shift_px: float, width_px: int, height_px: int, drift_px: float = 0.0
) -> Homography:
    """How the picture of nir lies in that of vis, at the same resolution: shift, rotation, scale and keystone.

    The corner that moves most moves by 0.6 to 1 times `corner_shift_px`, and by `drift_px` more in a way of its own.
    """
    corners = np.array([[0, 0], [width_px - 1, 0], [width_px - 1, height_px - 1], [0, height_px - 1]], np.float64)
    rng = np.random.default_rng([rig_seed, 0])
    moves = _corner_moves(corners, rng)
    moves *= corner_shift_px * rng.uniform(0.6, 1.0)
    moves += drift_px * _corner_moves(corners, np.random.default_rng([rig_seed, 3]))
    exact = cv2.getPerspectiveTransform(corners.astype(np.float32), (corners + moves).astype(np.float32))
    return normalised(np.asarray(exact, np.float64))


def _corner_moves(corners: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """How four corners move when a mount gives way, ``(4, 2)``; the longest way is one."""
    width_px = corners[1, 0] + 1
    centred = (corners - corners.mean(0)) / (width_px / 2)
    turned = centred @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    moves = rng.normal(0, 1, 2) + rng.normal(0, 0.8) * turned + rng.normal(0, 0.5) * centred
    moves = moves + rng.normal(0, 0.25, (4, 2))
    return np.asarray(moves / np.linalg.norm(moves, axis=1).max(), np.float64)


class RigOptics:
    """Both arms before one canvas. The canvas has the resolution of the nir sensor and a margin around its picture."""

    def __init__(self, profile: Profile) -> None:
        nir, self._twin = profile.nir.sensor, profile.twin
        self._profile = profile
        self._period_s = profile.trigger.period_ns * 1e-9
        self._drift_per_s = profile.twin.drift_px_per_min / 60
        spare_px = profile.twin.corner_shift_px + _SPARE_PX + (DRIFT_REACH_PX if self._drift_per_s else 0)
        self._nir_size = nir.width_px, nir.height_px
        self.canvas_width_px, self.canvas_height_px = _canvas_size(
            nir.width_px + 2 * ceil(spare_px), nir.height_px + 2 * ceil(spare_px), radians(profile.twin.pan_deg)
        )

    @property
    def drifts(self) -> bool:
        return self._drift_per_s > 0

    def pan_rad(self, pulse: int) -> float:
        """How far the whole rig has turned to the right at that pulse."""
        turns = pulse * self._period_s / self._twin.pan_period_s
        return radians(self._twin.pan_deg) * sin(2 * np.pi * turns)

    def pan_rad_per_s(self, pulse: int) -> float:
        turns = pulse * self._period_s / self._twin.pan_period_s
        return radians(self._twin.pan_deg) * cos(2 * np.pi * turns) * 2 * np.pi / self._twin.pan_period_s

    def drift_step(self, pulse: int) -> int:
        """Steps of `DRIFT_STEP_PX` along the way of the drift; nothing else changes `canvas_to_raw`."""
        return int(pulse * self._period_s * self._drift_per_s / DRIFT_STEP_PX)

    def canvas_px_per_raw_px(self, arm: Arm) -> float:
        return self._nir_size[0] / self._profile.arm(arm).sensor.width_px

    def canvas_to_raw(self, arm: Arm, pulse: int = 0) -> Homography:
        """Where a point of the canvas falls in the raw pixels of an arm that does not pan."""
        width, height = self._nir_size
        centre = translation((width - self.canvas_width_px) / 2, (height - self.canvas_height_px) / 2)
        if arm == "nir":
            return np.asarray(picture_to_raw(self._profile.nir) @ centre, np.float64)
        vis, twin = self._profile.vis.sensor, self._twin
        drift_px = DRIFT_REACH_PX * sin(self.drift_step(pulse) * DRIFT_STEP_PX / DRIFT_REACH_PX)
        twist = misalignment(twin.rig_seed, twin.corner_shift_px, width, height, drift_px)
        resolution = scaling(vis.width_px / width, vis.height_px / height)
        return np.asarray(picture_to_raw(self._profile.vis) @ resolution @ twist @ centre, np.float64)


def _canvas_size(width_px: int, height_px: int, pan_rad: float) -> tuple[int, int]:
    """Even size of a canvas that fills a picture of that size however far it is panned, whatever the `View`."""
    shortest = _FOCAL_SHARES[0] * height_px
    stretch = 1 / (cos(pan_rad) - width_px / 2 / shortest * sin(pan_rad)) - 1
    height = ceil(height_px * (1 + 2 * stretch * _SKY_SHARE / (1 - 2 * stretch * _SKY_SHARE)) / 2) * 2
    half_widths = [
        focal * tan(np.arctan(width_px / 2 / focal) + pan_rad) for focal in (height * share for share in _FOCAL_SHARES)
    ]
    return 2 * ceil(max(half_widths) - 1e-6), height


def twin_homography(profile: Profile, pulse: int = 0) -> Homography:
    """homography_vis_to_nir of the simulated rig at a pulse, raw pixels to raw pixels.

    Panning turns both arms alike and leaves it as it is; drift does not.
    """
    optics = RigOptics(profile)
    nir, vis = (optics.canvas_to_raw(arm, pulse) for arm in ARMS)
    return normalised(nir @ np.linalg.inv(vis))
