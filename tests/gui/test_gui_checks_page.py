"""Guided steps and their answer, with the real doctor and preflight on a small simulated rig."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from nirvis_gui import checks_page
from nirvis_gui.checks_page import findings, forecast
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow

LIMIT_MS = 90_000


def test_everything_in_order_is_a_go_and_the_rig_is_free_again(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_page, "TRIAL_SECONDS", 0.5)
    page = window.checks
    page.rows[-1].check = page._checks()[-1]
    assert "Not checked" in page.answer.text()
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.session.state == "armed" and not window.session.doing, timeout=LIMIT_MS)
    page.run(page.rows[1:])
    assert not page.all.isEnabled()
    assert not window.actions_["live"].isEnabled()
    assert not window.live.record.button.isEnabled()
    qtbot.waitUntil(lambda: not page.busy, timeout=LIMIT_MS)
    assert page.rows[1].found is not None
    assert page.rows[1].found.level is Level.PROVEN
    assert "follows every pulse" in page.rows[1].text
    assert page.rows[2].found is not None
    assert "pairs at 20.0 Hz" in page.rows[2].text
    qtbot.waitUntil(lambda: window.session.state == "idle", timeout=LIMIT_MS)
    assert window.actions_["live"].isEnabled()


def test_trigger_cable_that_is_off_is_a_no_go_with_what_to_do(
    qtbot: QtBot, window: MainWindow, profile_path: Path
) -> None:
    faulty = profile_path.with_name("faulty.toml")
    fault = '[twin]\nfaults = [{ kind = "trigger_cable_off", arm = "vis", at = 0, count = 100000 }]'
    faulty.write_text(profile_path.read_text(encoding="utf-8").replace("[twin]", fault), encoding="utf-8")
    window.session.choose_profile(str(faulty))
    qtbot.waitUntil(lambda: window.session.profile_name == str(faulty) and not window.session.doing, timeout=LIMIT_MS)
    page = window.checks
    page.run([page.rows[1]])
    qtbot.waitUntil(lambda: not page.busy, timeout=LIMIT_MS)
    assert page.rows[1].found is not None
    assert page.rows[1].found.level is Level.LOSS
    assert "→" in page.rows[1].text
    assert "No go" in page.answer.text()
    window.session.change_profile({"nir.gain_db": 1.0})
    qtbot.waitUntil(lambda: window.session.profile.nir.gain_db == 1.0 and not window.session.doing, timeout=LIMIT_MS)
    assert "Not checked" in page.answer.text()


def test_while_a_clip_is_recorded_nothing_is_checked(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_["record"].trigger()
    qtbot.waitUntil(lambda: window.session.state == "recording" and not window.session.doing, timeout=LIMIT_MS)
    window.checks.run(window.checks.rows)
    assert not window.checks.busy
    assert "stop the recording" in window.messages.text
    assert window.session.state == "recording"


def test_worst_finding_decides() -> None:
    rows = [
        {"check": "memory", "level": "ok", "found": "12 GB", "remedy": ""},
        {"check": "clock", "level": "warning", "found": "hpet", "remedy": "use <tsc>"},
    ]
    found = findings(json.dumps(rows))
    assert found.level is Level.MARGIN
    assert "use &lt;tsc&gt;" in found.html
    assert findings(json.dumps([*rows, rows[1] | {"level": "stop"}])).level is Level.LOSS


@pytest.mark.parametrize(
    ("change", "level"),
    [({}, Level.PROVEN), ({"warnings": ["thin"]}, Level.MARGIN), ({"reasons": ["slow"]}, Level.LOSS)],
)
def test_forecast_is_a_go_without_reasons(change: dict[str, list[str]], level: Level) -> None:
    ahead = {
        "line_rate_mb_s": 129.0,
        "minutes_left": 40.0,
        "longest_stall_s": 3.0,
        "highest_safe_rate_hz": 47.0,
        "bound_by": "disk",
        "reasons": [],
        "warnings": [],
    } | change
    trial = {"pairs": 225, "rate_hz": 45.0, "lost": {}, "disk_mb_s": 400.0}
    said = {"go": not ahead["reasons"], "trial": trial, "forecast": ahead}
    assert forecast(json.dumps(said)).level is level
