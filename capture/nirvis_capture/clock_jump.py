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
    shifts = _shifts(nir, vis, 0, needed, period_ns)
    if shifts is not None:
        # What looks like a missed trigger can only be a jump by about one period, or several.
        least_ns = period_ns // 4 if doubt is Doubt.GRAVE else 3 * period_ns // 4
        return Testimony(True, abs(shifts[0] - shifts[1]) > least_ns, *shifts)
    for start in range(1, min(waiting, PATIENT_FRAMES) - needed + 1):
        shifts = _shifts(nir, vis, start, start + needed, period_ns)
        if shifts is not None and max(map(abs, shifts)) * 4 <= period_ns:
            return Testimony(True, False, *shifts)
    return Testimony(clear=False, jumped=False) if ended or waiting >= PATIENT_FRAMES or _too_new(nir, vis) else None


def _shifts(nir: ArmQueue[S], vis: ArmQueue[S], start: int, stop: int, period_ns: int) -> tuple[int, int] | None:
    """How much longer frames of both arms take to the host than before; None where they contradict each other."""
    shifts = nir.shift(start, stop), vis.shift(start, stop)
    if shifts[0] is None or shifts[1] is None or max(shift.spread_ns for shift in shifts if shift) * 4 > period_ns:
        return None
    return shifts[0].by_ns, shifts[1].by_ns


def _too_new(nir: ArmQueue[S], vis: ArmQueue[S]) -> bool:
    """Not even the delay before is known, so that it is of no use to wait."""
    return min(nir.floor.frames, vis.floor.frames) < FLOOR_FRAMES
