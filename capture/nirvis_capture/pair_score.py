"""How well a pair table agrees with what really happened: pairs against pulses, losses against their causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, other
from nirvis_capture.pair_table import Event
from nirvis_capture.twin.electronics.ledger import NOT_EXPOSED, Flag
from nirvis_capture.wording import counted

Column = NDArray[np.int64]

_LOST = Flag.TRANSFER_DROP | Flag.OVERFLOW
_NEVER_EXPOSED = Flag.NO_PULSE | Flag.CABLE_OFF | Flag.MISSED_TRIGGER | Flag.BUSY
_UNKNOWN = (Event.UNANCHORED, Event.CLOCK_JUMP)
"""What a row of one frame says when it claims nothing about the other arm."""
_CLASSED = (Event.TRANSFER_DROP, Event.MISSED_TRIGGER, Event.EXTRA_FRAME)
"""What it says when it knows why the other arm has none."""
_Loss = tuple[int, int]
"""After how many frames of an arm, and the event."""


class PulseTruth(Protocol):
    """What happened at every pulse; `truth_file.Truth` and `twin.electronics.stamps.Arming` know."""

    @property
    def frame_pulse(self) -> Mapping[Arm, Column]:
        """``(N,)`` pulse that exposed each frame; ``-1 - k`` for one that no pulse asked for, after pulse k."""
        ...

    @property
    def pulse(self) -> Column: ...
    @property
    def flags(self) -> Mapping[Arm, Column]: ...
    @property
    def frame_id(self) -> Mapping[Arm, Column]: ...


@dataclass(frozen=True)
class PairingScore:
    """A pair table beside the truth."""

    pairs: int
    """Rows that join a frame of each arm."""
    wrong: int
    """Of those, how many join two pulses. Anything but 0 is a fault of the pairing."""
    recoverable: int
    """Pulses of which the clip holds a frame of both arms."""
    recovered: int
    """Of those, how many are joined."""
    unanchored: int
    """Of those, how many are in rows that say that nothing is known."""
    losses: int
    """Exposures whose partner is missing and whose row says why."""
    misjudged: int
    """Of those, how many rows name another cause than the true one. Where an arm lost several frames in a row for
    several causes, frame ids tell how many were lost for each, but not which."""
    unclassified: int
    """Exposures whose partner was lost between two frames of its arm, and whose row does not say why."""
    unrecorded: int
    """Frames that reached the host within the clip and are not in it."""

    @property
    def recovered_share(self) -> float:
        """1 where nothing was recoverable."""
        return self.recovered / self.recoverable if self.recoverable else 1.0

    @property
    def faultless(self) -> bool:
        """No pair is wrong, no loss misjudged, and every pulse in both arms is joined or openly left open."""
        return self.wrong == self.misjudged == 0 and self.recovered + self.unanchored == self.recoverable

    def __str__(self) -> str:
        return (
            f"{self.wrong} of {self.pairs} pairs wrong, {self.recovered} of {self.recoverable} recoverable found "
            f"({self.unanchored} unanchored), "
            f"{self.misjudged} of {self.losses} losses misjudged, {self.unclassified} without a cause, "
            f"{counted(self.unrecorded, 'frame')} not recorded"
        )


def score_pairs(table: NDArray[np.void], truth: PulseTruth) -> PairingScore:
    """Compare a pair table, as `Clip.pairs` has it, with what happened."""
    joined = table[(table["nir_index"] >= 0) & (table["vis_index"] >= 0)]
    nir, vis = (truth.frame_pulse[arm][joined[f"{arm}_index"]] for arm in ARMS)
    together = nir == vis
    in_both = _in_both(truth)
    found = np.unique(nir[together & (nir >= 0)])
    losses = [_losses(table, truth, arm) for arm in ARMS]
    return PairingScore(
        pairs=len(joined),
        wrong=int((~together).sum()),
        recoverable=len(in_both),
        recovered=len(found),
        unanchored=len(np.setdiff1d(np.intersect1d(in_both, _unknown(table, truth)), found)),
        losses=sum(said.total() for said, _ in losses),
        misjudged=sum((said - true).total() for said, true in losses),
        unclassified=sum(_unclassified(table, truth, arm) for arm in ARMS),
        unrecorded=sum(_unrecorded(truth, arm) for arm in ARMS),
    )


def _in_both(truth: PulseTruth) -> Column:
    nir, vis = (truth.frame_pulse[arm] for arm in ARMS)
    return np.intersect1d(nir[nir >= 0], vis[vis >= 0])


def _unknown(table: NDArray[np.void], truth: PulseTruth) -> Column:
    """The pulses of frames of which nothing is claimed."""
    rows = table[np.isin(table["event"], _UNKNOWN)]
    indices = {arm: rows[f"{arm}_index"] for arm in ARMS}
    return np.concatenate([truth.frame_pulse[arm][indices[arm][indices[arm] >= 0]] for arm in ARMS])


def _losses(table: NDArray[np.void], truth: PulseTruth, missing: Arm) -> tuple[Counter[_Loss], Counter[_Loss]]:
    """What rows of the other arm alone say of the frames that `missing` lacks, and what became of these in truth."""
    there = other(missing)
    alone = table[(table[f"{missing}_index"] < 0) & np.isin(table["event"], _CLASSED)]
    pulses = truth.frame_pulse[there][alone[f"{there}_index"]]
    came = np.unique(truth.frame_pulse[missing])
    absent = np.setdiff1d(truth.pulse, came)
    flags = truth.flags[missing][absent - truth.pulse[0]]
    causes = np.where(flags & int(_NEVER_EXPOSED), int(Event.MISSED_TRIGGER), int(Event.TRANSFER_DROP))
    said = Counter(zip(_gaps(came, pulses), alone["event"].tolist(), strict=True))
    true = Counter(zip(_gaps(came, absent), causes.tolist(), strict=True))
    true.update((pulse, int(Event.EXTRA_FRAME)) for pulse in pulses[pulses < 0].tolist())
    return said, true


def _unclassified(table: NDArray[np.void], truth: PulseTruth, missing: Arm) -> int:
    """Rows that leave open why `missing` has no frame, although it has some before and after."""
    there = other(missing)
    edge = table[(table[f"{missing}_index"] < 0) & (table["event"] == int(Event.EDGE))]
    pulses, came = truth.frame_pulse[there][edge[f"{there}_index"]], truth.frame_pulse[missing]
    between = (pulses > came[came >= 0].min(initial=np.iinfo(np.int64).max)) & (pulses < came.max(initial=-1))
    return int((between & ~np.isin(pulses, came)).sum())


def _gaps(came: Column, pulses: Column) -> list[int]:
    """After how many of an arm's frames these pulses follow; of a frame that no pulse asked for, its own number."""
    gaps: list[int] = np.where(pulses < 0, pulses, np.searchsorted(came, pulses)).tolist()
    return gaps


def _unrecorded(truth: PulseTruth, arm: Arm) -> int:
    sent = (truth.frame_id[arm] != NOT_EXPOSED) & (truth.flags[arm] & int(_LOST) == 0)
    return int((sent & ~np.isin(truth.pulse, truth.frame_pulse[arm])).sum())
