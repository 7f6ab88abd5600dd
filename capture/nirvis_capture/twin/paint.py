"""Brushes and textures for pictures in four bands; bands are reflectances 0 to 1, pixels u8, 255 for a white wall."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.spectra import Bands

Canvas = NDArray[np.uint8]
"""``(H, W, 4)``: R, G, B, N; 255 for a white wall in the sun."""
Mask = NDArray[np.uint8]
"""``(H, W)``: 255 where something is."""
Shade = NDArray[np.float32]
"""``(H, W)``: factor on the light, around one."""
Points = Sequence[tuple[float, float]] | NDArray[np.float64]

_SHIFT = 4
"""Sub-pixel bits of OpenCV's drawing."""


def tone(bands: Bands, factor: float = 1.0) -> tuple[int, int, int, int]:
    """A colour as OpenCV takes it, lit by `factor`."""
    red, green, blue, nir = (min(255, round(255 * band * factor)) for band in bands)
    return red, green, blue, nir


def varied(bands: Bands, rng: np.random.Generator, hue: float = 0.06, light: float = 0.12) -> Bands:
    """The same material from another maker: a little lighter or darker, a little off in every band."""
    factors = rng.uniform(1 - light, 1 + light) * rng.uniform(1 - hue, 1 + hue, 4)
    red, green, blue, nir = (float(min(0.97, band * factor)) for band, factor in zip(bands, factors, strict=True))
    return red, green, blue, nir


def polygon(canvas: Canvas | Mask, points: Points, colour: tuple[int, ...] | int) -> None:
    cv2.fillPoly(canvas, [_fixed(points)], _scalar(colour), cv2.LINE_AA, _SHIFT)


def polygons(canvas: Canvas | Mask, shapes: NDArray[np.float64], colour: tuple[int, ...] | int) -> None:
    """Many small shapes ``(n, corners, 2)`` of one colour at once."""
    if len(shapes):
        cv2.fillPoly(canvas, list(_fixed(shapes)), _scalar(colour), cv2.LINE_AA, _SHIFT)


def rectangle(
    canvas: Canvas | Mask, left: float, top: float, right: float, bottom: float, colour: tuple[int, ...] | int
) -> None:
    polygon(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], colour)


def line(canvas: Canvas | Mask, points: Points, width: float, colour: tuple[int, ...] | int) -> None:
    """A line of any width, also below one pixel and half."""
    path = np.asarray(points, np.float64)
    for start, end in pairwise(path):
        along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9)
        across = np.array([-along[1], along[0]]) * width / 2
        polygon(canvas, np.array([start + across, end + across, end - across, start - across]), colour)


def ellipse(
    canvas: Canvas | Mask, x: float, y: float, radius_x: float, radius_y: float, colour: tuple[int, ...] | int
) -> None:
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    polygon(canvas, np.stack([x + radius_x * np.cos(turn), y + radius_y * np.sin(turn)], 1), colour)


def lettering(
    canvas: Canvas | Mask, text: str, x: float, y: float, height: float, colour: tuple[int, ...] | int
) -> None:
    """Text with its lower left corner at (x, y)."""
    scale = height / 22.0
    weight = max(1, round(height / 9))
    cv2.putText(
        canvas, text, (round(x), round(y)), cv2.FONT_HERSHEY_SIMPLEX, scale, _scalar(colour), weight, cv2.LINE_AA
    )


def light(area: Canvas, shade: Shade, nir_power: float = 1.0) -> None:
    """Multiply an area of a canvas, in place. Where infrared is scattered, relief is weaker: power below one."""
    factors = np.repeat(shade[..., None], 4, axis=2)
    if nir_power != 1:
        factors[..., 3] **= np.float32(nir_power)
    area[:] = cv2.multiply(area, factors, dtype=cv2.CV_8U)


def shadow(canvas: Canvas, points: Points, depth: float, softness_px: float = 1.5) -> None:
    """Darken a polygon; sky light fills shadows with blue, and with little infrared."""
    corners = np.asarray(points, np.float64)
    margin = 3 * softness_px + 1
    left, top = np.maximum(np.floor(corners.min(0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0) + margin), canvas.shape[1::-1]).astype(int)
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    polygon(mask, corners - (left, top), 255)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), softness_px)
    loss = depth * np.array([1.0, 0.96, 0.88, 1.08], np.float32)
    area = canvas[top:bottom, left:right]
    area[:] = cv2.multiply(area, 1 - soft[..., None] * loss, dtype=cv2.CV_8U)


def grain(shape: tuple[int, int], rng: np.random.Generator, cell_px: tuple[float, float], contrast: float) -> Shade:
    """Smooth random light and dark with cells of (width, height) pixels; standard deviation about `contrast`."""
    height, width = shape
    rows, columns = max(2, round(height / cell_px[1]) + 2), max(2, round(width / cell_px[0]) + 2)
    coarse = rng.standard_normal((rows, columns), np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(1 + contrast * fine, 0.05, 3), np.float32)


def blotches(shape: tuple[int, int], rng: np.random.Generator, largest_px: float, contrast: float) -> Shade:
    """Several octaves of `grain`, down to two pixels."""
    total = np.ones(shape, np.float32)
    cell = largest_px
    while cell >= 2:
        total *= grain(shape, rng, (cell, cell), contrast)
        cell /= 3
    return total


def courses(
    shape: tuple[int, int], rng: np.random.Generator, stone_px: tuple[float, float], contrast: float, joint: float
) -> Shade:
    """Masonry: rows of stones, each with its own light, joints between them lighter or darker by `joint`."""
    height, width = shape
    stone_w, stone_h = stone_px
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row = np.floor(y / stone_h).astype(np.int64)
    shifted = x / stone_w + 0.5 * (row % 2)
    column = np.floor(shifted).astype(np.int64)
    table = rng.standard_normal((int(row.max()) + 1, int(column.max()) + 1), np.float32)
    stones = 1 + contrast * table[row, column]
    to_edge = np.minimum(
        np.minimum(shifted % 1, 1 - shifted % 1) * stone_w, np.minimum(y % stone_h, stone_h - y % stone_h)
    )
    width_px = max(0.7, stone_h * 0.09)
    near_joint = np.clip(1 - to_edge / width_px, 0, 1)
    return np.asarray(np.clip(stones * (1 + joint * near_joint), 0.05, 3), np.float32)


def gradient(area: Canvas, top: Bands, bottom: Bands, rng: np.random.Generator) -> None:
    """Fill an area from top to bottom, dithered so that eight bits show no steps."""
    share = np.linspace(0, 1, area.shape[0], dtype=np.float32)[:, None, None]
    bands = np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
    dither = rng.random(area.shape[:2], np.float32)[..., None]
    area[:] = np.clip(bands * 255 + dither - 0.5, 0, 255).astype(np.uint8)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)


def _scalar(colour: tuple[int, ...] | int) -> tuple[int, ...]:
    return colour if isinstance(colour, tuple) else (colour,)
