"""What stands along a kerb: signs, poles, lamps, railings, a bus stop. Shape and colour of a sign go together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import Canvas, ellipse, lettering, line, polygon, rectangle, tone, varied
from nirvis_capture.twin.scenery.view import View

_PLACES = ("CENTRAL ST", "PARK AVE", "STATION", "HARBOUR", "OLD TOWN", "UNIVERSITY", "CITY HALL", "RIVERSIDE", "ZOO")
_POSTERS = ("OPERA", "JAZZ", "2 FOR 1", "SALE", "CIRCUS", "NEW", "TRAINS", "MUSEUM")


def paint_sign(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    """A blue or green direction sign, a red ring, a blue disc, or a yellow diamond."""
    top = ground - rng.uniform(2.5, 3.4) * metre
    _post(canvas, x, top, ground, 0.08 * metre)
    kind = rng.random()
    if kind < 0.4:
        _name_board(canvas, rng, x, top, metre)
    elif kind < 0.6:
        _disc(canvas, x, top, 0.36 * metre, materials.SIGN_RED)
        _disc(canvas, x, top, 0.26 * metre, materials.WHITE_PAINT)
        number = str(int(rng.choice([30, 40, 50])))
        lettering(canvas, number, x - 0.19 * metre, top + 0.11 * metre, 0.24 * metre, tone(materials.SIGN_BLUE, 0.7))
    elif kind < 0.8:
        _disc(canvas, x, top, 0.36 * metre, materials.WHITE_PAINT)
        _disc(canvas, x, top, 0.33 * metre, materials.SIGN_BLUE)
        line(canvas, [(x, top + 0.2 * metre), (x, top - 0.1 * metre)], 0.08 * metre, tone(materials.WHITE_PAINT))
        arrow = [
            (x - 0.15 * metre, top - 0.05 * metre),
            (x, top - 0.24 * metre),
            (x + 0.15 * metre, top - 0.05 * metre),
        ]
        polygon(canvas, arrow, tone(materials.WHITE_PAINT))
    else:
        for size, bands in ((0.45, materials.WHITE_PAINT), (0.38, materials.SIGN_YELLOW)):
            r = size * metre
            polygon(canvas, [(x, top - r), (x + r, top), (x, top + r), (x - r, top)], tone(bands))


def _post(canvas: Canvas, x: float, top: float, ground: float, width: float) -> None:
    """A round post: bright along one side."""
    line(canvas, [(x, top), (x, ground)], width, tone(materials.STEEL, 0.7))
    line(canvas, [(x - 0.2 * width, top), (x - 0.2 * width, ground)], 0.3 * width, tone(materials.STEEL, 1.15))
    line(canvas, [(x + 0.4 * width, top), (x + 0.4 * width, ground)], 0.2 * width, tone(materials.STEEL, 0.45, sun=0.2))


def _name_board(canvas: Canvas, rng: np.random.Generator, x: float, top: float, metre: float) -> None:
    name = str(rng.choice(_PLACES))
    half, high = 0.155 * metre * len(name) + 0.2 * metre, 0.62 * metre
    dye = varied(materials.SIGN_BLUE if rng.random() < 0.65 else materials.SIGN_GREEN, rng)
    rectangle(canvas, x - half - 2, top - 2, x + half + 2, top + high + 2, tone(materials.WHITE_PAINT))
    rectangle(canvas, x - half, top, x + half, top + high, tone(dye))
    white = tone(materials.WHITE_PAINT)
    lettering(canvas, name, x - half + 0.16 * metre, top + 0.46 * metre, 0.34 * metre, white)


def _disc(canvas: Canvas, x: float, y: float, radius: float, bands: Bands) -> None:
    ellipse(canvas, x, y, radius, radius, tone(bands))


def paint_near_pole(canvas: Canvas, rng: np.random.Generator, view: View, side: int) -> None:
    """A sign, or a mast with traffic lights that reaches out of the picture."""
    distance_m = view.near_kerb_m - rng.uniform(0.8, 2.0)
    metre = view.scale(distance_m)
    x, ground = view.ground(side * rng.uniform(0.3, 0.9) * view.half_width_m(distance_m), distance_m)
    if rng.random() < 0.5:
        paint_sign(canvas, rng, x, ground, metre)
        return
    width = rng.uniform(0.16, 0.24) * metre
    line(canvas, [(x, -5), (x, ground)], width, tone(materials.IRON, 1.2))
    line(canvas, [(x - 0.22 * width, -5), (x - 0.22 * width, ground)], 0.2 * width, tone(materials.IRON, 2.6))
    line(canvas, [(x + 0.35 * width, -5), (x + 0.35 * width, ground)], 0.3 * width, tone(materials.IRON, 0.6, sun=0.2))
    rectangle(canvas, x - 0.8 * width, ground - 0.5 * metre, x + 0.8 * width, ground, tone(materials.IRON, 1.5))
    _traffic_light(canvas, rng, x, ground - 4.1 * metre, metre, -side)


def _traffic_light(canvas: Canvas, rng: np.random.Generator, x: float, y: float, metre: float, side: int) -> None:
    end = x + side * 1.9 * metre
    line(canvas, [(x, y), (end, y)], 0.09 * metre, tone(materials.IRON, 1.5))
    left = min(end, end - side * 1.2 * metre)
    rectangle(canvas, left, y - 0.24 * metre, left + 1.2 * metre, y + 0.24 * metre, tone(materials.IRON, 0.8))
    burning = int(rng.choice([0, 2]))
    lamps = (materials.SIGNAL_GREEN, materials.SIGN_YELLOW, materials.SIGNAL_RED)
    for i, bands in enumerate(lamps):
        ink = tone(bands, 1.0, lamp=1.0) if i == burning else tone(bands, 0.14, sun=0.3)
        cx = left + (0.22 + 0.38 * i) * metre
        ellipse(canvas, cx, y, 0.15 * metre, 0.15 * metre, ink)
        hood = [(cx - 0.17 * metre, y), (cx - 0.12 * metre, y - 0.17 * metre), (cx + 0.12 * metre, y - 0.17 * metre)]
        hood += [(cx + 0.17 * metre, y), (cx + 0.10 * metre, y - 0.12 * metre), (cx - 0.10 * metre, y - 0.12 * metre)]
        polygon(canvas, hood, tone(materials.IRON, 0.6))


def paint_railing(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Guard rails along the near kerb, with a gap or two; white, steel or brown."""
    distance_m = view.near_kerb_m - 0.4
    metre, ground = view.scale(distance_m), view.row(distance_m)
    reach = view.half_width_m(distance_m)
    paint = (materials.WHITE_PAINT, materials.STEEL, materials.BARK)[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
    x = -reach - 1
    while x < reach:
        if rng.random() < 0.78:
            _panel(canvas, view.ground(x, distance_m)[0], ground, metre, varied(paint, rng, 0.02, 0.05))
        x += 2.0


def _panel(canvas: Canvas, left: float, ground: float, metre: float, paint: Bands) -> None:
    right, bar = left + 2.0 * metre, 0.04 * metre
    for height in (0.78, 0.52, 0.26):
        y = ground - height * metre
        rectangle(canvas, left, y - bar, right, y + bar, tone(paint, 0.9))
        rectangle(canvas, left, y + 0.4 * bar, right, y + bar, tone(paint, 0.6, sun=0.3))
    for x in (left, (left + right) / 2):
        rectangle(canvas, x - 1.4 * bar, ground - 0.84 * metre, x + 1.4 * bar, ground, tone(paint, 0.85))
        rectangle(canvas, x + 0.6 * bar, ground - 0.84 * metre, x + 1.4 * bar, ground, tone(paint, 0.6, sun=0.3))


def paint_lamp(canvas: Canvas, x: float, ground: float, top: float, arm: float, metre: float) -> None:
    """A street lamp from (x, ground) up to the row `top`; its light is `arm` pixels aside."""
    turn = np.linspace(0, np.pi / 2, 7)
    arc = np.stack([x + arm * np.sin(turn), top + 0.9 * metre * np.cos(turn)], 1)
    _post(canvas, x, top + 0.9 * metre, ground, 0.15 * metre)
    line(canvas, arc, 0.1 * metre, tone(materials.STEEL, 0.8))
    ellipse(canvas, x + 1.05 * arm, top, 0.45 * metre, 0.1 * metre, tone(materials.STEEL, 1.1))
    ellipse(
        canvas, x + 1.05 * arm, top + 0.06 * metre, 0.36 * metre, 0.07 * metre, tone(materials.WHITE_PAINT, lamp=1.0)
    )


def paint_bus_stop(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    """A shelter with a bench and a lit poster."""
    right, top = x + 3.8 * metre, ground - 2.4 * metre
    rectangle(canvas, x, top, right, ground - 0.3 * metre, tone(materials.GLASS_SKY, 0.45, sun=0.5))
    for post in np.linspace(x, right, 4):
        _post(canvas, float(post), top, ground, 0.07 * metre)
    rectangle(canvas, x - 0.2 * metre, top - 0.16 * metre, right + 0.2 * metre, top, tone(materials.STEEL, 0.75))
    paint_bench(canvas, x + 1.6 * metre, ground, metre)
    left, poster = x + 0.1 * metre, varied(materials.SIGN_RED if rng.random() < 0.5 else materials.SIGN_BLUE, rng)
    rectangle(canvas, left, top + 0.2 * metre, left + 1.2 * metre, ground - 0.35 * metre, tone(materials.IRON, 1.5))
    rectangle(
        canvas,
        left + 0.08 * metre,
        top + 0.28 * metre,
        left + 1.12 * metre,
        ground - 0.43 * metre,
        tone(poster, 0.9, lamp=0.6),
    )
    lettering(
        canvas,
        str(rng.choice(_POSTERS)),
        left + 0.16 * metre,
        top + 0.85 * metre,
        0.24 * metre,
        tone(materials.WHITE_PAINT, lamp=0.7),
    )
    _post(canvas, right + 1.2 * metre, top, ground, 0.07 * metre)
    _disc(canvas, right + 1.2 * metre, top, 0.3 * metre, materials.SIGN_BLUE)
    lettering(canvas, "BUS", right + 0.98 * metre, top + 0.07 * metre, 0.16 * metre, tone(materials.WHITE_PAINT))


def paint_bench(canvas: Canvas, x: float, ground: float, metre: float) -> None:
    wood = materials.TILE
    for height in (0.45, 0.62, 0.78):
        y = ground - height * metre
        rectangle(canvas, x, y - 0.07 * metre, x + 1.6 * metre, y, tone(wood, 0.75))
    for leg in (0.15, 1.35):
        line(
            canvas,
            [(x + leg * metre, ground - 0.8 * metre), (x + leg * metre, ground)],
            0.07 * metre,
            tone(materials.IRON),
        )


def paint_vending(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    """Machines that sell drinks, lit from inside."""
    for i in range(int(rng.integers(1, 4))):
        left, top = x + 1.05 * i * metre, ground - 1.85 * metre
        body = (materials.SIGN_RED, materials.SIGN_BLUE, materials.WHITE_PAINT)[int(rng.integers(3))]
        rectangle(canvas, left, top, left + metre, ground - 0.05 * metre, tone(varied(body, rng), 0.9, lamp=0.2))
        inner = left + 0.1 * metre, top + 0.15 * metre, left + 0.9 * metre, top + 1.0 * metre
        rectangle(canvas, *inner, tone(materials.WHITE_PAINT, 0.8, sun=0.3, lamp=0.8))
        for y in np.arange(inner[1] + 0.05 * metre, inner[3] - 0.2 * metre, 0.27 * metre):
            for can in np.arange(inner[0] + 0.04 * metre, inner[2] - 0.08 * metre, 0.11 * metre):
                cloth = materials.TEXTILES[int(rng.integers(len(materials.TEXTILES)))]
                rectangle(canvas, can, y, can + 0.08 * metre, y + 0.2 * metre, tone(cloth, 0.8, sun=0.2, lamp=0.8))


def paint_wires(canvas: Canvas, rng: np.random.Generator, view: View, distance_m: float) -> None:
    """Poles with cables that sag from one to the next."""
    metre, ground, reach = view.scale(distance_m), view.row(distance_m), view.half_width_m(distance_m)
    poles = np.arange(-reach - rng.uniform(5, 25), reach + 30, rng.uniform(24, 32))
    top = ground - rng.uniform(8, 10) * metre
    columns = [view.ground(float(x), distance_m)[0] for x in poles]
    for x in columns:
        line(canvas, [(x, top - 0.6 * metre), (x, ground)], 0.26 * metre, tone(materials.CONCRETE, 0.75))
        line(
            canvas,
            [(x + 0.08 * metre, top), (x + 0.08 * metre, ground)],
            0.1 * metre,
            tone(materials.CONCRETE, 0.45, 0.2),
        )
        line(canvas, [(x - 0.9 * metre, top), (x + 0.9 * metre, top)], 0.12 * metre, tone(materials.IRON, 2))
        rectangle(
            canvas, x + 0.1 * metre, top + 1.0 * metre, x + 0.6 * metre, top + 1.9 * metre, tone(materials.STEEL, 0.6)
        )
    share = np.linspace(0, 1, 17)
    for height in (0.0, 0.35, 0.9, 1.6):
        sag = rng.uniform(0.5, 1.2) * metre
        for x, end in pairwise(columns):
            rows = top + height * metre + 4 * sag * share * (1 - share)
            line(canvas, np.stack([x + (end - x) * share, rows], 1), 0.035 * metre, tone(materials.IRON))
