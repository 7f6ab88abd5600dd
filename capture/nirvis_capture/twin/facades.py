"""The fronts of houses, metre by metre: walls, windows, shops, and the towers behind them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nirvis_capture.twin import spectra
from nirvis_capture.twin.paint import (
    Canvas,
    Mask,
    blotches,
    courses,
    grain,
    lettering,
    light,
    line,
    rectangle,
    shadow,
    tone,
    varied,
)
from nirvis_capture.twin.spectra import Bands
from nirvis_capture.twin.view import View

_NAMES = ("BAKERY", "CAFE", "HOTEL", "BOOKS", "PHARMACY", "MARKET", "BANK", "OPTIK", "FLOWERS", "NOODLES", "CYCLES")
_DYES = (spectra.SIGN_BLUE, spectra.SIGN_GREEN, spectra.SIGN_RED, spectra.SIGN_YELLOW, spectra.WHITE_PAINT)


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


def paint_fronts(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """A row of houses that recedes to one side, with the sky above their roofs."""
    base = round(1.2 * view.row(view.facade_m))
    width = round(1.1 * view.width)
    strip, mask = np.zeros((base, width, 4), np.uint8), np.zeros((base, width), np.uint8)
    metre = view.scale(view.facade_m)
    left = -rng.uniform(0, 8) * metre
    while left < width:
        house = _plan(rng, left, base, metre)
        _paint(strip, mask, rng, house)
        left = house.right + (rng.uniform(0.6, 2.5) * metre if rng.random() < 0.25 else 0)
    light(strip, grain(mask.shape, rng, (2, 2), 0.03) * grain(mask.shape, rng, (14, 9), 0.03))
    _lay(canvas, strip, mask, view)


def paint_towers(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Distant blocks, pale with haze."""
    base = round(view.row(view.facade_m))
    for _ in range(int(rng.integers(2, 6))):
        width = rng.uniform(0.08, 0.2) * view.width
        left = rng.uniform(-0.05, 1) * view.width
        top = rng.uniform(0.04, 0.3) * view.height
        wall = varied(spectra.CONCRETE if rng.random() < 0.6 else spectra.TILE, rng)
        _tower(canvas, rng, (left, top, left + width, base), wall, rng.uniform(0.25, 0.5))


def _tower(
    canvas: Canvas, rng: np.random.Generator, box: tuple[float, float, float, float], wall: Bands, haze: float
) -> None:
    left, top, right, base = box
    rectangle(canvas, left, top, right, base, tone(_hazy(wall, haze)))
    rectangle(canvas, left + 0.7 * (right - left), top, right, base, tone(_hazy(wall, haze), 0.8))
    pitch_y, pitch_x = rng.uniform(14, 22), rng.uniform(9, 20)
    for y in np.arange(top + 8, base, pitch_y):
        for x in np.arange(left + 4, right - 0.7 * pitch_x, pitch_x):
            glass = spectra.GLASS_SKY if rng.random() < 0.3 else spectra.GLASS
            colour = tone(_hazy(glass, haze), rng.uniform(0.8, 1.2))
            rectangle(canvas, x, y, x + 0.62 * pitch_x, y + 0.55 * pitch_y, colour)


def _hazy(bands: Bands, haze: float) -> Bands:
    """Air between: bluish, and thin in the infrared."""
    share = (haze, haze, haze, 0.35 * haze)
    red, green, blue, nir = (b * (1 - s) + sky * s for b, s, sky in zip(bands, share, spectra.SKY_LOW, strict=True))
    return red, green, blue, nir


def _plan(rng: np.random.Generator, left: float, base: int, metre: float) -> House:
    kind = str(rng.choice(["brick", "tile", "stone", "concrete", "plaster"], p=[0.26, 0.2, 0.16, 0.18, 0.2]))
    walls = {"brick": spectra.BRICK, "tile": spectra.TILE, "stone": spectra.STONE, "concrete": spectra.CONCRETE}
    wall = walls.get(kind) or spectra.PLASTER[int(rng.integers(len(spectra.PLASTER)))]
    floor = rng.uniform(3.0, 3.7) * metre
    floors = int(rng.integers(2, 7))
    return House(
        left=left,
        right=left + rng.uniform(8, 17) * metre,
        top=base - (floors + 0.25) * floor,
        base=base,
        metre=metre,
        floor=floor,
        wall=varied(wall, rng),
        kind=kind,
    )


def _paint(strip: Canvas, mask: Mask, rng: np.random.Generator, house: House) -> None:
    rectangle(mask, house.left, house.top, house.right, house.base, 255)
    rectangle(strip, house.left, house.top, house.right, house.base, tone(house.wall, rng.uniform(0.85, 1.05)))
    _texture(strip, rng, house)
    _cornice(strip, mask, rng, house)
    _windows(strip, rng, house)
    if rng.random() < 0.7:
        _shop(strip, rng, house)
    else:
        _plinth(strip, rng, house)
    rectangle(strip, house.right - 0.12 * house.metre, house.top, house.right, house.base, tone(house.wall, 0.55))


