"""Pictures of reflectance, shadow and lamplight, and the brushes that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light.spectra import Bands

Sheet = NDArray[np.uint8]
"""``(H, W, 4)``."""
Share = NDArray[np.float32]
"""``(H, W)``: 0 to 1."""
Points = Sequence[tuple[float, float]] | NDArray[np.float64]
Four = tuple[int, int, int, int]

COVER, SUN, LAMP, AIR = range(4)
"""Channels of the light sheet."""

NIGHT_LIGHT = np.float32(0.012)
"""Irradiance of what passes between street lamps, against that of a lamp itself."""

_SHIFT = 4
"""Sub-pixel bits of OpenCV's drawing."""


class Ink(NamedTuple):
    """What a brush leaves on each sheet."""

    visible: Four
    infrared: Four
    light: Four = (255, 255, 0, 0)


@dataclass(frozen=True, eq=False)
class Canvas:
    """Three sheets that every brush draws at once, u8 ``(H, W, 4)``; what is not covered is black in the first two.

    The colours are premultiplied with the cover: never more than it.
    """

    visible: Sheet
    """Reflectance at the visible knots of the spectra, 255 for one."""
    infrared: Sheet
    """Reflectance at the infrared knots."""
    light: Sheet
    """Cover: 255 where something is. Sun: how much of the direct sun reaches it or, where nothing is, what lies behind.
    Lamp: light of lamps, irradiance (lamp / 255)². Air: 255 where the sky itself is seen."""

    @classmethod
    def blank(cls, width: int, height: int) -> Canvas:
        canvas = cls(*(np.zeros((height, width, 4), np.uint8) for _ in range(3)))
        canvas.light[..., SUN] = 255
        return canvas

    @property
    def width(self) -> int:
        return int(self.light.shape[1])

    @property
    def height(self) -> int:
        return int(self.light.shape[0])

    @property
    def sheets(self) -> tuple[Sheet, Sheet, Sheet]:
        return self.visible, self.infrared, self.light

    @property
    def cover(self) -> Sheet:
        """``(H, W)``."""
        return self.light[..., COVER]

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Where anything is, or where its shadow falls, ``(H, W)``."""
        return (self.cover > 0) | (self.light[..., SUN] < 255)

    def part(self, left: float, top: float, right: float, bottom: float) -> Canvas:
        """The same paper between these columns and rows, as far as they are on it."""
        rows = slice(max(0, round(top)), max(0, round(bottom)))
        columns = slice(max(0, round(left)), max(0, round(right)))
        return Canvas(*(sheet[rows, columns] for sheet in self.sheets))

    def copy(self) -> Canvas:
        return Canvas(*(sheet.copy() for sheet in self.sheets))

    def mirrored(self) -> Canvas:
        return Canvas(*(np.ascontiguousarray(sheet[:, ::-1]) for sheet in self.sheets))

    def resized(self, width: int, height: int) -> Canvas:
        """Smaller, every pixel the mean of what it covers."""
        size = width, height
        return Canvas(*(np.asarray(cv2.resize(s, size, interpolation=cv2.INTER_AREA), np.uint8) for s in self.sheets))

    def dim(self, sun: float) -> None:
        """Leave only that share of the sun to what is there; what lies behind is as dark already."""
        cover = self.cover.astype(np.float32) / 255
        own = self.light[..., SUN] * cover * np.float32(sun)
        self.light[..., SUN] = np.rint(own + 255 * (1 - cover))

    def settle(self) -> None:
        """Hold the colours below the cover, where rounding or relief lifted them above."""
        cover = cv2.merge([self.cover] * 4)
        for sheet in (self.visible, self.infrared):
            cv2.min(sheet, cover, dst=sheet)


def tone(bands: Bands, factor: float = 1.0, sun: float = 1.0, lamp: float = 0.0, air: float = 0.0) -> Ink:
    """An opaque material, `factor` times as bright; `sun`, `lamp` and `air` as in `Canvas`, 0 to 1."""
    levels = [min(255, round(255 * band * factor)) for band in bands]
    light = 255, round(255 * sun), round(255 * lamp), round(255 * air)
    return Ink((levels[0], levels[1], levels[2], levels[3]), (levels[4], levels[5], levels[6], levels[7]), light)


def varied(bands: Bands, rng: np.random.Generator, hue: float = 0.06, light: float = 0.12) -> Bands:
    """The same material from another maker: a little lighter or darker, a little off along the spectrum."""
    knots = np.interp(np.arange(8), [0, 2, 4, 7], rng.uniform(1 - hue, 1 + hue, 4))
    return _bands(np.minimum(0.97, np.array(bands) * knots * rng.uniform(1 - light, 1 + light)))


def mixed(first: Bands, second: Bands, share: float, infrared_share: float | None = None) -> Bands:
    """`share` of the second in the first; in the infrared another share, if given."""
    shares = np.repeat([share, share if infrared_share is None else infrared_share], 4)
    return _bands(np.array(first) * (1 - shares) + np.array(second) * shares)


def _bands(values: NDArray[np.float64]) -> Bands:
    a, b, c, d, e, f, g, h = (float(value) for value in values)
    return a, b, c, d, e, f, g, h


def polygon(canvas: Canvas, points: Points, ink: Ink) -> None:
    polygons(canvas, [_fixed(points)], ink)


def polygons(canvas: Canvas, shapes: list[NDArray[np.int32]], ink: Ink) -> None:
    for sheet, colour in zip(canvas.sheets, ink, strict=True):
        cv2.fillPoly(sheet, shapes, colour, cv2.LINE_AA, _SHIFT)


def rectangle(canvas: Canvas, left: float, top: float, right: float, bottom: float, ink: Ink) -> None:
    polygon(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], ink)


def line(canvas: Canvas, points: Points, width: float, ink: Ink) -> None:
    """A line of any width, also below one pixel and half."""
    for start, end in pairwise(np.asarray(points, np.float64)):
        along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
        across = np.array([-along[1], along[0]]) * width / 2
        polygon(canvas, np.array([start + across, end + across, end - across, start - across]), ink)


def stroke(canvas: Canvas, points: Points, width: float, ink: Ink) -> None:
    """A line with round ends and joints, of a whole number of pixels."""
    path, thickness = _fixed(points), max(1, round(width))
    for sheet, colour in zip(canvas.sheets, ink, strict=True):
        cv2.polylines(sheet, [path], False, colour, thickness, cv2.LINE_AA, _SHIFT)


def ellipse(canvas: Canvas, x: float, y: float, radius_x: float, radius_y: float, ink: Ink) -> None:
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    polygon(canvas, np.stack([x + radius_x * np.cos(turn), y + radius_y * np.sin(turn)], 1), ink)


def lettering(canvas: Canvas, text: str, x: float, y: float, height: float, ink: Ink) -> None:
    """Text with its lower left corner at (x, y)."""
    scale, weight = height / 22.0, max(1, round(height / 9))
    for sheet, colour in zip(canvas.sheets, ink, strict=True):
        place = round(x), round(y)
        cv2.putText(sheet, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, weight, cv2.LINE_AA)


def veil(canvas: Canvas, share: Share, ink: Ink, left: int = 0, top: int = 0) -> None:
    """Cover softly: `share` ``(h, w)`` of the ink, with its upper left corner at (left, top)."""
    share, rows, columns = _clipped(canvas, share, left, top)
    if share.size == 0:
        return
    left_over = cv2.merge([1 - share] * 4)
    for sheet, colour in zip(canvas.sheets, ink, strict=True):
        under = sheet[rows, columns]
        own = cv2.merge([share * np.float32(level) for level in colour])
        cv2.add(cv2.multiply(under, left_over, dtype=cv2.CV_32F), own, dst=under, dtype=cv2.CV_8U)


def shade(canvas: Canvas, share: Share, left: int = 0, top: int = 0) -> None:
    """Keep that share of the sun away."""
    share, rows, columns = _clipped(canvas, share, left, top)
    sun = canvas.light[rows, columns, SUN]
    sun[:] = np.rint(sun * (1 - share)).astype(np.uint8)


def shine(canvas: Canvas, irradiance: Share, left: int = 0, top: int = 0) -> None:
    """Add the light of a lamp; 1 for the most that can be kept."""
    irradiance, rows, columns = _clipped(canvas, irradiance, left, top)
    lamp = canvas.light[rows, columns, LAMP]
    total = np.square(lamp.astype(np.float32) / 255) + irradiance
    # Weak light takes few of the levels: dither hides their steps.
    dither = np.random.default_rng(0).random(total.shape, np.float32)
    lamp[:] = (254.99 * np.sqrt(np.minimum(total, 1)) + dither * (irradiance > 0)).astype(np.uint8)


def shadow(canvas: Canvas, points: Points, depth: float = 1.0, softness_px: float = 1.5) -> None:
    """Keep the sun from a polygon with soft edges."""
    mask, left, top = soft_shape(points, softness_px, canvas.width, canvas.height)
    shade(canvas, mask * np.float32(depth), left, top)


def soft_shape(points: Points, softness_px: float, width: int, height: int) -> tuple[Share, int, int]:
    """A blurred polygon as far as it lies on paper of that size, and where its upper left corner is."""
    corners = np.asarray(points, np.float64)
    margin = 3 * softness_px + 1
    left, top = (int(v) for v in np.clip(np.floor(corners.min(0) - margin), 0, (width, height)))
    right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(0) + margin), 0, (width, height)))
    mask = np.zeros((max(0, bottom - top), max(0, right - left)), np.float32)
    if mask.size:
        cv2.fillPoly(mask, [_fixed(corners - (left, top))], 1.0, cv2.LINE_8, _SHIFT)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), softness_px), np.float32)
    return mask, left, top


def lay(canvas: Canvas, patch: Canvas, left: int = 0, top: int = 0) -> None:
    """Put a patch over a canvas, its upper left corner at (left, top)."""
    under = canvas.part(left, top, left + patch.width, top + patch.height)
    patch = patch.part(-left if left < 0 else 0, -top if top < 0 else 0, patch.width, patch.height)
    patch = patch.part(0, 0, under.width, under.height)
    if patch.cover.size == 0:
        return
    left_over = cv2.merge([255 - patch.cover] * 4)
    sun = cv2.multiply(under.light[..., SUN], patch.light[..., SUN], scale=1 / 255)
    under.light[..., SUN] = sun
    own = patch.light.copy()
    own[..., SUN] = cv2.multiply(own[..., SUN], own[..., COVER], scale=1 / 255)
    for sheet, over in zip(under.sheets, (patch.visible, patch.infrared, own), strict=True):
        sheet[:] = cv2.add(cv2.multiply(sheet, left_over, scale=1 / 255), over)


def _clipped(canvas: Canvas, share: Share, left: int, top: int) -> tuple[Share, slice, slice]:
    rows = slice(max(0, top), min(canvas.height, max(0, top + share.shape[0])))
    columns = slice(max(0, left), min(canvas.width, max(0, left + share.shape[1])))
    inside = share[rows.start - top : max(0, rows.stop - top), columns.start - left : max(0, columns.stop - left)]
    if inside.size == 0:
        return np.zeros((0, 0), np.float32), slice(0, 0), slice(0, 0)
    return inside, rows, columns


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)
