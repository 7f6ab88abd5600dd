"""Accounts for every pulse of both arms: what came, what was lost, and why."""

from __future__ import annotations

from nirvis_capture.arm_queue import ArmQueue
from nirvis_capture.camera import Arm
from nirvis_capture.pair_table import Event, S


class Tally:
    """Counts events, and the pulses that are in no row because both arms lost them.

    primary
        The arm whose exposures are the pulses: its clock has the beat.
    """

    def __init__(self, period_ns: int, primary: Arm) -> None:
        self.primary = primary
        self.counts: dict[Event, int] = dict.fromkeys(Event, 0)
        self.lost_pulses = 0
        self.beat_ns = period_ns
        """The period as it is, not as it was asked for."""
        self._period_ns = period_ns

    def take_pulse(self, arm: Arm, side: ArmQueue[S]) -> None:
        """The head of an arm is a pulse: count those before it that are in no row, and learn the beat."""
        interval_ns, beat_ns = side.interval_ns(), self.beat_ns
        if interval_ns * 2 >= 3 * beat_ns:
            self._lose(arm, side, round(interval_ns / beat_ns) - 1, side.ids_skipped())
        elif arm == self.primary and abs(interval_ns - self._period_ns) * 4 <= self._period_ns:
            self.beat_ns += (interval_ns - beat_ns) >> 4
        side.last_ns = side.head.timestamp_ns

    def take_loss(self, arm: Arm, side: ArmQueue[S], pulse_ns: int, event: Event) -> None:
        """An arm has no frame of the pulse at `pulse_ns` of its own clock; the row of the other arm says so."""
        skipped = side.ids_skipped()
        if event == Event.TRANSFER_DROP and skipped is not None and side.last_id is not None:
            skipped, side.last_id = skipped - 1, side.last_id + 1
        before = max(0, round((pulse_ns - side.last_ns) / self.beat_ns) - 1)
        self._lose(arm, side, before, skipped)
        side.last_ns = pulse_ns

    def _lose(self, arm: Arm, side: ArmQueue[S], missing: int, skipped: int | None) -> None:
        """Both arms lost these pulses. Of each arm, those that used up a frame id were lost on their way."""
        dropped = 0 if skipped is None else min(missing, skipped)
        self.counts[Event.TRANSFER_DROP] += dropped
        self.counts[Event.EDGE if skipped is None else Event.MISSED_TRIGGER] += missing - dropped
        if side.last_id is not None:
            side.last_id += dropped
        if arm == self.primary:
            self.lost_pulses += missing
