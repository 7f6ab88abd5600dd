"""Cars, vans, trucks and buses, seen from the side, heading right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirvis_capture.twin import spectra
from nirvis_capture.twin.paint import light
from nirvis_capture.twin.spectra import Bands
from nirvis_capture.twin.sprite import Easel, Sprite, rounded

Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Body:
    """A kind of vehicle, in metres: its outline, its windows, its wheels, and which paints it wears."""

    length: float
    height: float
    outline: Outline
    windows: tuple[Outline, ...]
    wheels: tuple[float, ...]
    wheel_radius: float
    paints: tuple[int, ...]
    """Indices into `spectra.CAR_PAINTS`: the kind of a car tells something of its colour."""


_SEDAN = Body(
    4.5,
    1.45,
    (
        (0.05, 0.3),
        (0.02, 0.8),
        (0.2, 0.98),
        (0.85, 1.02),
        (1.4, 1.43),
        (2.6, 1.45),
        (3.3, 1.02),
        (4.2, 0.88),
        (4.48, 0.66),
        (4.45, 0.3),
    ),
    (((1.1, 1.0), (1.5, 1.34), (2.0, 1.37), (2.0, 1.0)), ((2.08, 1.0), (2.08, 1.37), (2.55, 1.36), (3.05, 1.0))),
    (0.85, 3.6),
    0.32,
    (1, 2, 3, 4),
)
_HATCH = Body(
    3.8,
    1.52,
    (
        (0.06, 0.3),
        (0.03, 0.9),
        (0.3, 1.42),
        (0.7, 1.52),
        (2.1, 1.5),
        (2.85, 1.02),
        (3.5, 0.9),
        (3.78, 0.68),
        (3.75, 0.3),
    ),
    (((0.4, 1.02), (0.62, 1.38), (1.25, 1.41), (1.25, 1.02)), ((1.33, 1.02), (1.33, 1.41), (2.05, 1.4), (2.6, 1.02))),
    (0.7, 3.05),
    0.3,
    (0, 4, 5),
)
_VAN = Body(
    4.7,
    1.92,
    (
        (0.04, 0.3),
        (0.02, 1.2),
        (0.15, 1.82),
        (0.5, 1.92),
        (3.2, 1.9),
        (4.0, 1.2),
        (4.6, 1.02),
        (4.69, 0.7),
        (4.66, 0.3),
    ),
    (
        ((0.3, 1.2), (0.38, 1.74), (1.35, 1.77), (1.35, 1.2)),
        ((1.43, 1.2), (1.43, 1.77), (2.4, 1.77), (2.4, 1.2)),
        ((2.48, 1.2), (2.48, 1.77), (3.15, 1.75), (3.75, 1.2)),
    ),
    (0.85, 3.75),
    0.34,
    (0, 1, 2),
)
_TRUCK = Body(
    6.4,
    2.3,
    ((4.5, 0.4), (4.5, 2.15), (4.7, 2.3), (5.7, 2.28), (6.2, 1.3), (6.38, 1.1), (6.38, 0.4)),
    (((4.85, 1.3), (4.85, 2.05), (5.55, 2.05), (5.95, 1.3)),),
    (1.2, 5.4),
    0.42,
    (0, 4),
)
_BUS = Body(
    9.5,
    2.95,
    ((0.03, 0.32), (0.02, 2.7), (0.15, 2.95), (9.3, 2.95), (9.48, 2.6), (9.48, 0.32)),
    tuple(
        ((0.35 + 1.5 * i, 1.25), (0.35 + 1.5 * i, 2.45), (1.72 + 1.5 * i, 2.45), (1.72 + 1.5 * i, 1.25))
        for i in range(6)
    ),
    (2.2, 7.3),
    0.46,
    (0, 5),
)
_KINDS = (_SEDAN, _SEDAN, _HATCH, _VAN, _VAN, _TRUCK, _BUS)


def paint_vehicle(rng: np.random.Generator, metre: float) -> Sprite:
    """Some vehicle, `metre` pixels to the metre."""
    body = _KINDS[int(rng.integers(len(_KINDS)))]
    paint = spectra.CAR_PAINTS[int(rng.choice(body.paints))]
    taxi = body is _SEDAN and rng.random() < 0.3
    easel = Easel(body.length + 0.6, max(body.height, 3.0 if body is _TRUCK else 0) + 0.25, metre)
    easel.ground_shadow(0.1, body.length + 0.5)
    _shell(easel, body, spectra.SIGN_YELLOW if taxi else paint)
    if body is _TRUCK:
        _load(easel, rng)
    if body is _BUS:
        _stripe(easel, body, spectra.SIGN_GREEN if rng.random() < 0.5 else spectra.SIGN_BLUE)
    if taxi:
        _box(easel, 1.85, 1.44, 2.25, 1.58, spectra.WHITE_PAINT)
    _windows(easel, rng, body)
    _trim(easel, body)
    for x in body.wheels:
        _wheel(easel, x + 0.3, body.wheel_radius)
    return easel.finish()


def _moved(outline: Outline) -> list[tuple[float, float]]:
    return [(x + 0.3, y) for x, y in outline]


def _box(easel: Easel, left: float, bottom: float, right: float, top: float, bands: Bands, factor: float = 1.0) -> None:
    easel.shape(_moved(((left, bottom), (right, bottom), (right, top), (left, top))), bands, factor)


def _shell(easel: Easel, body: Body, paint: Bands) -> None:
    easel.shape(rounded(_moved(body.outline)), paint)
    # Round sides mirror the bright sky above the belt line and the dark street below it.
    rows = np.linspace(easel.alpha.shape[0] / easel.metre - 0.25, -0.25, easel.alpha.shape[0])
    belt = 0.55 * body.height
    relief = (
        0.62 + 0.42 / (1 + np.exp(-(rows - 0.32 * body.height) / 0.07)) + 0.16 * np.exp(-(((rows - belt) / 0.06) ** 2))
    )
    relief += 0.18 * np.exp(-(((rows - body.height) / 0.12) ** 2))
    light(easel.bands, np.repeat(relief[:, None], easel.alpha.shape[1], 1).astype(np.float32))


def _load(easel: Easel, rng: np.random.Generator) -> None:
    bands = spectra.WHITE_PAINT if rng.random() < 0.6 else spectra.CAR_PAINTS[2]
    _box(easel, 0.02, 0.75, 4.4, 2.95, bands, 0.95)
    _box(easel, 0.02, 0.55, 4.6, 0.75, spectra.IRON)
    _box(easel, 0.02, 1.6, 4.4, 1.9, spectra.SIGN_BLUE if rng.random() < 0.5 else spectra.SIGN_RED, 0.95)
    for x in np.arange(0.5, 4.3, 0.55):
        _box(easel, float(x), 0.75, float(x) + 0.03, 2.95, bands, 0.75)


def _stripe(easel: Easel, body: Body, bands: Bands) -> None:
    _box(easel, 0.03, 0.75, body.length - 0.03, 1.12, bands)
    _box(easel, 0.03, 2.6, body.length - 0.15, 2.68, bands, 0.9)


def _windows(easel: Easel, rng: np.random.Generator, body: Body) -> None:
    for window in body.windows:
        xs, ys = [x for x, _ in window], [y for _, y in window]
        easel.shape(_moved(window), spectra.GLASS, 0.75)
        top, bottom = max(ys), min(ys)
        sheen = [(x, bottom + 0.62 * (y - bottom) + 0.38 * (top - bottom)) for x, y in window if y > bottom]
        easel.shape(_moved((*sheen, (xs[-1], 0.5 * (top + bottom)))), spectra.GLASS_SKY, 0.7)
        if rng.random() < 0.45:
            middle = 0.3 + (min(xs) + max(xs)) / 2
            easel.disc(middle, bottom + 0.19, 0.11, spectra.SKIN, 0.45, 1.2)
            easel.disc(middle, bottom + 0.27, 0.1, spectra.HAIR, 0.9)


def _trim(easel: Easel, body: Body) -> None:
    """Lamps, door lines, handles, sill, number plate."""
    rear, front = 0.02, body.length
    lamp = 0.55 * min(body.height, 1.9)
    _box(easel, rear, lamp - 0.1, rear + 0.16, lamp + 0.12, spectra.TAIL_LAMP)
    _box(easel, front - 0.34, lamp - 0.16, front - 0.06, lamp, spectra.HEAD_LAMP)
    _box(easel, rear + 0.05, 0.28, front - 0.05, 0.4, spectra.IRON, 0.8)
    for window in body.windows:
        edge = max(x for x, _ in window) + 0.04
        if edge < 0.8 * front:
            _box(easel, edge, 0.42, edge + 0.02, min(y for _, y in window), spectra.IRON)
            _box(
                easel,
                edge - 0.3,
                0.83 * body.height * 0.72,
                edge - 0.1,
                0.83 * body.height * 0.72 + 0.04,
                spectra.STEEL,
            )


def _wheel(easel: Easel, x: float, radius: float) -> None:
    easel.disc(x, radius + 0.03, 1.22 * radius, spectra.RUBBER, 0.5)
    easel.disc(x, radius, radius, spectra.RUBBER)
    easel.disc(x, radius, 0.62 * radius, spectra.STEEL, 0.85)
    for turn in np.arange(5) * 2 * np.pi / 5:
        away = 0.4 * radius
        easel.disc(x + away * float(np.cos(turn)), radius + away * float(np.sin(turn)), 0.12 * radius, spectra.IRON)
    easel.disc(x, radius, 0.12 * radius, spectra.STEEL, 0.5)
