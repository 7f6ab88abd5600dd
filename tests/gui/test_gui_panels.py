"""Each panel alone, with given values."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

import nirvis_profiles
from nirvis_capture.client import RecorderStatus
from nirvis_capture.profile import load_profile
from nirvis_gui.actions import ROWS, help_html, make_actions
from nirvis_gui.camera_health import readings
from nirvis_gui.clip_panel import FieldsPanel, LastClipPanel
from nirvis_gui.colour_page import ColourPage
from nirvis_gui.health import Level
from nirvis_gui.messages import KEPT, MessageBar
from nirvis_gui.record_panel import RecordPanel, clock
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.rig_bar import FilterReminder, RigBar
from nirvis_gui.status import StatusStrip
from nirvis_gui.theme import palette
from nirvis_gui.verdict import Verdict, read_verdict


def test_actions_have_different_keys_and_all_are_in_the_help(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    actions = make_actions(window)
    keys = [action.shortcut().toString() for action in actions.values()]
    assert len(set(keys)) == len(keys) == len(ROWS)
    assert all(f"<b>{row.key}</b>" in help_html() for row in ROWS)


@pytest.mark.parametrize(
    ("state", "text", "button", "enabled"),
    [
        (None, "No recorder", "Record", True),
        ("idle", "Idle", "Record", True),
        ("armed", "Armed", "Record", True),
        ("recording", "Recording", "Stop", True),
        ("finalising", "Finalising", "Stop", False),
        ("failed", "Failed", "Record", True),
    ],
)
def test_button_says_what_it_does(qtbot: QtBot, state: str | None, text: str, button: str, enabled: bool) -> None:
    panel = RecordPanel()
    qtbot.addWidget(panel)
    panel.show_status(RecorderStatus.model_validate({"state": state, "rig": "twin"}) if state else None)
    assert panel.text == text
    assert panel.button.text() == button
    assert panel.button.isEnabled() is enabled


def test_button_waits_while_a_command_runs(qtbot: QtBot) -> None:
    panel = RecordPanel()
    qtbot.addWidget(panel)
    panel.show_status(RecorderStatus(state="idle", rig="twin"), "Arming the cameras…")
    assert not panel.button.isEnabled()
    assert panel.text == "Arming the cameras…"


def test_clock() -> None:
    assert clock(3671.26) == "01:01:11.2"


def test_fields_come_back_as_entered(qtbot: QtBot) -> None:
    panel = FieldsPanel()
    qtbot.addWidget(panel)
    fields = ClipFields(place="Bridge", light="led_night", notes="fog\nlorry", operator="Ada")
    panel.set_fields(fields)
    assert panel.fields() == fields


def test_last_clip_forgets_the_verdict_of_the_one_before(qtbot: QtBot) -> None:
    panel = LastClipPanel()
    qtbot.addWidget(panel)
    panel.show_clip(Path("/clips/a.clip.h5"))
    panel.show_verdict(Verdict("proved", 90, ""))
    assert panel.verdict == "proved: 90 pairs"
    panel.show_clip(Path("/clips/b.clip.h5"))
    assert panel.verdict == "not verified yet"


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param(
            '[{"result": "proved", "findings": [], "certificate": {"pairs": 90}}]',
            Verdict("proved", 90, ""),
            id="proved",
        ),
        pytest.param(
            '[{"result": "REFUSED", "findings": ["a", "b"], "certificate": null}]',
            Verdict("refused", 0, "a; b"),
            id="refused",
        ),
        pytest.param("", Verdict("refused", 0, "no such clip"), id="no-answer"),
    ],
)
def test_verdict_of_the_verify_command(output: str, verdict: Verdict) -> None:
    assert read_verdict(output, "no such clip") == verdict


def test_message_bar_shows_the_newest_and_keeps_a_bounded_history(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    assert bar.isHidden()
    for number in range(KEPT + 20):
        bar.show_message(Level.MARGIN, f"message {number}")
    assert not bar.isHidden()
    assert bar.text == f"message {KEPT + 19}"
    assert len(bar.history) == KEPT
    assert bar.as_text().index("message 119") < bar.as_text().index("message 118")


def test_reminder_names_both_filters_until_confirmed(qtbot: QtBot) -> None:
    reminder = FilterReminder()
    qtbot.addWidget(reminder)
    reminder.remind(load_profile("twin_night"))
    assert not reminder.isHidden()
    assert "Night mode" in reminder.text
    assert "850 nm band-pass (825–875 nm) before nir" in reminder.text
    assert "NIR-cut (400–680 nm) before vis" in reminder.text


def test_rig_bar_offers_shipped_profiles_and_opened_files(qtbot: QtBot) -> None:
    bar = RigBar()
    qtbot.addWidget(bar)
    bar.show_profile("/rigs/mine.toml", load_profile("twin_day"))
    bar.set_names(nirvis_profiles.names())
    assert bar.names() == [*nirvis_profiles.names(), "/rigs/mine.toml"]
    with qtbot.waitSignal(bar.chosen) as chosen:
        bar._profiles.activated.emit(bar.names().index("twin_night"))
    assert chosen.args == ["twin_night"]


def test_strip_opens_the_explanation_of_a_cell(qtbot: QtBot) -> None:
    strip = StatusStrip()
    qtbot.addWidget(strip)
    strip.show_readings(readings(None))
    strip.show_readings(readings(RecorderStatus(state="recording", rig="twin", pairs=9, dropped={"missed_trigger": 1})))
    assert strip.levels["Pairs"] is Level.LOSS
    with qtbot.waitSignal(strip.explanation_wanted) as wanted:
        strip.cell("Pairs").clicked.emit()
    assert wanted.args is not None
    assert wanted.args[0].value == "0 lost · 1 missed"
    assert "missed_trigger" not in strip.cell("Pairs").accessibleName()
    assert strip.cell("Pairs").accessibleName().endswith("loss")


def test_page_without_a_model_says_how_to_get_one(qtbot: QtBot) -> None:
    page = ColourPage()
    qtbot.addWidget(page)
    assert "Use it live" in page.text
    page.show_model(Path("/models/street.onnx"), live=True)
    assert "street.onnx" in page.text


def test_dark_and_light_differ_in_every_role_that_matters() -> None:
    dark, light = palette("dark"), palette("light")
    assert dark.color(dark.Window).lightness() < 80 < 200 < light.color(light.Window).lightness()
    assert dark.color(dark.WindowText).lightness() > 200 > 80 > light.color(light.WindowText).lightness()
