"""Things that move, painted once and laid over the picture wherever they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light.materials import RUBBER
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import (
    NIGHT_LIGHT,
    SUN,
    Canvas,
    Ink,
    Points,
    Share,
    lay,
    lettering,
    polygon,
    shade,
    shine,
    soft_shape,
    stroke,
    tone,
    veil,
)
from nirvis_capture.twin.scenery.textures import relief

_OVERSAMPLING = 2
_SPARE_PX = 2
"""Nothing is painted so near to the border, and blur has room."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """A small canvas; it stands with (`foot_x`, `foot_y`), in pixels, on the ground."""

    canvas: Canvas
    foot_x: float
    foot_y: float

    def mirrored(self) -> Sprite:
        """The same, going the other way."""
        return Sprite(self.canvas.mirrored(), self.canvas.width - 1 - self.foot_x, self.foot_y)

    def shaded(self, sun: float) -> Sprite:
        """The same, where only that share of the sun reaches it; its own shadow on the ground is lost there."""
        if sun == 1:
            return self
        canvas = replace(self.canvas, light=self.canvas.light.copy())
        canvas.dim(sun)
        return Sprite(canvas, self.foot_x, self.foot_y)


class Figure:
    """Somebody or something that moves, in the phases of its step; each is painted when it is first looked at.

    Safe to look at from both arms.
    """

    def __init__(self, phases: int, paint: Callable[[int], Sprite]) -> None:
        self._paint = paint
        self._sprites: list[Sprite | None] = [None] * phases
        self._painting = threading.Lock()

    @property
    def phases(self) -> int:
        return len(self._sprites)

    def at(self, turn: float) -> Sprite:
        """The phase that many steps on its way."""
        return self._painted(int(turn * self.phases) % self.phases)

    def shaded(self, sun: float) -> Figure:
        """The same, where only that share of the sun reaches it."""
        return Figure(self.phases, lambda phase: self._paint(phase).shaded(sun))

    def _painted(self, phase: int) -> Sprite:
        sprite = self._sprites[phase]
        if sprite is not None:
            return sprite
        # Both arms meet whoever comes at once; one of them paints for both.
        with self._painting:
            sprite = self._sprites[phase]
            if sprite is None:
                sprite = self._sprites[phase] = self._paint(phase)
        return sprite


class Easel:
    """Paints a sprite in metres: x ahead, y up from the ground, twice as fine as it is kept.

    Everything is painted going to the right; `rightwards` false tells that the sprite will be mirrored.
    """

    def __init__(
        self, width_m: float, height_m: float, metre: float, below_m: float = 0.28, rightwards: bool = True
    ) -> None:
        self.metre = metre * _OVERSAMPLING
        self._below_m = below_m
        self._rightwards = rightwards
        height, width = (max(4, 2 * round(side * metre) + 2 * _SPARE_PX) for side in (height_m + below_m, width_m))
        self.canvas = Canvas.blank(width, height)

    def copy(self) -> Easel:
        """The same with what is painted so far, to go on from there more than once."""
        other = copy(self)
        other.canvas = self.canvas.copy()
        return other

    def pixels(self, points_m: Points) -> Points:
        points = np.asarray(points_m, np.float64)
        ground = self.canvas.height - _SPARE_PX - self._below_m * self.metre
        return np.stack([points[:, 0] * self.metre, ground - points[:, 1] * self.metre], 1)

    def heights(self) -> NDArray[np.float32]:
        """Height above the ground of every row, in metres."""
        ground = self.canvas.height - _SPARE_PX - self._below_m * self.metre
        return ((ground - np.arange(self.canvas.height)) / self.metre).astype(np.float32)

    def shape(self, points_m: Points, bands: Bands, factor: float = 1.0, sun: float = 1.0, lamp: float = 0.0) -> None:
        """An opaque polygon."""
        self.draw(points_m, tone(bands, factor, sun, lamp))

    def draw(self, points_m: Points, ink: Ink) -> None:
        polygon(self.canvas, self.pixels(points_m), ink)

    def disc(
        self, x_m: float, y_m: float, radius_m: float, bands: Bands, factor: float = 1.0, stretch: float = 1.0
    ) -> None:
        self.shape(circle(x_m, y_m, radius_m, stretch), bands, factor)

    def limb(self, joints_m: Points, width_m: float, bands: Bands, factor: float = 1.0) -> None:
        """A thick line with round ends through several joints."""
        stroke(self.canvas, self.pixels(joints_m), width_m * self.metre, tone(bands, factor))

    def letter(self, text: str, x_m: float, y_m: float, height_m: float, bands: Bands, lamp: float = 0.0) -> None:
        """Text with its lower left corner there; it can be read when the sprite goes the way of the easel."""
        height = height_m * self.metre
        size = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, height / 22.0, max(1, round(height / 9)))[0]
        patch = Canvas.blank(size[0] + 4, round(1.5 * height) + 4)
        lettering(patch, text, 2, height + 2, height, tone(bands, lamp=lamp))
        x, y = self.pixels([(x_m, y_m)])[0]
        lay(self.canvas, patch if self._rightwards else patch.mirrored(), round(x) - 2, round(y - height) - 2)

    def veil(self, points_m: Points, bands: Bands, share: float) -> None:
        """A sheen: a polygon of which only a share is seen."""
        outline, left, top = soft_shape(self.pixels(points_m), 0.7, self.canvas.width, self.canvas.height)
        veil(self.canvas, outline * np.float32(share), tone(bands), left, top)

    def ground_shadow(self, left_m: float, right_m: float, opacity: float = 0.6) -> None:
        """Keeps the sun from the ground below, and the most of the sky, as a veil of something dark; painted first."""
        middle, half = (left_m + right_m) / 2, (right_m - left_m) / 2
        share, left, top = self._soft(circle(middle + 0.1, 0.0, half, 0.11 / half))
        shade(self.canvas, share * np.float32(0.95), left, top)
        share, left, top = self._soft(circle(middle, 0.0, 0.92 * half, 0.08 / half))
        veil(self.canvas, share * np.float32(opacity), tone(RUBBER), left, top)

    def beam(self, outline_m: Points, ground: Bands, opacity: float, softness_m: float) -> None:
        """Light on the ground: a thin veil of the ground itself, lit."""
        share, left, top = self._soft(outline_m, softness_m)
        veil(self.canvas, share * np.float32(opacity), tone(ground, lamp=1.0), left, top)

    def round_off(self, width_m: float, contrast: float) -> None:
        """Light from the upper left: what bulges is brighter along that edge of its outline."""
        soft = cv2.GaussianBlur(self.canvas.cover.astype(np.float32) / 255, (0, 0), max(0.7, width_m * self.metre))
        slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) + np.float32(0.6) * cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        factors = 1 + np.float32(contrast) * np.clip(slope * np.float32(0.4 * width_m * self.metre), -0.8, 0.8)
        relief(self.canvas, np.asarray(factors, np.float32), 0.7)

    def finish(self, wet: bool = False) -> Sprite:
        """The sprite; on wet ground with its reflection below."""
        width, height = self.canvas.width // _OVERSAMPLING, self.canvas.height // _OVERSAMPLING
        canvas = self.canvas.resized(width, height)
        canvas.settle()
        shine(canvas, NIGHT_LIGHT * (canvas.cover > 127))
        foot_y = height - (self._below_m * self.metre + _SPARE_PX) / _OVERSAMPLING
        return Sprite(mirrored_below(canvas, foot_y) if wet else canvas, width / 2, foot_y)

    def _soft(self, outline_m: Points, softness_m: float = 0.05) -> tuple[Share, int, int]:
        softness_px = max(0.8, softness_m * self.metre)
        return soft_shape(self.pixels(outline_m), softness_px, self.canvas.width, self.canvas.height)


def mirrored_below(canvas: Canvas, foot_y: float) -> Canvas:
    """With its dim image in the wet ground, half as deep as it is high, and longer the higher the blur."""
    foot = int(foot_y)
    depth = foot // 2
    taller = Canvas.blank(canvas.width, foot + max(depth, canvas.height - foot))
    fade = (0.42 * np.linspace(1, 0, depth, dtype=np.float32) ** 1.5)[:, None, None]
    for sheet, own in zip(taller.sheets, canvas.sheets, strict=True):
        image = cv2.blur(own[foot - depth : foot][::-1], (1, max(1, depth // 5))).astype(np.float32)
        under = sheet[foot : foot + depth]
        if sheet is taller.light:
            image[..., SUN] = 255
            fade = fade * np.array([1, 0, 1.5, 1], np.float32)
            under[..., SUN] = 255
        under += np.rint(image * fade).astype(np.uint8)
    lay(taller, canvas)
    return taller


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
