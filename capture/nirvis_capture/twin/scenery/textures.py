"""Light and dark of surfaces: grain, blotches, masonry, and how they are laid on a canvas."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import Canvas

Relief = NDArray[np.float32]
"""``(H, W)``: factor on the reflectance, around one."""


def relief(area: Canvas, factors: Relief, infrared_power: float = 1.0) -> None:
    """Multiply the colours of an area, in place. Where infrared is scattered, relief is weaker: power below one."""
    softer = factors if infrared_power == 1 else np.power(factors, np.float32(infrared_power))
    for sheet, factor in ((area.visible, factors), (area.infrared, softer)):
        steps = cv2.merge([cv2.convertScaleAbs(factor, alpha=128)] * 4)
        sheet[:] = cv2.multiply(sheet, steps, scale=1 / 128)


def grain(shape: tuple[int, ...], rng: np.random.Generator, cell_px: tuple[float, float], contrast: float) -> Relief:
    """Smooth random light and dark with cells of (width, height) pixels; standard deviation about `contrast`."""
    height, width = shape[:2]
    rows, columns = max(2, round(height / cell_px[1]) + 2), max(2, round(width / cell_px[0]) + 2)
    coarse = rng.standard_normal((rows, columns), np.float32)
    fine = coarse[:height, :width] if cell_px == (1, 1) else cv2.resize(coarse, (width, height), interpolation=2)
    return np.asarray(np.clip(1 + contrast * fine, 0.05, 3), np.float32)


def blotches(shape: tuple[int, ...], rng: np.random.Generator, largest_px: float, contrast: float) -> Relief:
    """Several octaves of `grain`, down to two pixels."""
    total = np.ones(shape[:2], np.float32)
    cell = largest_px
    while cell >= 2:
        total *= grain(shape, rng, (cell, cell), contrast)
        cell /= 3
    return total


def courses(
    shape: tuple[int, ...], rng: np.random.Generator, stone_px: tuple[float, float], contrast: float, joint: float
) -> Relief:
    """Masonry: rows of stones, each with its own light, joints between them lighter or darker by `joint`."""
    height, width = shape[:2]
    stone_w, stone_h = stone_px
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    row = (y / stone_h).astype(np.int32)
    shifted = x / stone_w + np.float32(0.5) * (row % 2)
    column = shifted.astype(np.int32)
    table = rng.standard_normal((int(row.max()) + 1, int(column.max()) + 1), np.float32)
    stones = 1 + contrast * table[row, column]
    across = np.abs(shifted - column - np.float32(0.5)) * -stone_w + stone_w / 2
    down = stone_h / 2 - np.abs(y - row * np.float32(stone_h) - np.float32(stone_h / 2))
    width_px = max(0.7, stone_h * 0.09)
    near_joint = np.clip(1 - np.minimum(across, down) / width_px, 0, 1)
    return np.asarray(np.clip(stones * (1 + joint * near_joint), 0.05, 3), np.float32)


def gradient(area: Canvas, top: Bands, bottom: Bands, rng: np.random.Generator, air: bool) -> None:
    """Fill an area from top to bottom, dithered so that eight bits show no steps."""
    share = np.linspace(0, 1, area.height, dtype=np.float32)[:, None, None]
    dither = rng.random((area.height, area.width, 1), np.float32)
    for sheet, knots in ((area.visible, slice(0, 4)), (area.infrared, slice(4, 8))):
        first, last = np.array(top[knots], np.float32), np.array(bottom[knots], np.float32)
        sheet[:] = np.clip((first * (1 - share) + last * share) * 255 + dither, 0, 255).astype(np.uint8)
    area.light[:] = (255, 255, 0, 255 if air else 0)
