"""Pairs while they come in: one pairing for both grab threads, its rows to whoever records, its newest pair to preview.

Every clip gets a pairing of its own, which continues from the state of the one before: a recording that begins while
the cameras run, one that begins with what the pre-trigger kept, and each further part of a long one. So a clip holds
everything that its pairing knew, and `verify` can repeat it from the file alone.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Literal, Protocol

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, Frame
from nirvis_capture.pairing import Event, Pairer, PairRow
from nirvis_capture.pre_trigger import PreTrigger
from nirvis_capture.row import Row, frames_of

Then = Literal["go on", "next part", "end"]
"""What a recording wants after a row; rows that complete the part or the recording may still follow."""

_RESIDUALS_KEPT = 200


class RowSink(Protocol):
    """What takes the rows of one recording."""

    def begin(self, anchor: Anchor | None, kept: Sequence[Row] = ()) -> None:
        """Called before the first row of each part.

        kept
            What the pre-trigger kept from before the recording; its frames follow through `take`.
        """
        ...

    def take(self, row: Row) -> Then:
        """Keep a row."""
        ...

    def end(self, counts: Mapping[Event, int]) -> None:
        """Called once, after the last row, with what the pairing found in all parts."""
        ...


class PairStream:
    """The frames of one arming; fed by both grab threads.

    A frame of an arm that is ahead waits here until the other arm has caught up, so that a recording ends with a pair
    and not with a tail of frames whose partners are still on their way.

    anchor_of
        What the first frames of nir and vis say; as many as `listening_frames` of each, where that many come.
    pre_trigger_bytes
        Memory for the newest rows while nothing is recorded; a recording then begins with them.
    """

    def __init__(
        self,
        primary: Arm,
        period_ns: int,
        anchor_of: Callable[[Sequence[Frame], Sequence[Frame]], Anchor],
        pre_trigger_bytes: int = 0,
        listening_frames: int = 1,
    ) -> None:
        self._primary = primary
        self._period_ns = period_ns
        self._anchor_of = anchor_of
        self._listening_frames = listening_frames
        self._changed = threading.Condition()
        self._pairer: Pairer[Frame] | None = None
        self._counted: tuple[Pairer[Frame] | None, Counter[Event]] = (None, Counter())
        """The pairing, and what earlier parts of its recording counted; one value, for readers without the lock."""
        self._waiting: dict[Arm, deque[Frame]] = {arm: deque() for arm in ARMS}
        self._pre_trigger = PreTrigger(pre_trigger_bytes)
        self._settled: Anchor | None = None
        """Anchor of the next row that the pre-trigger keeps; None while frames before it are undecided."""
        self._feeding: set[Arm] = set()
        self._sink: RowSink | None = None
        self._then: Then = "go on"
        self._newest: Row | None = None
        self._residuals: deque[int] = deque(maxlen=_RESIDUALS_KEPT)

    @property
    def recording(self) -> bool:
        """True while rows go to a recording."""
        return self._sink is not None

    @property
    def feeding(self) -> bool:
        """True while `feed` has not come back to a grab thread; for long only where the sink waits."""
        return bool(self._feeding)

    @property
    def counts(self) -> dict[Event, int]:
        """Rows of the running recording by their event; since the last one ended where nothing is recorded."""
        pairer, earlier = self._counted
        return {} if pairer is None else {event: count + earlier[event] for event, count in pairer.counts.items()}

    def residual_ns(self, percent: float) -> float | None:
        """A percentile of what the clock fit left in the newest pairs, in ns."""
        residuals = sorted(map(abs, list(self._residuals)))
        return float(residuals[round(percent / 100 * (len(residuals) - 1))]) if residuals else None

    def wait_for_pair(self, after: Row | None, timeout_s: float) -> Row | None:
        """The newest pair, or newest frame of each arm where nothing is known of them, once it is another than `after`.

        None when none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not after, timeout_s)
            return None if self._newest is after else self._newest

    def feed(self, arm: Arm, frame: Frame) -> None:
        """Pair one frame. Waits only where the sink does (cameras that can be slowed down)."""
        self._feeding.add(arm)
        with self._changed:
            self._waiting[arm].append(frame)
            if self._pairer is None:
                self._listen(arm)
            self._pair_what_waits()
        self._feeding.discard(arm)

    def begin(self, sink: RowSink) -> None:
        """Hand every row to `sink` from now on, beginning with what the pre-trigger kept.

        A frame that waits for its partner now is recorded, too.
        """
        with self._changed:
            self._sink, self._then = sink, "go on"
            if self._pairer is not None:
                self._begin_again(self._pairer)

    def end(self, timeout_s: float) -> None:
        """Complete the recording: a frame whose partner is on its way waits for it that long.

        What still waits then is recorded without a partner.
        """
        with self._changed:
            self._then = "end"
            self._complete_when_even()
            if not self._changed.wait_for(lambda: self._sink is None, timeout_s):
                self._pair_what_waits(all_of_it=True)
                self._complete()

    def _listen(self, arm: Arm) -> None:
        """The first frames are kept until there are enough of them to say how the clocks relate, but shown at once."""
        heard = min(map(len, self._waiting.values()))
        if heard >= self._listening_frames:
            self._start(self._first_anchor())
        elif heard == len(self._waiting[arm]):
            nir, vis = (self._waiting[one][heard - 1] for one in ARMS)
            self._show(PairRow(nir, vis, 0, Event.UNANCHORED))

    def _begin_again(self, pairer: Pairer[Frame]) -> None:
        """Pair what the pre-trigger kept, and what waits, once more from their anchor."""
        waiting, self._waiting = self._waiting, {arm: deque() for arm in ARMS}
        for arm, frame in reversed(pairer.pending()):
            waiting[arm].appendleft(frame)
        anchor, kept = self._pre_trigger.take() or (pairer.anchor_now(), [])
        self._start(anchor, kept)
        for row in kept:
            for arm, frame in frames_of(row):
                self._waiting[arm].append(frame)
            self._pair_what_waits()
        for arm in ARMS:
            self._waiting[arm].extend(waiting[arm])
        self._pair_what_waits()

    def _start(
        self, anchor: Anchor | None, kept: Sequence[Row] = (), earlier: Counter[Event] | None = None
    ) -> Pairer[Frame]:
        pairer: Pairer[Frame] = Pairer(anchor, self._period_ns, self._primary)
        self._pairer, self._settled = pairer, anchor
        self._counted = (pairer, earlier or Counter())
        if self._sink is not None:
            self._sink.begin(anchor, kept)
        return pairer

    def _first_anchor(self) -> Anchor | None:
        """None where an arm has sent nothing yet."""
        nir, vis = (list(islice(self._waiting[arm], self._listening_frames)) for arm in ARMS)
        return self._anchor_of(nir, vis) if nir and vis else None

    def _pair_what_waits(self, all_of_it: bool = False) -> None:
        """Feed the pairing.

        all_of_it
            No partner is waited for any more, and the recording is complete when nothing waits, not when it is even.
        """
        pairer = self._pairer or (self._start(self._first_anchor()) if all_of_it else None)
        while pairer is not None and (arm := self._next_arm(pairer, all_of_it)) is not None:
            self._deliver(pairer, pairer.feed(arm, self._waiting[arm].popleft()))
            if not all_of_it:
                self._complete_when_even()
            pairer = self._pairer

    def _next_arm(self, pairer: Pairer[Frame], all_of_it: bool) -> Arm | None:
        """The arm to go on with; None when the one that is behind has no frame yet."""
        lead = _lead_of_nir(pairer)
        held: Arm | None = None if all_of_it or lead == 0 else "nir" if lead > 0 else "vis"
        return next((arm for arm in ARMS if self._waiting[arm] and arm != held), None)

    def _deliver(self, pairer: Pairer[Frame], rows: list[Row]) -> None:
        for row in rows:
            self._show(row)
            if self._sink is not None:
                then = self._sink.take(row)
                self._then = then if self._then == "go on" or then == "end" else self._then
        if self._sink is None and rows and self._pre_trigger.capacity_bytes:
            self._pre_trigger.keep(self._settled, rows)
            self._settled = pairer.anchor_now() if pairer.settled else None

    def _show(self, row: Row) -> None:
        if row.event is Event.PAIR:
            self._newest = row
            self._residuals.append(row.residual_ns)
            self._changed.notify_all()
        elif row.event is Event.UNANCHORED:
            shown = self._newest
            nir = row.nir or (None if shown is None else shown.nir)
            vis = row.vis or (None if shown is None else shown.vis)
            self._newest = PairRow(nir, vis, 0, row.event)
            self._changed.notify_all()

    def _complete_when_even(self) -> None:
        """A recording that is to end does so when no frame waits for a partner that is on its way.

        As many frames of both arms may wait for a decision of the pairing; the end makes it. A part that is full waits
        for that decision, so that the next one goes on from what is certain.
        """
        if self._sink is None or self._pairer is None:
            return
        if self._then == "end":
            even = _lead_of_nir(self._pairer) == 0
        else:
            even = self._then == "next part" and self._pairer.settled
        if even:
            self._complete()

    def _complete(self) -> None:
        sink = self._sink
        if sink is None:
            return
        pairer = self._pairer or self._start(None)
        goes_on = self._then == "next part"
        anchor = pairer.anchor_now()
        self._deliver(pairer, pairer.finish())
        counts = Counter(self.counts)
        self._sink, self._then = sink if goes_on else None, "go on"
        self._start(anchor, earlier=counts if goes_on else None)
        if not goes_on:
            sink.end(counts)
        self._changed.notify_all()


def _lead_of_nir(pairer: Pairer[Frame]) -> int:
    """How many more frames of nir than of vis wait within the pairing; negative when vis is ahead."""
    return sum(1 if arm == "nir" else -1 for arm, _ in pairer.pending())
