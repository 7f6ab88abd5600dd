"""Times against the beat of a periodic trigger."""

from __future__ import annotations

from collections.abc import Sequence


def off_beat_ns(interval_ns: int, beat_ns: int) -> int:
    """How far an interval is from a whole number of periods."""
    return abs(interval_ns - round(interval_ns / beat_ns) * beat_ns)


def gap(interval_ns: int, ids: int, beat_ns: int) -> int:
    """Pulses within an interval that used up no frame id, as after missed triggers; negative where ids have no pulse.

    ids
        From the frame at its beginning to the frame at its end; a frame that came twice has no gap.
    """
    if ids == 1 and beat_ns < 2 * interval_ns < 3 * beat_ns:
        return 0  # Nearly always.
    return round(interval_ns / beat_ns) - ids if ids > 0 else 0


def follows(interval_ns: int, ids: int, beat_ns: int) -> bool:
    """Time and ids agree on how many pulses passed."""
    return off_beat_ns(interval_ns, beat_ns) * 4 <= beat_ns and gap(interval_ns, ids, beat_ns) == 0


def has_beat(times_ns: Sequence[int], time_ns: int, beat_ns: int) -> bool:
    """Most of the times are whole periods away."""
    on_beat = sum(off_beat_ns(each_ns - time_ns, beat_ns) * 4 < beat_ns for each_ns in times_ns)
    return 2 * on_beat > len(times_ns)
