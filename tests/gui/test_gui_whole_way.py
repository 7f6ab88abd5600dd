"""The whole way: set up, record, lose a camera and the recorder, recover, register, train, see the colour, check."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tomlkit
from pytestqt.qtbot import QtBot

from nirvis_capture.profile import load_profile
from nirvis_capture.verify import verify
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.recorder_link import ClipFields
from nirvis_training.config import load_config

LIMIT_MS = 180_000
TINY = {
    "samples": 8, "batch_size": 2, "crop": 32, "validate_every_samples": 4, "validation_pairs": 2,
    "checkpoint_every_samples": 4, "workers": 0, "threads": 1, "log_every_samples": 2, "method.width": 4,
}  # fmt: skip


def until(qtbot: QtBot, window: MainWindow, state: str) -> None:
    qtbot.waitUntil(lambda: window.session.state == state and not window.session.doing, timeout=LIMIT_MS)


def record(qtbot: QtBot, window: MainWindow, place: str, pairs: int = 12) -> None:
    """Record until there are some pairs."""
    window.live.fields.set_fields(ClipFields(place=place, operator="Ada"))
    window.actions_["record"].trigger()
    until(qtbot, window, "recording")
    qtbot.waitUntil(lambda: window.session.status.pairs >= pairs, timeout=LIMIT_MS)


def choose(qtbot: QtBot, window: MainWindow, rig: Path) -> None:
    """Let the cameras go where they are armed, and use another profile."""
    window.session.choose_profile(str(rig))
    qtbot.waitUntil(lambda: window.session.profile_name == str(rig), timeout=LIMIT_MS)
    until(qtbot, window, "idle")


def worked(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.clips.work.busy, timeout=LIMIT_MS)


def test_from_setting_up_to_seeing_the_colour(
    qtbot: QtBot,
    window: MainWindow,
    recorder_pid: Callable[[], int],
    tmp_path: Path,
    screenshot: Callable[[str], None],
) -> None:
    screenshot("idle")
    # Set up: a larger picture, by the form.
    window.actions_["page_profile"].trigger()
    page = window.profile
    page.tabs.setCurrentIndex(1)
    page.editors["nir.exposure_us"].enter("-3")
    qtbot.waitUntil(lambda: bool(page.editors["nir.exposure_us"].mistake), timeout=LIMIT_MS)
    screenshot("mistake")
    page.undo.click()
    for arm in ("nir", "vis"):
        for name, text in (("width", "640"), ("height", "480"), ("offset_x", "372"), ("offset_y", "276")):
            page.editors[f"{arm}.roi.{name}"].enter(text)
    qtbot.waitUntil(page.save_as.isEnabled, timeout=LIMIT_MS)
    rig = tmp_path / "street.toml"
    page.write(rig)
    qtbot.waitUntil(lambda: window.session.profile_name == str(rig), timeout=LIMIT_MS)
    until(qtbot, window, "idle")
    screenshot("set-up")
    # Lose a camera while recording another street, then choose the rig that has it.
    faulty = tmp_path / "faulty.toml"
    unplugged = {"kind": "unplug", "arm": "vis", "at": 45, "count": 100_000}
    other = load_profile(rig).edited({"twin.scene_seed": 5, "twin.faults": [unplugged]})
    faulty.write_text(other.text, encoding="utf-8")
    choose(qtbot, window, faulty)
    window.actions_["page_live"].trigger()
    record(qtbot, window, "Bridge", pairs=5)
    until(qtbot, window, "failed")
    screenshot("camera-lost")
    assert "TWIN-VIS" in window.messages.text
    choose(qtbot, window, rig)
    # Record a street twice, and lose the recorder meanwhile.
    window.actions_["live"].trigger()
    until(qtbot, window, "armed")
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
    screenshot("live")
    window.actions_["overlay"].trigger()
    qtbot.waitUntil(lambda: "px apart" in window.live.views.overlay.caption, timeout=LIMIT_MS)
    screenshot("overlay")
    window.actions_["overlay"].trigger()
    record(qtbot, window, "Harbour")
    screenshot("recording")
    window.actions_["record"].trigger()
    until(qtbot, window, "armed")
    record(qtbot, window, "Harbour", pairs=45)
    os.kill(recorder_pid(), signal.SIGKILL)
    qtbot.waitUntil(lambda: window.session.state == "absent", timeout=LIMIT_MS)
    assert window.messages.history[-1].level is Level.LOSS
    screenshot("recorder-lost")
    # Recover it.
    window.actions_["page_clips"].trigger()
    clips = window.clips
    qtbot.waitUntil(lambda: {row.state for row in clips.table.rows} == {"certified", "unfinished"}, timeout=LIMIT_MS)
    clips.recover()
    worked(qtbot, window)
    assert "recovered" in clips.work.text
    qtbot.waitUntil(lambda: sum(row.state == "certified" for row in clips.table.rows) == 3, timeout=LIMIT_MS)
    screenshot("recovered")
    clips.table.setCurrentCell([row.state for row in clips.table.rows].index("certified"), 0)
    qtbot.waitUntil(lambda: clips.player.views.vis.showing, timeout=LIMIT_MS)
    clips.tabs.setCurrentIndex(1)
    screenshot("clip")
    clips.table.clearSelection()
    assert all(verify(row.path).ok for row in clips.table.rows if row.state == "certified")
    # Register all of them, and make a dataset.
    clips.add_to_dataset()
    worked(qtbot, window)
    clips.show_report()
    qtbot.waitUntil(lambda: "clips registered" in clips.report.toPlainText(), timeout=LIMIT_MS)
    screenshot("registered")
    assert (clips.pairs_folder / "splits.csv").is_file(), clips.work.text
    # Train on it.
    config = load_config("ssn_demo", TINY)
    file = tmp_path / "tiny.toml"
    file.write_text(tomlkit.dumps(config.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    window.actions_["page_training"].trigger()
    training = window.training
    training.dataset.setText(str(clips.pairs_folder))
    training.config.setCurrentText(str(file))
    training.start.click()
    qtbot.waitUntil(lambda: training.run is not None and training.run.status.state == "finished", timeout=LIMIT_MS)
    screenshot("trained")
    assert training.run is not None
    assert training.run.pictures
    assert "val_psnr_db" in training.run.curves
    # See its colour.
    training.use.click()
    qtbot.waitUntil(lambda: window.session.showing.model is not None, timeout=LIMIT_MS)
    assert window.pages.currentWidget() is window.live
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.colour.showing, timeout=LIMIT_MS)
    screenshot("colour")
    assert np.ptp(window.live.views.colour.picture) > 0
    # Go or no go.
    window.actions_["page_checks"].trigger()
    until(qtbot, window, "armed")
    window.checks.run(window.checks.rows[:1])
    qtbot.waitUntil(lambda: not window.checks.busy, timeout=LIMIT_MS)
    screenshot("checks")
    assert window.checks.rows[0].found is not None
