"""One arm on its way through pairing: what waits, what is accounted for, and how its frames travel."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Generic

from nirvis_capture.anchor import HOST_JITTER_NS
from nirvis_capture.clock_fit import HostFloor
from nirvis_capture.pair_table import S

FLOOR_FRAMES = 16
"""Frames after which the least delay to the host is a sharp witness."""
FEW_FRAMES = 4
"""Frames whose least delay may still be longer by chance than that of the next ones."""
LEAST_FRAMES = 6
"""Frames in a row that tell how long the way to the host is now."""
DRIFT = 1 / 5000
"""Two clocks run apart by no more than this share of a silence."""
COMING_FRAMES = 4
"""Frames after one between two pulses that tell whether it was one too many, or whether its clock jumped."""
_BEAT_HOLDS = 24
"""Periods over which the beat of an arm can be told without the other."""


class Doubt(IntEnum):
    """How far an explanation needs the host times as a further witness."""

    NONE = 0
    SLIGHT = 1
    """It holds unless they contradict."""
    GRAVE = 2
    """It holds only if they confirm it."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How much longer frames take to the host than before, by the stamps of the camera."""

    by_ns: int
    spread_ns: int
    """How far the first and the last of the frames disagree about it."""
    head_ns: int
    """`by_ns` by the head alone."""

    def holds(self, period_ns: int) -> bool:
        """All of the frames agree. No frame comes too early by chance: where some do, the head has to as well."""
        begun = self.by_ns * 4 >= -period_ns or self.head_ns * 4 < -period_ns
        return begun and self.spread_ns * 4 <= period_ns


class ArmQueue(Generic[S]):
    """The frames of one arm that wait for their partner, and the last pulse that is accounted for."""

    __slots__ = ("acquitted", "arrivals", "floor", "last_id", "last_ns", "waiting")

    def __init__(self, last_ns: int, last_id: int | None) -> None:
        self.waiting: deque[S] = deque()
        self.arrivals: deque[int] = deque()
        """Arrival number of each waiting frame, over both arms."""
        self.last_ns = last_ns
        """The last pulse that is accounted for, on the clock of this camera."""
        self.last_id = last_id
        self.floor = HostFloor()
        self.acquitted = Doubt.NONE
        """Up to which doubt the clock was suspected to have jumped before the head, and had not."""

    @property
    def head(self) -> S:
        return self.waiting[0]

    def interval_ns(self) -> int:
        """Time from the last accounted pulse to the head."""
        return self.waiting[0].timestamp_ns - self.last_ns

    def is_between(self, beat_ns: int) -> bool:
        """The head lies between two pulses, as its own arm counted them until now."""
        interval_ns = self.interval_ns()
        return abs(interval_ns) < _BEAT_HOLDS * beat_ns and _off_beat_ns(interval_ns, beat_ns) * 4 > beat_ns

    def comes_back(self, beat_ns: int, ended: bool) -> bool | None:
        """Whether the frames after the head are on the beat again, which a clock that jumped would not be.

        None: more frames are needed.
        """
        coming = list(islice(self.waiting, 1, 1 + COMING_FRAMES))
        if len(coming) < COMING_FRAMES and not ended:
            return None
        on_beat = sum(_off_beat_ns(stamp.timestamp_ns - self.last_ns, beat_ns) * 8 < beat_ns for stamp in coming)
        return 0 < len(coming) <= 2 * on_beat

    def ids_skipped(self) -> int | None:
        """Frame ids between the last accounted pulse and the head; None where the counter was not known."""
        return None if self.last_id is None else max(0, self.waiting[0].frame_id - self.last_id - 1)

    def came_twice(self) -> bool:
        """The head is the frame before it once more."""
        return self.interval_ns() == 0 and self.head.frame_id == self.last_id

    def push(self, stamp: S, arrival: int) -> None:
        self.waiting.append(stamp)
        self.arrivals.append(arrival)

    def pop(self) -> S:
        stamp = self.waiting.popleft()
        self.arrivals.popleft()
        self.last_id = stamp.frame_id
        self.acquitted = Doubt.NONE
        return stamp

    def pop_extra(self) -> S:
        """The head is no pulse, but may have used up an id; those missing before it still belong to pulses."""
        last_id = self.last_id
        stamp = self.pop()
        self.last_id = last_id if last_id is None or stamp.frame_id <= last_id else last_id + 1
        return stamp

    def pop_pulse(self) -> S:
        """Only pulses tell how long the way to the host is: the clock of other frames may have jumped."""
        stamp = self.pop()
        self.floor.add(stamp.timestamp_ns, stamp.host_ns)
        return stamp

    def arrived_too_early(self, period_ns: int) -> bool:
        """The head arrived before it can have been exposed: its clock jumped forward."""
        if not self.floor.frames:
            return False
        vague_ns = 0 if self.floor.frames >= FLOOR_FRAMES else HOST_JITTER_NS
        margin_ns = period_ns // 2 + vague_ns + round(abs(self.interval_ns()) * DRIFT)
        return self.head.host_ns - self.head.timestamp_ns < self.floor.ns - margin_ns

    def arrives_on_time(self, frames: int, period_ns: int) -> bool:
        """The quickest of the first waiting frames was as quick as those before: no whole period lies between.

        Where there are too few to tell, it is enough that they were not quicker by more than chance.
        """
        if not self.floor.frames:
            return True
        delays = sorted(stamp.host_ns - stamp.timestamp_ns for stamp in islice(self.waiting, frames))
        late_ns, scatter_ns = delays[0] - self.floor.ns, delays[len(delays) // 2] - delays[0]
        if self.floor.frames < FLOOR_FRAMES:
            return -late_ns < max(period_ns * 3 // 4, 3 * scatter_ns * max(1, FEW_FRAMES // self.floor.frames))
        # Later frames may be late for a busy host; too early is none of them by chance.
        earliest_ns = min(stamp.host_ns - stamp.timestamp_ns for stamp in self.waiting) - self.floor.ns
        return -3 * period_ns < 4 * earliest_ns and (4 * late_ns < 3 * period_ns or len(delays) < frames)

    def shift(self, start: int, stop: int) -> Shift | None:
        """Compare the delay of some of the waiting frames with the floor; None where either is too short a witness."""
        delays = [stamp.host_ns - stamp.timestamp_ns for stamp in islice(self.waiting, start, stop)]
        if len(delays) < LEAST_FRAMES or self.floor.frames < FLOOR_FRAMES:
            return None
        least = min(delays)
        return Shift(least - self.floor.ns, max(min(delays[:3]), min(delays[-3:])) - least, delays[0] - self.floor.ns)

    def clock_jumped(self, by_ns: int) -> None:
        """Its clock is ahead by this much since the head."""
        self.last_ns += by_ns
        self.floor.shift(-by_ns)


def _off_beat_ns(interval_ns: int, beat_ns: int) -> int:
    return abs(interval_ns - round(interval_ns / beat_ns) * beat_ns)
