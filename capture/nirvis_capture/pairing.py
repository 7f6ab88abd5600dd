"""Which exposures belong together: pure, deterministic, the same code live and in ``nirvis verify``.

Both arms are merged by two pointers. A frame of vis is mapped to the nir clock by a running affine fit; the heads of
both queues are one pair when they agree within a quarter of the trigger period. Otherwise the earlier head has no
partner, and three witnesses say why: the time gap of the other arm, its frame-id gap, and the interval of its own.
Where time and ids of an arm do not agree, its clock may have jumped, and the times of arrival on the host are asked
before anything is said; docs/decisions/0014-doubt-before-a-pair.md tells what that can know and what not.

Rows depend on the order within each arm only, never on how the arms interleave, until synchrony is lost; from there
every frame makes a row of its own, in the order of arrival, because nothing else is known of it.
"""

from __future__ import annotations

from itertools import islice
from typing import Generic

from nirvis_capture.anchor import HOST_JITTER_NS, Anchor, Evidence, Stamped, anchor
from nirvis_capture.arm_clocks import ArmClocks
from nirvis_capture.arm_queue import LEAST_FRAMES, ArmQueue, Doubt
from nirvis_capture.camera import ARMS, Arm, FrameStatus, other
from nirvis_capture.clock_fit import WANDER_PPM
from nirvis_capture.clock_jump import Testimony, testify
from nirvis_capture.histogram import Histogram
from nirvis_capture.pair_table import Event, PairingSummary, PairRow, S
from nirvis_capture.tally import Tally

__all__ = ["Anchor", "Event", "Evidence", "PairRow", "Pairer", "PairingSummary", "Stamped", "anchor"]


