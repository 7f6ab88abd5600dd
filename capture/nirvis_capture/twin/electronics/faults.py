"""What goes wrong with one arm, by script and at random, asked pulse by pulse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

import numpy as np

from nirvis_capture.camera import Arm
from nirvis_capture.twin.settings import Fault, FaultKind, RandomFault, TwinSettings

BLOCK = 1024
"""Pulses whose random faults are drawn together; no random fault lasts longer."""

_KINDS = get_args(FaultKind)
_NONE: Mapping[FaultKind, Fault] = {}


class FaultPlan:
    """The faults of one arm. The same settings give the same faults, in whatever order they are asked for."""

    def __init__(self, twin: TwinSettings, arm: Arm) -> None:
        self._scripted = [fault for fault in twin.faults if fault.arm == arm or fault.kind == "trigger_cable_off"]
        self._random = [fault for fault in twin.random_faults if fault.arm == arm]
        self._seed = twin.rig_seed, int(arm == "vis")
        self._block = -1
        self._pulses: dict[int, dict[FaultKind, Fault]] = {}

    def at(self, pulse: int) -> Mapping[FaultKind, Fault]:
        """The faults that are on at a pulse, by kind; of two of one kind, the one that began later."""
        if pulse // BLOCK != self._block:
            self._block = pulse // BLOCK
            self._pulses = self._spread(self._block)
        return self._pulses.get(pulse, _NONE)

    @property
    def unplugged_at(self) -> int | None:
        """The pulse at which the plug is pulled out."""
        unplug = self.first("unplug")
        return None if unplug is None else unplug.at

    def first(self, kind: FaultKind) -> Fault | None:
        """The earliest scripted fault of a kind that happens once in an arming."""
        mine = [fault for fault in self._scripted if fault.kind == kind]
        return min(mine, key=lambda fault: fault.at, default=None)

    def _spread(self, block: int) -> dict[int, dict[FaultKind, Fault]]:
        """By pulse of a block: the faults that are on."""
        begin, end = block * BLOCK, (block + 1) * BLOCK
        pulses: dict[int, dict[FaultKind, Fault]] = {}
        faults = [*self._scripted, *self._drawn(block - 1), *self._drawn(block)]
        for fault in sorted(faults, key=lambda fault: fault.at):
            for pulse in range(max(begin, fault.at), min(end, fault.at + fault.count)):
                pulses.setdefault(pulse, {})[fault.kind] = fault
        return pulses

    def _drawn(self, block: int) -> Iterator[Fault]:
        """The random faults that begin within a block."""
        for drawn in self._random if block >= 0 else ():
            rng = np.random.default_rng([*self._seed, 3, _KINDS.index(drawn.kind), block])
            for offset in np.flatnonzero(rng.random(BLOCK) < drawn.probability):
                yield _scripted(drawn, block * BLOCK + int(offset))


def _scripted(drawn: RandomFault, at: int) -> Fault:
    return Fault(kind=drawn.kind, arm=drawn.arm, at=at, count=drawn.count, jump_ms=drawn.jump_ms)


def swapped(twin: TwinSettings, primary: Arm) -> bool:
    """Whether the cable goes the other way than the profile says."""
    return any(fault.kind == "roles_swapped" and fault.arm != primary for fault in twin.faults)
