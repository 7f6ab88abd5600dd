"""Openings of fronts: windows by the dozen, balconies, shops with their goods, signs and lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import Canvas, lettering, line, polygon, rectangle, shadow, tone, varied

_NAMES = (
    *("BAKERY", "CAFE", "HOTEL", "BOOKS", "PHARMACY", "MARKET", "BANK", "OPTIK", "FLOWERS", "NOODLES", "CYCLES", "BAR"),
    *("SHOES", "TAILOR", "RAMEN", "PIZZERIA", "GALLERY", "RECORDS", "BARBER", "TEA HOUSE", "MUSIC", "TRAVEL", "TOYS"),
)
_DYES = (
    materials.SIGN_BLUE,
    materials.SIGN_GREEN,
    materials.SIGN_RED,
    materials.SIGN_YELLOW,
    materials.WHITE_PAINT,
    materials.IRON,
    materials.BARK,
)
_PALE = (materials.SIGN_YELLOW, materials.WHITE_PAINT)

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Glazing:
    """How the windows of one front are made, and what they mirror."""

    frame: Bands
    frame_lit: float
    panes: int
    transom: bool
    skyline: float
    """Row above which panes mirror the sky."""
    sky: Bands
    """What they mirror above it."""
    lit_share: float
    metre: float


def choose_glazing(rng: np.random.Generator, top: float, base: float, metre: float, sky: Bands) -> Glazing:
    frames = (materials.WHITE_PAINT, materials.IRON, materials.STEEL, materials.BARK)
    return Glazing(
        frame=frames[int(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1]))],
        frame_lit=rng.uniform(0.6, 0.9),
        panes=int(rng.integers(1, 4)),
        transom=bool(rng.random() < 0.5),
        skyline=rng.uniform(top - 0.2 * (base - top), base),
        sky=sky,
        lit_share=rng.uniform(0.12, 0.45),
        metre=metre,
    )


def paint_window(strip: Canvas, rng: np.random.Generator, box: Box, glazing: Glazing, wall: Bands) -> None:
    """A window set back in the wall: its reveal, frame, panes and sill."""
    left, top, right, bottom = box
    edge = 0.06 * glazing.metre
    rectangle(strip, left - edge, top - edge, right + edge, bottom + edge, tone(wall, 0.62))
    rectangle(strip, left, top, right, bottom, tone(glazing.frame, glazing.frame_lit))
    pane_w = (right - left - edge) / glazing.panes
    split = top + (0.3 * (bottom - top) if glazing.transom else 0)
    fate = rng.random()
    for i in range(glazing.panes):
        x = left + edge + i * pane_w
        pane = x, top + edge, x + pane_w - edge, bottom - edge
        _behind(strip, rng, pane, glazing, fate)
        if glazing.transom:
            line(strip, [(x, split), (x + pane_w, split)], 0.8 * edge, tone(glazing.frame, glazing.frame_lit))
    shadow(strip, [(left, top), (right, top), (right, top + 2.4 * edge), (left, top + 2.4 * edge)], 0.95, 0.8)
    shadow(strip, [(left, top), (left + 1.5 * edge, top), (left + 1.5 * edge, bottom), (left, bottom)], 0.95, 0.7)
    sill = bottom + 1.4 * edge
    rectangle(strip, left - 1.6 * edge, bottom, right + 1.6 * edge, sill, tone(wall, 1.22))
    foot = [(left - edge, sill), (right + 2 * edge, sill), (right + 2 * edge, sill + 2 * edge), (left, sill + 2 * edge)]
    shadow(strip, foot, 0.8, 0.9)


def _behind(strip: Canvas, rng: np.random.Generator, pane: Box, glazing: Glazing, fate: float) -> None:
    """What is seen in a pane: a dark or lit room, a curtain, the sky or the houses across."""
    left, top, right, bottom = pane
    if rng.random() < glazing.lit_share and fate < 0.75:
        _lit_room(strip, rng, pane)
        return
    rectangle(strip, left, top, right, bottom, tone(materials.GLASS, 0.35 + 0.5 * fate, sun=0.4))
    if fate < 0.45:
        drop = top + (0.3 + 0.7 * rng.random()) * (bottom - top)
        cloth = varied(materials.CURTAIN, rng)
        rectangle(strip, left, top, right, drop, tone(cloth, 0.3 + 0.5 * fate, sun=0.35))
        for x in np.arange(left, right, max(3.0, 0.12 * glazing.metre)):
            line(strip, [(x, top), (x, drop)], 0.8, tone(cloth, 0.25 + 0.4 * fate, sun=0.35))
        return
    mirrored = float(np.clip((glazing.skyline - top) / max(bottom - top, 1), 0, 1))
    if mirrored > 0:
        end, slope = top + mirrored * (bottom - top), 0.16 * (bottom - top) * (fate - 0.6)
        sky = [(left, top), (right, top), (right, min(bottom, end + slope)), (left, min(bottom, end - slope))]
        polygon(strip, sky, tone(glazing.sky, 0.5 + 0.4 * fate, sun=0.3))


def _lit_room(strip: Canvas, rng: np.random.Generator, pane: Box) -> None:
    left, top, right, bottom = pane
    glow, cloth = rng.uniform(0.3, 0.65), varied(materials.CURTAIN, rng, 0.15)
    rectangle(strip, left, top, right, bottom, tone(cloth, 0.5, sun=0.0, lamp=glow))
    ceiling = top + 0.22 * (bottom - top)
    rectangle(strip, left, top, right, ceiling, tone(cloth, 0.62, sun=0.0, lamp=glow))
    if rng.random() < 0.5:
        x = rng.uniform(left, right)
        polygon(strip, [(left, top), (x, top), (left, bottom)], tone(cloth, 0.4, sun=0.2, lamp=0.7 * glow))
    rectangle(strip, left, bottom - 0.2 * (bottom - top), right, bottom, tone(materials.BARK, 0.6, sun=0, lamp=glow))


def paint_balcony(strip: Canvas, rng: np.random.Generator, box: Box, wall: Bands, metre: float) -> None:
    """A slab with a railing or a parapet; `box` from the rail down to the slab."""
    left, rail, right, slab = box
    if rng.random() < 0.4:
        rectangle(strip, left, rail, right, slab, tone(varied(wall, rng), 1.05))
        rectangle(strip, left, rail, right, rail + 0.08 * metre, tone(wall, 1.2))
    else:
        for x in np.arange(left, right, 0.26 * metre):
            line(strip, [(x, rail), (x, slab)], 0.035 * metre, tone(materials.IRON, 1.3))
        line(strip, [(left, rail), (right, rail)], 0.07 * metre, tone(materials.IRON, 1.5))
    rectangle(strip, left, slab, right, slab + 0.18 * metre, tone(wall, 1.18))
    under = [(left, slab + 0.18 * metre), (right, slab + 0.18 * metre)]
    under += [(right + 0.2 * metre, slab + 0.8 * metre), (left + 0.2 * metre, slab + 0.8 * metre)]
    shadow(strip, under, 0.92, 1.2)


def paint_door(strip: Canvas, rng: np.random.Generator, left: float, base: float, metre: float, wall: Bands) -> None:
    top, right = base - 2.5 * metre, left + 1.5 * metre
    rectangle(strip, left - 0.2 * metre, top - 0.2 * metre, right + 0.2 * metre, base, tone(wall, 1.15))
    leaf = varied((materials.BARK, materials.IRON, materials.SIGN_GREEN)[int(rng.integers(3))], rng)
    rectangle(strip, left, top, right, base, tone(leaf, 0.8, sun=0.5))
    rectangle(strip, left, top, right, top + 0.5 * metre, tone(materials.CURTAIN, 0.6, sun=0.0, lamp=0.6))
    line(strip, [((left + right) / 2, top), ((left + right) / 2, base)], 0.05 * metre, tone(materials.IRON))
    shadow(strip, [(left, top), (right, top), (right, top + 0.4 * metre), (left, base)], 0.9, 1.0)


def paint_shop(
    strip: Canvas, rng: np.random.Generator, edge: tuple[float, float, float], metre: float, wall: Bands
) -> None:
    """A shop between two columns, standing on the last of `edge`."""
    left, right, base = edge
    top, dye = base - 3.1 * metre, _DYES[int(rng.integers(len(_DYES)))]
    ink = materials.IRON if dye in _PALE else materials.WHITE_PAINT
    rectangle(strip, left, top, right, base, tone(wall if rng.random() < 0.5 else materials.IRON, 0.7))
    lamp = rng.uniform(0.55, 0.95) if rng.random() < 0.8 else 0.0
    width = rng.uniform(1.5, 2.4) * metre
    for x in np.arange(left + 0.15 * metre, right - 0.8 * width, width + 0.12 * metre):
        _show_window(strip, rng, (x, top + 0.85 * metre, min(x + width, right - 0.1 * metre), base - 0.3 * metre), lamp)
    board = varied(dye, rng)
    rectangle(strip, left, top, right, top + 0.75 * metre, tone(board, lamp=0.45 * lamp))
    name = str(rng.choice(_NAMES))
    size = rng.uniform(0.36, 0.46) * metre
    shift = rng.uniform(0.1, max(0.15, (right - left) / metre - 0.75 * size / metre * len(name))) * metre
    lettering(strip, name, left + shift, top + 0.58 * metre, size, tone(ink, 0.95, lamp=0 if dye in _PALE else lamp))
    if rng.random() < 0.45:
        _awning(strip, rng, (left, top + 0.78 * metre, right), metre, dye)
    else:
        line(strip, [(left, top + 0.75 * metre), (right, top + 0.75 * metre)], 0.06 * metre, tone(board, 0.5))
        below = [(left, top + 0.78 * metre), (right, top + 0.78 * metre)]
        shadow(strip, [*below, (right, top + 1.05 * metre), (left, top + 1.05 * metre)], 0.9, 1.5)
    if rng.random() < 0.35:
        paint_blade(strip, rng, right - 0.3 * metre, top - 0.1 * metre, metre, lamp)


def paint_blade(strip: Canvas, rng: np.random.Generator, x: float, bottom: float, metre: float, lamp: float) -> None:
    """A sign that hangs upright on the front, a letter below the other."""
    name, dye = str(rng.choice(_NAMES)).replace(" ", ""), _DYES[int(rng.integers(len(_DYES)))]
    ink = materials.IRON if dye in _PALE else materials.WHITE_PAINT
    pitch = 0.5 * metre
    top, half = bottom - pitch * (len(name) + 0.4), 0.34 * metre
    shadow(strip, [(x, top + half), (x + 2 * half, top + half), (x + 2 * half, bottom + half), (x, bottom + half)], 0.8)
    rectangle(strip, x - half - 2, top - 2, x + half + 2, bottom + 2, tone(materials.STEEL, 0.7))
    rectangle(strip, x - half, top, x + half, bottom, tone(varied(dye, rng), lamp=0.6 * lamp))
    for i, letter in enumerate(name):
        y = top + pitch * (i + 0.95)
        lettering(strip, letter, x - 0.16 * metre, y, 0.36 * metre, tone(ink, lamp=0 if dye in _PALE else lamp))


def _show_window(strip: Canvas, rng: np.random.Generator, box: Box, lamp: float) -> None:
    left, top, right, bottom = box
    rectangle(strip, left, top, right, bottom, tone(materials.CURTAIN, 0.3, sun=0.1, lamp=lamp))
    rectangle(strip, left, top, right, top + 0.16 * (bottom - top), tone(materials.CURTAIN, 0.42, sun=0.0, lamp=lamp))
    shelf = 0.25 * (bottom - top)
    for level in np.arange(top + 0.3 * (bottom - top), bottom, shelf):
        x = left + 2
        while x < right - 3:
            wide = rng.uniform(0.25, 0.9) * shelf
            cloth = materials.TEXTILES[int(rng.integers(len(materials.TEXTILES)))]
            high = min(level + shelf, bottom) - rng.uniform(0.3, 0.85) * shelf
            goods = tone(cloth, rng.uniform(0.3, 0.75), sun=0.15, lamp=lamp)
            rectangle(strip, x, high, min(x + wide, right - 2), min(level + shelf, bottom), goods)
            x += wide * rng.uniform(1.0, 1.6)
    if rng.random() < 0.6:
        middle, slope = left + rng.uniform(0.1, 0.7) * (right - left), 0.3 * (bottom - top)
        sheen = [
            (middle, top),
            (min(middle + slope, right), top),
            (middle, bottom),
            (max(left, middle - slope), bottom),
        ]
        polygon(strip, sheen, tone(materials.GLASS_SKY, 0.5, sun=0.0, lamp=0.7 * lamp))


def _awning(
    strip: Canvas, rng: np.random.Generator, edge: tuple[float, float, float], metre: float, dye: Bands
) -> None:
    left, top, right = edge
    drop, stripe = rng.uniform(0.6, 0.9) * metre, rng.uniform(0.25, 0.45) * metre
    plain = rng.random() < 0.4
    for i, x in enumerate(np.arange(left, right, stripe)):
        cloth = dye if plain or i % 2 else materials.WHITE_PAINT
        end = min(x + stripe, right)
        rectangle(strip, x, top, end, top + drop, tone(cloth, 0.95))
        rectangle(strip, x, top + 0.8 * drop, end, top + drop, tone(cloth, 0.72, sun=0.7))
    under = [(left, top + drop), (right, top + drop), (right + 0.3 * metre, top + 2.2 * drop), (left, top + 2.2 * drop)]
    shadow(strip, under, 0.95, 2.0)
