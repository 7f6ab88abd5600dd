"""Did the clock of a camera jump? Hypotheses by whole periods, and the arrivals on the host that refute them.

Between two frames of an arm, time and ids can be explained in several ways: by missed triggers, by a clock that jumped,
by both. A clock that jumped forward makes all frames come too early from there on, one that jumped back makes them come
late; a busy host makes some of them come late, and none early. One jump among the frames that are looked at is thought
possible, and no second one that hides it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from nirvis_capture.arm_queue import ArmQueue, Doubt
from nirvis_capture.host_delay import DRIFT, LEAST_FRAMES, level_frames, level_ns
from nirvis_capture.pair_table import S

PATIENT_FRAMES = 96
"""Frames that may wait for a host that is busy; more than the buffers of a driver hold."""


class Finding(Enum):
    """What is known of the clock of an arm."""

    SOUND = auto()
    """It did not jump before the head."""
    JUMPED = auto()
    """It jumped before the head."""
    WAIT = auto()
    """More frames will tell."""
    LATE = auto()
    """The host is late, or the clock jumped and nothing else shows it; only frames on time can tell."""
    OPEN = auto()
    """It jumped near the head, and it cannot be told where or by how much."""


class Verdict(NamedTuple):
    """What a doubt has come to."""

    finding: Finding
    late_ns: int = 0
    """How much longer frames take to the host than before: minus what the clock jumped."""


_SOUND, _WAIT, _LATE, _OPEN = map(Verdict, (Finding.SOUND, Finding.WAIT, Finding.LATE, Finding.OPEN))


def judge(side: ArmQueue[S], doubt: Doubt, beat_ns: int, period_ns: int, ended: bool) -> Verdict:
    """Settle a doubt about the clock of an arm by the arrivals of the frames that wait.

    ended
        No more frames will come.
    """
    if not side.floor.known:
        return _OPEN if doubt is Doubt.JUMP else _SOUND
    if doubt is not Doubt.LATE and not ended and len(side.waiting) < level_frames(period_ns):
        return _WAIT
    late_ns = side.lateness_ns(PATIENT_FRAMES)
    last = ended or len(late_ns) == PATIENT_FRAMES
    if doubt is Doubt.LATE:
        return _late(late_ns, period_ns, last)
    if doubt is Doubt.JUMP:
        return _jump(late_ns, period_ns, side.first_break(beat_ns), last)
    near_ns = period_ns // 2 + round(abs(side.interval_ns()) * DRIFT)
    verdict = _gap(late_ns, period_ns, near_ns, side.first_break(beat_ns), last)
    # Early from the start: the clock jumped, or the first frames of all were late.
    is_early = doubt is Doubt.START and verdict.finding in (Finding.JUMPED, Finding.OPEN)
    return _LATE if is_early else verdict


def _late(late_ns: list[int], period_ns: int, last: bool) -> Verdict:
    """One frame on time refutes a jump back: from there on, none would be."""
    if any(4 * late < 3 * period_ns for late in late_ns):
        return _SOUND
    return _LATE if last else _WAIT


def _gap(late_ns: list[int], period_ns: int, near_ns: int, unbroken: int, last: bool) -> Verdict:
    """After a jump forward frames come too early, as soon as the host is not late.

    unbroken
        So many frames simply follow one another: the clock did not jump forward between them.
    """
    begin = next((index for index, late in enumerate(late_ns) if late < near_ns), None)
    if begin is None:
        return _LATE if last else _WAIT
    wanted = level_frames(period_ns)
    window = late_ns[begin : begin + wanted]
    if len(window) < wanted and not last:
        return _WAIT
    if min(window) > -near_ns:
        return _SOUND if begin == 0 or len(window) >= LEAST_FRAMES else _LATE
    own = late_ns[:unbroken]
    if min(own) <= -near_ns:
        return _jump(late_ns, period_ns, unbroken, last)
    is_known = sum(late < near_ns for late in own) >= LEAST_FRAMES or (
        len(own) > 1 and 4 * max(map(abs, own)) <= period_ns
    )
    return _SOUND if is_known else _OPEN


def _jump(late_ns: list[int], period_ns: int, unbroken: int, last: bool) -> Verdict:
    """By how much it jumped, say the first frames in a row that agree, and those that follow the head with them."""
    wanted = level_frames(period_ns)
    if last:
        wanted = min(wanted, max(LEAST_FRAMES, len(late_ns)))
    own_ns = min(late_ns[:unbroken])
    for start in range(len(late_ns) - wanted + 1):
        level = level_ns(late_ns[start : start + wanted], period_ns)
        if level is None:
            continue
        if abs(level) * 8 <= period_ns or (abs(own_ns) * 8 <= period_ns and abs(own_ns) <= abs(own_ns - level)):
            return _SOUND
        is_clear = abs(level) * 4 > period_ns and abs(own_ns - level) < abs(own_ns)
        return Verdict(Finding.JUMPED, level) if is_clear else _OPEN
    return _OPEN if last else _WAIT
