"""What the status strip says about the figures of the recorder."""

from __future__ import annotations

import pytest

from nirvis_capture.client import RecorderStatus
from nirvis_capture.profile import Trigger
from nirvis_gui.camera_health import Beat, readings
from nirvis_gui.health import Level, Reading, duration

GOOD = RecorderStatus(
    state="recording",
    rig="twin",
    mode="day",
    pairs=450,
    ring_fill=0.02,
    write_mb_s=128.0,
    write_p99_ms=3.0,
    residual_p50_us=0.2,
    residual_p99_us=0.8,
    disk_minutes_left=300.0,
)


TRIGGER = Trigger(primary="nir", rate_hz=45)
BEAT = Beat(TRIGGER, {"nir": 45.0, "vis": 45.0})
NAMES = ("Recorder", "Trigger", "Pairs", "Residual p50 / p99", "Ring", "Writing", "Disk", "Transport")


def by_name(status: RecorderStatus | None, beat: Beat | None = BEAT) -> dict[str, Reading]:
    return {reading.name: reading for reading in readings(status, beat)}


def test_the_strip_has_a_cell_for_everything_that_can_spoil_a_recording() -> None:
    assert tuple(by_name(GOOD)) == NAMES
    values = {name: reading.value for name, reading in by_name(GOOD).items()}
    assert values["Trigger"] == "45.0 / 45.0 Hz"
    assert values["Residual p50 / p99"] == "0.2 / 0.8 µs"
    assert values["Writing"] == "128 MB/s · 3.0 ms"


def test_the_strip_says_on_every_page_what_the_recorder_does() -> None:
    assert by_name(GOOD)["Recorder"].value == "recording"


def test_transport_of_a_lost_camera_is_not_called_proven() -> None:
    lost = GOOD.model_copy(update={"state": "failed", "message": "Camera 1 sent no frame."})
    assert by_name(lost)["Recorder"].level is Level.LOSS
    assert by_name(lost)["Transport"].level is Level.UNKNOWN


def test_one_is_said_as_one() -> None:
    one, two = (GOOD.model_copy(update={"dropped": {"transfer_drop": count}}) for count in (1, 2))
    assert by_name(one)["Transport"].value == "1 error"
    assert by_name(two)["Transport"].value == "2 errors"


def test_without_a_recorder_everything_is_unknown() -> None:
    assert {reading.level for reading in readings(None, BEAT)} == {Level.UNKNOWN}


def test_a_good_recording_is_proven_in_every_cell() -> None:
    assert {reading.level for reading in readings(GOOD, BEAT)} == {Level.PROVEN}


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
        pytest.param({"residual_p99_us": 900.0}, "Residual p50 / p99", Level.MARGIN, id="unsteady-clock"),
        pytest.param({"disk_minutes_left": 5.0}, "Disk", Level.MARGIN, id="disk-nearly-full"),
        pytest.param({"dropped": {"missed_trigger": 2}}, "Trigger", Level.LOSS, id="missed-trigger-is-of-the-trigger"),
        pytest.param({"dropped": {"unanchored": 2}}, "Trigger", Level.MARGIN, id="no-anchor"),
        pytest.param({"dropped": {"transfer_drop": 1}}, "Transport", Level.LOSS, id="lost-on-the-way"),
        pytest.param({"health": {"vis": {"incomplete": 3.0}}}, "Transport", Level.LOSS, id="the-driver-counts"),
        pytest.param({"health": {"vis": {"frames": 3.0}}}, "Transport", Level.PROVEN, id="frames-are-no-errors"),
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
    troubled = [r for r in readings(GOOD.model_copy(update=change), BEAT) if r.level in (Level.MARGIN, Level.LOSS)]
    assert troubled
    for reading in troubled:
        assert reading.explanation.what
        assert reading.explanation.meaning
        assert reading.explanation.todo


@pytest.mark.parametrize(
    ("beat", "level"),
    [
        pytest.param(Beat(TRIGGER), Level.UNKNOWN, id="no-pictures-yet"),
        pytest.param(Beat(TRIGGER, {"nir": 45.3, "vis": 44.8}), Level.PROVEN, id="unsteady-clock"),
        pytest.param(Beat(TRIGGER, {"nir": 45.0, "vis": 22.5}), Level.MARGIN, id="half-rate"),
        pytest.param(
            Beat(TRIGGER.model_copy(update={"source": "free"}), {"nir": 45.0}), Level.MARGIN, id="free-running"
        ),
    ],
)
def test_the_trigger_is_judged_by_the_rates_that_are_seen(beat: Beat, level: Level) -> None:
    reading = by_name(GOOD, beat)["Trigger"]
    assert reading.level is level
    assert bool(reading.explanation.todo) is (level is Level.MARGIN)


def test_disk_time_is_readable() -> None:
    assert duration(7.4) == "7 min"
    assert duration(185) == "3 h"
