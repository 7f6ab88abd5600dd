"""Cars, vans, trucks and buses, seen from the side, heading right."""

from __future__ import annotations

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.bodies import BUS, CARS, KINDS, SEDAN, TRUCK, Body, Outline
from nirvis_capture.twin.scenery.paint import tone, varied, veil
from nirvis_capture.twin.scenery.sprite import Easel, Figure, Sprite, rounded
from nirvis_capture.twin.scenery.textures import grain, relief

_AHEAD_M = 2.4
"""Room before a vehicle for the light of its head lamps."""
_LINES = ("12 STATION", "7 HARBOUR", "3 ZOO", "88 CENTRAL", "N1 AIRPORT")
_FIRMS = ("EXPRESS", "FRESH FISH", "MOVERS", "ICE", "BREAD & CO", "PARCELS", "TOOLS")


def vehicle(rng: np.random.Generator, metre: float, heading: int = 1, wet: bool = False) -> Figure:
    """Some vehicle on its way to the right (1) or left (-1), `metre` pixels to the metre; wet ground mirrors it."""
    body = KINDS[int(rng.integers(len(KINDS)))]
    return Figure(1, lambda _: _paint(rng, body, metre, heading, wet, driven=True))


def parked_car(rng: np.random.Generator, metre: float, heading: int = 1, wet: bool = False) -> Figure:
    """Some car without a driver, its lamps off."""
    body = CARS[int(rng.integers(len(CARS)))]
    return Figure(1, lambda _: _paint(rng, body, metre, heading, wet, driven=False))


def _paint(rng: np.random.Generator, body: Body, metre: float, heading: int, wet: bool, driven: bool) -> Sprite:
    taxi = driven and body is SEDAN and rng.random() < 0.3
    paint = materials.SIGN_YELLOW if taxi else materials.CAR_PAINTS[int(rng.choice(body.paints))]
    ahead = _AHEAD_M if driven else 0.3
    height = max(body.height, 3.0 if body is TRUCK else 0) + 0.25
    easel = Easel(body.length + 0.3 + ahead, height, metre, rightwards=heading > 0)
    easel.ground_shadow(0.15, body.length + 0.45)
    if driven:
        _beam(easel, body)
    _shell(easel, rng, body, varied(paint, rng, 0.04, 0.15))
    if body is TRUCK:
        _load(easel, rng)
    if body is BUS:
        _stripe(easel, rng, body)
    if taxi:
        easel.shape(_corners(1.85, 1.44, 2.25, 1.58), materials.WHITE_PAINT, 1.0, lamp=0.6)
    _windows(easel, rng, body, driven)
    _trim(easel, body, driven)
    for x in body.wheels:
        _wheel(easel, x + 0.3, body.wheel_radius)
    easel.round_off(0.05, 0.35)
    sprite = easel.finish(wet)
    return sprite if heading > 0 else sprite.mirrored()


def _moved(outline: Outline) -> list[tuple[float, float]]:
    return [(x + 0.3, y) for x, y in outline]


def _corners(left: float, bottom: float, right: float, top: float) -> list[tuple[float, float]]:
    return _moved(((left, bottom), (right, bottom), (right, top), (left, top)))


def _box(easel: Easel, left: float, bottom: float, right: float, top: float, bands: Bands, factor: float = 1.0) -> None:
    easel.shape(_corners(left, bottom, right, top), bands, factor)


def _beam(easel: Easel, body: Body) -> None:
    """What the head lamps lay on the road."""
    front = body.length + 0.3
    near = [(front - 0.3, 0.03), (front + 0.5, 0.12), (front + _AHEAD_M - 0.5, 0.1), (front + _AHEAD_M - 0.35, -0.02)]
    easel.beam([*near, (front + 0.6, -0.16), (front - 0.2, -0.1)], materials.ASPHALT, 0.6, 0.07)


def _shell(easel: Easel, rng: np.random.Generator, body: Body, paint: Bands) -> None:
    """Round sides mirror the bright sky above the belt line and the dark street below it."""
    easel.shape(rounded(_moved(body.outline)), paint)
    rows = easel.heights()
    belt = 0.6 * min(body.height, 1.9)
    lit = 0.50 + 0.45 / (1 + np.exp(-(rows - 0.30 * belt) / 0.06)) + 0.22 * np.exp(-(((rows - belt) / 0.05) ** 2))
    lit -= 0.12 * np.exp(-(((rows - belt + 0.16) / 0.08) ** 2))
    lit += 0.25 * np.exp(-(((rows - body.height) / 0.12) ** 2))
    across = grain((1, easel.canvas.width), rng, (0.5 * easel.metre, 1), 0.05)
    relief(easel.canvas, (lit[:, None] * across).astype(np.float32))
    sheen = np.exp(-(((rows - belt) / 0.025) ** 2)) * 0.22 + np.exp(-(((rows - body.height + 0.03) / 0.03) ** 2)) * 0.3
    for first in (np.argmax(rows < belt + 0.08), np.argmax(rows < body.height + 0.05)):
        last = int(first) + round(0.16 * easel.metre)
        share = sheen[first:last, None] * (easel.canvas.cover[first:last] > 250)
        veil(easel.canvas, share.astype(np.float32), tone(materials.GLASS_SKY, 1.2), 0, int(first))


