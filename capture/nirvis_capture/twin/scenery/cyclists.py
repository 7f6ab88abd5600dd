"""People on bicycles, heading right, in the phases of a turn of the pedals."""

from __future__ import annotations

from functools import cache

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import varied
from nirvis_capture.twin.scenery.people import PHASES, Looks, Point, choose_looks, paint_head, paint_leg, paint_torso
from nirvis_capture.twin.scenery.sprite import Easel, Figure, Sprite, circle

PEDAL_M = 4.2
"""Way of one turn of the pedals."""
_WHEEL_M = 0.34
_CRANK: Point = (1.02, 0.32)
_SADDLE: Point = (0.82, 0.95)
_BARS: Point = (1.46, 1.02)
_REAR, _FRONT = 0.55, 1.6


def cyclist(rng: np.random.Generator, metre: float, heading: int = 1, wet: bool = False) -> Figure:
    """Somebody on a bicycle, with its lamps."""
    looks, frame = choose_looks(rng), varied(materials.CAR_PAINTS[int(rng.integers(6))], rng)
    ground = cache(lambda: _ground(metre))

    def paint(phase: int) -> Sprite:
        sprite = _phase(ground().copy(), looks, frame, 2 * np.pi * phase / PHASES, wet)
        return sprite if heading > 0 else sprite.mirrored()

    return Figure(PHASES, paint)


def _ground(metre: float) -> Easel:
    """The shadow below, which does not turn."""
    easel = Easel(2.2, 1.95, metre, below_m=0.26)
    easel.ground_shadow(_REAR - 0.3, _FRONT + 0.3, 0.3)
    return easel


def _phase(easel: Easel, looks: Looks, frame: Bands, turn: float, wet: bool) -> Sprite:
    hip = (_SADDLE[0] + 0.02, _SADDLE[1] + 0.06)
    paint_leg(easel, looks, _pedalling(looks, hip, turn + np.pi), 0.7)
    _bicycle(easel, frame, turn)
    paint_leg(easel, looks, _pedalling(looks, hip, turn), 1.0)
    neck = (hip[0] + 0.26 * looks.height, hip[1] + 0.27 * looks.height)
    paint_torso(easel, looks, hip, neck)
    elbow = ((neck[0] + _BARS[0]) / 2, (neck[1] + _BARS[1]) / 2 - 0.08)
    easel.limb([(neck[0] - 0.02, neck[1] - 0.05), elbow], 0.05 * looks.height, looks.top, 0.9)
    easel.limb([elbow, _BARS], 0.04 * looks.height, looks.skin if looks.short_sleeves else looks.top, 0.85)
    paint_head(easel, looks, neck)
    easel.round_off(0.03, 0.4)
    return easel.finish(wet)


def _pedalling(looks: Looks, hip: Point, turn: float) -> tuple[Point, Point, Point]:
    """Hip, knee and foot on the pedal: the two bones meet in the knee."""
    foot = (_CRANK[0] + 0.17 * float(np.cos(turn)), _CRANK[1] - 0.17 * float(np.sin(turn)) + 0.05)
    bone = 0.255 * looks.height
    dx, dy = foot[0] - hip[0], foot[1] - hip[1]
    reach = min(float(np.hypot(dx, dy)), 1.98 * bone)
    out = float(np.sqrt(bone**2 - (reach / 2) ** 2))
    knee = ((hip[0] + foot[0]) / 2 - out * dy / reach, (hip[1] + foot[1]) / 2 + out * dx / reach)
    return hip, knee, foot


def _bicycle(easel: Easel, frame: Bands, turn: float) -> None:
    for x in (_REAR, _FRONT):
        rim = np.asarray(circle(x, _WHEEL_M, _WHEEL_M - 0.02))
        easel.limb(np.concatenate([rim, rim[:1]]), 0.035, materials.RUBBER)
        for spoke in np.arange(5) * np.pi / 5 - 2.0 * turn:
            away = (_WHEEL_M - 0.03) * np.array([np.cos(spoke), np.sin(spoke)])
            easel.limb([(x - away[0], _WHEEL_M - away[1]), (x + away[0], _WHEEL_M + away[1])], 0.006, materials.STEEL)
    head = (_BARS[0] - 0.02, 0.85)
    for tube in ([(_REAR, _WHEEL_M), _CRANK, head, (0.86, 0.8)], [_CRANK, _SADDLE], [head, (_FRONT, _WHEEL_M)]):
        easel.limb(tube, 0.035, frame, 0.9)
    easel.limb([(_REAR, _WHEEL_M), (0.86, 0.8)], 0.025, frame, 0.8)
    easel.limb([head, _BARS], 0.03, materials.STEEL, 0.7)
    easel.limb([(_SADDLE[0] - 0.12, _SADDLE[1]), (_SADDLE[0] + 0.1, _SADDLE[1] - 0.02)], 0.06, materials.RUBBER)
    easel.shape(circle(_FRONT - 0.1, 0.82, 0.045), materials.HEAD_LAMP, lamp=1.0)
    easel.shape(circle(_REAR - 0.12, 0.7, 0.035), materials.TAIL_LAMP, lamp=0.8)
