"""Everything of a street that stands still, from the sky down to the hedge before the camera."""

from __future__ import annotations

import numpy as np

from nirvis_capture.twin import spectra
from nirvis_capture.twin.facades import paint_fronts, paint_towers
from nirvis_capture.twin.furniture import Layers, paint_lamp, paint_near_pole, paint_railing, paint_sign
from nirvis_capture.twin.greenery import hedge, tree
from nirvis_capture.twin.paint import (
    Canvas,
    Mask,
    blotches,
    gradient,
    grain,
    light,
    line,
    polygon,
    rectangle,
    shadow,
    tone,
    varied,
)
from nirvis_capture.twin.view import View


def paint_background(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Sky, houses, ground, and what stands on the far pavement: all that traffic passes in front of."""
    _sky(canvas, rng, view)
    paint_towers(canvas, rng, view)
    _park(canvas, rng, view)
    paint_fronts(canvas, rng, view)
    _ground(canvas, rng, view)
    _far_pavement(canvas, rng, view)


def paint_railings(canvas: Canvas, cover: Mask, rng: np.random.Generator, view: View) -> None:
    """What stands along the near kerb and hides the traffic: `cover` is 255 there."""
    layers: Layers = ((canvas, None), (cover, 255))
    if rng.random() < 0.75:
        paint_railing(layers, rng, view)
    for side in rng.permutation([-1, 1])[: int(rng.integers(1, 3))]:
        paint_near_pole(layers, rng, view, int(side))
    light(canvas, grain(cover.shape, rng, (1, 1), 0.03))


def paint_hedges(canvas: Canvas, cover: Mask, rng: np.random.Generator, view: View) -> None:
    """The hedge right before the camera, in most streets."""
    if rng.random() < 0.85:
        _near_hedge(canvas, cover, rng, view)
    light(canvas, grain(cover.shape, rng, (1, 1), 0.03))


def _sky(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    area = canvas[: round(view.row(view.facade_m))]
    gradient(area, varied(spectra.SKY_TOP, rng, 0.04), varied(spectra.SKY_LOW, rng, 0.03, 0.06), rng)
    shape = area.shape[:2]
    clouds = grain(shape, rng, (420, 130), 1.0) + 0.5 * grain(shape, rng, (140, 50), 1.0)
    clouds += 0.25 * grain(shape, rng, (45, 20), 1.0) + 0.1 * grain(shape, rng, (14, 8), 1.0)
    share = np.clip((clouds - rng.uniform(2.2, 3.2)) * 0.8, 0, 0.92)[..., None]
    cloud = np.array(tone(spectra.CLOUD), np.float32)
    area[:] = np.round(area * (1 - share) + cloud * share).astype(np.uint8)


def _park(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Trees beyond, seen where the row of houses has a gap."""
    ground = view.row(view.facade_m)
    hedge(canvas, rng, -20, view.width + 20, ground, rng.uniform(0.06, 0.12) * view.height, view.height / 230)


def _ground(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    foot = round(view.horizon_px + (1 - abs(view.slant) / 2) * (view.row(view.facade_m) - view.horizon_px))
    fronts = np.array([1 - view.slant / 2, 1 + view.slant / 2]) * (view.row(view.facade_m) - view.horizon_px)
    kerb, near = view.row(view.far_kerb_m), view.row(view.near_kerb_m)
    floor = np.zeros_like(canvas)
    rectangle(floor, 0, 0, view.width, view.height, tone(varied(spectra.PAVING, rng, 0.03)))
    rectangle(floor, 0, kerb, view.width, near, tone(varied(spectra.ASPHALT, rng, 0.02)))
    _kerbs(floor, view, kerb, near)
    _markings(floor, rng, view)
    _paving_joints(floor, rng, view)
    _grit(floor[foot:], rng, view)
    mask = np.zeros(canvas.shape[:2], np.uint8)
    left, right = view.horizon_px + fronts
    polygon(mask, [(0, left), (view.width, right), (view.width, view.height), (0, view.height)], 255)
    np.copyto(canvas, floor, where=mask[..., None] > 127)
    foot_shade = [(0, left), (view.width, right), (view.width, right + 9), (0, left + 9)]
    shadow(canvas, foot_shade, 0.35, 4)


def _kerbs(floor: Canvas, view: View, kerb: float, near: float) -> None:
    step = 0.14
    for row, distance_m in ((kerb, view.far_kerb_m), (near, view.near_kerb_m)):
        height = step * view.scale(distance_m)
        rectangle(floor, 0, row - height, view.width, row, tone(spectra.KERB, 1.0))
        rectangle(floor, 0, row - 0.25 * height, view.width, row + 0.4 * height, tone(spectra.KERB, 0.6))


def _markings(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    white = tone(spectra.WHITE_PAINT, 0.86)
    for lane in range(1, view.lanes):
        distance_m = view.far_kerb_m - lane * view.LANE_M
        reach, start = view.half_width_m(distance_m) + 6, rng.uniform(0, 6)
        for x in np.arange(-reach + start, reach, 6.0):
            _strip(floor, view, (x, x + 3.0), (distance_m - 0.08, distance_m + 0.08), white)
    for edge_m in (view.far_kerb_m - 0.45, view.near_kerb_m + 0.45):
        reach = view.half_width_m(edge_m) + 2
        _strip(floor, view, (-reach, reach), (edge_m - 0.06, edge_m + 0.06), white)
    if rng.random() < 0.7:
        x = rng.uniform(-0.7, 0.7) * view.half_width_m(view.far_kerb_m)
        for bar_m in np.arange(view.near_kerb_m + 0.7, view.far_kerb_m - 0.7, 0.95):
            _strip(floor, view, (x, x + 3.6), (bar_m, bar_m + 0.5), tone(spectra.WHITE_PAINT, rng.uniform(0.8, 0.95)))


def _strip(
    floor: Canvas, view: View, x_m: tuple[float, float], distance_m: tuple[float, float], colour: tuple[int, ...]
) -> None:
    near, far = distance_m
    corners = [view.ground(x_m[0], far), view.ground(x_m[1], far), view.ground(x_m[1], near), view.ground(x_m[0], near)]
    polygon(floor, corners, colour)


def _paving_joints(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    colour = tone(spectra.PAVING, 0.72)
    for near_m, far_m in ((view.far_kerb_m + 0.2, view.facade_m + 3), (4.0, view.near_kerb_m - 0.2)):
        size = rng.uniform(0.6, 1.0)
        for distance_m in np.arange(near_m, far_m, size):
            row = view.row(distance_m)
            line(floor, [(0, row), (view.width, row)], 0.025 * view.scale(distance_m), colour)
        reach = view.half_width_m(far_m) + 1
        for x in np.arange(-reach, reach, size):
            line(floor, [view.ground(x, far_m), view.ground(x, near_m)], 0.03 * view.scale(far_m), colour)


def _grit(area: Canvas, rng: np.random.Generator, view: View) -> None:
    """Grain that grows towards the camera, patches, and the darker tracks of tyres along the lanes."""
    shape = area.shape[:2]
    nearness = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    fine, coarse = grain(shape, rng, (1, 1), 0.10), grain(shape, rng, (4, 2.5), 0.13)
    light(area, fine * (1 - nearness) + coarse * nearness, 0.9)
    light(area, blotches((shape[0], shape[1]), rng, 160, 0.03) * grain(shape, rng, (500, 12), 0.05))
    first = view.height - shape[0]
    for lane in range(view.lanes):
        for offset_m in (-0.8, 0.8):
            middle = view.row(view.lane_m(lane) + offset_m) - first
            half = 0.3 * abs(view.row(view.lane_m(lane)) - view.row(view.lane_m(lane) + 1))
            rows = np.exp(-0.5 * ((np.arange(shape[0]) - middle) / half) ** 2)
            light(area, np.repeat((1 - 0.10 * rows)[:, None], shape[1], 1).astype(np.float32))


def _far_pavement(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Hedges, trees, lamps and signs between the houses and the road."""
    wall_m, kerb_m = view.facade_m - 0.8, view.far_kerb_m + 0.8
    reach = view.half_width_m(wall_m)
    x = -reach + rng.uniform(-4, 5)
    while x < reach:
        length = rng.uniform(4, 12)
        left, right = view.ground(x, wall_m)[0], view.ground(x + length, wall_m)[0]
        hedge(
            canvas,
            rng,
            left,
            right,
            view.row(wall_m),
            rng.uniform(0.8, 1.4) * view.scale(wall_m),
            view.scale(wall_m) / 13,
        )
        x += length + rng.uniform(3, 14)
    _along_the_kerb(canvas, rng, view, kerb_m)


def _along_the_kerb(canvas: Canvas, rng: np.random.Generator, view: View, kerb_m: float) -> None:
    metre, ground = view.scale(kerb_m), view.row(kerb_m)
    reach = view.half_width_m(kerb_m)
    x = -reach + rng.uniform(-1, 3)
    while x < reach:
        column = view.ground(x, kerb_m)[0]
        kind = rng.random()
        if kind < 0.5:
            _tree_shadow(canvas, rng, column, ground, metre)
            tree(canvas, rng, column, ground, rng.uniform(4.5, 8.5) * metre)
        elif kind < 0.75:
            paint_lamp(canvas, rng, column, ground, metre)
        else:
            paint_sign((((canvas, None)),), rng, column, ground, metre)
        x += rng.uniform(3.0, 8.5)


def _tree_shadow(canvas: Canvas, rng: np.random.Generator, x: float, ground: float, metre: float) -> None:
    for _ in range(9):
        dx, dy = rng.normal(1.6, 1.2) * metre, abs(rng.normal(0.1, 0.12)) * metre
        turn = np.linspace(0, 2 * np.pi, 12)
        wide, high = rng.uniform(0.5, 1.1) * metre, rng.uniform(0.06, 0.14) * metre
        shadow(canvas, np.stack([x + dx + wide * np.cos(turn), ground + dy + high * np.sin(turn)], 1), 0.3, 2.5)


def _near_hedge(canvas: Canvas, cover: Mask, rng: np.random.Generator, view: View) -> None:
    height = rng.uniform(0.14, 0.24) * view.height
    length = rng.uniform(0.35, 0.75) * view.width
    left = -0.1 * view.width if rng.random() < 0.5 else 1.1 * view.width - length
    hedge(canvas, rng, left, left + length, view.height + 0.1 * height, height, view.height / 135, cover)
