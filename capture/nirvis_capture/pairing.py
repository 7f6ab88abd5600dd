"""Which exposures belong together: pure, deterministic, the same code live and in ``nirvis verify``.

Both arms are merged by two pointers. A frame of vis is mapped to the nir clock by a running affine fit; the heads of
both queues are one pair when they agree within a quarter of the trigger period. Otherwise the earlier head has no
partner, and three witnesses say why: the time gap of the other arm, its frame-id gap, and the interval of its own.

Rows depend on the order within each arm only, never on how the arms interleave, until synchrony is lost; from there
every frame makes a row of its own, in the order of arrival, because nothing else is known of it.
"""

from __future__ import annotations

from typing import Generic

from nirvis_capture.anchor import HOST_JITTER_NS, Anchor, Evidence, Stamped, anchor
from nirvis_capture.arm_queue import ArmQueue
from nirvis_capture.camera import ARMS, Arm, FrameStatus, other
from nirvis_capture.clock_fit import WANDER_PPM, ClockFit
from nirvis_capture.clock_jump import Doubt, Testimony, testify
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
        self._nir0, self._vis0 = (anchor.nir_ns, anchor.vis_ns) if anchor else (0, 0)
        self._fit = ClockFit(anchor.rate_ppm, anchor.rate_sigma_ppm) if anchor else ClockFit(0.0, 1.0)
        self._fit_ns = 0
        nir_id, vis_id = (anchor.nir_id, anchor.vis_id) if anchor else (None, None)
        self._nir: ArmQueue[S] = ArmQueue(self._nir0 - period_ns, None if nir_id is None else nir_id - 1)
        self._vis: ArmQueue[S] = ArmQueue(self._vis0 - period_ns, None if vis_id is None else vis_id - 1)
        self._arrived = 0
        self._evidence: Evidence = anchor.evidence if anchor else "none"
        self._suspect: tuple[Arm, Event, Doubt] | None = None
        self._unsure: Event | None = None
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
        if self._anchor is None or self._lost or self._jumped or self._suspect is not None:
            return Anchor(self._nir0, self._vis0, "none", "synchrony was lost before this clip began")
        vis_ns = self._vis.last_ns - self._vis0 + self._tally.beat_ns
        return Anchor(
            nir_ns=self._nir0 + vis_ns + self._fit.offset_ns(vis_ns),
            vis_ns=self._vis0 + vis_ns,
            evidence=self._evidence,
            note=self._anchor.note,
            nir_id=None if self._nir.last_id is None else self._nir.last_id + 1,
            vis_id=None if self._vis.last_id is None else self._vis.last_id + 1,
            rate_ppm=self._fit.rate_ppm,
            rate_sigma_ppm=self._fit.rate_sigma_ppm + WANDER_PPM,
        )

    def summary(self) -> PairingSummary:
        return PairingSummary(
            anchor=self._anchor,
            period_ns=self._period_ns,
            primary=self._tally.primary,
            counts={event.name: count for event, count in self.counts.items()},
            lost_pulses=self.lost_pulses,
            rate_ppm=self._fit.rate_ppm,
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
        nir, vis = self._nir.waiting, self._vis.waiting
        tight_ns = self._period_ns // 8
        while nir and vis and not self._lost:
            if self._suspect is not None:
                if not self._judge(*self._suspect):
                    return
                continue
            residual_ns = self._residual_ns(nir[0].timestamp_ns, vis[0].timestamp_ns)
            if self._beyond_reach():
                jumped = self._vis.arrived_too_early(self._period_ns)
                self._decide("vis", Event.UNANCHORED, Doubt.GRAVE if jumped else Doubt.NONE)
            elif -tight_ns <= residual_ns <= tight_ns:
                self._pair(residual_ns)
            elif not self._explain(residual_ns):
                return

    def _residual_ns(self, nir_ns: int, vis_ns: int) -> int:
        """How far two exposures are apart on the nir clock."""
        vis_ns -= self._vis0
        return nir_ns - self._nir0 - vis_ns - self._fit.offset_ns(vis_ns)

    def _beyond_reach(self) -> bool:
        """True after a silence that the fit cannot bridge without mistaking one pulse for another."""
        silence_ns = self._vis.waiting[0].timestamp_ns - self._vis0 - self._fit_ns
        return silence_ns > 2 * self._period_ns and silence_ns > self._fit.reach_ns(self._period_ns // 4)

    def _pair(self, residual_ns: int) -> None:
        nir, vis = self._nir, self._vis
        vis_ns = vis.waiting[0].timestamp_ns - self._vis0
        for arm in ARMS:
            self._tally.take_pulse(arm, self._side(arm))
        first, second = nir.pop_paired(), vis.pop_paired()
        event = Event.PAIR
        if self._jumped:
            event, self._jumped = Event.CLOCK_JUMP, False
        elif first.status != FrameStatus.COMPLETE or second.status != FrameStatus.COMPLETE:
            event = Event.INCOMPLETE
        if event != Event.INCOMPLETE:
            bound_ns = min(self._period_ns // 8, 1_000_000)
            trusted_ns = max(-bound_ns, min(bound_ns, residual_ns))
            self._fit.add(vis_ns, self._fit.offset_ns(vis_ns) + trusted_ns)
            self._fit_ns = vis_ns
        if event == Event.PAIR:
            self._residuals.add(abs(residual_ns))
        self._unsure = None
        self._tally.counts[event] += 1
        self._rows.append(PairRow(first, second, residual_ns, event))

    def _alone(self, arm: Arm, stamp: S, event: Event) -> None:
        self._tally.counts[event] += 1
        nir, vis = (stamp, None) if arm == "nir" else (None, stamp)
        self._rows.append(PairRow(nir, vis, 0, event))

    def _explain(self, residual_ns: int) -> bool:
        """The heads disagree. Give the earlier one a row, or begin to doubt a clock; False: more frames are needed."""
        early: Arm = "nir" if residual_ns < 0 else "vis"
        if abs(residual_ns) * 4 <= self._period_ns:
            return self._settle_off_beat(early, residual_ns)
        side, late = self._side(early), self._side(other(early))
        interval_ns = side.interval_ns()
        if interval_ns * 4 < 3 * self._tally.beat_ns:
            twice = interval_ns == 0 and side.head.frame_id == side.last_id
            certain = twice or interval_ns * 4 > self._tally.beat_ns
            self._decide(early, Event.EXTRA_FRAME, Doubt.NONE if certain else Doubt.GRAVE)
        elif late.interval_ns() * 2 >= 3 * self._tally.beat_ns:
            self._decide(early, *self._loss(late))
        else:
            self._decide(early, Event.CLOCK_JUMP, Doubt.GRAVE)
        return True

    def _settle_off_beat(self, early: Arm, residual_ns: int) -> bool:
        """The heads agree within the gate, but badly: is the next frame of an arm the better partner?"""
        nir, vis = self._nir.waiting, self._vis.waiting
        if min(len(nir), len(vis)) < 2 and not self._finishing:
            return False
        if self._unsure is not None:
            self._decide(early, Event.PAIR, Doubt.GRAVE)
        elif len(nir) > 1 and abs(self._residual_ns(nir[1].timestamp_ns, vis[0].timestamp_ns)) < abs(residual_ns):
            self._decide("nir", Event.EXTRA_FRAME, Doubt.NONE)
        elif len(vis) > 1 and abs(self._residual_ns(nir[0].timestamp_ns, vis[1].timestamp_ns)) < abs(residual_ns):
            self._decide("vis", Event.EXTRA_FRAME, Doubt.NONE)
        else:
            self._decide(early, Event.PAIR, Doubt.SLIGHT)
        return True

    def _loss(self, late: ArmQueue[S]) -> tuple[Event, Doubt]:
        """Why an arm has a gap in time, and what speaks against it.

        Without a gap in frame ids, a clock that jumped by whole periods would look the same.
        """
        skipped = late.ids_skipped()
        if skipped is None:
            return Event.EDGE, Doubt.NONE
        event = Event.TRANSFER_DROP if skipped else Event.MISSED_TRIGGER
        if late.acquitted or skipped >= round(late.interval_ns() / self._tally.beat_ns) - 1:
            return event, Doubt.NONE
        if late.arrived_too_early(self._period_ns):
            return event, Doubt.GRAVE
        return event, Doubt.SLIGHT if self._period_ns < 4 * HOST_JITTER_NS else Doubt.NONE

    def _decide(self, arm: Arm, event: Event, doubt: Doubt) -> None:
        if {self._unsure, event} == {Event.EXTRA_FRAME, Event.MISSED_TRIGGER}:
            doubt = Doubt.GRAVE
        if doubt is Doubt.NONE:
            self._act(arm, event)
        else:
            self._suspect = (arm, event, doubt)

    def _act(self, arm: Arm, event: Event) -> None:
        if event == Event.PAIR:
            self._pair(self._residual_ns(self._nir.head.timestamp_ns, self._vis.head.timestamp_ns))
        elif event == Event.UNANCHORED:
            self._lose(event)
        elif event in (Event.EXTRA_FRAME, Event.CLOCK_JUMP):
            self._unsure = Event.EXTRA_FRAME
            self._alone(arm, self._side(arm).pop(), Event.EXTRA_FRAME)
        else:
            self._unsure = event if event == Event.MISSED_TRIGGER else None
            self._tally.take_pulse(arm, self._side(arm))
            pulse_ns = self._on_other_clock(arm, self._side(arm).last_ns)
            self._tally.take_loss(other(arm), self._side(other(arm)), pulse_ns, event)
            self._alone(arm, self._side(arm).pop(), event)

    def _on_other_clock(self, arm: Arm, timestamp_ns: int) -> int:
        if arm == "vis":
            vis_ns = timestamp_ns - self._vis0
            return self._nir0 + vis_ns + self._fit.offset_ns(vis_ns)
        nir_ns = timestamp_ns - self._nir0
        return self._vis0 + nir_ns - self._fit.offset_ns(nir_ns - self._fit.offset_ns(nir_ns))

    def _judge(self, arm: Arm, event: Event, doubt: Doubt) -> bool:
        """Ask the host times whether a clock jumped; False: more frames are needed."""
        testimony = testify(self._nir, self._vis, doubt, self._period_ns, self._finishing)
        if testimony is None:
            return False
        self._suspect = None
        if testimony.jumped:
            self._anchor_anew(testimony)
        elif doubt is Doubt.GRAVE and not testimony.clear:
            self._lose(Event.CLOCK_JUMP)
        else:
            self._nir.acquitted = self._vis.acquitted = True
            self._act(arm, event)
        return True

    def _anchor_anew(self, shift: Testimony) -> None:
        """A clock jumped by as much as the way to the host shifted, give or take less than a quarter of the period."""
        nir_ns, vis_ns = self._nir.head.timestamp_ns, self._vis.head.timestamp_ns
        apart_ns = self._residual_ns(nir_ns + shift.nir_ns, vis_ns + shift.vis_ns)
        periods = round(apart_ns / self._tally.beat_ns)
        off_beat_ns = apart_ns - periods * self._tally.beat_ns
        if abs(off_beat_ns) * 4 > self._period_ns:
            self._lose(Event.CLOCK_JUMP)
            return
        if abs(shift.nir_ns) > abs(shift.vis_ns):
            self._nir.clock_jumped(off_beat_ns - shift.nir_ns)
        else:
            self._vis.clock_jumped(-off_beat_ns - shift.vis_ns)
        self._nir0, self._vis0 = nir_ns - periods * self._tally.beat_ns, vis_ns
        self._fit = ClockFit(self._fit.rate_ppm, self._fit.rate_sigma_ppm + WANDER_PPM)
        self._fit_ns = 0
        self._unsure, self._jumped, self._evidence = None, True, "host"

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
