"""Both arms on their way through pairing, and how their clocks relate: from the anchor, or as arrivals say since."""

from __future__ import annotations

from enum import Enum, auto
from itertools import islice
from typing import Generic

from nirvis_capture.anchor import Anchor
from nirvis_capture.arm_clocks import ArmClocks
from nirvis_capture.arm_queue import ArmQueue, Doubt
from nirvis_capture.beat import has_beat
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.clock_jump import PATIENT_FRAMES, Finding, judge
from nirvis_capture.host_delay import level_frames, level_ns
from nirvis_capture.pair_table import S


class Standing(Enum):
    """What is known of the clocks at the heads."""

    KNOWN = auto()
    JUMPED = auto()
    """One jumped, and their relation is known anew."""
    WAIT = auto()
    """More frames will tell."""
    UNKNOWN = auto()
    """Nothing is known, though no clock need have jumped."""
    LOST = auto()
    """Nothing is known, for a clock that jumped."""


class BothArms(Generic[S]):
    """The frames of both arms that wait, and the relation of their clocks.

    anchor
        The first pulse on both clocks.
    """

    def __init__(self, anchor: Anchor | None, period_ns: int) -> None:
        self.clocks = ArmClocks(anchor)
        begin = anchor or Anchor(0, 0, "none")
        self.nir: ArmQueue[S] = ArmQueue(begin.nir_ns - period_ns, _before(begin.nir_id), begin.nir_delay_ns, period_ns)
        self.vis: ArmQueue[S] = ArmQueue(begin.vis_ns - period_ns, _before(begin.vis_id), begin.vis_delay_ns, period_ns)
        self.sides = self.nir, self.vis
        for side in self.sides:
            side.suspected = Doubt.NONE if begin.arrivals_agree else Doubt.START
        self._period_ns = period_ns
        self._arrived = 0
        self._only_late = False
        """Nothing is known, and no clock jumped unless that hides behind missed triggers."""

    def side(self, arm: Arm) -> ArmQueue[S]:
        return self.nir if arm == "nir" else self.vis

    def push(self, arm: Arm, stamp: S) -> None:
        self._arrived += 1
        self.side(arm).push(stamp, self._arrived)

    def pending(self) -> list[tuple[Arm, S]]:
        """The frames that wait, in the order of arrival."""
        waiting = [
            (arrival, arm, stamp)
            for arm in ARMS
            for arrival, stamp in zip(self.side(arm).arrivals, self.side(arm).waiting, strict=True)
        ]
        return [(arm, stamp) for _, arm, stamp in sorted(waiting, key=lambda entry: entry[0])]

    def standing(self, beat_ns: int, ended: bool) -> Standing:
        """Whether the clocks are known at both heads.

        ended
            No more frames will come.
        """
        found = Standing.KNOWN
        for side in self.sides:
            if doubt := side.doubt(beat_ns, self._period_ns):
                said = self._settle(side, doubt, beat_ns, ended)
                if said not in (Standing.KNOWN, Standing.JUMPED):
                    return said
                found = found if said is Standing.KNOWN else said
        return found

    def _settle(self, side: ArmQueue[S], doubt: Doubt, beat_ns: int, ended: bool) -> Standing:
        finding, late_ns = judge(side, doubt, beat_ns, self._period_ns, ended)
        if finding is Finding.WAIT:
            return Standing.WAIT
        if finding is Finding.JUMPED:
            side.acquitted = Doubt.JUMP
            late = (late_ns, 0) if side is self.nir else (0, late_ns)
            return Standing.JUMPED if self._relate(late, beat_ns) else self._unknown(doubt, finding)
        if finding is Finding.SOUND or (finding is Finding.LATE and self._host_is_late()):
            side.acquitted = doubt
            return Standing.KNOWN
        return self._unknown(doubt, finding)

    def _unknown(self, doubt: Doubt, finding: Finding) -> Standing:
        self._only_late = finding is Finding.LATE
        return Standing.LOST if doubt is Doubt.JUMP else Standing.UNKNOWN

    def _host_is_late(self) -> bool:
        """The frames of both arms are as late: no clock jumped, as both would have by the same."""
        nir_ns, vis_ns = (self._lateness_ns(side) for side in self.sides)
        if nir_ns is None or vis_ns is None or abs(nir_ns - vis_ns) * 2 > self._period_ns:
            return False
        self.nir.floor.shift(nir_ns)
        self.vis.floor.shift(vis_ns)
        return True

    def _lateness_ns(self, side: ArmQueue[S]) -> int | None:
        """How much longer the first waiting frames take to the host than before; None where they do not agree."""
        frames = level_frames(self._period_ns)
        late_ns = side.lateness_ns(frames)
        return level_ns(late_ns, self._period_ns) if side.floor.known and len(late_ns) == frames else None

    def _relate(self, late_ns: tuple[int, int], beat_ns: int) -> bool:
        """Take the clocks of both arms to have jumped by as much as their way to the host grew shorter.

        That is known to less than an eighth of the period, and the beat says the rest; False where it does not.
        """
        nir_ns, vis_ns = self.nir.head.timestamp_ns, self.vis.head.timestamp_ns
        apart_ns = self.clocks.residual_ns(nir_ns + late_ns[0], vis_ns + late_ns[1])
        periods = round(apart_ns / beat_ns)
        off_beat_ns = apart_ns - periods * beat_ns
        if abs(off_beat_ns) * 8 > self._period_ns:
            return False
        more = (off_beat_ns, 0) if abs(late_ns[0]) > abs(late_ns[1]) else (0, -off_beat_ns)
        for side, late, off in zip(self.sides, late_ns, more, strict=True):
            if late:
                side.clock_jumped(off - late)
        self.clocks.begin_anew(nir_ns - periods * beat_ns, vis_ns)
        return True

    def regain(self, beat_ns: int) -> Standing:
        """While nothing is known: do the first waiting frames of both arms leave one explanation?

        If so, the pairing goes on from them, and of what came before nothing is accounted for. ``UNKNOWN``: not of the
        frame that arrived first; ``LOST``: never again.
        """
        fewest, most = sorted(len(side.waiting) for side in self.sides)
        if fewest < level_frames(self._period_ns):
            return Standing.WAIT if most < PATIENT_FRAMES else Standing.UNKNOWN
        if any(side.floor.is_stale(side.head.host_ns, self._period_ns) for side in self.sides):
            return Standing.LOST
        nir_ns, vis_ns = (self._landing_ns(side, beat_ns) for side in self.sides)
        if nir_ns is None or vis_ns is None or (nir_ns and vis_ns) or not self._relate((nir_ns, vis_ns), beat_ns):
            return Standing.UNKNOWN
        self._begin_at_heads(beat_ns)
        return Standing.JUMPED if nir_ns or vis_ns else Standing.KNOWN

    def _landing_ns(self, side: ArmQueue[S], beat_ns: int) -> int | None:
        """By how much the clock of an arm jumped back until the head; None where that is not known."""
        late_ns, head = self._lateness_ns(side), side.head
        times_ns = [stamp.timestamp_ns for stamp in islice(side.waiting, level_frames(self._period_ns))]
        if late_ns is None or not has_beat(times_ns, head.timestamp_ns, beat_ns):
            return None
        above_ns = head.host_ns - head.timestamp_ns - side.floor.ns - late_ns
        if above_ns * 2 > self._period_ns:
            return None
        if self._only_late:
            return 0 if abs(late_ns) * 2 <= self._period_ns else None
        return late_ns if abs(late_ns) * 4 > self._period_ns else 0

    def _begin_at_heads(self, beat_ns: int) -> None:
        nir_ns, vis_ns = self.nir.head.timestamp_ns, self.vis.head.timestamp_ns
        self.nir.begin(min(nir_ns, self.clocks.on_other("vis", vis_ns)) - beat_ns)
        self.vis.begin(min(vis_ns, self.clocks.on_other("nir", nir_ns)) - beat_ns)

    def taken(self) -> list[tuple[Arm, S]]:
        """All frames that wait, in the order of arrival, unaccounted."""
        frames = self.pending()
        for side in self.sides:
            side.waiting.clear()
            side.arrivals.clear()
        return frames

    def pop_first(self) -> tuple[Arm, S]:
        """The waiting frame that arrived first, unaccounted."""
        arm = min((arm for arm in ARMS if self.side(arm).waiting), key=lambda arm: self.side(arm).arrivals[0])
        return arm, self.side(arm).pop()


def _before(frame_id: int | None) -> int | None:
    return None if frame_id is None else frame_id - 1
