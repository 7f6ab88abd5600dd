"""Rain: wet ground that mirrors the street, haze, and streaks that fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import LAMP, Canvas, Share, tone, veil
from nirvis_capture.twin.scenery.textures import grain, relief
from nirvis_capture.twin.scenery.view import View

Weather = Literal["clear", "overcast", "rain"]

_FALL_M_S = 8.0
_STREAK_M = 0.14
"""How far a drop falls while the eye, or a camera, looks."""
_SHEETS_M = (18.0, 9.0, 4.5)
"""Distances of the curtains of drops."""
_EDGE_PX = 4
"""OpenCV draws no smooth lines at the very border of a picture."""
_SEEN_THROUGH_M = 260.0
"""In haze of that length 1/e of a colour is left."""


@dataclass(frozen=True, eq=False)
class RainSheet:
    """Drops at one distance: a tile that repeats over the whole canvas, without seams, and falls."""

    streaks: NDArray[np.uint8]
    """``(h, w)``: 255 where a drop hides all behind it."""
    fall_px_s: tuple[float, float]
    """To the right and down, in pixels of the canvas per second."""

    def offset(self, time_s: float) -> tuple[float, float]:
        """Where the corner of a tile is at that moment, in canvas pixels; continuous but for whole tiles."""
        height, width = self.streaks.shape
        right, down = self.fall_px_s
        return (right * time_s) % width, (down * time_s) % height


@dataclass(frozen=True, eq=False)
class Rain:
    """All that falls before a street."""

    sheets: tuple[RainSheet, ...]
    """The farthest first."""
    bands: Bands = materials.CLOUD
    """A drop scatters the light of the sky, nearly alike at all wavelengths."""


def falling(seed: int, view: View) -> Rain:
    """The rain of a street."""
    rng = np.random.default_rng([seed, 2])
    wind, strength = rng.uniform(-0.10, 0.10), rng.uniform(0.6, 1.4)
    return Rain(tuple(_sheet(rng, view, distance_m, wind, strength) for distance_m in _SHEETS_M))


def _sheet(rng: np.random.Generator, view: View, distance_m: float, wind: float, strength: float) -> RainSheet:
    metre, side = view.scale(distance_m), max(64, round(0.4 * view.height))
    tile = np.zeros((side + 2 * _EDGE_PX, side + 2 * _EDGE_PX), np.uint8)
    length = _STREAK_M * metre
    width = max(0.5, 0.003 * metre)
    for x, y, share in rng.uniform((0, 0, 0.5), (side, side, 1), (round(strength * 0.011 * side**2 / length), 3)):
        level = round(255 * min(0.75, 0.28 * width) * share)
        for left in (x - side, x, x + side):
            for top in (y - side, y, y + side):
                start, end = (left, top), (left + wind * length, top + length)
                fixed = [(round(16 * (a + _EDGE_PX)), round(16 * (b + _EDGE_PX))) for a, b in (start, end)]
                cv2.line(tile, fixed[0], fixed[1], (level,), max(1, round(width)), cv2.LINE_AA, 4)
    inner = np.ascontiguousarray(tile[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX])
    return RainSheet(inner, (wind * _FALL_M_S * metre, _FALL_M_S * metre))


def wet(canvas: Canvas, rng: np.random.Generator, view: View, ground: NDArray[np.bool_]) -> None:
    """Darken the ground ``(H, W)``, and let it mirror what stands behind: most where one looks flat along it."""
    line = round((view.front_foot(view.width / 2) + view.row(view.far_kerb_m)) / 2)
    depth = min(view.height - line, line)
    rows = slice(line, line + depth)
    puddles = _puddles(rng, (depth, view.width), view)
    grazing = view.camera_height_m / np.hypot(view.camera_height_m, _ground_m(view, np.arange(line, line + depth)))
    mirrored = 0.02 + 0.98 * (1 - grazing) ** 5
    share = (mirrored[:, None] * (0.45 + 0.55 * puddles) * ground[rows]).astype(np.float32)
    soaked = np.where(ground[rows], 0.62 - 0.2 * puddles, 1).astype(np.float32)
    below = canvas.part(0, line, view.width, line + depth)
    image = Canvas(*(_blurred(sheet[line - depth : line][::-1]) for sheet in canvas.sheets))
    relief(below, soaked)
    _mix(below, image, share)


def _mix(below: Canvas, image: Canvas, share: Share) -> None:
    lamp = np.square(below.light[..., LAMP].astype(np.float32))
    lamp += np.square(image.light[..., LAMP].astype(np.float32)) * np.minimum(1, 1.5 * share)
    for sheet, over in zip(below.sheets, image.sheets, strict=True):
        mixed = sheet.astype(np.float32)
        mixed += (over - mixed) * share[..., None]
        sheet[:] = np.rint(mixed).astype(np.uint8)
    below.light[..., LAMP] = np.rint(np.sqrt(np.minimum(lamp, 255.0**2))).astype(np.uint8)


def _blurred(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small waves draw a mirror image out towards the eye."""
    high = max(3, sheet.shape[0] // 14) | 1
    return np.asarray(cv2.blur(sheet, (3, high)), np.uint8)


def _puddles(rng: np.random.Generator, shape: tuple[int, int], view: View) -> Share:
    """Water in the hollows of the ground; wider than deep, as everything that lies flat. 0 to 1."""
    hollows = grain(shape, rng, (0.28 * view.height, 0.02 * view.height), 0.5)
    hollows += grain(shape, rng, (0.06 * view.height, 0.008 * view.height), 0.2) - 1
    ripples = grain(shape, rng, (0.02 * view.height, 0.002 * view.height), 0.12)
    return np.asarray(np.clip(np.clip((hollows - 1.15) * 4, 0, 1) * ripples, 0, 1), np.float32)


def haze(canvas: Canvas, distance_m: NDArray[np.float32]) -> None:
    """Rain between: what is far fades into the grey of the sky."""
    share = 1 - np.exp(-np.minimum(distance_m, 1e4) / np.float32(_SEEN_THROUGH_M))
    share[np.isinf(distance_m)] = 0
    veil(canvas, np.asarray(share, np.float32), tone(materials.CLOUD, 0.85, air=1.0))


def _ground_m(view: View, rows: NDArray[np.int_]) -> NDArray[np.float64]:
    return np.asarray(view.focal_px * view.camera_height_m / np.maximum(rows - view.horizon_px, 1.0))
