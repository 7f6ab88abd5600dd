"""The fields of a `RecorderStatus` that a recording and an open rig tell; those of what is not there are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nirvis_capture.exposure import exposures_of
from nirvis_capture.pairing import Event
from nirvis_capture.recording import Recording
from nirvis_capture.rig import Rig


def recording_figures(recording: Recording | None) -> dict[str, Any]:
    """Length, ring and writing of the running recording, else of the last one."""
    if recording is None:
        return {}
    return {
        "recording_id": recording.header.recording_id,
        "seconds": recording.seconds,
        "seconds_before": recording.seconds_before,
        "part": recording.part,
        "lost_rows": recording.lost_rows,
        "ring_peak": recording.ring.peak,
        "ring_alarm": recording.ring.alarm,
        "write_mb_s": recording.rate.mb_s(),
        "write_p99_ms": recording.rate.p99_ms(),
    }


def rig_figures(rig: Rig | None) -> dict[str, Any]:
    """Residuals, health, ranges and exposures of the open cameras."""
    if rig is None:
        return {}
    return {
        "residual_p50_us": rig.residual_us(50),
        "residual_p99_us": rig.residual_us(99),
        "health": rig.health,
        "ranges": rig.ranges,
        "exposures": exposures_of(rig.profile),
    }


def event_figures(recording: Recording | None, rig: Rig | None) -> dict[str, Any]:
    """Pairs, and what is no pair by lower-case name of the event: in the last recording, else since arming."""
    counts: Mapping[Event, int] = {} if rig is None else rig.counts
    if recording is not None and recording.counts is not None:
        counts = recording.counts
    dropped = {event.name.lower(): count for event, count in counts.items() if count and event is not Event.PAIR}
    return {"pairs": counts.get(Event.PAIR, 0), "dropped": dropped}
