"""Pairs while they come in: one pairing for both grab threads, its rows to whoever records, its newest pair to preview.

A recording that begins while the cameras run gets a pairing of its own, which continues from the state of the one
before. So its clip holds everything that its pairing knew, and `verify` can repeat it from the file alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, Frame
from nirvis_capture.pairing import Event, Pairer, PairingSummary, PairRow

Row = PairRow[Frame]

_RESIDUALS_KEPT = 200


class RowSink(Protocol):
    """What takes the rows of one recording."""

    def begin(self, anchor: Anchor | None) -> None:
        """Called once, before the first row."""
        ...

    def take(self, row: Row) -> bool:
        """Keep a row; False when the recording should end. Rows that complete it may still follow."""
        ...

    def end(self, summary: PairingSummary) -> None:
        """Called once, after the last row, with what the pairing found."""
        ...


class PairStream:
    """The frames of one arming; fed by both grab threads.

    A frame of an arm that is ahead waits here until the other arm has caught up, so that a recording ends with a pair
    and not with a tail of frames whose partners are still on their way.
    """

    def __init__(self, primary: Arm, period_ns: int, anchor_of: Callable[[Frame, Frame], Anchor]) -> None:
        self._primary = primary
        self._period_ns = period_ns
        self._anchor_of = anchor_of
        self._changed = threading.Condition()
        self._pairer: Pairer[Frame] | None = None
        self._waiting: dict[Arm, deque[Frame]] = {arm: deque() for arm in ARMS}
        self._sink: RowSink | None = None
        self._ending = False
        self._newest: Row | None = None
        self._residuals: deque[int] = deque(maxlen=_RESIDUALS_KEPT)

    @property
    def recording(self) -> bool:
        """True while rows go to a recording."""
        return self._sink is not None

    @property
    def counts(self) -> dict[Event, int]:
        """Rows of the running recording by their event; since the last one ended where nothing is recorded."""
        pairer = self._pairer
        return {} if pairer is None else dict(pairer.counts)

    def residual_p99_ns(self) -> float | None:
        """99th percentile of what the clock fit left in the newest pairs, in ns."""
        residuals = list(self._residuals)
        return float(np.percentile(np.abs(residuals), 99)) if residuals else None

    def wait_for_pair(self, after: Row | None, timeout_s: float) -> Row | None:
        """The newest pair (of unanchored cameras, the newest frame of each), once it is another than `after`.

        None when none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not after, timeout_s)
            return None if self._newest is after else self._newest

    def feed(self, arm: Arm, frame: Frame) -> None:
        """Pair one frame. Waits only where the sink does (cameras that can be slowed down)."""
        with self._changed:
            self._waiting[arm].append(frame)
            if self._pairer is None and all(self._waiting.values()):
                self._start(self._anchor_of(self._waiting["nir"][0], self._waiting["vis"][0]))
            self._pair_what_waits()
            self._changed.notify_all()

    def begin(self, sink: RowSink) -> None:
        """Hand every row to `sink` from now on; a frame that waits for its partner is its first."""
        with self._changed:
            self._sink, self._ending = sink, False
            if self._pairer is not None:
                for arm, frame in reversed(self._pairer.pending()):
                    self._waiting[arm].appendleft(frame)
                self._start(self._pairer.anchor_now())
                self._pair_what_waits()

    def end(self, timeout_s: float) -> None:
        """Complete the recording: a frame whose partner is on its way waits for it that long.

        What still waits then is recorded without a partner.
        """
        with self._changed:
            self._ending = True
            self._complete_when_even()
            if not self._changed.wait_for(lambda: self._sink is None, timeout_s):
                self._pair_what_waits(all_of_it=True)
                self._complete()

    def _start(self, anchor: Anchor | None) -> Pairer[Frame]:
        pairer: Pairer[Frame] = Pairer(anchor, self._period_ns, self._primary)
        self._pairer = pairer
        if self._sink is not None:
            self._sink.begin(anchor)
        return pairer

    def _pair_what_waits(self, all_of_it: bool = False) -> None:
        pairer = self._pairer or (self._start(None) if all_of_it else None)
        while pairer is not None and (arm := self._next_arm(pairer, all_of_it)) is not None:
            self._deliver(pairer.feed(arm, self._waiting[arm].popleft()))
            self._complete_when_even()
            pairer = self._pairer

    def _next_arm(self, pairer: Pairer[Frame], all_of_it: bool) -> Arm | None:
        """The arm to go on with; None when the one that is behind has no frame yet."""
        lead = _lead_of_nir(pairer)
        held: Arm | None = None if all_of_it or lead == 0 else "nir" if lead > 0 else "vis"
        return next((arm for arm in ARMS if self._waiting[arm] and arm != held), None)

    def _deliver(self, rows: list[Row]) -> None:
        for row in rows:
            self._show(row)
            if self._sink is not None and not self._sink.take(row):
                self._ending = True

    def _show(self, row: Row) -> None:
        if row.event is Event.PAIR:
            self._newest = row
            self._residuals.append(row.residual_ns)
        elif row.event is Event.UNANCHORED:
            shown = self._newest
            nir = row.nir or (None if shown is None else shown.nir)
            vis = row.vis or (None if shown is None else shown.vis)
            self._newest = PairRow(nir, vis, 0, row.event)

    def _complete_when_even(self) -> None:
        """A recording that is to end does so when no frame waits for a partner that is on its way.

        As many frames of both arms wait for a decision of the pairing; the end makes it.
        """
        if self._sink is not None and self._ending and self._pairer and _lead_of_nir(self._pairer) == 0:
            self._complete()

    def _complete(self) -> None:
        sink = self._sink
        if sink is None:
            return
        pairer = self._pairer or self._start(None)
        anchor = pairer.anchor_now()
        self._deliver(pairer.finish())
        self._sink, self._ending = None, False
        self._start(anchor)
        sink.end(pairer.summary())
        self._changed.notify_all()


def _lead_of_nir(pairer: Pairer[Frame]) -> int:
    """How many more frames of nir than of vis wait within the pairing; negative when vis is ahead."""
    return sum(1 if arm == "nir" else -1 for arm, _ in pairer.pending())
