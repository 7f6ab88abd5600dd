"""People who walk to the right, in eight pictures to the double step, and some who stand and wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nirvis_capture.twin.light import materials
from nirvis_capture.twin.light.spectra import Bands
from nirvis_capture.twin.scenery.paint import varied
from nirvis_capture.twin.scenery.sprite import Easel, Figure, Sprite, rounded

PHASES = 12
STRIDE_M = 1.5
"""Way of a double step."""

_TROUSERS = (1, 1, 2, 3, 5)
"""Indices into `materials.TEXTILES`: darker than what is worn above."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Looks:
    """Of one person."""

    height: float
    stout: float
    top: Bands
    trousers: Bands
    shoes: Bands
    hair: Bands
    skin: Bands
    bag: Bands | None
    skirt: bool
    coat: bool
    long_hair: bool
    short_sleeves: bool
    umbrella: Bands | None


def walker(rng: np.random.Generator, metre: float, heading: int = 1, wet: bool = False) -> Figure:
    """Somebody, in the phases of walking; in the rain often under an umbrella."""
    looks = choose_looks(rng, wet)
    ground = cache(lambda: _ground(looks, metre))

    def paint(phase: int) -> Sprite:
        sprite = _phase(ground().copy(), looks, 2 * np.pi * phase / PHASES, wet)
        return sprite if heading > 0 else sprite.mirrored()

    return Figure(PHASES, paint)


def bystander(rng: np.random.Generator, metre: float, wet: bool = False) -> Figure:
    """Somebody who stands."""
    looks, rightwards = choose_looks(rng, wet), rng.random() < 0.5

    def paint(_: int) -> Sprite:
        sprite = _phase(_ground(looks, metre), looks, 0.0, wet, stride=0.12)
        return sprite if rightwards else sprite.mirrored()

    return Figure(1, paint)


def choose_looks(rng: np.random.Generator, wet: bool = False) -> Looks:
    dye = rng.integers(len(materials.TEXTILES), size=4)
    cold = wet or rng.random() < 0.4
    return Looks(
        height=rng.uniform(1.5, 1.86),
        stout=rng.uniform(0.9, 1.2),
        top=varied(materials.TEXTILES[int(dye[0])], rng, 0.1, 0.2),
        trousers=varied(materials.TEXTILES[_TROUSERS[int(dye[1]) % 5]], rng, 0.1, 0.3),
        shoes=materials.RUBBER if rng.random() < 0.7 else materials.WHITE_PAINT,
        hair=varied(materials.HAIR, rng, 0.2, 0.6),
        skin=varied(materials.SKIN, rng, 0.05, 0.25),
        bag=varied(materials.TEXTILES[int(dye[2])], rng) if rng.random() < 0.5 else None,
        skirt=bool(rng.random() < 0.25),
        coat=bool(cold and rng.random() < 0.6),
        long_hair=bool(rng.random() < 0.4),
        short_sleeves=bool(not cold and rng.random() < 0.6),
        umbrella=varied(materials.TEXTILES[int(dye[3])], rng) if wet and rng.random() < 0.7 else None,
    )


def _ground(looks: Looks, metre: float) -> Easel:
    """The shadow below somebody, which does not walk."""
    size = looks.height
    easel = Easel(1.1 * size, (1.38 if looks.umbrella else 1.08) * size, metre, below_m=0.26)
    easel.ground_shadow((0.55 - 0.22) * size, (0.55 + 0.3) * size, 0.4)
    return easel


def _phase(easel: Easel, looks: Looks, phase: float, wet: bool, stride: float = 1.0) -> Sprite:
    size = looks.height
    middle = 0.55 * size
    hip = (middle, 0.505 * size + 0.012 * size * float(np.cos(2 * phase)) * stride)
    neck = (middle + 0.015 * size, hip[1] + 0.325 * size)
    _leg(easel, looks, hip, phase + np.pi, 0.72, stride)
    paint_arm(easel, looks, neck, phase, 0.7, stride)
    _leg(easel, looks, hip, phase, 1.0, stride)
    paint_torso(easel, looks, hip, neck)
    if looks.bag is not None:
        bag = [(-0.13, 0.44), (-0.015, 0.43), (-0.005, 0.57), (-0.12, 0.58)]
        if looks.coat or looks.short_sleeves:
            bag = [(-0.16, 0.62), (-0.07, 0.59), (-0.06, 0.79), (-0.13, 0.8)]
        easel.shape(rounded([(middle + x * size, y * size) for x, y in bag]), looks.bag, 0.85)
        easel.limb([neck, (middle - 0.06 * size, 0.57 * size)], 0.012 * size, looks.bag, 0.6)
    if looks.umbrella is not None:
        _umbrella(easel, looks, neck)
    paint_arm(easel, looks, neck, phase + np.pi, 1.0, stride, raised=looks.umbrella is not None)
    paint_head(easel, looks, neck)
    easel.round_off(0.03, 0.45)
    return easel.finish(wet)


def _leg(easel: Easel, looks: Looks, hip: Point, phase: float, lit: float, stride: float) -> None:
    size = looks.height
    swing = stride * 0.42 * float(np.sin(phase))
    bend = stride * (0.7 * max(0.0, float(np.cos(phase))) ** 1.5 + 0.06)
    knee = (hip[0] + 0.25 * size * np.sin(swing), hip[1] - 0.25 * size * np.cos(swing))
    foot = (knee[0] + 0.235 * size * np.sin(swing - bend), knee[1] - 0.235 * size * np.cos(swing - bend))
    paint_leg(easel, looks, (hip, knee, foot), lit)


