"""One arm on its way through pairing: what waits, what is accounted for, and how its frames travel."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from nirvis_capture.anchor import HOST_JITTER_NS
from nirvis_capture.clock_fit import HostFloor
from nirvis_capture.pair_table import S

FLOOR_FRAMES = 16
"""Frames after which the least delay to the host is a sharp witness."""
LEAST_FRAMES = 6
"""Frames in a row that tell how long the way to the host is now."""
DRIFT = 1 / 5000
"""Two clocks run apart by no more than this share of a silence."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How much longer frames take to the host than before, by the stamps of the camera."""

    by_ns: int
    spread_ns: int
    """How far the halves of the frames disagree about it."""


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
        self.acquitted = False
        """The clock was suspected to have jumped before the head, and had not."""

    @property
    def head(self) -> S:
        return self.waiting[0]

    def interval_ns(self) -> int:
        """Time from the last accounted pulse to the head."""
        return self.waiting[0].timestamp_ns - self.last_ns

    def ids_skipped(self) -> int | None:
        """Frame ids between the last accounted pulse and the head; None where the counter was not known."""
        return None if self.last_id is None else max(0, self.waiting[0].frame_id - self.last_id - 1)

    def push(self, stamp: S, arrival: int) -> None:
        self.waiting.append(stamp)
        self.arrivals.append(arrival)

    def pop(self) -> S:
        stamp = self.waiting.popleft()
        self.arrivals.popleft()
        self.last_id = stamp.frame_id
        self.acquitted = False
        return stamp

    def pop_paired(self) -> S:
        """Only paired frames tell how long the way to the host is: the clock of others may have jumped."""
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

    def shift(self, frames: int, period_ns: int) -> Shift | None:
        """Compare the delay of the first waiting frames with the floor; None where either is too short a witness.

        Frames after the next irregular interval are another story.
        """
        stamps = list(islice(self.waiting, frames))
        regular = 1
        while regular < len(stamps):
            interval_ns = stamps[regular].timestamp_ns - stamps[regular - 1].timestamp_ns
            if not period_ns < 2 * interval_ns < 3 * period_ns:
                break
            regular += 1
        if regular < LEAST_FRAMES or self.floor.frames < FLOOR_FRAMES:
            return None
        delays = [stamp.host_ns - stamp.timestamp_ns for stamp in stamps[:regular]]
        half = regular // 2
        return Shift(min(delays) - self.floor.ns, abs(min(delays[:half]) - min(delays[half:])))

    def clock_jumped(self, by_ns: int) -> None:
        """Its clock is ahead by this much since the head."""
        self.last_ns += by_ns
        self.floor.shift(-by_ns)
