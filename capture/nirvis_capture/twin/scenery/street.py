"""Everything of a street that stands still, from the sky down to the hedge before the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.scenery.facades import paint_fronts
from nirvis_capture.twin.scenery.furniture import (
    paint_bench,
    paint_bus_stop,
    paint_lamp,
    paint_near_pole,
    paint_railing,
    paint_sign,
    paint_vending,
    paint_wires,
)
from nirvis_capture.twin.scenery.greenery import foliage, hedge, leaf_colour, tree
from nirvis_capture.twin.scenery.ground import paint_ground
from nirvis_capture.twin.scenery.lighting import Distances, light_up
from nirvis_capture.twin.scenery.paint import (
    AIR,
    Canvas,
    Share,
    lay,
    line,
    mixed,
    rectangle,
    shade,
    shadow,
    tone,
    varied,
    veil,
)
from nirvis_capture.twin.scenery.textures import gradient, grain, relief
from nirvis_capture.twin.scenery.towers import paint_towers
from nirvis_capture.twin.scenery.view import View
from nirvis_capture.twin.scenery.weather import Weather, haze, wet

TOWERS_M, PARK_M = 150.0, 55.0
"""How far away is what is seen above and between the houses."""


def paint_background(canvas: Canvas, rng: np.random.Generator, view: View, weather: Weather) -> Distances:
    """Sky, houses, ground, and what stands on the far pavement: all that traffic passes in front of."""
    cloudy = weather != "clear"
    autumn = rng.uniform(0.3, 0.8) if rng.random() < 0.25 else 0.03
    _sky(canvas, rng, view, cloudy)
    paint_towers(canvas, rng, view, cloudy)
    distance_m = np.where(canvas.light[..., AIR] > 127, np.inf, TOWERS_M).astype(np.float32)
    distance_m[_park(canvas, rng, view, autumn)] = PARK_M
    mirrored = mixed(materials.CLOUD, materials.GLASS, 0.5) if cloudy else materials.GLASS_SKY
    fronts = paint_fronts(canvas, rng, view, mirrored)
    sizes = np.array([view.front_size(x) for x in range(view.width)], np.float32)
    distance_m = np.where(fronts, np.float32(view.facade_m) / sizes, distance_m)
    paint_ground(canvas, rng, view)
    rows = np.arange(view.height, dtype=np.float32)[:, None]
    below = view.focal_px * view.camera_height_m / np.maximum(rows - view.horizon_px, 1e-3)
    distance_m = np.where(rows > view.horizon_px + 1, np.minimum(distance_m, below), distance_m)
    standing = Canvas.blank(view.width, view.height)
    lamps = _pavement(standing, rng, view, autumn)
    lay(canvas, standing)
    distance_m = distance_m.astype(np.float32)
    distance_m[standing.cover > 127] = view.far_kerb_m
    light_up(canvas, view, lamps, distance_m)
    if weather == "rain":
        on_ground = (rows > [view.front_foot(x) for x in range(view.width)]) & (standing.cover < 128)
        wet(canvas, rng, view, on_ground)
        haze(canvas, distance_m)
    return distance_m


def paint_railings(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """What stands along the near kerb and hides the traffic."""
    if rng.random() < 0.6:
        paint_railing(canvas, rng, view)
    for side in rng.permutation([-1, 1])[: int(rng.integers(0, 3))]:
        paint_near_pole(canvas, rng, view, int(side))
    relief(canvas, grain(canvas.cover.shape, rng, (1, 1), 0.03))


def paint_hedges(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """The hedge right before the camera, in most streets."""
    if rng.random() < 0.8:
        height = rng.uniform(0.14, 0.24) * view.height
        length = rng.uniform(0.35, 0.75) * view.width
        left = -0.1 * view.width if rng.random() < 0.5 else 1.1 * view.width - length
        hedge(canvas, rng, left, left + length, view.height + 0.1 * height, height, view.height / 135)
    if rng.random() < 0.3:
        _branches(canvas, rng, view)


def _branches(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Twigs of a tree beside the camera, hanging into the picture."""
    size, leaf, from_right = view.height, leaf_colour(rng), rng.random() < 0.5
    for _ in range(int(rng.integers(2, 5))):
        along = np.linspace(0, 1, 9) * rng.uniform(0.25, 0.55)
        y = rng.uniform(-0.03, 0.06) + rng.uniform(-0.1, 0.12) * along + 0.4 * along**2
        x = 1 - along / view.width * size if from_right else along / view.width * size
        path = np.stack([x * view.width, y * size], 1)
        line(canvas, path, 0.006 * size, tone(materials.BARK, 0.6))
        clumps = path[2:] + rng.normal(0, 0.012, (7, 2)) * size
        foliage(canvas, rng, clumps, 0.028 * size, size / 130, leaf)


