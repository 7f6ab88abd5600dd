"""The doctor judges whether what the cameras send arrives, by the counts of their drivers."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirvis_capture.doctor import recorders
from nirvis_capture.doctor.finding import Level
from nirvis_capture.doctor.reception import reception
from nirvis_capture.messages import RecorderStatus
from nirvis_capture.profile import load_profile

WHOLE = {"frames": 50.0, "incomplete": 0.0, "received_packets": 9000.0, "missing_packets": 0.0, "resent_packets": 0.0}
SILENT = {"frames": 0.0, "received_packets": 0.0}


@pytest.mark.parametrize(
    ("health", "level", "found", "remedy"),
    [
        pytest.param(WHOLE, "ok", "50 frames, 9000 packets, none missing or resent", "", id="whole"),
        pytest.param(
            WHOLE | {"missing_packets": 3.0}, "warning", "3 packets missing, 0 resent beside 9000", "rmem", id="missing"
        ),
        pytest.param(
            WHOLE | {"resent_packets": 4.0}, "warning", "no packet missing, 4 resent", "second try", id="resent"
        ),
        pytest.param({"frames": 9.0, "missed_packets": 1.0}, "warning", "1 packet missing", "jumbo", id="spinnaker"),
        pytest.param(
            {"frames": 9.0, "incomplete": 1.0}, "warning", "1 frame incomplete", "usbfs", id="usb3-incomplete"
        ),
        pytest.param({"frames": 9.0, "incomplete": 0.0}, "ok", "9 frames, none incomplete", "", id="usb3-whole"),
        pytest.param(SILENT, "stop", "not one packet", "MTU", id="no-packet-at-all"),
    ],
)
def test_counts_become_a_finding(health: dict[str, float], level: Level, found: str, remedy: str) -> None:
    finding = reception("vis", health, has_to_send=True)
    assert finding is not None
    assert (finding.level, found in finding.found, remedy in finding.remedy) == (level, True, True)
    assert finding.found.startswith("vis: ")
    assert bool(finding.remedy) == (level != "ok")


@pytest.mark.parametrize(
    ("health", "has_to_send"),
    [
        pytest.param(SILENT, False, id="waits-for-a-pulse"),
        pytest.param({}, True, id="nothing-is-counted"),
        pytest.param({"temperature_c": 40.0}, True, id="only-a-temperature"),
    ],
)
def test_what_cannot_be_judged_is_no_finding(health: dict[str, float], has_to_send: bool) -> None:
    assert reception("nir", health, has_to_send) is None


def test_a_running_recorder_is_asked_what_arrives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile = load_profile("gs3_day").edited({"rig": "mine"})
    lossy = WHOLE | {"missing_packets": 3.0}
    status = RecorderStatus(state="armed", rig="mine", health={"nir": SILENT, "vis": lossy}, clients=2)
    monkeypatch.setattr(recorders, "rigs_held", lambda: {"mine": 7})
    monkeypatch.setattr(recorders, "_status", lambda _: status)
    findings = list(recorders.recorders(profile))
    assert [(finding.check, finding.level) for finding in findings] == [
        ("recorder", "ok"),
        ("reception", "stop"),
        ("reception", "warning"),
    ]
    without_profile = list(recorders.recorders(None))
    assert [finding.level for finding in without_profile] == ["ok", "warning"], "who waits for pulses is not known"
