"""Lamps, signs, poles and railings: shape and colour of a sign go together, as in real streets."""

from __future__ import annotations

import numpy as np

from nirvis_capture.twin import spectra
from nirvis_capture.twin.paint import Canvas, ellipse, lettering, line, polygon, tone, varied
from nirvis_capture.twin.spectra import Bands
from nirvis_capture.twin.view import View

_PLACES = ("CENTRAL ST", "PARK AVE", "STATION", "HARBOUR", "OLD TOWN", "UNIVERSITY", "CITY HALL", "RIVERSIDE")


Layers = tuple[tuple[Canvas, int | None], ...]
"""Pictures that are painted alike: a canvas in colour (None), a mask in that value."""


def _paint_all(layers: Layers, bands: Bands, factor: float, shape: list[tuple[float, float]]) -> None:
    for picture, value in layers:
        polygon(picture, shape, tone(bands, factor) if value is None else value)


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def paint_sign(layers: Layers, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    """A blue or green direction sign, a red ring, or a yellow diamond: shape and colour go together."""
    top = ground - rng.uniform(2.6, 3.4) * metre
    _paint_all(layers, spectra.STEEL, 0.9, _box(x - 0.05 * metre, top, x + 0.05 * metre, ground))
    kind = rng.random()
    if kind < 0.5:
        _name_board(layers, rng, x, top, metre)
    elif kind < 0.8:
        _disc(layers, spectra.SIGN_RED, (x, top), 0.36 * metre)
        _disc(layers, spectra.WHITE_PAINT, (x, top), 0.25 * metre)
        _paint_all(
            layers,
            spectra.SIGN_BLUE,
            0.7,
            _box(x - 0.16 * metre, top - 0.05 * metre, x + 0.16 * metre, top + 0.05 * metre),
        )
    else:
        for size, bands in ((0.45, spectra.WHITE_PAINT), (0.38, spectra.SIGN_YELLOW)):
            r = size * metre
            _paint_all(layers, bands, 1.0, [(x, top - r), (x + r, top), (x, top + r), (x - r, top)])


def _name_board(layers: Layers, rng: np.random.Generator, x: float, top: float, metre: float) -> None:
    name = str(rng.choice(_PLACES))
    half, high = 0.17 * metre * len(name) + 0.2 * metre, 0.62 * metre
    dye = varied(spectra.SIGN_BLUE if rng.random() < 0.65 else spectra.SIGN_GREEN, rng)
    _paint_all(layers, spectra.WHITE_PAINT, 1.0, _box(x - half - 2, top - 2, x + half + 2, top + high + 2))
    _paint_all(layers, dye, 1.0, _box(x - half, top, x + half, top + high))
    for picture, value in layers:
        if value is None:
            text_x = x - half + 0.18 * metre
            lettering(picture, name, text_x, top + 0.46 * metre, 0.34 * metre, tone(spectra.WHITE_PAINT))


def _disc(layers: Layers, bands: Bands, centre: tuple[float, float], radius: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    _paint_all(layers, bands, 1.0, [(centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)) for t in turn])


def paint_near_pole(layers: Layers, rng: np.random.Generator, view: View, side: int) -> None:
    distance_m = view.near_kerb_m - rng.uniform(1.0, 2.5)
    metre = view.scale(distance_m)
    x, ground = view.ground(side * rng.uniform(0.3, 0.85) * view.half_width_m(distance_m), distance_m)
    if rng.random() < 0.5:
        paint_sign(layers, rng, x, ground, metre)
        return
    width = rng.uniform(0.16, 0.24) * metre
    _paint_all(layers, spectra.IRON, 1.0, _box(x - width / 2, -5, x + width / 2, ground))
    _paint_all(layers, spectra.IRON, 2.0, _box(x - 0.3 * width, -5, x - 0.12 * width, ground))
    _traffic_light(layers, x, ground - 4.1 * metre, metre, -side)


def _traffic_light(layers: Layers, x: float, y: float, metre: float, side: int) -> None:
    end = x + side * 1.9 * metre
    _paint_all(layers, spectra.IRON, 1.3, _box(min(x, end), y - 0.05 * metre, max(x, end), y + 0.05 * metre))
    left = min(end, end - side * 1.2 * metre)
    _paint_all(layers, spectra.IRON, 0.7, _box(left, y - 0.24 * metre, left + 1.2 * metre, y + 0.24 * metre))
    lamps = ((spectra.SIGN_GREEN, 0.3), (spectra.SIGN_YELLOW, 0.2), ((0.98, 0.10, 0.06, 0.55), 1.0))
    for i, (bands, glow) in enumerate(lamps):
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        cx, r = left + (0.22 + 0.38 * i) * metre, 0.15 * metre
        _paint_all(layers, bands, glow, [(cx + r * np.cos(t), y + r * np.sin(t)) for t in turn])


def paint_railing(layers: Layers, rng: np.random.Generator, view: View) -> None:
    """White guard rails along the near kerb, with a gap or two."""
    distance_m = view.near_kerb_m - 0.4
    metre, ground = view.scale(distance_m), view.row(distance_m)
    reach = view.half_width_m(distance_m)
    x = -reach - 1
    while x < reach:
        if rng.random() < 0.75:
            _panel(layers, view.ground(x, distance_m)[0], ground, metre)
        x += 2.1


def _panel(layers: Layers, left: float, ground: float, metre: float) -> None:
    right, bar = left + 1.9 * metre, 0.055 * metre
    for height in (0.78, 0.5, 0.24):
        y = ground - height * metre
        _paint_all(layers, spectra.WHITE_PAINT, 0.95, _box(left, y - bar, right, y + bar))
        _paint_all(layers, spectra.WHITE_PAINT, 0.6, _box(left, y + 0.4 * bar, right, y + bar))
    for x in (left, (left + right) / 2, right):
        _paint_all(layers, spectra.WHITE_PAINT, 0.85, _box(x - bar, ground - 0.82 * metre, x + bar, ground))


def paint_lamp(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    top, arm = ground - rng.uniform(6, 8) * metre, rng.choice([-1, 1]) * 1.6 * metre
    steel = tone(spectra.STEEL, rng.uniform(0.5, 1.0))
    turn = np.linspace(0, np.pi / 2, 7)
    arc = np.stack([x + arm * np.sin(turn), top + 0.9 * metre * (np.cos(turn) - 1)], 1)
    line(canvas, [(x, ground), (x, top)], 0.15 * metre, steel)
    line(canvas, arc, 0.1 * metre, steel)
    ellipse(canvas, x + 1.25 * arm, top - 0.88 * metre, 0.45 * metre, 0.12 * metre, tone(spectra.STEEL, 1.2))