def _sky(canvas: Canvas, rng: np.random.Generator, view: View, cloudy: bool) -> None:
    area = canvas.part(0, 0, view.width, _lowest_foot(view))
    if cloudy:
        gradient(area, mixed(materials.CLOUD, materials.CONCRETE, 0.3), materials.CLOUD, rng, air=True)
    else:
        top = varied(materials.SKY_TOP, rng, 0.04)
        gradient(area, top, varied(materials.SKY_LOW, rng, 0.03, 0.06), rng, air=True)
    scale, shape = view.height / 1056, area.cover.shape
    clouds = np.zeros(shape, np.float32)
    for cell, strength in (((420, 110), 1.0), ((140, 45), 0.5), ((45, 20), 0.25), ((14, 8), 0.1)):
        clouds += grain(shape, rng, (cell[0] * scale, cell[1] * scale), 1.0) * np.float32(strength)
    if cloudy:
        relief(area, 1 + 0.05 * (clouds - 1.85))
    else:
        share = np.clip((clouds - rng.uniform(2.2, 3.4)) * 0.8, 0, 0.92)
        veil(area, share, tone(materials.CLOUD, air=1.0))


def _park(canvas: Canvas, rng: np.random.Generator, view: View, autumn: float) -> NDArray[np.bool_]:
    """Trees beyond, seen where the row of houses has a gap; where they are, ``(H, W)``."""
    beyond = Canvas.blank(view.width, view.height)
    ground = view.row(view.facade_m)
    height = ground - view.horizon_px + rng.uniform(0.02, 0.08) * view.height
    rectangle(beyond, 0, view.horizon_px, view.width, _lowest_foot(view), tone(materials.PAVING, 0.6))
    hedge(beyond, rng, -20, view.width + 20, ground, height, view.height / 230)
    metre, reach = view.scale(PARK_M), view.half_width_m(PARK_M)
    for x in np.arange(-reach, reach, rng.uniform(4, 10)) + rng.uniform(-2, 2):
        column = view.ground(float(x), PARK_M)[0] + rng.normal(0, metre)
        tree(beyond, rng, column, ground, rng.uniform(6, 13) * metre, 0.1 * metre, autumn)
    lay(canvas, beyond)
    return np.asarray(beyond.cover > 127)


def _lowest_foot(view: View) -> int:
    return round(max(view.front_foot(0), view.front_foot(view.width))) + 2


def _pavement(canvas: Canvas, rng: np.random.Generator, view: View, autumn: float) -> list[tuple[float, float]]:
    """Hedges, trees, lamps, signs and parked cars between the houses and the road; the lamps: (x in m, height in m)."""
    if rng.random() < 0.35:
        paint_wires(canvas, rng, view, view.far_kerb_m + 0.5)
    _hedges(canvas, rng, view)
    lamps = _lamps(canvas, rng, view)
    _along_the_kerb(canvas, rng, view, autumn)
    return lamps


