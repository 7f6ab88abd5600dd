"""Who is where at which moment: vehicles in their lanes, people on both pavements, endlessly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nirvis_capture.twin.people import PHASES, STRIDE_M, paint_walker
from nirvis_capture.twin.sprite import Sprite
from nirvis_capture.twin.vehicles import paint_vehicle
from nirvis_capture.twin.view import View

BEFORE_RAILINGS, BEFORE_HEDGES = 0, 1
"""Layers of the foreground that hide a mover: all of them, or the nearest only."""

_LOOKS = 5
"""Different vehicles or people of one track; whoever comes round again may be another."""
_OUT_OF_SIGHT_M = 7.0


@dataclass(frozen=True)
class Placed:
    """A sprite with its upper left corner at a sub-pixel position of the canvas."""

    sprite: Sprite
    x: float
    y: float
    layer: int
    """It passes behind the foreground layers of this number and above."""


@dataclass(frozen=True)
class Track:
    """A line along the street on which things follow each other at one speed."""

    distance_m: float
    speed_m_s: float
    """Positive to the right."""
    starts_m: tuple[float, ...]
    looks: Sequence[Sequence[Sprite]]
    """Pictures of each look: one of a vehicle, `PHASES` of somebody who walks."""
    layer: int
    seed: int


class Traffic:
    """All tracks of a street, the farthest first."""

    def __init__(self, seed: int, view: View) -> None:
        rng = np.random.default_rng([seed, 1])
        self._view = view
        tracks = [_lane(rng, view, lane) for lane in range(view.lanes)]
        tracks += [_walk(rng, view, view.far_kerb_m + rng.uniform(0.25, 0.6), BEFORE_RAILINGS) for _ in range(2)]
        tracks += [_walk(rng, view, view.near_kerb_m - rng.uniform(1.4, 3.4), BEFORE_HEDGES, sparse=True)]
        self._tracks = sorted(tracks, key=lambda track: -track.distance_m)

    def at(self, time_s: float) -> list[Placed]:
        return [placed for track in self._tracks for placed in self._on(track, time_s)]

    def _on(self, track: Track, time_s: float) -> list[Placed]:
        half_m = self._view.half_width_m(track.distance_m) + _OUT_OF_SIGHT_M
        placed = []
        for number, start_m in enumerate(track.starts_m):
            way_m = start_m + track.speed_m_s * time_s
            lap, along_m = divmod(way_m, 2 * half_m)
            pictures = track.looks[_look(track.seed, number, int(lap))]
            sprite = pictures[int(abs(way_m) / STRIDE_M * PHASES) % len(pictures)]
            x, y = self._view.ground(along_m - half_m, track.distance_m)
            placed.append(Placed(sprite, x - sprite.foot_x, y - sprite.foot_y, track.layer))
        return placed


def _look(seed: int, number: int, lap: int) -> int:
    return int(np.random.SeedSequence([seed, number, lap % 2**31]).generate_state(1)[0] % _LOOKS)


def _lane(rng: np.random.Generator, view: View, lane: int) -> Track:
    distance_m = view.lane_m(lane)
    # The two sides of the road have their own direction; which, differs from country to country.
    heading = 1 if (lane < view.lanes / 2) else -1
    looks = [_facing(paint_vehicle(rng, view.scale(distance_m)), heading) for _ in range(_LOOKS)]
    starts_m = _spread(rng, view, distance_m, rng.uniform(12, 22))
    speed = heading * rng.uniform(4, 11)
    return Track(distance_m, speed, starts_m, [(look,) for look in looks], BEFORE_RAILINGS, int(rng.integers(2**31)))


def _walk(rng: np.random.Generator, view: View, distance_m: float, layer: int, sparse: bool = False) -> Track:
    heading = int(rng.choice([-1, 1]))
    people = [paint_walker(rng, view.scale(distance_m)) for _ in range(_LOOKS)]
    looks = [tuple(_facing(sprite, heading) for sprite in phases) for phases in people]
    starts_m = _spread(rng, view, distance_m, rng.uniform(9, 16) if sparse else rng.uniform(5, 11))
    return Track(distance_m, heading * rng.uniform(0.9, 1.6), starts_m, looks, layer, int(rng.integers(2**31)))


def _facing(sprite: Sprite, heading: int) -> Sprite:
    return sprite if heading > 0 else sprite.mirrored()


def _spread(rng: np.random.Generator, view: View, distance_m: float, spacing_m: float) -> tuple[float, ...]:
    """Start positions along the whole way round, some `spacing_m` apart."""
    way_m = 2 * (view.half_width_m(distance_m) + _OUT_OF_SIGHT_M)
    count = max(1, int(way_m / spacing_m))
    gaps = (np.arange(count) + rng.uniform(-0.15, 0.15, count) + rng.random()) * way_m / count
    return tuple(float(gap) for gap in gaps)
