"""What glass does to a picture: blur of focus and motion, vignetting, and the ghost of the beam splitter."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nirvis_capture.camera import Arm
    from nirvis_capture.profile import ArmSettings, Profile

Picture = NDArray[np.float32]
"""``(H, W)`` through a filter array, else ``(H, W, 3)``."""
Box = tuple[slice, slice]
"""Rows and columns."""

_LEAST_SMEAR_PX = 0.1
_SAMPLES_PER_PX = 16
_GHOST_SHIFT = 0.009
"""Of the width of the sensor: a plate with a wedge of some ten arc minutes before a lens of about 60 degrees."""


def defocus(picture: Picture, sigma_px: float, out: Picture | None = None) -> Picture:
    """Blur of the lens, a Gaussian; `out` may be the picture itself."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px, dst=out), np.float32)


def smear(picture: Picture, length_px: float) -> Picture:
    """Blur of what moves along the rows by `length_px` during the exposure: the mean over all its places."""
    if abs(length_px) < _LEAST_SMEAR_PX:
        return picture
    kernel = smear_kernel(abs(length_px))[None]
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


@lru_cache(256)
def smear_kernel(length_px: float) -> NDArray[np.float32]:
    """Weights of the pixels under a box of any length, ``(odd,)``, that sum to one."""
    count = ceil(_SAMPLES_PER_PX * (length_px + 1))
    places = ((np.arange(count) + 0.5) / count - 0.5) * length_px
    reach = ceil(length_px / 2) + 1
    kernel = np.zeros(2 * reach + 1)
    below = np.floor(places).astype(int)
    np.add.at(kernel, below + reach, 1 - (places - below))
    np.add.at(kernel, below + reach + 1, places - below)
    return np.asarray(kernel / count, np.float32)


def falloff(settings: ArmSettings, loss: float) -> Picture:
    """Natural vignetting, cos⁴ of the field angle: share of the light at each raw pixel, ``(H, W)``.

    loss
        What is missing in the corners of the whole sensor.
    """
    sensor, roi = settings.sensor, settings.roi
    y = np.arange(roi.height) + roi.offset_y - (sensor.height_px - 1) / 2
    x = np.arange(roi.width) + roi.offset_x - (sensor.width_px - 1) / 2
    corner = ((1 - loss) ** -0.5 - 1) / (sensor.width_px**2 + sensor.height_px**2) * 4
    return np.asarray((1 + corner * (y[:, None] ** 2 + x**2)) ** -2, np.float32)


class Ghost:
    """A second, weak picture beside the first: light that the rear surface of a wedged plate reflects.

    A plate with reflectance R in front and ρ behind sends (1-R)²ρ after the R of the reflected arm and, from within,
    Rρ(1-R) after the 1-R of the transmitted one. The wedge turns both along the rows, here by an even number of pixels,
    so that colours stay on their sites; in a mirrored arm that is the other side of the scene.
    """

    def __init__(self, profile: Profile, arm: Arm) -> None:
        settings, transmitted = profile.arm(arm), profile.splitter_ratio
        reflected = 1 - transmitted
        relative = transmitted**2 / reflected if settings.mirror else reflected
        self.strength = profile.twin.ghost * relative
        self.shift_px = 2 * max(1, round(_GHOST_SHIFT * settings.sensor.width_px / 2))

    def reach(self, box: Box, width: int) -> Box:
        """The box, and where the ghost of what is in it falls; `width` is that of the frame."""
        rows, columns = box
        if not self.strength:
            return box
        start = columns.start if columns.start > self.shift_px else 0
        return rows, slice(start, min(width, columns.stop + self.shift_px))

    def add(self, part: Picture, frame: Picture, box: Box) -> Picture:
        """A part of a frame with the ghost of what is in it and to its left.

        frame
            Has what is to the left of the part; beyond its border all is mirrored.
        """
        if not self.strength:
            return part
        rows, columns = box
        beyond = part[:, self.shift_px : 0 : -1] if columns.start == 0 else frame[rows, : columns.start]
        source = np.concatenate([beyond[:, -self.shift_px :], part], axis=1)[:, : part.shape[1]]
        return np.asarray(cv2.addWeighted(part, 1.0, source, self.strength, 0.0), np.float32)