def _texture(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    left, right = max(0, round(house.left)), min(strip.shape[1], round(house.right))
    top = max(0, round(house.top))
    area = strip[top : round(house.base), left:right]
    if area.size == 0:
        return
    shape, metre = area.shape[:2], house.metre
    if house.kind in ("brick", "tile", "stone"):
        stone = {"brick": (0.34, 0.13), "tile": (0.3, 0.3), "stone": (0.95, 0.45)}[house.kind]
        joint = 0.28 if house.kind == "brick" else -0.22
        light(area, courses(shape, rng, (stone[0] * metre, stone[1] * metre), 0.10, joint), 0.8)
    if house.kind == "concrete":
        light(area, courses(shape, rng, (3.4 * metre, 1.8 * metre), 0.04, -0.35))
    light(area, blotches(shape, rng, 2.2 * metre, 0.035) * grain(shape, rng, (1, 1), 0.035))
    # Rain leaves streaks that run down.
    light(area, grain(shape, rng, (0.35 * metre, 9 * metre), 0.05), 0.7)


def _cornice(strip: Canvas, mask: Mask, rng: np.random.Generator, house: House) -> None:
    over, height = 0.18 * house.metre, rng.uniform(0.25, 0.5) * house.metre
    for picture, colour in ((strip, tone(house.wall, 1.18)), (mask, 255)):
        rectangle(picture, house.left - over, house.top - height, house.right + over, house.top, colour)
    shade = [(house.left, house.top), (house.right, house.top)]
    shade += [(house.right, house.top + 0.5 * house.metre), (house.left, house.top + 0.5 * house.metre)]
    shadow(strip, shade, 0.45, 1.2)
    if rng.random() < 0.5:
        x = rng.uniform(house.left + house.metre, max(house.left + 1.5 * house.metre, house.right - 4 * house.metre))
        for picture, colour in ((strip, tone(spectra.CONCRETE, 0.8)), (mask, 255)):
            rectangle(picture, x, house.top - 1.9 * house.metre, x + 2.6 * house.metre, house.top - height, colour)


def _windows(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    bay = rng.uniform(1.9, 3.2) * house.metre
    bays = max(2, int((house.right - house.left - 0.8 * house.metre) / bay))
    start = (house.left + house.right - bays * bay) / 2
    share_x, share_y = rng.uniform(0.42, 0.72), rng.uniform(0.46, 0.66)
    frame = spectra.WHITE_PAINT if rng.random() < 0.5 else spectra.IRON
    panes = int(rng.integers(1, 4))
    balcony = rng.random() < 0.25
    for top in np.arange(house.top + 0.32 * house.floor, house.base - 1.4 * house.floor, house.floor):
        for left in start + bay * (np.arange(bays) + (1 - share_x) / 2):
            box = (float(left), float(top), float(left + share_x * bay), float(top + share_y * house.floor))
            _window(strip, rng, box, frame, panes, house)
        if balcony:
            _balcony(strip, house, float(top + share_y * house.floor))


def _window(
    strip: Canvas,
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    frame: Bands,
    panes: int,
    house: House,
) -> None:
    left, top, right, bottom = box
    edge = 0.08 * house.metre
    rectangle(strip, left - edge, top - edge, right + edge, bottom + edge, tone(frame, 0.85))
    _glass(strip, rng, box)
    for i in range(1, panes):
        x = left + (right - left) * i / panes
        line(strip, [(x, top), (x, bottom)], 0.7 * edge, tone(frame, 0.85))
    if panes > 1:
        y = top + 0.32 * (bottom - top)
        line(strip, [(left, y), (right, y)], 0.7 * edge, tone(frame, 0.85))
    lintel = [(left - edge, top), (right, top), (right, top + 2.2 * edge), (left - edge, top + 2.2 * edge)]
    shadow(strip, lintel, 0.5, 0.8)
    rectangle(strip, left - 2 * edge, bottom + edge, right + 2 * edge, bottom + 2.6 * edge, tone(house.wall, 1.25))


def _glass(strip: Canvas, rng: np.random.Generator, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    rectangle(strip, left, top, right, bottom, tone(spectra.GLASS, rng.uniform(0.6, 1.4)))
    fate = rng.random()
    if fate < 0.35:
        drop = rng.uniform(0.25, 1.0)
        curtain = varied(spectra.CURTAIN, rng)
        rectangle(strip, left, top, right, top + drop * (bottom - top), tone(curtain, rng.uniform(0.45, 0.8)))
    elif fate < 0.7:
        middle = left + rng.uniform(0.2, 0.9) * (right - left)
        slope = 0.3 * (bottom - top)
        sheen = np.array([(left, top), (min(middle + slope, right), top), (middle, bottom), (left, bottom)])
        cv2.fillPoly(
            strip, [np.round(sheen).astype(np.int32)], tone(spectra.GLASS_SKY, rng.uniform(0.6, 1.0)), cv2.LINE_AA
        )


def _balcony(strip: Canvas, house: House, floor_y: float) -> None:
    left, right = house.left + 0.3 * house.metre, house.right - 0.3 * house.metre
    rail = floor_y - 0.75 * house.metre
    rectangle(strip, left, floor_y, right, floor_y + 0.2 * house.metre, tone(house.wall, 1.2))
    line(strip, [(left, rail), (right, rail)], 0.09 * house.metre, tone(spectra.IRON, 1.4))
    for x in np.arange(left, right, 0.28 * house.metre):
        line(strip, [(x, rail), (x, floor_y)], 0.05 * house.metre, tone(spectra.IRON, 1.4))
    under = [(left, floor_y + 0.2 * house.metre), (right, floor_y + 0.2 * house.metre)]
    under += [(right, floor_y + 0.7 * house.metre), (left, floor_y + 0.7 * house.metre)]
    shadow(strip, under, 0.5, 1.2)


def _plinth(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    metre = house.metre
    rectangle(strip, house.left, house.base - 0.9 * metre, house.right, house.base, tone(spectra.STONE, 0.75))
    door = rng.uniform(house.left + metre, house.right - 2.5 * metre)
    rectangle(
        strip, door - 0.2 * metre, house.base - 2.7 * metre, door + 1.7 * metre, house.base, tone(house.wall, 1.2)
    )
    _glass(strip, rng, (door, house.base - 2.5 * metre, door + 1.5 * metre, house.base))
    line(
        strip,
        [(door + 0.75 * metre, house.base - 2.5 * metre), (door + 0.75 * metre, house.base)],
        2,
        tone(spectra.IRON),
    )


def _shop(strip: Canvas, rng: np.random.Generator, house: House) -> None:
    metre, base = house.metre, house.base
    left, right, top = house.left + 0.4 * metre, house.right - 0.4 * metre, base - 3.1 * metre
    dye = _DYES[int(rng.integers(len(_DYES)))]
    rectangle(strip, left, top, right, base, tone(house.wall, 0.7))
    for x in np.arange(left + 0.2 * metre, right - 1.6 * metre, 1.9 * metre):
        _glass(strip, rng, (x, top + 0.9 * metre, x + 1.7 * metre, base - 0.35 * metre))
        _goods(strip, rng, (x, base - 1.1 * metre, x + 1.7 * metre, base - 0.4 * metre), metre)
    rectangle(strip, left, top, right, top + 0.75 * metre, tone(varied(dye, rng)))
    ink = spectra.IRON if dye in (spectra.SIGN_YELLOW, spectra.WHITE_PAINT) else spectra.WHITE_PAINT
    name = str(rng.choice(_NAMES))
    lettering(strip, name, left + rng.uniform(0.3, 2) * metre, top + 0.58 * metre, 0.42 * metre, tone(ink))
    if rng.random() < 0.5:
        _awning(strip, rng, (left, top + 0.75 * metre, right), metre, dye)


def _goods(strip: Canvas, rng: np.random.Generator, box: tuple[float, float, float, float], metre: float) -> None:
    left, top, right, bottom = box
    for x in np.arange(left + 0.1 * metre, right - 0.3 * metre, 0.3 * metre):
        textile = spectra.TEXTILES[int(rng.integers(len(spectra.TEXTILES)))]
        height = rng.uniform(0.3, 1) * (bottom - top)
        rectangle(strip, x, bottom - height, x + 0.24 * metre, bottom, tone(textile, 0.6))


def _awning(
    strip: Canvas, rng: np.random.Generator, edge: tuple[float, float, float], metre: float, dye: Bands
) -> None:
    left, top, right = edge
    drop = rng.uniform(0.7, 1.0) * metre
    stripe = rng.uniform(0.3, 0.5) * metre
    for i, x in enumerate(np.arange(left, right, stripe)):
        cloth = dye if i % 2 else spectra.WHITE_PAINT
        rectangle(strip, x, top, min(x + stripe, right), top + drop, tone(cloth, 0.95))
        rectangle(strip, x, top + 0.8 * drop, min(x + stripe, right), top + drop, tone(cloth, 0.75))
    under = [(left, top + drop), (right, top + drop), (right, top + 1.6 * drop), (left, top + 1.6 * drop)]
    shadow(strip, under, 0.55, 2.0)


def _lay(canvas: Canvas, strip: Canvas, mask: Mask, view: View) -> None:
    """Let the strip recede: lines that rise above the horizon fall towards the far end, those below it rise."""
    height, width = mask.shape
    foot = view.row(view.facade_m) - view.horizon_px
    after = []
    for x, size in ((-2.0, 1 - view.slant / 2), (view.width + 2.0, 1 + view.slant / 2)):
        after += [(x, view.horizon_px + size * (foot - height)), (x, view.horizon_px + size * foot)]
    before = np.array([(0, 0), (0, height), (width, 0), (width, height)], np.float32)
    recede = cv2.getPerspectiveTransform(before, np.array(after, np.float32))
    size_px = canvas.shape[1], canvas.shape[0]
    seen = cv2.warpPerspective(strip, recede, size_px, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(mask, recede, size_px, flags=cv2.INTER_LINEAR).astype(np.float32)[..., None] / 255
    canvas[:] = np.round(canvas * (1 - cover) + seen * cover).astype(np.uint8)