def paint_leg(easel: Easel, looks: Looks, joints: tuple[Point, Point, Point], lit: float) -> None:
    """From the hip over the knee to the foot, with its shoe."""
    size, (hip, knee, foot) = looks.height, joints
    cloth = looks.skin if looks.skirt else looks.trousers
    easel.limb([hip, knee], 0.085 * size * looks.stout, cloth, lit)
    easel.limb([knee, foot], (0.048 if looks.skirt else 0.066) * size, cloth, 0.95 * lit)
    easel.limb([foot, (foot[0] + 0.075 * size, foot[1] - 0.012 * size)], 0.04 * size, looks.shoes, lit)


def paint_arm(
    easel: Easel, looks: Looks, neck: Point, phase: float, lit: float, stride: float, raised: bool = False
) -> None:
    size = looks.height
    swing, fold = (0.35, 2.0) if raised else (stride * 0.38 * float(np.sin(phase)), 0.3)
    shoulder = (neck[0] - 0.01 * size, neck[1] - 0.035 * size)
    elbow = (shoulder[0] + 0.165 * size * np.sin(swing), shoulder[1] - 0.165 * size * np.cos(swing))
    hand = (elbow[0] + 0.14 * size * np.sin(swing + fold), elbow[1] - 0.14 * size * np.cos(swing + fold))
    easel.limb([shoulder, elbow], 0.052 * size * looks.stout, looks.top, 0.92 * lit)
    easel.limb([elbow, hand], 0.04 * size, looks.skin if looks.short_sleeves else looks.top, 0.9 * lit)
    easel.disc(hand[0], hand[1], 0.024 * size, looks.skin, lit)


def paint_torso(easel: Easel, looks: Looks, hip: Point, neck: Point) -> None:
    size, wide = looks.height, looks.height * looks.stout
    chest = [(hip[0] - 0.062 * wide, hip[1] - 0.02 * size), (hip[0] - 0.072 * wide, hip[1] + 0.12 * size)]
    chest += [(neck[0] - 0.075 * wide, neck[1] - 0.07 * size), (neck[0] - 0.03 * wide, neck[1] + 0.005 * size)]
    chest += [(neck[0] + 0.03 * wide, neck[1] + 0.005 * size), (neck[0] + 0.07 * wide, neck[1] - 0.08 * size)]
    chest += [(hip[0] + 0.072 * wide, hip[1] + 0.12 * size), (hip[0] + 0.064 * wide, hip[1] - 0.02 * size)]
    easel.shape(chest, looks.top)
    fold = [(hip[0] - 0.02 * wide, hip[1] - 0.02 * size), (hip[0] + 0.03 * wide, hip[1] + 0.13 * size)]
    easel.limb(fold, 0.012 * size, looks.top, 0.8)
    if looks.coat or looks.skirt:
        low = 0.2 if looks.skirt else 0.14
        hem = [(hip[0] - 0.075 * wide, hip[1] + 0.04 * size), (hip[0] + 0.075 * wide, hip[1] + 0.04 * size)]
        hem += [(hip[0] + 0.11 * wide, hip[1] - low * size), (hip[0] - 0.11 * wide, hip[1] - low * size)]
        easel.shape(hem, looks.trousers if looks.skirt and not looks.coat else looks.top, 0.95)


def paint_head(easel: Easel, looks: Looks, neck: Point) -> None:
    size = looks.height
    x, y = neck[0] + 0.018 * size, neck[1] + 0.098 * size
    easel.limb([(neck[0], neck[1] - 0.01 * size), (x, y)], 0.046 * size, looks.skin, 0.8)
    if looks.long_hair:
        easel.limb([(x - 0.03 * size, y), (x - 0.045 * size, y - 0.11 * size)], 0.06 * size, looks.hair, 0.9)
    easel.disc(x, y, 0.054 * size, looks.skin, 1.0, 1.25)
    easel.disc(x - 0.016 * size, y + 0.022 * size, 0.054 * size, looks.hair, 1.0, 1.1)
    face = [
        (x + 0.008 * size, y + 0.03 * size),
        (x + 0.052 * size, y + 0.025 * size),
        (x + 0.058 * size, y - 0.01 * size),
    ]
    face += [(x + 0.035 * size, y - 0.06 * size), (x + 0.005 * size, y - 0.05 * size)]
    easel.shape(face, looks.skin)


def _umbrella(easel: Easel, looks: Looks, neck: Point) -> None:
    size = looks.height
    x, y = neck[0] + 0.09 * size, neck[1] + 0.2 * size
    turn = np.linspace(0, np.pi, 15)
    edge = 0.02 * size * np.abs(np.sin(4 * turn))
    dome = np.stack([x + 0.36 * size * np.cos(turn), y + 0.2 * size * np.sin(turn)], 1)
    hem = np.stack([x - 0.36 * size * np.cos(turn), y + edge], 1)
    easel.limb([(x, y + 0.22 * size), (x + 0.015 * size, neck[1] - 0.1 * size)], 0.012 * size, materials.STEEL, 0.8)
    cloth = looks.umbrella or looks.top
    easel.shape(np.concatenate([dome, hem]), cloth, 0.95)
    for rib in (0.22, -0.02):
        easel.limb([(x, y + 0.2 * size), (x + rib * size, y + 0.02 * size)], 0.008 * size, cloth, 0.7)