class Pairer(Generic[S]):
    """Pairs the frames of both arms as they come.

    anchor
        The first pulse on both clocks; None or evidence ``none`` claims nothing, and every row is `Event.UNANCHORED`.
    period_ns
        Nominal trigger period.
    primary
        The arm whose exposures are the pulses; it counts those that neither arm delivered.
    """

    def __init__(self, anchor: Anchor | None, period_ns: int, primary: Arm) -> None:
        self._anchor = anchor
        self._period_ns = period_ns
        self._tally = Tally(period_ns, primary)
        self._lost = anchor is None or not anchor.holds
        self._clocks = ArmClocks(anchor)
        nir_id, vis_id = (anchor.nir_id, anchor.vis_id) if anchor else (None, None)
        self._nir: ArmQueue[S] = ArmQueue(self._clocks.nir0_ns - period_ns, None if nir_id is None else nir_id - 1)
        self._vis: ArmQueue[S] = ArmQueue(self._clocks.vis0_ns - period_ns, None if vis_id is None else vis_id - 1)
        self._arrived = 0
        self._evidence: Evidence = anchor.evidence if anchor else "none"
        self._doubt = Doubt.NONE
        self._jumped = False
        self._finishing = False
        self._rows: list[PairRow[S]] = []
        self._residuals = Histogram()

    @property
    def counts(self) -> dict[Event, int]:
        """Rows by event, and frames lost on both arms at once by their class."""
        return self._tally.counts

    @property
    def lost_pulses(self) -> int:
        """Pulses of which neither arm has a frame."""
        return self._tally.lost_pulses

    @property
    def anchored(self) -> bool:
        """False from the start without an anchor, or since synchrony was lost."""
        return not self._lost

    def feed(self, arm: Arm, stamp: S) -> list[PairRow[S]]:
        """Take one frame; give the rows that are certain now. Frames of one arm come in their order."""
        if self._lost:
            self._alone(arm, stamp, Event.UNANCHORED)
        else:
            self._arrived += 1
            self._side(arm).push(stamp, self._arrived)
            self._merge()
        return self._taken()

    def finish(self) -> list[PairRow[S]]:
        """The recording ended: give the rows of everything that still waits."""
        self._finishing = True
        self._merge()
        if self._nir.waiting and self._vis.waiting:
            self._lose(Event.CLOCK_JUMP)
        for arm in ARMS:
            side = self._side(arm)
            while side.waiting:
                self._tally.take_pulse(arm, self._side(arm))
                self._alone(arm, side.pop(), Event.EDGE)
        return self._taken()

    def pending(self) -> list[tuple[Arm, S]]:
        """The frames that wait for their partner, in the order of arrival."""
        waiting = [
            (arrival, arm, stamp)
            for arm in ARMS
            for arrival, stamp in zip(self._side(arm).arrivals, self._side(arm).waiting, strict=True)
        ]
        return [(arm, stamp) for _, arm, stamp in sorted(waiting, key=lambda entry: entry[0])]

    def anchor_now(self) -> Anchor:
        """The next pulse as the anchor of a `Pairer` that continues; feed that one `pending` first."""
        if self._anchor is None or self._lost or self._jumped or self._doubt:
            return Anchor(
                self._clocks.nir0_ns, self._clocks.vis0_ns, "none", "synchrony was lost before this clip began"
            )
        vis_ns = self._vis.last_ns + self._tally.beat_ns
        return Anchor(
            nir_ns=self._clocks.on_other("vis", vis_ns),
            vis_ns=vis_ns,
            evidence=self._evidence,
            note=self._anchor.note,
            nir_id=None if self._nir.last_id is None else self._nir.last_id + 1,
            vis_id=None if self._vis.last_id is None else self._vis.last_id + 1,
            rate_ppm=self._clocks.fit.rate_ppm,
            rate_sigma_ppm=self._clocks.fit.rate_sigma_ppm + WANDER_PPM,
        )

    def summary(self) -> PairingSummary:
        return PairingSummary(
            anchor=self._anchor,
            period_ns=self._period_ns,
            primary=self._tally.primary,
            counts={event.name: count for event, count in self.counts.items()},
            lost_pulses=self.lost_pulses,
            rate_ppm=self._clocks.fit.rate_ppm,
            residual_p50_ns=self._residuals.percentile(50),
            residual_p99_ns=self._residuals.percentile(99),
            residual_max_ns=self._residuals.maximum,
        )

    def _side(self, arm: Arm) -> ArmQueue[S]:
        return self._nir if arm == "nir" else self._vis

    def _taken(self) -> list[PairRow[S]]:
        rows, self._rows = self._rows, []
        return rows

    def _merge(self) -> None:
        tight_ns = self._period_ns // 8
        while self._nir.waiting and self._vis.waiting and not self._lost:
            for side in (self._nir, self._vis):
                self._doubts(side, self._doubt_of(side))
            if self._doubt:
                if not self._judge(self._doubt):
                    return
                continue
            nir_ns, vis_ns = self._nir.head.timestamp_ns, self._vis.head.timestamp_ns
            residual_ns = self._clocks.residual_ns(nir_ns, vis_ns)
            if not self._clocks.reach(vis_ns, self._period_ns):
                self._settle_silence()
            elif -tight_ns <= residual_ns <= tight_ns:
                if not self._settle_together(residual_ns):
                    return
            elif not self._explain(residual_ns):
                return

    def _doubt_of(self, side: ArmQueue[S]) -> Doubt:
        """Whether the ids of an arm agree with the time that passed.

        Where ids are missing as well, the time is right. Where none are, triggers were missed, or its clock jumped
        forward by whole periods; where more are missing than there were pulses, it jumped back.
        """
        beat_ns = self._tally.beat_ns
        skipped = side.ids_skipped()
        if skipped is None or side.is_between(beat_ns):
            return Doubt.NONE
        unexplained = max(0, round(side.interval_ns() / beat_ns) - 1) - skipped
        host_is_sharp = self._period_ns >= 4 * HOST_JITTER_NS
        if unexplained == 0 and not host_is_sharp:
            return Doubt.NONE
        if unexplained < 0 or (unexplained and side.arrived_too_early(self._period_ns)):
            return Doubt.GRAVE
        return Doubt.NONE if host_is_sharp and side.arrives_on_time(1, self._period_ns) else Doubt.SLIGHT

    def _pair(self, residual_ns: int, on_beat: bool = True) -> None:
        for arm in ARMS if on_beat else ():
            self._tally.take_pulse(arm, self._side(arm))
        first, second = (side.pop_pulse() if on_beat else side.pop_extra() for side in (self._nir, self._vis))
        event = Event.PAIR
        if self._jumped:
            event, self._jumped = Event.CLOCK_JUMP, False
        elif first.status != FrameStatus.COMPLETE or second.status != FrameStatus.COMPLETE:
            event = Event.INCOMPLETE
        if event != Event.INCOMPLETE:
            self._clocks.take(second.timestamp_ns, residual_ns, self._period_ns)
        if event == Event.PAIR:
            self._residuals.add(abs(residual_ns))
        self._tally.counts[event] += 1
        self._rows.append(PairRow(first, second, residual_ns, event))

    def _alone(self, arm: Arm, stamp: S, event: Event) -> None:
        self._tally.counts[event] += 1
        nir, vis = (stamp, None) if arm == "nir" else (None, stamp)
        self._rows.append(PairRow(nir, vis, 0, event))

    def _settle_together(self, residual_ns: int) -> bool:
        """The heads agree. They are a pair even between two pulses; but then the beat may go on without them."""
        primary, beat_ns = self._side(self._tally.primary), self._tally.beat_ns
        comes_back = primary.comes_back(beat_ns, self._finishing) if primary.is_between(beat_ns) else False
        if comes_back is not None:
            self._pair(residual_ns, on_beat=not comes_back)
        return comes_back is not None

    def _explain(self, residual_ns: int) -> bool:
        """The heads disagree. Give one of them a row, or begin to doubt a clock; False: more frames are needed."""
        if abs(residual_ns) * 4 <= self._period_ns:
            return self._settle_off_beat(residual_ns)
        early: Arm = "nir" if residual_ns < 0 else "vis"
        for arm in (early, other(early)):
            if self._side(arm).is_between(self._tally.beat_ns):
                return self._settle_between(arm)
        side, late = self._side(early), self._side(other(early))
        ahead = side.interval_ns() * 4 >= 3 * self._tally.beat_ns
        if ahead and late.interval_ns() * 2 >= 3 * self._tally.beat_ns:
            self._lone_pulse(early)
        elif side.came_twice() or not self._doubts(side, Doubt.GRAVE):
            self._extra(early)
        return True

    def _settle_off_beat(self, residual_ns: int) -> bool:
        """The heads agree within the gate, but badly: is the next frame of an arm the better partner?"""
        nir, vis = ([stamp.timestamp_ns for stamp in islice(side.waiting, 2)] for side in (self._nir, self._vis))
        if min(len(nir), len(vis)) < 2 and not self._finishing:
            return False
        if len(nir) > 1 and abs(self._clocks.residual_ns(nir[1], vis[0])) < abs(residual_ns):
            self._extra("nir")
        elif len(vis) > 1 and abs(self._clocks.residual_ns(nir[0], vis[1])) < abs(residual_ns):
            self._extra("vis")
        elif not self._doubts(self._nir, Doubt.SLIGHT):
            self._pair(residual_ns)
        return True

    def _settle_between(self, arm: Arm) -> bool:
        """The head of an arm lies between two pulses: is it one too many, or did its clock jump?"""
        comes_back = self._side(arm).comes_back(self._tally.beat_ns, self._finishing)
        if comes_back is None:
            return False
        if comes_back or not self._doubts(self._side(arm), Doubt.GRAVE):
            self._extra(arm)
        return True

    def _settle_silence(self) -> None:
        if not (self._vis.arrived_too_early(self._period_ns) and self._doubts(self._vis, Doubt.GRAVE)):
            self._lose(Event.UNANCHORED)

    def _extra(self, arm: Arm) -> None:
        self._alone(arm, self._side(arm).pop_extra(), Event.EXTRA_FRAME)

    def _lone_pulse(self, arm: Arm) -> None:
        """The head of an arm is a pulse of which the other has no frame."""
        side, silent = self._side(arm), self._side(other(arm))
        skipped = silent.ids_skipped()
        event = Event.TRANSFER_DROP if skipped else Event.EDGE if skipped is None else Event.MISSED_TRIGGER
        self._tally.take_pulse(arm, side)
        self._tally.take_loss(other(arm), silent, self._clocks.on_other(arm, side.last_ns), event)
        self._alone(arm, side.pop_pulse(), event)

    def _judge(self, doubt: Doubt) -> bool:
        """Ask the host times whether a clock jumped; False: more frames are needed."""
        testimony = testify(self._nir, self._vis, doubt, self._period_ns, self._finishing)
        self._doubt = doubt if testimony is None else Doubt.NONE
        if testimony is None:
            return False
        if testimony.jumped:
            self._anchor_anew(testimony)
        elif not testimony.clear and (doubt is Doubt.GRAVE or not self._arrive_on_time()):
            self._lose(Event.CLOCK_JUMP)
        else:
            for side in (self._nir, self._vis):
                side.acquitted = max(side.acquitted, doubt)
        return True

    def _doubts(self, side: ArmQueue[S], doubt: Doubt) -> bool:
        """Whether the clock of an arm is to be judged first."""
        if doubt > side.acquitted:
            self._doubt = max(self._doubt, doubt)
        return doubt > side.acquitted

    def _arrive_on_time(self) -> bool:
        return all(side.arrives_on_time(LEAST_FRAMES, self._period_ns) for side in (self._nir, self._vis))

    def _anchor_anew(self, shift: Testimony) -> None:
        """A clock jumped by as much as the way to the host shifted, give or take less than a quarter of the period."""
        nir_ns, vis_ns = self._nir.head.timestamp_ns, self._vis.head.timestamp_ns
        apart_ns = self._clocks.residual_ns(nir_ns + shift.nir_ns, vis_ns + shift.vis_ns)
        periods = round(apart_ns / self._tally.beat_ns)
        off_beat_ns = apart_ns - periods * self._tally.beat_ns
        if abs(off_beat_ns) * 4 > self._period_ns:
            self._lose(Event.CLOCK_JUMP)
            return
        if abs(shift.nir_ns) > abs(shift.vis_ns):
            self._nir.clock_jumped(off_beat_ns - shift.nir_ns)
        else:
            self._vis.clock_jumped(-off_beat_ns - shift.vis_ns)
        self._clocks.begin_anew(nir_ns - periods * self._tally.beat_ns, vis_ns)
        self._jumped, self._evidence = True, "host"

    def _lose(self, event: Event) -> None:
        """From here on nothing is known to belong together; the first row carries the event."""
        waiting = self.pending()
        self._lost = True
        for side in (self._nir, self._vis):
            side.waiting.clear()
            side.arrivals.clear()
        for arm, stamp in waiting:
            self._alone(arm, stamp, event)
            event = Event.UNANCHORED
