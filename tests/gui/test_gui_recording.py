"""What belongs to a recording besides the button: pre-trigger, timer, series, filters, and what is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, load_profile
from nirvis_gui.filters import FiltersSeen
from nirvis_gui.main_window import MainWindow
from nirvis_gui.plan_panel import Plan, PlanPanel
from nirvis_gui.preferences import Preferences, read_preferences, write_preferences
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.rig_bar import FilterReminder

LIMIT_MS = 30_000


def until(qtbot: QtBot, window: MainWindow, state: str) -> None:
    qtbot.waitUntil(lambda: window.session.state == state and not window.session.doing, timeout=LIMIT_MS)


def test_timer_ends_the_recording_and_the_pre_trigger_keeps_what_was_before(
    qtbot: QtBot, window: MainWindow, profile: Profile
) -> None:
    window.actions_["live"].trigger()
    until(qtbot, window, "armed")
    window.live.plan.pre_trigger.setValue(1)
    window.live.plan.pre_trigger.editingFinished.emit()
    qtbot.waitUntil(lambda: window.session.profile != profile, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    assert window.session.profile is not None
    assert window.session.profile.recording.pre_trigger_seconds == 1
    assert "# " in window.session.profile.text
    qtbot.waitUntil(lambda: window.session.status.pairs >= 25, timeout=LIMIT_MS)
    window.live.plan.timer.setValue(1)
    window.actions_["record"].trigger()
    qtbot.waitUntil(lambda: window.live.last_clip.clip is not None, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    assert window.session.status.seconds_before == pytest.approx(1.0, abs=0.2)
    with Clip.open(window.live.last_clip.clip) as clip:
        assert len(clip) == pytest.approx(40, abs=4)


def test_series_records_until_it_has_enough(qtbot: QtBot, window: MainWindow, profile: Profile) -> None:
    window.live.fields.set_fields(ClipFields(place="Harbour", operator="Ada"))
    window.session.toggle_record(window.live.fields.fields(), Plan(0.3, 0.02, 2))
    assert window.session.series is not None
    assert window.live.record.button.text() == "Stop the series"
    qtbot.waitUntil(lambda: window.session.series is None, timeout=LIMIT_MS)
    assert window.messages.text == "The series has ended."
    clips = sorted(profile.recording.folder.glob("*.clip.h5"))
    assert len(clips) == 2
    with Clip.open(clips[0]) as clip:
        assert (clip.place, clip.operator) == ("Harbour", "Ada")
    # The recorder was there before the series, and stays.
    until(qtbot, window, "armed")


def test_series_that_is_stopped_finishes_its_clip(qtbot: QtBot, window: MainWindow, profile: Profile) -> None:
    window.session.toggle_record(ClipFields(), Plan(20.0, 1.0, None))
    qtbot.waitUntil(lambda: window.session.state == "recording", timeout=LIMIT_MS)
    window.actions_["record"].trigger()
    qtbot.waitUntil(lambda: window.session.series is None, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    (path,) = profile.recording.folder.glob("*.clip.h5")
    with Clip.open(path) as clip:
        assert clip.certificate.ended


@pytest.mark.parametrize(
    ("plan", "mistake"),
    [
        pytest.param(Plan(), "", id="button"),
        pytest.param(Plan(seconds=20), "", id="timer"),
        pytest.param(Plan(seconds=20, every_minutes=1), "", id="series"),
        pytest.param(Plan(every_minutes=1), "set the timer", id="series-without-length"),
        pytest.param(Plan(seconds=90, every_minutes=1), "no longer than", id="series-that-overtakes-itself"),
    ],
)
def test_plan_that_cannot_be_done_says_why(plan: Plan, mistake: str) -> None:
    assert mistake in plan.mistake()
    assert bool(mistake) is bool(plan.mistake())


def test_plan_with_a_mistake_records_nothing(qtbot: QtBot, window: MainWindow) -> None:
    window.live.plan.every.setValue(1)
    window.actions_["record"].trigger()
    assert "set the timer" in window.messages.text
    assert window.session.state == "idle"
    assert not window.session.doing


def test_fields_of_the_plan_are_off_at_their_lowest(qtbot: QtBot) -> None:
    panel = PlanPanel()
    qtbot.addWidget(panel)
    assert panel.plan() == Plan()
    panel.timer.setValue(20)
    panel.every.setValue(10)
    panel.count.setValue(5)
    assert panel.plan() == Plan(20, 10, 5)
    assert panel.plan().arguments() == ["--every", "600s", "--seconds", "20", "--count", "5"]


def test_reminder_says_what_the_pictures_say_of_the_filters(qtbot: QtBot) -> None:
    reminder, night = FilterReminder(), load_profile("twin_night")
    qtbot.addWidget(reminder)
    reminder.remind(night)
    reminder.show_seen(FiltersSeen(nir_colour=0.2, vis_colour=0.4, dark=False), night)
    assert "band-pass is missing" in reminder.seen
    reminder.show_seen(FiltersSeen(nir_colour=0.04, vis_colour=0.4, dark=False), night)
    assert "look like these filters" in reminder.seen
    reminder.show_seen(FiltersSeen(nir_colour=0.0, vis_colour=0.0, dark=True), night)
    assert "too dark" in reminder.seen
    reminder.hide()
    reminder.show_seen(FiltersSeen(nir_colour=0.2, vis_colour=0.4, dark=False), night)
    assert not reminder.isHidden()


def test_filters_that_are_not_those_of_the_profile_are_seen_live(
    qtbot: QtBot, window: MainWindow, profile_path: Path
) -> None:
    text = profile_path.read_text(encoding="utf-8")
    swapped = profile_path.with_name("band-pass.toml")
    swapped.write_text(text.replace("passband_nm = [400, 1000]", "passband_nm = [825, 875]"), encoding="utf-8")
    window.session.choose_profile(str(swapped))
    qtbot.waitUntil(lambda: window.session.profile_name == str(swapped), timeout=LIMIT_MS)
    until(qtbot, window, "idle")
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: not window.live.reminder.isHidden(), timeout=LIMIT_MS)
    assert "band-pass is still there" in window.live.reminder.seen


def test_what_was_entered_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "nirvis" / "window.toml"
    assert read_preferences(path) == (Preferences(), "")
    kept = Preferences(profile="twin_night", look="light", operator="Ada", place="Harbour", light="dusk")
    write_preferences(path, kept)
    assert read_preferences(path) == (kept, "")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"look = \n", id="no-toml"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b'look = "pink"\n', id="unknown-value"),
        pytest.param(b"colour = 3\n", id="unknown-key"),
    ],
)
def test_a_broken_settings_file_warns_and_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.toml"
    path.write_bytes(content)
    preferences, broken = read_preferences(path)
    assert preferences == Preferences()
    assert broken


def test_closing_remembers(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window._memory = tmp_path / "window.toml"
    window.live.fields.set_fields(ClipFields(place="Bridge", operator="Ada"))
    with qtbot.waitSignal(window.closed, timeout=LIMIT_MS):
        window.close()
    preferences, broken = read_preferences(tmp_path / "window.toml")
    assert broken == ""
    assert (preferences.place, preferences.operator) == ("Bridge", "Ada")
    assert preferences.profile == window.session.profile_name