def _load(easel: Easel, rng: np.random.Generator) -> None:
    """The box of a truck, with the name of its firm."""
    bands = varied(materials.WHITE_PAINT if rng.random() < 0.6 else materials.CAR_PAINTS[2], rng, 0.03)
    _box(easel, 0.02, 0.75, 4.4, 2.95, bands, 0.9)
    _box(easel, 0.02, 0.55, 4.6, 0.75, materials.IRON)
    dye = (materials.SIGN_BLUE, materials.SIGN_RED, materials.SIGN_GREEN)[int(rng.integers(3))]
    if rng.random() < 0.5:
        _box(easel, 0.02, 1.6, 4.4, 1.75, dye, 0.95)
    easel.letter(str(rng.choice(_FIRMS)), 0.5, 2.05, 0.36, dye)
    for x in np.arange(0.5, 4.3, 0.55):
        _box(easel, float(x), 0.75, float(x) + 0.02, 2.95, bands, 0.75)


def _stripe(easel: Easel, rng: np.random.Generator, body: Body) -> None:
    bands = materials.SIGN_GREEN if rng.random() < 0.5 else materials.SIGN_BLUE
    _box(easel, 0.03, 0.75, body.length - 0.03, 1.12, bands)
    _box(easel, body.length - 2.9, 2.52, body.length - 0.3, 2.86, materials.IRON)
    easel.letter(str(rng.choice(_LINES)), body.length - 2.5, 2.6, 0.2, materials.SIGN_YELLOW, lamp=0.9)


def _windows(easel: Easel, rng: np.random.Generator, body: Body, driven: bool) -> None:
    inside = 0.45 if body is BUS and driven else 0.0
    for i, window in enumerate(body.windows):
        xs, ys = [x for x, _ in window], [y for _, y in window]
        easel.shape(_moved(window), materials.IRON, 0.7)
        middle, top, bottom = (min(xs) + max(xs)) / 2, max(ys), min(ys)
        inner = [(middle + 0.95 * (x - middle), bottom + 0.03 + 0.92 * (y - bottom)) for x, y in window]
        easel.shape(_moved(tuple(inner)), materials.GLASS, 0.55, sun=0.3, lamp=inside)
        if driven and (i == len(body.windows) - 1 or rng.random() < 0.35):
            head = middle + 0.25
            easel.disc(head, bottom + 0.02, 0.17, materials.TEXTILES[int(rng.integers(8))], 0.35, 0.8)
            easel.disc(head, bottom + 0.2, 0.09, materials.SKIN, 0.4, 1.2)
            easel.disc(head - 0.02, bottom + 0.25, 0.09, materials.HAIR, 0.7)
        sheen = [(x, bottom + 0.6 * (y - bottom) + 0.4 * (top - bottom)) for x, y in inner if y > bottom + 0.1]
        easel.veil([*_moved(tuple(sheen)), (0.3 + xs[-1], top - 0.45 * (top - bottom))], materials.GLASS_SKY, 0.45)


def _trim(easel: Easel, body: Body, driven: bool) -> None:
    """Lamps, bumpers, door lines, handles, mirror, sill."""
    rear, front, lamp = 0.02, body.length, 0.5 * min(body.height, 1.8)
    glow = 1.0 if driven else 0.0
    easel.shape(_corners(rear, lamp - 0.1, rear + 0.16, lamp + 0.12), materials.TAIL_LAMP, 0.9, lamp=0.7 * glow)
    easel.shape(_corners(front - 0.36, lamp - 0.1, front - 0.05, lamp + 0.06), materials.HEAD_LAMP, 0.9, lamp=glow)
    _box(easel, rear + 0.05, 0.26, front - 0.05, 0.36, materials.IRON, 0.8)
    _box(easel, front - 0.22, 0.34, front, 0.46, materials.IRON, 1.3)
    for window in body.windows:
        edge, foot = max(x for x, _ in window) + 0.04, min(y for _, y in window)
        if edge < 0.8 * front:
            _box(easel, edge, 0.42, edge + 0.015, foot, materials.IRON)
            _box(easel, edge - 0.26, foot - 0.14, edge - 0.08, foot - 0.1, materials.IRON, 1.5)
    last = max(x for x, _ in body.windows[-1]) - (0.4 if body is not BUS else 0.0)
    base = min(y for _, y in body.windows[-1])
    _box(easel, last, base, last + 0.18, base + 0.14, materials.IRON)


def _wheel(easel: Easel, x: float, radius: float) -> None:
    easel.disc(x, radius + 0.03, 1.2 * radius, materials.RUBBER, 0.4)
    easel.disc(x, radius, radius, materials.RUBBER, 1.1)
    # Nothing that would have to turn: rims are round.
    for share, lit in ((0.66, 0.5), (0.58, 0.85), (0.46, 0.4), (0.38, 0.75), (0.14, 0.5)):
        easel.disc(x, radius, share * radius, materials.STEEL, lit)
