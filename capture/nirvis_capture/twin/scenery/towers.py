"""Distant blocks above the roofs of a street."""

from __future__ import annotations

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import Canvas, mixed, rectangle, tone, varied
from nirvis_capture.twin.scenery.view import View

Haze = tuple[Bands, float]
"""Colour of the air between, and how much of it is seen."""


def paint_towers(canvas: Canvas, rng: np.random.Generator, view: View, cloudy: bool) -> None:
    """Distant blocks, pale with haze: bluish under a clear sky, grey and thicker under a closed one."""
    base = round(view.row(view.facade_m))
    for _ in range(round(rng.integers(2, 6) * view.width / view.height * 0.75)):
        width = rng.uniform(0.08, 0.2) * view.height * 4 / 3
        left = rng.uniform(-0.05, 1) * view.width
        top = rng.uniform(0.04, 0.3) * view.height
        wall = varied(materials.CONCRETE if rng.random() < 0.6 else materials.TILE, rng)
        share = rng.uniform(0.25, 0.5)
        air = materials.CLOUD if cloudy else materials.SKY_LOW
        _tower(canvas, rng, (left, top, left + width, base), wall, (air, share + 0.3 * cloudy))


def _tower(
    canvas: Canvas,
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    wall: Bands,
    haze: Haze,
) -> None:
    left, top, right, base = box
    corner = left + rng.uniform(0.6, 0.8) * (right - left)
    pale = _hazy(wall, haze)
    rectangle(canvas, left, top, right, base, tone(pale, 0.9))
    rectangle(canvas, corner, top, right, base, tone(pale, 0.85, sun=0.15))
    pitch_y, pitch_x = rng.uniform(14, 22) * canvas.height / 1056, rng.uniform(9, 20) * canvas.height / 1056
    wide, high = (0.62 * pitch_x, 0.55 * pitch_y) if rng.random() < 0.6 else (1.05 * pitch_x, 0.45 * pitch_y)
    for y in np.arange(top + pitch_y / 2, base, pitch_y):
        for x in np.arange(left + 4, right - 0.7 * pitch_x, pitch_x):
            glass = materials.GLASS_SKY if rng.random() < 0.3 else materials.GLASS
            light, lamp = rng.uniform(0.8, 1.2), rng.uniform(0.2, 0.5) if rng.random() < 0.3 else 0.0
            sun = 0.5 if x < corner else 0.1
            rectangle(canvas, x, y, x + wide, y + high, tone(_hazy(glass, haze), light, sun, lamp))


def _hazy(bands: Bands, haze: Haze) -> Bands:
    """Air between: the colour of the sky, and thin in the infrared."""
    air, share = haze
    return mixed(bands, air, 0.85 * share, 0.35 * share)
