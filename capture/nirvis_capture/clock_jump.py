"""Did the clock of a camera jump? The times of arrival on the host are the witness.

A jump forward by whole periods looks like missed triggers, one backward like extra frames. But a clock that jumped
changes by how much frames seem to be under way, from one frame to the next and for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from nirvis_capture.arm_queue import FLOOR_FRAMES, ArmQueue, Doubt
from nirvis_capture.pair_table import S

JUDGED_S = 0.25
"""Seconds of frames that decide."""
PATIENT_FRAMES = 96
"""Frames of each arm that may wait for a host that is busy; more than the buffers of a driver hold."""


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

    The first of them have to say that a clock jumped. While the host is busy they say nothing; later ones can still
    say that none has.

    ended
        No more frames will come.
    """
    needed = min(64, max(8, round(JUDGED_S * 1e9 / period_ns)))
    waiting = min(len(nir.waiting), len(vis.waiting))
    if waiting < needed and not ended:
        return None
    for start in range(max(1, min(waiting, PATIENT_FRAMES) - needed + 1)):
        nir_shift, vis_shift = (side.shift(start, start + needed) for side in (nir, vis))
        if nir_shift is None or vis_shift is None:
            break
        if max(abs(nir_shift.by_ns), abs(vis_shift.by_ns)) * (8 if doubt is Doubt.GRAVE else 4) <= period_ns:
            return Testimony(True, False, nir_shift.by_ns, vis_shift.by_ns)
        if start == 0 and nir_shift.holds(period_ns) and vis_shift.holds(period_ns):
            # What looks like a missed trigger can only be a jump by about one period, or several.
            least_ns = period_ns // 4 if doubt is Doubt.GRAVE else 3 * period_ns // 4
            jumped = abs(nir_shift.by_ns - vis_shift.by_ns) > least_ns
            return Testimony(True, jumped, nir_shift.by_ns, vis_shift.by_ns)
    return Testimony(clear=False, jumped=False) if ended or waiting >= PATIENT_FRAMES or _too_new(nir, vis) else None


def _too_new(nir: ArmQueue[S], vis: ArmQueue[S]) -> bool:
    """Not even the delay before is known, so that it is of no use to wait."""
    return min(nir.floor.frames, vis.floor.frames) < FLOOR_FRAMES
