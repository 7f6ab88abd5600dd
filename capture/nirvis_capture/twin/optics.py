"""How the scene falls onto the two sensors: the misalignment of the arms, the mirror of the splitter, a little blur.

Coordinates, all with pixel centres at integers: the *canvas* is the painted scene; a *picture* is what an arm would see
on its whole sensor without a mirror; *raw* pixels are those of the region of interest, as they are read out.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm

if TYPE_CHECKING:
    from nirvis_capture.profile import ArmSettings, Profile

Homography = NDArray[np.float64]
"""3×3, maps ``(x, y, 1)``, ``[2, 2]`` is one."""

_SPARE_PX = 12
"""Canvas beyond the corners of both arms, for the reach of the interpolation."""


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


def misalignment(rig_seed: int, corner_shift_px: float, width_px: int, height_px: int) -> Homography:
    """How the picture of nir lies in that of vis, at the same resolution: shift, rotation, scale and keystone.

    The corner that moves most moves by 0.6 to 1 times `corner_shift_px`.
    """
    rng = np.random.default_rng([rig_seed, 0])
    corners = np.array([[0, 0], [width_px - 1, 0], [width_px - 1, height_px - 1], [0, height_px - 1]], np.float64)
    centred = (corners - corners.mean(0)) / (width_px / 2)
    turned = centred @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    moves = rng.normal(0, 1, 2) + rng.normal(0, 0.8) * turned + rng.normal(0, 0.5) * centred
    moves = moves + rng.normal(0, 0.25, (4, 2))
    largest = np.linalg.norm(moves, axis=1).max()
    moves *= corner_shift_px * rng.uniform(0.6, 1.0) / largest
    return _from_corners(corners, corners + moves)


def _from_corners(before: NDArray[np.float64], after: NDArray[np.float64]) -> Homography:
    exact = cv2.getPerspectiveTransform(before.astype(np.float32), after.astype(np.float32))
    return normalised(np.asarray(exact, np.float64))


class RigOptics:
    """Both arms before one canvas. The canvas has the resolution of the nir sensor and a margin around its picture."""

    def __init__(self, profile: Profile) -> None:
        nir, vis = profile.nir.sensor, profile.vis.sensor
        self.margin_px = ceil(profile.twin.corner_shift_px) + _SPARE_PX
        self.canvas_width_px = nir.width_px + 2 * self.margin_px
        self.canvas_height_px = nir.height_px + 2 * self.margin_px
        twist = misalignment(profile.twin.rig_seed, profile.twin.corner_shift_px, nir.width_px, nir.height_px)
        resolution = scaling(vis.width_px / nir.width_px, vis.height_px / nir.height_px)
        picture_of_canvas = translation(-self.margin_px, -self.margin_px)
        self._canvas_to_raw: dict[Arm, Homography] = {
            "nir": picture_to_raw(profile.nir) @ picture_of_canvas,
            "vis": picture_to_raw(profile.vis) @ resolution @ twist @ picture_of_canvas,
        }

    def canvas_to_raw(self, arm: Arm) -> Homography:
        """Where a point of the canvas falls in the raw pixels of an arm."""
        return self._canvas_to_raw[arm]


def twin_homography(profile: Profile) -> Homography:
    """homography_vis_to_nir of the simulated rig, raw pixels to raw pixels."""
    optics = RigOptics(profile)
    nir, vis = (optics.canvas_to_raw(arm) for arm in ARMS)
    return normalised(nir @ np.linalg.inv(vis))


def project(picture: NDArray[np.float32], to_raw: Homography, size: tuple[int, int]) -> NDArray[np.float32]:
    """Resample a canvas ``(H, W, C)`` onto the raw pixels of an arm; `size` is (width, height)."""
    warped = cv2.warpPerspective(picture, to_raw, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.float32)


def defocus(picture: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur of the lens, a Gaussian."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)
