"""People who walk to the right: eight pictures to the double step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirvis_capture.twin import spectra
from nirvis_capture.twin.paint import varied
from nirvis_capture.twin.spectra import Bands
from nirvis_capture.twin.sprite import Easel, Sprite

PHASES = 8
STRIDE_M = 1.5
"""Way of a double step."""


@dataclass(frozen=True)
class Looks:
    """Of one person."""

    height: float
    top: Bands
    trousers: Bands
    hair: Bands
    skin: Bands
    bag: Bands | None
    skirt: bool


def paint_walker(rng: np.random.Generator, metre: float) -> tuple[Sprite, ...]:
    """Somebody, in the phases of walking."""
    looks = _looks(rng)
    return tuple(_phase(looks, 2 * np.pi * i / PHASES, metre) for i in range(PHASES))


def _looks(rng: np.random.Generator) -> Looks:
    dye = rng.integers(len(spectra.TEXTILES), size=3)
    return Looks(
        height=rng.uniform(1.5, 1.85),
        top=varied(spectra.TEXTILES[int(dye[0])], rng),
        trousers=varied(spectra.TEXTILES[int(1 + dye[1] % 3)], rng),
        hair=varied(spectra.HAIR, rng, 0.2, 0.6),
        skin=varied(spectra.SKIN, rng, 0.05, 0.25),
        bag=varied(spectra.TEXTILES[int(dye[2])], rng) if rng.random() < 0.5 else None,
        skirt=bool(rng.random() < 0.25),
    )


def _phase(looks: Looks, phase: float, metre: float) -> Sprite:
    size = looks.height
    easel = Easel(1.1 * size, 1.08 * size, metre, below_m=0.12)
    middle = 0.55 * size
    hip = (middle, 0.5 * size + 0.012 * size * np.cos(2 * phase))
    neck = (middle + 0.02 * size, 0.83 * size)
    easel.ground_shadow(middle - 0.3 * size, middle + 0.35 * size, 0.45)
    _leg(easel, looks, hip, phase + np.pi, 0.75)
    _arm(easel, looks, neck, phase, 0.72)
    _leg(easel, looks, hip, phase, 1.0)
    _torso(easel, looks, hip, neck)
    if looks.bag is not None:
        easel.disc(middle - 0.09 * size, 0.55 * size, 0.1 * size, looks.bag, 0.9, 0.85)
    _arm(easel, looks, neck, phase + np.pi, 1.0)
    _head(easel, looks, neck)
    return easel.finish()


def _leg(easel: Easel, looks: Looks, hip: tuple[float, float], phase: float, lit: float) -> None:
    size = looks.height
    swing = 0.46 * np.sin(phase)
    bend = 0.75 * max(0.0, np.cos(phase)) + 0.08
    knee = (hip[0] + 0.25 * size * np.sin(swing), hip[1] - 0.25 * size * np.cos(swing))
    foot = (knee[0] + 0.23 * size * np.sin(swing - bend), knee[1] - 0.23 * size * np.cos(swing - bend))
    cloth = looks.skin if looks.skirt else looks.trousers
    easel.limb([hip, knee, foot], 0.075 * size, cloth, lit)
    easel.limb([foot, (foot[0] + 0.085 * size, foot[1] - 0.012 * size)], 0.045 * size, spectra.RUBBER, 1.2)


def _arm(easel: Easel, looks: Looks, neck: tuple[float, float], phase: float, lit: float) -> None:
    size = looks.height
    swing = 0.42 * np.sin(phase)
    shoulder = (neck[0] - 0.01 * size, neck[1] - 0.03 * size)
    elbow = (shoulder[0] + 0.17 * size * np.sin(swing), shoulder[1] - 0.17 * size * np.cos(swing))
    hand = (elbow[0] + 0.15 * size * np.sin(swing + 0.3), elbow[1] - 0.15 * size * np.cos(swing + 0.3))
    easel.limb([shoulder, elbow, hand], 0.052 * size, looks.top, 0.9 * lit)
    easel.disc(hand[0], hand[1], 0.027 * size, looks.skin, lit)


def _torso(easel: Easel, looks: Looks, hip: tuple[float, float], neck: tuple[float, float]) -> None:
    size = looks.height
    easel.limb([(hip[0], hip[1] + 0.03 * size), (neck[0], neck[1] - 0.05 * size)], 0.155 * size, looks.top)
    easel.limb(
        [(hip[0] - 0.05 * size, hip[1] + 0.05 * size), (neck[0] - 0.05 * size, neck[1] - 0.08 * size)],
        0.04 * size,
        looks.top,
        1.12,
    )
    if looks.skirt:
        flare = [(hip[0] - 0.07 * size, hip[1] + 0.06 * size), (hip[0] + 0.07 * size, hip[1] + 0.06 * size)]
        flare += [(hip[0] + 0.13 * size, hip[1] - 0.2 * size), (hip[0] - 0.13 * size, hip[1] - 0.2 * size)]
        easel.shape(flare, looks.trousers)


def _head(easel: Easel, looks: Looks, neck: tuple[float, float]) -> None:
    size = looks.height
    x, y = neck[0] + 0.02 * size, 0.925 * size
    easel.limb([neck, (x, y)], 0.05 * size, looks.skin, 0.85)
    easel.disc(x, y, 0.062 * size, looks.skin, 1.0, 1.2)
    easel.disc(x - 0.018 * size, y + 0.025 * size, 0.06 * size, looks.hair, 1.0, 1.05)
    easel.disc(x + 0.035 * size, y - 0.02 * size, 0.035 * size, looks.skin, 1.05, 1.1)
