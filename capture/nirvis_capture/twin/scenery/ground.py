"""The floor of a street: asphalt with its marks and repairs, kerbs, paving stone by stone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.scenery.paint import (
    Canvas,
    Ink,
    ellipse,
    line,
    polygon,
    rectangle,
    soft_shape,
    tone,
    varied,
    veil,
)
from nirvis_capture.twin.scenery.textures import Relief, blotches, courses, grain, relief
from nirvis_capture.twin.scenery.view import View

_PLAN_PX = (50.0, 30.0)
"""Pixels per metre of a plan of the paving, across and along the line of sight."""


def paint_ground(canvas: Canvas, rng: np.random.Generator, view: View) -> None:
    """Everything below the feet of the fronts."""
    first = int(min(view.front_foot(0), view.front_foot(view.width)))
    floor = Canvas.blank(view.width, view.height)
    kerb, near = view.row(view.far_kerb_m), view.row(view.near_kerb_m)
    rectangle(floor, 0, first, view.width, view.height, tone(varied(materials.PAVING, rng, 0.04, 0.2)))
    asphalt = varied(materials.ASPHALT, rng, 0.02, 0.15)
    if rng.random() < 0.3:
        rectangle(floor, 0, near, view.width, view.height, tone(asphalt, 1.35))
    rectangle(floor, 0, kerb, view.width, near, tone(asphalt))
    _repairs(floor, rng, view)
    _markings(floor, rng, view)
    _tactile(floor, rng, view)
    _joints(floor, rng, view)
    relief(floor.part(0, first, view.width, view.height), _surface(rng, view, first), 0.9)
    _kerbs(floor, view)
    mask = np.zeros(canvas.cover.shape, np.uint8)
    outline = [(0, view.front_foot(0)), (view.width, view.front_foot(view.width)), (view.width, view.height)]
    cv2.fillPoly(mask, [np.rint([*outline, (0, view.height)]).astype(np.int32)], 255)
    for sheet, over in zip(canvas.sheets, floor.sheets, strict=True):
        cv2.copyTo(over, mask, sheet)
    _corner(canvas, view)


def _corner(canvas: Canvas, view: View) -> None:
    """Dirt and dusk where the fronts meet the ground."""
    left, right = view.front_foot(0), view.front_foot(view.width)
    reach = 0.01 * view.height
    foot = [(0, left - 0.3 * reach), (view.width, right - 0.3 * reach), (view.width, right + reach), (0, left + reach)]
    share, x, y = soft_shape(foot, 0.5 * reach, view.width, view.height)
    veil(canvas, share * np.float32(0.45), tone(materials.RUBBER, sun=0.4), x, y)


def _kerbs(floor: Canvas, view: View) -> None:
    for distance_m in (view.far_kerb_m, view.near_kerb_m):
        row, height = view.row(distance_m), 0.14 * view.scale(distance_m)
        rectangle(floor, 0, row - height, view.width, row, tone(materials.KERB, 0.95))
        rectangle(floor, 0, row - 0.3 * height, view.width, row + 0.4 * height, tone(materials.KERB, 0.5, sun=0.4))
        reach = view.half_width_m(distance_m) + 1
        for x_m in np.arange(-reach, reach, 1.0):
            x = view.ground(x_m, distance_m)[0]
            line(floor, [(x, row - height), (x, row)], 0.02 * view.scale(distance_m), tone(materials.KERB, 0.6))


def _markings(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    worn = rng.uniform(0.6, 0.9)
    white = tone(materials.WHITE_PAINT, worn)
    far_m = view.far_kerb_m - view.parking_m
    for lane in range(1, view.lanes):
        distance_m = far_m - lane * view.LANE_M
        reach, start = view.half_width_m(distance_m) + 6, rng.uniform(0, 6)
        colour = tone(materials.SIGN_YELLOW, 0.8 * worn) if lane == 1 and rng.random() < 0.3 else white
        dash = 6.0 if rng.random() < 0.25 else 3.0
        for x in np.arange(-reach + start, reach, 6.0):
            _strip(floor, view, (x, x + dash), (distance_m - 0.08, distance_m + 0.08), colour)
    for edge_m in (far_m - 0.35, view.near_kerb_m + 0.45):
        reach = view.half_width_m(edge_m) + 2
        _strip(floor, view, (-reach, reach), (edge_m - 0.06, edge_m + 0.06), white)
    reach = view.half_width_m(view.far_kerb_m)
    for _ in range(1 + int(view.width > 1.6 * view.height)):
        if rng.random() < 0.6:
            _crossing(floor, view, rng.uniform(-0.8, 0.6) * reach, tone(materials.WHITE_PAINT, worn))


def _crossing(floor: Canvas, view: View, x: float, white: Ink) -> None:
    for bar_m in np.arange(view.near_kerb_m + 0.5, view.far_kerb_m - 0.6, 0.95):
        _strip(floor, view, (x, x + 3.6), (bar_m, bar_m + 0.5), white)
    for stop in (x - 2.2, x + 5.4):
        _strip(floor, view, (stop, stop + 0.4), (view.near_kerb_m + 0.5, view.far_kerb_m - 0.5), white)


def _strip(floor: Canvas, view: View, x_m: tuple[float, float], distance_m: tuple[float, float], ink: Ink) -> None:
    near, far = distance_m
    corners = [view.ground(x_m[0], far), view.ground(x_m[1], far), view.ground(x_m[1], near), view.ground(x_m[0], near)]
    polygon(floor, corners, ink)


def _repairs(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    """Patches of newer asphalt, manhole covers, cracks."""
    reach = view.half_width_m(view.far_kerb_m)
    for _ in range(round(reach / 4)):
        x, d = rng.uniform(-reach, reach), rng.uniform(view.near_kerb_m + 0.5, view.far_kerb_m - 0.5)
        long, deep = rng.uniform(0.8, 5), rng.uniform(0.4, 1.4)
        corners = [view.ground(a, b) for a, b in ((x, d), (x + long, d), (x + long, d - deep), (x, d - deep))]
        share, left, top = soft_shape(corners, 0.8, view.width, view.height)
        patch = tone(materials.ASPHALT, rng.uniform(0.6, 1.25))
        veil(floor, share * np.float32(rng.uniform(0.3, 0.9)), patch, left, top)
    for _ in range(round(reach / 6)):
        d = rng.uniform(view.near_kerb_m - 2.5, view.far_kerb_m - 0.8)
        x, y = view.ground(rng.uniform(-reach, reach), d)
        wide, high = 0.34 * view.scale(d), 0.34 * view.scale(d) * view.camera_height_m / d
        ellipse(floor, x, y, 1.12 * wide, 1.12 * high, tone(materials.ASPHALT, 0.6))
        ellipse(floor, x, y, wide, high, tone(materials.IRON, rng.uniform(1.2, 2.2)))
    for _ in range(round(reach / 5)):
        d, x = rng.uniform(view.near_kerb_m, view.far_kerb_m), rng.uniform(-reach, reach)
        steps = np.array([x, d]) + np.cumsum(rng.normal((0.25, 0.0), (0.2, 0.16), (14, 2)), axis=0)
        inside = steps[(steps[:, 1] > view.near_kerb_m + 0.2) & (steps[:, 1] < view.far_kerb_m - 0.2)]
        if len(inside) > 1:
            line(floor, [view.ground(a, b) for a, b in inside], 0.02 * view.scale(d), tone(materials.ASPHALT, 0.45))


def _tactile(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    """Yellow blocks that lead the blind along the near pavement."""
    if rng.random() > 0.4:
        return
    distance_m = view.near_kerb_m - rng.uniform(0.9, 1.4)
    reach, yellow = view.half_width_m(distance_m) + 1, varied(materials.SIGN_YELLOW, rng)
    for x in np.arange(-reach, reach, 0.3):
        _strip(floor, view, (x, x + 0.28), (distance_m - 0.14, distance_m + 0.14), tone(yellow, rng.uniform(0.7, 0.8)))


def _joints(floor: Canvas, rng: np.random.Generator, view: View) -> None:
    """Of the far pavement, where single stones are too small to be seen."""
    near_m, far_m, size = view.far_kerb_m + 0.2, view.facade_m + 6, rng.uniform(0.6, 1.0)
    dark = tone(materials.PAVING, 0.72)
    for distance_m in np.arange(near_m, far_m, size):
        row = view.row(distance_m)
        line(floor, [(0, row), (view.width, row)], 0.02 * view.scale(distance_m), dark)
    reach = view.half_width_m(far_m) + 1
    for x in np.arange(-reach, reach, size):
        line(floor, [view.ground(x, far_m), view.ground(x, near_m)], 0.02 * view.scale(far_m), dark)


def _surface(rng: np.random.Generator, view: View, first: int) -> Relief:
    """Grain that grows towards the camera, stains, tracks of tyres along the lanes, and the stones of the paving."""
    shape = view.height - first, view.width
    nearness = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    total = grain(shape, rng, (1, 1), 0.09) * (1 - nearness) + grain(shape, rng, (2.2, 1.6), 0.11) * nearness
    total *= blotches(shape, rng, 160, 0.035) * grain(shape, rng, (500, 12), 0.05)
    rows = np.arange(first, view.height)
    for lane in range(view.lanes):
        half = 0.3 * abs(view.row(view.lane_m(lane)) - view.row(view.lane_m(lane) + 1))
        for offset_m, depth in ((-0.8, 0.10), (0.8, 0.10), (0.0, -0.05)):
            track = np.exp(-0.5 * ((rows - view.row(view.lane_m(lane) + offset_m)) / half) ** 2)
            total *= (1 - depth * track.astype(np.float32))[:, None]
    return np.asarray(total * _paving(rng, view, first), np.float32)


def _paving(rng: np.random.Generator, view: View, first: int) -> Relief:
    """Slabs, small stones or plain asphalt before the near kerb, drawn as a plan and seen from the camera."""
    near_m = view.focal_px * view.camera_height_m / (view.height - view.horizon_px) - 0.3
    far_m, reach = view.near_kerb_m - 0.12, view.half_width_m(view.near_kerb_m) + 0.5
    stone_m = ((0.6, 0.6), (0.9, 0.45), (0.3, 0.15), (0.0, 0.0))[int(rng.integers(4))]
    if stone_m[0] == 0 or far_m <= near_m:
        return np.ones((view.height - first, view.width), np.float32)
    wide, long = _PLAN_PX
    shape = max(2, round((far_m - near_m) * long)), round(2 * reach * wide)
    plan = courses(shape, rng, (stone_m[0] * wide, stone_m[1] * long), 0.07, -0.32)
    before = np.array([(0, 0), (shape[1], 0), (shape[1], shape[0]), (0, shape[0])], np.float32)
    corners = ((-reach, far_m), (reach, far_m), (reach, near_m), (-reach, near_m))
    after: NDArray[np.float32] = np.array([view.ground(x, d) for x, d in corners], np.float32) - np.array(
        [0, first], np.float32
    )
    seen = cv2.warpPerspective(
        plan,
        cv2.getPerspectiveTransform(before, after),
        (view.width, view.height - first),
        flags=cv2.INTER_LINEAR,
        borderValue=1.0,
    )
    return np.asarray(seen, np.float32)
