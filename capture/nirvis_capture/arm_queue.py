"""One arm on its way through pairing: what waits, what is accounted for, and what its ids and arrivals leave open."""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from itertools import islice, pairwise
from typing import Generic

from nirvis_capture.beat import follows, gap, off_beat_ns
from nirvis_capture.host_delay import HostFloor
from nirvis_capture.pair_table import S

COMING_FRAMES = 4
"""Frames after one between two pulses that tell whether it was one too many, or whether its clock jumped."""
_BEAT_HOLDS = 24
"""Periods over which the beat of an arm can be told without the other."""


class Doubt(IntEnum):
    """Why the clock of an arm may have jumped before a frame."""

    NONE = 0
    LATE = 1
    """Ids and time agree, but it arrived late: back, by as many periods as triggers were missed?"""
    START = 2
    """Nothing is known of the time before it."""
    GAP = 3
    """More time passed than ids: missed triggers, or forward?"""
    JUMP = 4
    """Less time passed than ids, or no whole number of periods: it did, unless arrivals say otherwise."""


class ArmQueue(Generic[S]):
    """The frames of one arm that wait for their partner, and the last pulse that is accounted for."""

    __slots__ = ("acquitted", "arrivals", "floor", "last_id", "last_ns", "suspected", "waiting")

    def __init__(self, last_ns: int, last_id: int | None, delay_ns: int | None, period_ns: int) -> None:
        self.waiting: deque[S] = deque()
        self.arrivals: deque[int] = deque()
        """Arrival number of each waiting frame, over both arms."""
        self.last_ns = last_ns
        """The last pulse that is accounted for, on the clock of this camera."""
        self.last_id = last_id
        self.floor = HostFloor(delay_ns, period_ns)
        self.suspected = Doubt.NONE
        """Of the head, by more than its own time and id."""
        self.acquitted = Doubt.NONE
        """Up to which doubt it is settled that the clock did not jump before the head, or by how much it did."""

    def suspect(self, doubt: Doubt) -> bool:
        """Whether the clock is to be judged before the head gets a row."""
        self.suspected = max(self.suspected, doubt)
        return self.suspected > self.acquitted

    @property
    def head(self) -> S:
        return self.waiting[0]

    def interval_ns(self) -> int:
        """Time from the last accounted pulse to the head."""
        return self.waiting[0].timestamp_ns - self.last_ns

    def is_between(self, beat_ns: int) -> bool:
        """The head lies between two pulses, as its own arm counted them until now."""
        interval_ns = self.interval_ns()
        return abs(interval_ns) < _BEAT_HOLDS * beat_ns and off_beat_ns(interval_ns, beat_ns) * 4 > beat_ns

    def comes_back(self, beat_ns: int, ended: bool) -> bool | None:
        """Whether the frames after the head are on the beat again, which a clock that jumped would not be.

        None: more frames are needed.
        """
        coming = list(islice(self.waiting, 1, 1 + COMING_FRAMES))
        if len(coming) < COMING_FRAMES and not ended:
            return None
        on_beat = sum(off_beat_ns(stamp.timestamp_ns - self.last_ns, beat_ns) * 8 < beat_ns for stamp in coming)
        return 0 < len(coming) <= 2 * on_beat

    def ids_skipped(self) -> int | None:
        """Frame ids between the last accounted pulse and the head; None where the counter was not known."""
        return None if self.last_id is None else max(0, self.waiting[0].frame_id - self.last_id - 1)

    def came_twice(self) -> bool:
        """The head is the frame before it once more."""
        return self.interval_ns() == 0 and self.head.frame_id == self.last_id

    def doubt(self, beat_ns: int, period_ns: int) -> Doubt:
        """What is to be settled about the clock before anything is said of the head."""
        head = self.waiting[0]
        open_question = self.suspected
        if self.last_id is not None:
            missing = gap(head.timestamp_ns - self.last_ns, head.frame_id - self.last_id, beat_ns)
            if missing:
                open_question = max(open_question, Doubt.GAP if missing > 0 else Doubt.JUMP)
        if not open_question and 4 * (head.host_ns - head.timestamp_ns - self.floor.ns) >= 3 * period_ns:
            open_question = Doubt.LATE
        if open_question <= self.acquitted or (open_question > self.suspected and self.is_between(beat_ns)):
            return Doubt.NONE
        return open_question

    def lateness_ns(self, most: int) -> list[int]:
        """By how much each of the first waiting frames took longer to the host than the quickest before."""
        floor_ns = self.floor.ns
        return [stamp.host_ns - stamp.timestamp_ns - floor_ns for stamp in islice(self.waiting, most)]

    def first_break(self, beat_ns: int) -> int:
        """Index of the first waiting frame after the head that does not simply follow the one before it."""
        stamps = list(self.waiting)
        for index, (one, next_one) in enumerate(pairwise(stamps), 1):
            if not follows(next_one.timestamp_ns - one.timestamp_ns, next_one.frame_id - one.frame_id, beat_ns):
                return index
        return len(stamps)

    def begin(self, last_ns: int) -> None:
        """Account for what comes after this time only."""
        self.last_ns, self.last_id = last_ns, None
        self.suspected = self.acquitted = Doubt.NONE

    def push(self, stamp: S, arrival: int) -> None:
        self.waiting.append(stamp)
        self.arrivals.append(arrival)

    def pop(self) -> S:
        stamp = self.waiting.popleft()
        self.arrivals.popleft()
        self.last_id = stamp.frame_id
        self.suspected = self.acquitted = Doubt.NONE
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

    def clock_jumped(self, by_ns: int) -> None:
        """Its clock is ahead by this much since the head."""
        self.last_ns += by_ns
        self.floor.shift(-by_ns)
