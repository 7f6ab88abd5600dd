"""Who is where at which moment: vehicles in their lanes, people on both pavements, endlessly.

Everything is a function of time alone, and continuous: whoever leaves on one side comes back on the other, as
another, after a way longer than the picture is wide.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from math import pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.twin.scenery.cyclists import PEDAL_M, cyclist
from nirvis_capture.twin.scenery.lighting import SHADED
from nirvis_capture.twin.scenery.people import STRIDE_M, bystander, walker
from nirvis_capture.twin.scenery.sprite import Figure, Sprite
from nirvis_capture.twin.scenery.vehicles import parked_car, vehicle
from nirvis_capture.twin.scenery.view import View

BEFORE_RAILINGS, BEFORE_HEDGES = 0, 1
"""Layers of the foreground that hide a mover: all of them, or the nearest only."""

_LOOKS = 9
"""Different vehicles or people of one track; whoever comes round again may be another."""
_TICK_S = 1e-3
_OUT_OF_SIGHT_M = 9.0

Chooser = Callable[[np.random.Generator], Figure]
"""Decides what somebody looks like."""


@dataclass(frozen=True)
class Placed:
    """A sprite with its upper left corner at a sub-pixel position of the canvas."""

    sprite: Sprite
    x: float
    y: float
    speed_px_s: float
    """To the right."""
    distance_m: float
    layer: int
    """It passes behind the foreground layers of this number and above."""


@dataclass(frozen=True)
class Motion:
    """A way that is driven again and again: set off, cruise, slow down, wait."""

    speed_m_s: float
    """While cruising; positive to the right."""
    moving_s: float = 1.0
    ramp_s: float = 0.0
    waiting_s: float = 0.0

    def way_m(self, time_s: float) -> float:
        """How far one has come, in metres; continuous, and so is its speed unless `ramp_s` is zero."""
        rounds, within = divmod(time_s, self.moving_s + self.waiting_s)
        whole = self.moving_s - self.ramp_s
        if self.ramp_s and within < self.ramp_s:
            part = within**2 / (2 * self.ramp_s)
        elif within < whole or not self.ramp_s:
            part = min(within, self.moving_s) - self.ramp_s / 2
        else:
            part = whole - max(0.0, self.moving_s - within) ** 2 / (2 * self.ramp_s)
        return self.speed_m_s * (rounds * whole + part)


@dataclass(frozen=True)
class Member:
    """One of those that follow each other on a track."""

    start_m: float
    delay_s: float
    """It sets off that much later than the first."""
    sway_s: float
    """How late and early it is by and by, beside that."""
    sway_every_s: float


@dataclass(frozen=True)
class Track:
    """A line along the street, on which members follow each other."""

    distance_m: float
    motion: Motion
    round_m: float
    """After this way one comes round again."""
    members: tuple[Member, ...]
    figure_of: Callable[[int], Figure]
    """Of a look, by its number: always the same one."""
    layer: int
    seed: int
    stride_m: float = 1.0
    """Way of one round of phases."""

    def way_m(self, member: Member, time_s: float) -> float:
        sway_s = member.sway_s * sin(2 * pi * time_s / member.sway_every_s)
        return member.start_m + self.motion.way_m(time_s - member.delay_s + sway_s)

    def figure(self, number: int, lap: int) -> Figure:
        """Of a member on one of its laps."""
        # Neighbours look different, and whoever comes round again is another.
        return self.figure_of((5 * number + _drawn(self.seed, lap)) % _LOOKS)


@lru_cache(4096)
def _drawn(seed: int, lap: int) -> int:
    return int(np.random.SeedSequence([seed, lap % 2**31]).generate_state(1)[0])


class _Seen(NamedTuple):
    """A member of a track within sight."""

    track: Track
    member: Member
    figure: Figure
    way_m: float
    x_m: float
    """To the right of the middle."""


class Traffic:
    """All tracks of a street, the farthest first."""

    def __init__(self, seed: int, view: View, shaded: bool = False, wet: bool = False) -> None:
        self._view = view
        self._tracks = sorted(_Planner(seed, view, shaded, wet).tracks(), key=lambda track: -track.distance_m)

    def at(self, time_s: float) -> list[Placed]:
        return [self._placed(seen, time_s) for seen in self._in_sight(time_s)]

    def paint_ahead(self, time_s: float) -> None:
        """Paint whoever is in sight at that moment in all phases, the next ones first; less where the program ends."""
        figures = [(seen.figure, seen.way_m / seen.track.stride_m) for seen in self._in_sight(time_s)]
        for step in range(max((figure.phases for figure, _ in figures), default=0)):
            for figure, turn in figures:
                if step < figure.phases and threading.main_thread().is_alive():
                    figure.at(turn + step / figure.phases)

    def _in_sight(self, time_s: float) -> Iterator[_Seen]:
        for track in self._tracks:
            half_m = self._view.half_width_m(track.distance_m) + _OUT_OF_SIGHT_M
            for number, member in enumerate(track.members):
                way_m = track.way_m(member, time_s)
                lap, along_m = divmod(way_m, track.round_m)
                if along_m <= 2 * half_m:
                    yield _Seen(track, member, track.figure(number, int(lap)), way_m, along_m - half_m)

    def _placed(self, seen: _Seen, time_s: float) -> Placed:
        track = seen.track
        sprite = seen.figure.at(seen.way_m / track.stride_m)
        x, y = self._view.ground(seen.x_m, track.distance_m)
        speed_m_s = (track.way_m(seen.member, time_s + _TICK_S) - seen.way_m) / _TICK_S
        speed_px_s = speed_m_s * self._view.scale(track.distance_m)
        return Placed(sprite, x - sprite.foot_x, y - sprite.foot_y, speed_px_s, track.distance_m, track.layer)


class _Planner:
    """Chooses the tracks of a street."""

    def __init__(self, seed: int, view: View, shaded: bool, wet: bool) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._view = view
        self._sun = SHADED if shaded else 1.0
        self._wet = wet
        self._right_first = self._rng.random() < 0.5
        halts = self._rng.random() < 0.6
        self._signal = (self._rng.uniform(14, 22), 3.0, self._rng.uniform(5, 9)) if halts else (1.0, 0.0, 0.0)

    def tracks(self) -> list[Track]:
        rng, view = self._rng, self._view
        tracks = [self._lane(lane) for lane in range(view.lanes)]
        tracks += [
            self._walk(view.far_kerb_m + rng.uniform(0.3, 1.0), BEFORE_RAILINGS, rng.uniform(4, 9)) for _ in range(2)
        ]
        tracks.append(self._waiting(view.far_kerb_m + 0.25))
        tracks.append(self._walk(view.near_kerb_m - rng.uniform(1.4, 3.0), BEFORE_HEDGES, rng.uniform(8, 16)))
        if rng.random() < 0.6:
            tracks.append(self._cycle(view.near_kerb_m + 0.55))
        if view.parking_m:
            tracks.append(self._parked())
        return tracks

    def _lane(self, lane: int) -> Track:
        distance_m = self._view.lane_m(lane)
        # The two sides of the road have their own direction; which, differs from country to country.
        heading = self._heading(lane)
        moving_s, ramp_s, waiting_s = self._signal
        motion = Motion(heading * self._rng.uniform(5, 11), moving_s, ramp_s, waiting_s)
        gaps_m = 12.0 + self._rng.exponential(9.0, 40)
        metre = self._view.scale(distance_m)
        return self._track(
            distance_m,
            motion,
            gaps_m,
            0.5,
            BEFORE_RAILINGS,
            lambda rng: vehicle(rng, metre, heading, self._wet),
        )

    def _heading(self, lane: int) -> int:
        return 1 if (lane < self._view.lanes / 2) == self._right_first else -1

    def _walk(self, distance_m: float, layer: int, spacing_m: float) -> Track:
        heading = int(self._rng.choice([-1, 1]))
        motion = Motion(heading * self._rng.uniform(0.9, 1.6))
        gaps_m = 1.2 + self._rng.exponential(spacing_m, 60)
        metre = self._view.scale(distance_m)
        choose: Chooser = lambda rng: walker(rng, metre, heading, self._wet)  # noqa: E731
        return self._track(distance_m, motion, gaps_m, 0.35, layer, choose, STRIDE_M)

    def _cycle(self, distance_m: float) -> Track:
        heading = self._heading(self._view.lanes - 1)
        motion = Motion(heading * self._rng.uniform(3.5, 5.5))
        gaps_m = 6.0 + self._rng.exponential(25.0, 30)
        metre = self._view.scale(distance_m)
        return self._track(
            distance_m,
            motion,
            gaps_m,
            0.8,
            BEFORE_RAILINGS,
            lambda rng: cyclist(rng, metre, heading, self._wet),
            PEDAL_M,
        )

    def _waiting(self, distance_m: float) -> Track:
        gaps_m = 0.8 + self._rng.exponential(9.0, 60)
        metre = self._view.scale(distance_m)
        choose: Chooser = lambda rng: bystander(rng, metre, self._wet)  # noqa: E731
        return self._track(distance_m, Motion(0.0), gaps_m, 0.0, BEFORE_RAILINGS, choose)

    def _parked(self) -> Track:
        distance_m = self._view.far_kerb_m - 1.15
        gaps_m = 5.6 + self._rng.choice([0.0, 5.0, 11.0], 60, p=[0.6, 0.3, 0.1]) * self._rng.uniform(0.6, 1.3, 60)
        metre, heading = self._view.scale(distance_m), self._heading(0)
        choose: Chooser = lambda rng: parked_car(rng, metre, heading, self._wet)  # noqa: E731
        return self._track(distance_m, Motion(0.0), gaps_m, 0.0, BEFORE_RAILINGS, choose)

    def _track(
        self,
        distance_m: float,
        motion: Motion,
        gaps_m: NDArray[np.float64],
        sway_m: float,
        layer: int,
        choose: Chooser,
        stride_m: float = 1.0,
    ) -> Track:
        """As many members as follow each other over the whole round, with these gaps, the first of them ahead."""
        heading = -1 if motion.speed_m_s < 0 else 1
        seen_m = 2 * (self._view.half_width_m(distance_m) + _OUT_OF_SIGHT_M)
        starts_m = np.cumsum(gaps_m)
        sway_s = sway_m / max(abs(motion.speed_m_s), 0.1)
        count = min(1 + int(np.searchsorted(starts_m, 1.3 * seen_m)), len(starts_m))
        delays_s = 0.7 * np.arange(count) if motion.waiting_s else np.zeros(count)
        late_m = abs(motion.speed_m_s) * float(delays_s[-1])
        members = tuple(
            Member(-heading * float(start), float(delay), float(self._rng.uniform(0.3, 1)) * sway_s, float(every_s))
            for start, delay, every_s in zip(starts_m[:count], delays_s, self._rng.uniform(9, 17, count), strict=True)
        )

        round_m = max(float(starts_m[count - 1]), seen_m) + float(gaps_m[0]) + late_m
        seed = int(self._rng.integers(2**31))
        figure_of = cache(lambda look: choose(np.random.default_rng([seed, look])).shaded(self._sun))
        return Track(distance_m, motion, round_m, members, figure_of, layer, seed, stride_m)
