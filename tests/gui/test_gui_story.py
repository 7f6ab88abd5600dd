"""Whole stories with the real recorder process and a small simulated rig."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import QCoreApplication, QEvent, Qt
from PyQt5.QtWidgets import QApplication, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.verify import verify
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.session import Session

LIMIT_MS = 30_000


def until(qtbot: QtBot, window: MainWindow, state: str) -> None:
    qtbot.waitUntil(lambda: window.session.state == state and not window.session.doing, timeout=LIMIT_MS)


def begin(qtbot: QtBot, window: MainWindow, pairs: int = 5) -> None:
    """Record until some pairs are in the clip."""
    window.actions_["record"].trigger()
    until(qtbot, window, "recording")
    qtbot.waitUntil(lambda: (window.session.status or window).pairs >= pairs, timeout=LIMIT_MS)


def eventually(found: Callable[[], Any], limit_s: float = 30.0) -> Any:
    """The first true value of `found`."""
    deadline = time.monotonic() + limit_s
    while not (value := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"nothing came of {found} within {limit_s} s")
        time.sleep(0.05)
    return value


def has_ended(rig: str) -> bool:
    """True when no recorder of that rig answers."""
    client = RecorderClient.find(rig)
    if client is not None:
        client.close()
    return client is None


def test_live_record_stop_verify(qtbot: QtBot, window: MainWindow, screenshot: Callable[[str], None]) -> None:
    window.live.fields.set_fields(ClipFields(place="Harbour", light="dusk", notes="fog", operator="Ada"))
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.nir.showing and window.live.views.vis.showing, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    screenshot("live")
    begin(qtbot, window)
    assert window.actions_["record"].text() == "Stop"
    qtbot.waitUntil(lambda: window.strip.levels["Pairs"] is Level.PROVEN)
    screenshot("recording")
    window.actions_["record"].trigger()
    until(qtbot, window, "armed")
    qtbot.waitUntil(lambda: window.live.last_clip.clip is not None)
    window.actions_["verify"].trigger()
    qtbot.waitUntil(lambda: not window.live.last_clip.busy, timeout=LIMIT_MS)
    screenshot("verified")
    window.actions_["live"].trigger()
    until(qtbot, window, "idle")
    assert window.live.last_clip.verdict.startswith("proved")
    assert not window.live.views.nir.showing
    assert window.messages.history == []
    clip_path = window.live.last_clip.clip
    assert clip_path is not None
    assert verify(clip_path).ok
    with Clip.open(clip_path) as clip:
        assert (clip.place, clip.light, clip.notes, clip.operator) == ("Harbour", "dusk", "fog", "Ada")
        assert len(clip) >= 5


def test_closing_leaves_nothing_behind(qtbot: QtBot, profile: Profile, profile_path: Path) -> None:
    QApplication.processEvents()
    widgets, threads = set(QApplication.topLevelWidgets()), set(threading.enumerate())
    window = MainWindow(Session())
    window.start(str(profile_path), profile)
    window.show()
    until(qtbot, window, "idle")
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
    with qtbot.waitSignal(window.closed, timeout=LIMIT_MS):
        window.close()
    assert window.session.threads == []
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    assert set(QApplication.topLevelWidgets()) <= widgets
    assert set(threading.enumerate()) <= threads
    eventually(lambda: has_ended(profile.rig))


@pytest.mark.parametrize("answer", ["finish", "leave", "cancel"])
def test_closing_while_recording_asks(qtbot: QtBot, window: MainWindow, profile: Profile, answer: str) -> None:
    begin(qtbot, window)
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None
    texts = {"finish": "Finish the clip and close", "leave": "Keep recording in the background", "cancel": "Cancel"}
    button = next(b for b in box.buttons() if b.text().replace("&", "") == texts[answer])
    if answer == "cancel":
        button.click()
        assert window.isVisible()
        assert window.session.state == "recording"
        return
    with qtbot.waitSignal(window.closed, timeout=LIMIT_MS):
        button.click()
    if answer == "finish":
        eventually(lambda: has_ended(profile.rig))
        (clip,) = profile.recording.folder.glob("*.clip.h5")
    else:
        recorder = RecorderClient.find(profile.rig)
        assert recorder is not None
        assert recorder.status().state == "recording"
        clip = recorder.stop()
        recorder.close()
    assert verify(clip).ok


def test_recorder_that_dies_is_said_and_can_be_started_again(
    qtbot: QtBot, window: MainWindow, recorder_pid: Callable[[], int]
) -> None:
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    os.kill(recorder_pid(), signal.SIGKILL)
    qtbot.waitUntil(lambda: window.session.state == "absent", timeout=LIMIT_MS)
    assert "went away" in window.messages.text
    assert set(window.strip.levels.values()) == {Level.UNKNOWN}
    assert not window.live.views.nir.showing
    assert window.messages.isVisible()
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
    qtbot.waitUntil(window.messages.isHidden, timeout=LIMIT_MS)
    assert "went away" in window.messages.as_text()


def test_keys_work_and_a_space_in_a_text_field_is_a_space(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    triggered: list[str] = []
    for name in ("record", "live", "fit"):
        window.actions_[name].triggered.disconnect()
        window.actions_[name].triggered.connect(lambda _=False, name=name: triggered.append(name))
    place = window.live.fields.findChild(QLineEdit)
    assert place is not None
    place.setFocus()
    qtbot.keyClicks(place, "a flat road")
    assert place.text() == "a flat road"
    assert triggered == []
    qtbot.keyClick(place, Qt.Key.Key_Escape)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_L, Qt.Key.Key_F):
        qtbot.keyClick(QApplication.focusWidget(), key)
    assert triggered == ["record", "live", "fit"]


def test_camera_that_is_lost_is_said_and_the_clip_kept(
    qtbot: QtBot, window: MainWindow, profile_path: Path, screenshot: Callable[[str], None]
) -> None:
    faulty = profile_path.with_name("faulty.toml")
    text = profile_path.read_text(encoding="utf-8")
    fault = '{ kind = "unplug", arm = "vis", at = 25, count = 100000 }'
    faulty.write_text(text.replace("[twin]", f"[twin]\nfaults = [{fault}]"), encoding="utf-8")
    window.session.choose_profile(str(faulty))
    qtbot.waitUntil(lambda: window.session.profile_name == str(faulty) and not window.session.doing, timeout=LIMIT_MS)
    begin(qtbot, window)
    until(qtbot, window, "failed")
    screenshot("lost")
    assert "TWIN-VIS" in window.messages.text
    assert window.strip.levels["Recorder"] is Level.LOSS
    qtbot.waitUntil(lambda: window.live.last_clip.clip is not None)
    assert verify(window.live.last_clip.clip).ok


def test_clip_is_listed_while_it_is_recorded_and_certified_afterwards(qtbot: QtBot, window: MainWindow) -> None:
    begin(qtbot, window)
    window.actions_["page_clips"].trigger()
    clips = window.clips

    def listed() -> bool:
        # The disk may be late with the file of a recording that has pairs already.
        clips.look_again()
        return [row.state for row in clips.table.rows] == ["recording"]

    qtbot.waitUntil(listed, timeout=LIMIT_MS)
    assert not clips.buttons["recover"].isEnabled()
    assert window.strip.cell("Recorder").reading.value == "recording"
    clips.table.setCurrentCell(0, 0)
    window.actions_["record"].trigger()
    until(qtbot, window, "armed")
    # The list looks again by itself, and what was chosen is opened.
    qtbot.waitUntil(lambda: [row.state for row in clips.table.rows] == ["certified"], timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: clips.player.views.vis.showing, timeout=LIMIT_MS)


def test_another_rig_is_no_loss(qtbot: QtBot, window: MainWindow, profile: Profile, profile_path: Path) -> None:
    other = profile_path.with_name("other.toml")
    other.write_text(profile.edited({"rig": profile.rig.replace("gui", "two")}).text, encoding="utf-8")
    window.session.choose_profile(str(other))
    qtbot.waitUntil(lambda: window.session.profile_name == str(other), timeout=LIMIT_MS)
    until(qtbot, window, "idle")
    eventually(lambda: has_ended(profile.rig))
    assert window.messages.history == []


def test_another_mode_reminds_of_the_filters(qtbot: QtBot, window: MainWindow, profile_path: Path) -> None:
    night = profile_path.with_name("night.toml")
    text = profile_path.read_text(encoding="utf-8").replace('mode = "day"', 'mode = "night"')
    night.write_text(text, encoding="utf-8")
    window.session.choose_profile(str(night))
    qtbot.waitUntil(lambda: not window.live.reminder.isHidden(), timeout=LIMIT_MS)
    assert window.session.profile == load_profile(night)
    window.live.reminder.confirmed.emit()
    assert window.live.reminder.isHidden()


def test_profile_with_mistakes_is_said_and_the_rig_stays(
    qtbot: QtBot, window: MainWindow, profile: Profile, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("rig = 3", encoding="utf-8")
    window.session.choose_profile(str(broken))
    qtbot.waitUntil(lambda: "mistakes" in window.messages.text, timeout=LIMIT_MS)
    assert window.session.profile == profile
    assert window.live.rig_bar.current == window.session.profile_name


def test_kill_9_of_the_window_loses_nothing(qtbot: QtBot, profile: Profile, profile_path: Path, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "nirvis", "gui", "--profile", str(profile_path)])
    try:
        client = eventually(lambda: RecorderClient.find(profile.rig))
        # The window gives the profile right after it connected.
        eventually(lambda: client.status().mode)
        client.record(place="Harbour", folder=tmp_path)
        eventually(lambda: client.status().pairs >= 5)
        client.close()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    window = MainWindow(Session())
    window.start(str(profile_path), profile)
    until(qtbot, window, "recording")
    assert window.session.status is not None
    pairs = window.session.status.pairs
    qtbot.waitUntil(lambda: window.session.status.pairs > pairs, timeout=LIMIT_MS)
    window.actions_["record"].trigger()
    until(qtbot, window, "armed")
    clip = window.live.last_clip.clip
    assert clip is not None
    with qtbot.waitSignal(window.closed, timeout=LIMIT_MS):
        window.close()
    window.deleteLater()
    verdict = verify(clip)
    assert verdict.ok, verdict.findings
