"""What the status strip says about the figures of the recorder."""

from __future__ import annotations

import pytest

from nirvis_capture.client import RecorderStatus
from nirvis_gui.health import Level, Reading, duration, readings

GOOD = RecorderStatus(
    state="recording",
    rig="twin",
    mode="day",
    pairs=450,
    ring_fill=0.02,
    write_mb_s=128.0,
    write_p99_ms=3.0,
    residual_p99_us=0.8,
    disk_minutes_left=300.0,
)


def by_name(status: RecorderStatus | None) -> dict[str, Reading]:
    return {reading.name: reading for reading in readings(status)}


def test_without_a_recorder_everything_is_unknown() -> None:
    assert {reading.level for reading in readings(None)} == {Level.UNKNOWN}


def test_a_good_recording_is_proven_in_every_cell() -> None:
    assert {reading.level for reading in readings(GOOD)} == {Level.PROVEN}


@pytest.mark.parametrize(
    ("change", "cell", "level"),
    [
        pytest.param({"dropped": {"transfer_drop": 1}}, "Pairs", Level.LOSS, id="transfer-drop"),
        pytest.param({"dropped": {"missed_trigger": 2}}, "Pairs", Level.LOSS, id="missed-trigger"),
        pytest.param({"dropped": {"edge": 1}}, "Pairs", Level.PROVEN, id="edges-are-no-loss"),
        pytest.param({"dropped": {"unanchored": 9}}, "Pairs", Level.MARGIN, id="unanchored"),
        pytest.param({"lost_rows": 3}, "Ring", Level.LOSS, id="ring-overflow"),
        pytest.param({"ring_fill": 0.7}, "Ring", Level.MARGIN, id="ring-fills"),
        pytest.param({"write_p99_ms": 250.0}, "Writing", Level.MARGIN, id="slow-disk"),
        pytest.param({"residual_p99_us": 900.0}, "Residual", Level.MARGIN, id="unsteady-clock"),
        pytest.param({"disk_minutes_left": 5.0}, "Disk", Level.MARGIN, id="disk-nearly-full"),
        pytest.param({"state": "failed", "message": "Camera lost."}, "Recorder", Level.LOSS, id="failed"),
    ],
)
def test_level_of_a_trouble(change: dict[str, object], cell: str, level: Level) -> None:
    assert by_name(GOOD.model_copy(update=change))[cell].level is level


@pytest.mark.parametrize(
    "change",
    [
        {"dropped": {"transfer_drop": 4, "missed_trigger": 1}},
        {"dropped": {"clock_jump": 1}},
        {"lost_rows": 3},
        {"ring_fill": 0.9},
        {"write_p99_ms": 500.0},
        {"residual_p99_us": 900.0},
        {"disk_minutes_left": 1.0},
        {"state": "failed", "message": "Camera lost."},
    ],
)
def test_every_amber_and_red_says_what_to_do(change: dict[str, object]) -> None:
    troubled = [r for r in readings(GOOD.model_copy(update=change)) if r.level in (Level.MARGIN, Level.LOSS)]
    assert troubled
    for reading in troubled:
        assert reading.explanation.what
        assert reading.explanation.meaning
        assert reading.explanation.todo


def test_disk_time_is_readable() -> None:
    assert duration(7.4) == "7 min"
    assert duration(185) == "3 h"
