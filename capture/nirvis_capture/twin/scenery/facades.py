"""The fronts of houses, metre by metre: walls and roofs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.materials import BARK, STEEL
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import COVER, Canvas, lay, line, polygon, rectangle, shadow, tone, varied
from nirvis_capture.twin.scenery.textures import blotches, courses, grain, relief
from nirvis_capture.twin.scenery.view import View
from nirvis_capture.twin.scenery.windows import (
    Glazing,
    choose_glazing,
    paint_balcony,
    paint_door,
    paint_shop,
    paint_window,
)

_WALLS = {
    "brick": materials.BRICK,
    "tile": materials.TILE,
    "stone": materials.STONE,
    "concrete": materials.CONCRETE,
    "glass": materials.STEEL,
}
_STONES_M = {"brick": (0.34, 0.13), "tile": (0.3, 0.3), "stone": (0.95, 0.45), "concrete": (3.4, 1.8)}
_GAPS = (0.66, 0.24, 0.1)
"""How often two houses touch, have a lane between them, or a park."""
_BLANK = (0, 255, 0, 0)
"""The light sheet where nothing is."""


@dataclass(frozen=True)
class House:
    """One front in the strip of fronts; pixels, `metre` of them to the metre."""

    left: float
    right: float
    top: float
    base: float
    metre: float
    floor: float
    wall: Bands
    kind: str
    glazing: Glazing


def paint_fronts(canvas: Canvas, rng: np.random.Generator, view: View, sky: Bands) -> NDArray[np.bool_]:
    """A row of houses that recedes to one side and mirrors `sky` in its windows; where it is, ``(H, W)``."""
    base, width = round(1.2 * view.row(view.facade_m)), round(1.12 * view.width)
    strip = Canvas.blank(width, base)
    metre = view.scale(view.facade_m)
    left = -rng.uniform(0, 8) * metre
    while left < width:
        house = _plan(rng, left, base, metre, sky)
        _paint(strip, rng, house)
        left = house.right + float(rng.choice([0, rng.uniform(0.8, 4), rng.uniform(8, 25)], p=_GAPS)) * metre
    return _recede(canvas, strip, view)


def _plan(rng: np.random.Generator, left: float, base: int, metre: float, sky: Bands) -> House:
    kind = str(
        rng.choice(["brick", "tile", "stone", "concrete", "plaster", "glass"], p=[0.17, 0.16, 0.16, 0.15, 0.24, 0.12])
    )
    wall = _WALLS.get(kind) or materials.PLASTER[int(rng.integers(len(materials.PLASTER)))]
    floor = rng.uniform(3.0, 3.7) * metre
    top = base - (int(rng.integers(2, 8)) + 0.25) * floor
    return House(
        left=left,
        right=left + rng.uniform(8, 19) * metre,
        top=top,
        base=base,
        metre=metre,
        floor=floor,
        wall=varied(wall, rng, 0.14 if kind == "plaster" else 0.08, 0.22),
        kind=kind,
        glazing=choose_glazing(rng, top, base, metre, sky),
    )


def _paint(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    metre = house.metre
    rectangle(strip, house.left, house.top, house.right, house.base, tone(house.wall, rng.uniform(0.8, 1.0)))
    _texture(strip, rng, house)
    _ornaments(strip, rng, house)
    _cornice(strip, rng, house)
    _windows(strip, rng, house)
    if rng.random() < 0.7:
        paint_shop(strip, rng, (house.left + 0.4 * metre, house.right - 0.4 * metre, house.base), metre, house.wall)
    else:
        rectangle(strip, house.left, house.base - 0.9 * metre, house.right, house.base, tone(materials.STONE, 0.7))
        paint_door(
            strip, rng, rng.uniform(house.left + metre, house.right - 2.5 * metre), house.base, metre, house.wall
        )
    _gutter(strip, rng, house)
    _grime(strip, rng, house)


def _wall(strip: Canvas, house: House) -> Canvas:
    return strip.part(house.left, house.top, house.right, house.base)


def _texture(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    area = _wall(strip, house)
    if area.cover.size == 0:
        return
    shape, metre = area.cover.shape, house.metre
    total = blotches(shape, rng, 2.2 * metre, 0.035) * grain(shape, rng, (1, 1), 0.035)
    if house.kind in _STONES_M:
        stone_w, stone_h = (side * metre for side in _STONES_M[house.kind])
        contrast, joint = (0.04, -0.3) if house.kind == "concrete" else (0.10, 0.25 if house.kind == "brick" else -0.22)
        total *= courses(shape, rng, (stone_w, stone_h), contrast, joint)
    relief(area, total, 0.8)


def _grime(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    """Rain leaves streaks that run down; dirt gathers at the foot, and light comes from above."""
    area = _wall(strip, house)
    if area.cover.size == 0:
        return
    shape = area.cover.shape
    height = np.linspace(1, 0, shape[0], dtype=np.float32)[:, None]
    streaks = grain(shape, rng, (0.35 * house.metre, 7 * house.metre), 0.05)
    streaks *= grain(shape, rng, (5 * house.metre, 5 * house.metre), 0.04)
    relief(area, streaks * (0.80 + 0.2 * np.minimum(1, 3 * height)) * (0.94 + 0.08 * height), 0.7)


def _ornaments(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    """Bands between the floors, or pilasters, or nothing."""
    fate, metre = rng.random(), house.metre
    if fate < 0.35:
        for y in np.arange(house.top + house.floor, house.base - house.floor, house.floor):
            rectangle(strip, house.left, y, house.right, y + 0.2 * metre, tone(house.wall, 1.12))
            below = y + 0.2 * metre
            shade = [(house.left, below), (house.right, below), (house.right, below + 0.15 * metre)]
            shadow(strip, [*shade, (house.left, below + 0.15 * metre)], 0.7, 0.9)
    elif fate < 0.55:
        for x in np.arange(house.left, house.right, (house.right - house.left - 0.5 * metre) / 3):
            rectangle(strip, x, house.top, x + 0.5 * metre, house.base, tone(house.wall, 1.06))
            edge = x + 0.5 * metre
            shade = [(edge, house.top), (edge + 0.14 * metre, house.top), (edge + 0.14 * metre, house.base)]
            shadow(strip, [*shade, (edge, house.base)], 0.8, 0.9)


def _cornice(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    metre = house.metre
    if house.kind in ("brick", "plaster", "tile") and rng.random() < 0.4:
        _pitched_roof(strip, rng, house)
    else:
        _on_the_roof(strip, rng, house)
    over, height = rng.uniform(0.0, 0.25) * metre, rng.uniform(0.2, 0.6) * metre
    rectangle(strip, house.left - over, house.top - height, house.right + over, house.top, tone(house.wall, 1.15))
    rectangle(
        strip,
        house.left - over,
        house.top - height,
        house.right + over,
        house.top - 0.8 * height,
        tone(materials.STEEL, 0.8),
    )
    drop = (0.3 + 2 * over / metre) * metre
    shade = [(house.left, house.top), (house.right, house.top), (house.right, house.top + drop)]
    shadow(strip, [*shade, (house.left, house.top + drop)], 0.9, 1.2)


def _on_the_roof(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    """A stair house, tanks, aerials."""
    metre = house.metre
    for _ in range(int(rng.integers(0, 4))):
        x, kind = rng.uniform(house.left + 0.5 * metre, house.right - 1.5 * metre), rng.random()
        if kind < 0.3:
            wide, high = rng.uniform(1.6, 3.6) * metre, rng.uniform(1.4, 2.4) * metre
            box = x, house.top - high, min(x + wide, house.right - 0.2 * metre), house.top
            rectangle(strip, *box, tone(house.wall, 0.8))
            rectangle(strip, box[0], box[1], box[2], box[1] + 0.15 * metre, tone(house.wall, 1.1))
            rectangle(strip, box[0] + 0.3 * metre, house.top - 1.2 * metre, box[0] + 0.9 * metre, house.top, tone(BARK))
        elif kind < 0.5:
            rectangle(strip, x, house.top - 1.7 * metre, x + 1.3 * metre, house.top - 0.5 * metre, tone(STEEL, 0.9))
            rectangle(
                strip, x + metre, house.top - 1.7 * metre, x + 1.3 * metre, house.top - 0.5 * metre, tone(STEEL, 0.6)
            )
            for leg in (0.1, 1.2):
                line(strip, [(x + leg * metre, house.top - metre), (x + leg * metre, house.top)], 2, tone(STEEL, 0.5))
        else:
            top = house.top - rng.uniform(2, 4.5) * metre
            line(strip, [(x, top), (x, house.top)], 0.05 * metre, tone(STEEL, 0.7))
            for y in top + np.array([0.1, 0.35, 0.6]) * metre:
                line(strip, [(x - 0.5 * metre, y), (x + 0.5 * metre, y)], 0.03 * metre, tone(STEEL, 0.7))


def _pitched_roof(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    """Tiles or slates over a ridge that runs along the street, and a chimney."""
    metre, width = house.metre, house.right - house.left
    ridge, inset = house.top - rng.uniform(1.6, 2.8) * metre, 0.04 * width
    roof = materials.BRICK if rng.random() < 0.5 else materials.IRON
    chimney = house.left + rng.uniform(0.15, 0.8) * width
    rectangle(strip, chimney, ridge - 0.9 * metre, chimney + 0.8 * metre, house.top, tone(materials.BRICK, 0.8))
    outline = [(house.left, house.top), (house.left + inset, ridge), (house.right - inset, ridge)]
    polygon(
        strip, [*outline, (house.right, house.top)], tone(varied(roof, rng), 1.0 if roof == materials.BRICK else 3.0)
    )
    area = strip.part(house.left, ridge, house.right, house.top)
    if area.cover.size:
        relief(area, courses(area.cover.shape, rng, (0.3 * metre, 0.28 * metre), 0.09, -0.35), 0.8)


def _windows(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    bay = rng.uniform(1.7, 3.4) * house.metre
    bays = max(2, int((house.right - house.left - 0.8 * house.metre) / bay))
    start = (house.left + house.right - bays * bay) / 2
    office = house.kind == "glass"
    share_x, share_y = (0.93, 0.76) if office else (rng.uniform(0.42, 0.85), rng.uniform(0.42, 0.68))
    balconies, coolers = not office and rng.random() < 0.3, not office and rng.random() < 0.35
    for top in np.arange(house.top + 0.32 * house.floor, house.base - 1.4 * house.floor, house.floor):
        bottom = float(top + share_y * house.floor)
        for left in start + bay * (np.arange(bays) + (1 - share_x) / 2):
            box = (float(left), float(top), float(left + share_x * bay), bottom)
            paint_window(strip, rng, box, house.glazing, house.wall)
            if coolers and rng.random() < 0.3:
                _cooler(strip, float(left + share_x * bay), bottom, house.metre)
        if balconies:
            box = (house.left + 0.3 * house.metre, bottom - 0.85 * house.metre, house.right - 0.3 * house.metre, bottom)
            paint_balcony(strip, rng, box, house.wall, house.metre)


def _cooler(strip: Canvas, x: float, y: float, metre: float) -> None:
    """The outer part of an air conditioner."""
    rectangle(strip, x + 0.05 * metre, y - 0.5 * metre, x + 0.75 * metre, y, tone(materials.WHITE_PAINT, 0.75))
    rectangle(strip, x + 0.12 * metre, y - 0.43 * metre, x + 0.5 * metre, y - 0.07 * metre, tone(materials.IRON, 2.5))
    below = [(x + 0.1 * metre, y), (x + 0.8 * metre, y), (x + 0.9 * metre, y + 0.35 * metre)]
    shadow(strip, [*below, (x + 0.2 * metre, y + 0.35 * metre)], 0.85, 1.0)


def _gutter(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    """A pipe down the side, and the dark joint between two houses."""
    x = house.right - rng.uniform(0.2, 0.4) * house.metre
    line(strip, [(x, house.top), (x, house.base)], 0.1 * house.metre, tone(materials.STEEL, 0.55))
    line(strip, [(x + 3, house.top), (x + 3, house.base)], 0.06 * house.metre, tone(house.wall, 0.6, sun=0.3))
    edge = house.right - 0.03 * house.metre
    line(strip, [(edge, house.top), (edge, house.base)], 0.07 * house.metre, tone(house.wall, 0.45, sun=0.3))


def _recede(canvas: Canvas, strip: Canvas, view: View) -> NDArray[np.bool_]:
    """Let the strip recede: lines that rise above the horizon fall towards the far end, those below it rise."""
    foot = view.row(view.facade_m) - view.horizon_px
    after = []
    for x in (-2.0, view.width + 2.0):
        size = view.front_size(x)
        after += [(x, view.horizon_px + size * (foot - strip.height)), (x, view.horizon_px + size * foot)]
    before = np.array([(0, 0), (0, strip.height), (strip.width, 0), (strip.width, strip.height)], np.float32)
    turned = cv2.getPerspectiveTransform(before, np.array(after, np.float32))
    size_px = canvas.width, canvas.height
    seen = Canvas(
        *(
            np.asarray(
                cv2.warpPerspective(sheet, turned, size_px, flags=cv2.INTER_LINEAR, borderValue=border), np.uint8
            )
            for sheet, border in zip(strip.sheets, ((0,) * 4, (0,) * 4, _BLANK), strict=True)
        )
    )
    lay(canvas, seen)
    return np.asarray(seen.light[..., COVER] > 127)
