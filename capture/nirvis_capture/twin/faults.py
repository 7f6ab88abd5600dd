"""The script of what goes wrong, asked pulse by pulse."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Literal

import numpy as np

from nirvis_capture.camera import Arm
from nirvis_capture.twin.settings import Fault


class FaultPlan:
    """The scripted faults of one arm, asked by pulse."""

    def __init__(self, faults: Iterable[Fault], arm: Arm) -> None:
        mine = [fault for fault in faults if fault.arm == arm]
        self._pulses = {
            kind: {fault.at + i for fault in mine if fault.kind == kind for i in range(fault.count)}
            for kind in ("transfer_drop", "missed_trigger", "incomplete")
        }
        jumps = sorted((fault.at, round(fault.jump_ms * 1e6)) for fault in mine if fault.kind == "clock_jump")
        self._jump_pulses = [at for at, _ in jumps]
        self._jumps_ns = np.cumsum([0, *(jump for _, jump in jumps)], dtype=np.int64)
        self.unplugged_at = min((fault.at for fault in mine if fault.kind == "unplug"), default=None)

    def happens(self, kind: Literal["transfer_drop", "missed_trigger", "incomplete"], pulse: int) -> bool:
        return pulse in self._pulses[kind]

    def jump_ns(self, pulse: int) -> int:
        """How far the clock has jumped by that pulse."""
        return int(self._jumps_ns[bisect_right(self._jump_pulses, pulse)])

    def unplugged(self, pulse: int) -> bool:
        return self.unplugged_at is not None and pulse >= self.unplugged_at