def _hedges(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    wall_m = view.far_kerb_m + 0.7
    metre, reach = view.scale(wall_m), view.half_width_m(wall_m)
    x = -reach + rng.uniform(-4, 9)
    while x < reach:
        length = rng.uniform(3, 10)
        left, right = view.ground(x, wall_m)[0], view.ground(x + length, wall_m)[0]
        shadow(
            canvas,
            [
                (left, view.row(wall_m) - 2),
                (right + 0.3 * metre, view.row(wall_m) - 2),
                (right + 0.6 * metre, view.row(wall_m - 0.7)),
                (left, view.row(wall_m - 0.7)),
            ],
            0.9,
            2,
        )
        hedge(canvas, rng, left, right, view.row(wall_m), rng.uniform(0.7, 1.2) * metre, metre / 14)
        x += length + rng.uniform(4, 20)


def _lamps(canvas: Canvas, rng: np.random.Generator, view: View) -> list[tuple[float, float]]:
    kerb_m = view.far_kerb_m + 0.5
    metre, ground, reach = view.scale(kerb_m), view.row(kerb_m), view.half_width_m(kerb_m)
    spacing, arm_m, height_m = rng.uniform(13, 20), rng.choice([-1, 1]) * 1.4, rng.uniform(5.8, 7.6)
    lamps = []
    for x_m in np.arange(-reach - rng.uniform(0, spacing), reach + spacing, spacing):
        x = view.ground(float(x_m), kerb_m)[0]
        _long_shadow(canvas, view, x, kerb_m, 0.1)
        paint_lamp(canvas, x, ground, ground - height_m * metre, arm_m * metre, metre)
        lamps.append((float(x_m) + 1.05 * arm_m, height_m))
    return lamps


def _long_shadow(canvas: Canvas, view: View, x: float, distance_m: float, width_m: float) -> None:
    """Of a pole, over the ground towards the camera and to the right."""
    metre, near_m = view.scale(distance_m), distance_m - 3.0
    half = width_m * metre / 2
    end = x + 2.6 * metre
    foot, tip = view.row(distance_m), view.row(near_m)
    shadow(canvas, [(x - half, foot), (x + half, foot), (end + half, tip), (end - half, tip)], 0.85, 1.0)


def _along_the_kerb(canvas: Canvas, rng: np.random.Generator, view: View, autumn: float) -> None:
    kerb_m = view.far_kerb_m + 0.8
    metre, ground, reach = view.scale(kerb_m), view.row(kerb_m), view.half_width_m(kerb_m)
    green = rng.uniform(0.25, 0.7)
    x = -reach + rng.uniform(-2, 3)
    while x < reach:
        column = view.ground(x, kerb_m)[0]
        if rng.random() < green:
            height = rng.uniform(4.5, 9.5) * metre
            _tree_shadow(canvas, rng, column, ground, height, metre)
            tree(canvas, rng, column, ground, height, metre * rng.uniform(0.05, 0.075), autumn)
        else:
            x += _thing(canvas, rng, column, ground, metre)
        x += rng.uniform(2.5, 8.0)


def _thing(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> float:
    """Something on the pavement, and how many metres it takes."""
    kind = rng.random()
    if kind < 0.5:
        paint_sign(canvas, rng, x, ground, metre)
        return 0.0
    if kind < 0.65:
        paint_bench(canvas, x, ground, metre)
        return 1.6
    if kind < 0.85:
        paint_vending(canvas, rng, x, ground - 0.2 * metre, metre)
        return 3.0
    paint_bus_stop(canvas, rng, x, ground, metre)
    return 12.0


def _tree_shadow(
    canvas: Canvas, rng: np.random.Generator, x: float, ground: float, height: float, metre: float
) -> None:
    """Flecks on the ground, to the right of the tree and towards the camera, and on the front behind it."""
    lying = _flecks(rng, (1.2 * metre, 6 * metre), 60, (0.4 * metre, 0.075 * metre))
    shade(canvas, lying, round(x - 0.2 * metre), round(ground - 0.1 * metre))
    hanging = _flecks(rng, (0.62 * height, 0.7 * height), 90, (0.06 * height, 0.05 * height))
    shade(canvas, hanging, round(x - 0.35 * height + 1.7 * metre), round(ground - 0.75 * height))


def _flecks(rng: np.random.Generator, shape: tuple[float, float], count: int, size: tuple[float, float]) -> Share:
    """Soft spots, densest in the middle; `shape` (height, width) and `size` (across, down) in pixels."""
    flecks = np.zeros((max(2, round(shape[0])), max(2, round(shape[1]))), np.float32)
    for _ in range(count):
        x, y = rng.normal(0.5, 0.17, 2) * (shape[1], shape[0])
        radii = rng.uniform(0.5, 1.4, 2) * size
        axes = max(1, round(radii[0])), max(1, round(radii[1]))
        cv2.ellipse(flecks, (round(x), round(y)), axes, 0, 0, 360, (0.9,), cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(flecks, (0, 0), 1.6), np.float32)
