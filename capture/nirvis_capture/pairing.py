"""Which exposures belong together: pure, deterministic, the same code live and in ``nirvis verify``.

Both arms are merged by two pointers. A frame of vis is mapped to the nir clock by a running affine fit; the heads of
both queues are one pair when they agree within a quarter of the trigger period. Otherwise the earlier head has no
partner, and three witnesses say why: the time gap of the other arm, its frame-id gap, and the interval of its own.
Before a head is given a row, its clock has to be beyond doubt: `clock_jump` says what time, ids and arrivals leave
possible. Where that is more than one thing, nothing is said of the frames until arrivals settle it;
docs/decisions/0021-nothing-said-until-arrivals-decide.md tells what they can know and what not.

Rows depend on the order within each arm only, never on how the arms interleave, but for frames of which nothing is
known: each has a row of its own, in the order of arrival.
"""

from __future__ import annotations

from itertools import islice
from typing import Generic

from nirvis_capture.anchor import Anchor, Evidence, Stamped, anchor
from nirvis_capture.arm_queue import Doubt
from nirvis_capture.both_arms import BothArms, Standing
from nirvis_capture.camera import ARMS, Arm, FrameStatus, other
from nirvis_capture.clock_fit import WANDER_PPM
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
        self._arms: BothArms[S] = BothArms(anchor, period_ns)
        self._lost = anchor is None or not anchor.holds
        """Nothing is known, nor will be."""
        self._adrift = False
        """Nothing is known until arrivals say it."""
        self._evidence: Evidence = anchor.evidence if anchor else "none"
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
        """False where nothing is known of the newest frames: without an anchor, or since synchrony was lost."""
        return not (self._lost or self._adrift)

    @property
    def settled(self) -> bool:
        """Nothing is undecided: another `Pairer` may go on from here."""
        return not self._adrift and not any(side.waiting for side in self._arms.sides)

    def feed(self, arm: Arm, stamp: S) -> list[PairRow[S]]:
        """Take one frame; give the rows that are certain now. Frames of one arm come in their order."""
        if self._lost:
            self._alone(arm, stamp, Event.UNANCHORED)
        else:
            self._arms.push(arm, stamp)
            self._go_on()
        return self._taken()

    def finish(self) -> list[PairRow[S]]:
        """The recording ended: give the rows of everything that still waits."""
        self._finishing = True
        self._go_on()
        if self._adrift or all(side.waiting for side in self._arms.sides):
            self._drift(Event.UNANCHORED)
        for arm in ARMS:
            side = self._arms.side(arm)
            while side.waiting:
                self._tally.take_pulse(arm, side)
                self._alone(arm, side.pop(), Event.EDGE)
        return self._taken()

    def pending(self) -> list[tuple[Arm, S]]:
        """The frames that wait for their partner, in the order of arrival."""
        return self._arms.pending()

    def anchor_now(self) -> Anchor:
        """The next pulse as the anchor of a `Pairer` that continues; feed that one `pending` first."""
        clocks, nir, vis = self._arms.clocks, self._arms.nir, self._arms.vis
        if self._anchor is None or not self.anchored:
            return Anchor(clocks.nir0_ns, clocks.vis0_ns, "none", "synchrony was lost before this clip began")
        vis_ns = vis.last_ns + self._tally.beat_ns
        return Anchor(
            nir_ns=clocks.on_other("vis", vis_ns),
            vis_ns=vis_ns,
            evidence=self._evidence,
            note=self._anchor.note,
            nir_id=None if nir.last_id is None else nir.last_id + 1,
            vis_id=None if vis.last_id is None else vis.last_id + 1,
            rate_ppm=clocks.fit.rate_ppm,
            rate_sigma_ppm=clocks.fit.rate_sigma_ppm + WANDER_PPM,
            nir_delay_ns=nir.floor.ns if nir.floor.known else None,
            vis_delay_ns=vis.floor.ns if vis.floor.known else None,
        )

    def summary(self) -> PairingSummary:
        return PairingSummary(
            anchor=self._anchor,
            period_ns=self._period_ns,
            primary=self._tally.primary,
            counts={event.name: count for event, count in self.counts.items()},
            lost_pulses=self.lost_pulses,
            rate_ppm=self._arms.clocks.fit.rate_ppm,
            residual_p50_ns=self._residuals.percentile(50),
            residual_p99_ns=self._residuals.percentile(99),
            residual_max_ns=self._residuals.maximum,
        )

    def _taken(self) -> list[PairRow[S]]:
        rows, self._rows = self._rows, []
        return rows

    def _go_on(self) -> None:
        if self._adrift and not self._finishing:
            self._find_back()
        if self.anchored:
            self._merge()

    def _merge(self) -> None:
        """Give rows to the heads of both arms, as long as it is certain what they are."""
        arms, tight_ns = self._arms, self._period_ns // 8
        nir, vis = arms.sides
        while nir.waiting and vis.waiting and self._clocks_are_known():
            residual_ns = arms.clocks.residual_ns(nir.head.timestamp_ns, vis.head.timestamp_ns)
            if not arms.clocks.reach(vis.head.timestamp_ns, self._period_ns):
                self._lost = True
                self._drift(Event.UNANCHORED)
            elif -tight_ns <= residual_ns <= tight_ns:
                if not self._settle_together(residual_ns):
                    return
            elif not self._explain(residual_ns):
                return

    def _clocks_are_known(self) -> bool:
        standing = self._arms.standing(self._tally.beat_ns, self._finishing)
        if standing is Standing.JUMPED:
            self._jumped, self._evidence = True, "host"
        elif standing in (Standing.UNKNOWN, Standing.LOST):
            self._drift(Event.CLOCK_JUMP if standing is Standing.LOST else Event.UNANCHORED)
        return standing in (Standing.KNOWN, Standing.JUMPED)

    def _drift(self, event: Event) -> None:
        """Nothing is known of the frames that wait, and of those that come; the first row carries the event."""
        self._adrift = not self._lost
        for arm, stamp in self._arms.taken():
            self._alone(arm, stamp, event)
            event = Event.UNANCHORED

    def _find_back(self) -> None:
        """Give rows to frames of which nothing is known, until arrivals say how the clocks relate."""
        while (standing := self._arms.regain(self._tally.beat_ns)) is Standing.UNKNOWN:
            self._alone(*self._arms.pop_first(), Event.UNANCHORED)
        if standing is Standing.LOST:
            self._adrift, self._lost = False, True
            self._drift(Event.UNANCHORED)
        elif standing is not Standing.WAIT:
            self._adrift, self._jumped, self._evidence = False, standing is Standing.JUMPED, "host"

    def _pair(self, residual_ns: int, on_beat: bool = True) -> None:
        for arm in ARMS if on_beat else ():
            self._tally.take_pulse(arm, self._arms.side(arm))
        first, second = (side.pop_pulse() if on_beat else side.pop_extra() for side in self._arms.sides)
        event = Event.PAIR
        if self._jumped:
            event, self._jumped = Event.CLOCK_JUMP, False
        elif first.status != FrameStatus.COMPLETE or second.status != FrameStatus.COMPLETE:
            event = Event.INCOMPLETE
        if event != Event.INCOMPLETE:
            self._arms.clocks.take(second.timestamp_ns, residual_ns, self._period_ns)
        if event == Event.PAIR:
            self._residuals.add(abs(residual_ns))
        self._tally.counts[event] += 1
        self._rows.append(PairRow(first, second, residual_ns, event))

    def _alone(self, arm: Arm, stamp: S, event: Event) -> None:
        self._tally.counts[event] += 1
        nir, vis = (stamp, None) if arm == "nir" else (None, stamp)
        self._rows.append(PairRow(nir, vis, 0, event))

    def _settle_together(self, residual_ns: int) -> bool:
        """The heads agree. They are a pair even between two pulses; but then the beat may go on without them.

        It does where either arm comes back to it: the other may have lost just the frames that show it.
        """
        beat_ns = self._tally.beat_ns
        if not self._arms.side(self._tally.primary).is_between(beat_ns):
            self._pair(residual_ns)
            return True
        comes_back = [side.comes_back(beat_ns, self._finishing) for side in self._arms.sides]
        if None in comes_back and True not in comes_back:
            return False
        self._pair(residual_ns, on_beat=True not in comes_back)
        return True

    def _explain(self, residual_ns: int) -> bool:
        """The heads disagree. Give one of them a row, or begin to doubt a clock; False: more frames are needed."""
        early: Arm = "nir" if residual_ns < 0 else "vis"
        for arm in (early, other(early)):
            if self._arms.side(arm).is_between(self._tally.beat_ns):
                return self._settle_between(arm)
        if abs(residual_ns) * 4 <= self._period_ns:
            return self._settle_off_beat(residual_ns)
        side, late = self._arms.side(early), self._arms.side(other(early))
        ahead = side.interval_ns() * 4 >= 3 * self._tally.beat_ns
        if ahead and late.interval_ns() * 2 >= 3 * self._tally.beat_ns:
            self._lone_pulse(early)
        elif side.came_twice() or not side.suspect(Doubt.JUMP):
            self._extra(early)
        return True

    def _settle_off_beat(self, residual_ns: int) -> bool:
        """The heads agree within the gate, but badly: is the next frame of an arm the better partner?"""
        nir, vis = ([stamp.timestamp_ns for stamp in islice(side.waiting, 2)] for side in self._arms.sides)
        if min(len(nir), len(vis)) < 2 and not self._finishing:
            return False
        if len(nir) > 1 and abs(self._arms.clocks.residual_ns(nir[1], vis[0])) < abs(residual_ns):
            self._extra("nir")
        elif len(vis) > 1 and abs(self._arms.clocks.residual_ns(nir[0], vis[1])) < abs(residual_ns):
            self._extra("vis")
        elif not any([side.suspect(Doubt.GAP) for side in self._arms.sides]):
            self._pair(residual_ns)
        return True

    def _settle_between(self, arm: Arm) -> bool:
        """The head of an arm lies between two pulses: is it one too many, or did its clock jump?"""
        comes_back = self._arms.side(arm).comes_back(self._tally.beat_ns, self._finishing)
        if comes_back is None:
            return False
        if comes_back:
            self._extra(arm)
        elif not self._arms.side(arm).suspect(Doubt.JUMP):
            # No clock jumped, and yet the beat is another one: the frames before were none of the pulses.
            self._drift(Event.UNANCHORED)
        return comes_back or not self._adrift

    def _extra(self, arm: Arm) -> None:
        self._alone(arm, self._arms.side(arm).pop_extra(), Event.EXTRA_FRAME)

    def _lone_pulse(self, arm: Arm) -> None:
        """The head of an arm is a pulse of which the other has no frame."""
        side, silent = self._arms.side(arm), self._arms.side(other(arm))
        skipped = silent.ids_skipped()
        event = Event.TRANSFER_DROP if skipped else Event.EDGE if skipped is None else Event.MISSED_TRIGGER
        self._tally.take_pulse(arm, side)
        self._tally.take_loss(other(arm), silent, self._arms.clocks.on_other(arm, side.last_ns), event)
        self._alone(arm, side.pop_pulse(), event)
