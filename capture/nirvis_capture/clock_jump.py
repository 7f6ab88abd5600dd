"""Did the clock of a camera jump? The times of arrival on the host are the witness.

A jump forward by whole periods looks like missed triggers, one backward like extra frames. But a clock that jumped
changes by how much frames seem to be under way, from one frame to the next and for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nirvis_capture.arm_queue import ArmQueue
from nirvis_capture.pair_table import S

JUDGED_S = 0.25
"""Seconds of frames that decide."""


class Doubt(Enum):
    """How far an explanation needs the host times as a further witness."""

    NONE = 0
    SLIGHT = 1
    """It holds unless they contradict."""
    GRAVE = 2
    """It holds only if they confirm it."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the host times say of the frames that wait."""

    clear: bool
    """False when there are too few frames, or when they contradict each other."""
    jumped: bool
    nir_ns: int = 0
    """How much longer frames of nir take to the host than before: minus what its clock jumped."""
    vis_ns: int = 0


def testify(nir: ArmQueue[S], vis: ArmQueue[S], doubt: Doubt, period_ns: int, ended: bool) -> Testimony | None:
    """Compare the delay of the waiting frames with what it was before; None: more frames are needed.

    ended
        No more frames will come.
    """
    needed = min(64, max(8, round(JUDGED_S * 1e9 / period_ns)))
    if min(len(nir.waiting), len(vis.waiting)) < needed and not ended:
        return None
    shifts = nir.shift(needed, period_ns), vis.shift(needed, period_ns)
    if shifts[0] is None or shifts[1] is None or max(shift.spread_ns for shift in shifts if shift) * 4 > period_ns:
        return Testimony(clear=False, jumped=False)
    # What looks like a missed trigger can only be a jump by about one period, or several.
    least_ns = period_ns // 4 if doubt is Doubt.GRAVE else 3 * period_ns // 4
    nir_ns, vis_ns = shifts[0].by_ns, shifts[1].by_ns
    return Testimony(True, abs(nir_ns - vis_ns) > least_ns, nir_ns, vis_ns)
