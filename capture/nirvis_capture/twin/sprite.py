"""Things that move, painted once and laid over the picture wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from nirvis_capture.twin.paint import Canvas, Mask, Points, polygon, tone
from nirvis_capture.twin.spectra import Bands

_OVERSAMPLING = 2


@dataclass(frozen=True, eq=False)
class Sprite:
    """Its bands ``(h, w, 4)`` and its opacity ``(h, w)``, u8; it stands with (`foot_x`, `foot_y`) on the ground."""

    bands: Canvas
    alpha: Mask
    foot_x: float
    foot_y: float

    def mirrored(self) -> Sprite:
        """The same, going the other way."""
        bands, alpha = np.ascontiguousarray(self.bands[:, ::-1]), np.ascontiguousarray(self.alpha[:, ::-1])
        return Sprite(bands, alpha, self.alpha.shape[1] - 1 - self.foot_x, self.foot_y)


class Easel:
    """Paints a sprite in metres: x to the right, y up from the ground, twice as fine as it is kept."""

    def __init__(self, width_m: float, height_m: float, metre: float, below_m: float = 0.25) -> None:
        self.metre = metre * _OVERSAMPLING
        self._below_m = below_m
        self._width_m = width_m
        size = [max(4, 2 * round(side * self.metre / 2)) for side in (height_m + below_m, width_m)]
        self.bands = np.zeros((size[0], size[1], 4), np.uint8)
        self.alpha = np.zeros((size[0], size[1]), np.uint8)

    def pixels(self, points_m: Points) -> Points:
        points = np.asarray(points_m, np.float64)
        ground = self.alpha.shape[0] - self._below_m * self.metre
        return np.stack([points[:, 0] * self.metre, ground - points[:, 1] * self.metre], 1)

    def shape(self, points_m: Points, bands: Bands, factor: float = 1.0) -> None:
        """An opaque polygon."""
        points = self.pixels(points_m)
        polygon(self.bands, points, tone(bands, factor))
        polygon(self.alpha, points, 255)

    def disc(
        self, x_m: float, y_m: float, radius_m: float, bands: Bands, factor: float = 1.0, stretch: float = 1.0
    ) -> None:
        self.shape(circle(x_m, y_m, radius_m, stretch), bands, factor)

    def limb(self, joints_m: Points, width_m: float, bands: Bands, factor: float = 1.0) -> None:
        """A thick line with round ends through several joints."""
        joints = np.asarray(joints_m, np.float64)
        for start, end in pairwise(joints):
            along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
            across = np.array([-along[1], along[0]]) * width_m / 2
            self.shape(np.array([start + across, end + across, end - across, start - across]), bands, factor)
        for x, y in joints:
            self.disc(float(x), float(y), width_m / 2, bands, factor)

    def ground_shadow(self, left_m: float, right_m: float, opacity: float = 0.62) -> None:
        """A soft dark patch below, painted first."""
        middle, half = (left_m + right_m) / 2, (right_m - left_m) / 2
        patch = np.zeros_like(self.alpha)
        polygon(patch, self.pixels(circle(middle, 0.0, half, 0.14 / half)), round(255 * opacity))
        self.alpha[:] = cv2.GaussianBlur(patch, (0, 0), max(0.8, 0.05 * self.metre))

    def finish(self) -> Sprite:
        size = self.alpha.shape[1] // _OVERSAMPLING, self.alpha.shape[0] // _OVERSAMPLING
        opacity = self.alpha.astype(np.float32)[..., None] / 255
        alpha = np.asarray(cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
        weighted = cv2.resize(self.bands * opacity, size, interpolation=cv2.INTER_AREA)
        bands = weighted / np.maximum(alpha.astype(np.float32)[..., None] / 255, 1 / 255)
        foot_y = size[1] - self._below_m * self.metre / _OVERSAMPLING
        return Sprite(np.clip(bands, 0, 255).astype(np.uint8), alpha, size[0] / 2, foot_y)


def circle(x: float, y: float, radius: float, stretch: float = 1.0) -> Points:
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([x + radius * np.cos(turn), y + radius * stretch * np.sin(turn)], 1)


def rounded(points: Points, times: int = 2) -> Points:
    """Cut the corners of a closed outline (Chaikin 1974)."""
    path = np.asarray(points, np.float64)
    for _ in range(times):
        after = np.roll(path, -1, axis=0)
        path = np.stack([0.8 * path + 0.2 * after, 0.2 * path + 0.8 * after], 1).reshape(-1, 2)
    return path
