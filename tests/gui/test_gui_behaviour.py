"""How the window behaves: nothing waits on its thread, keys reach everything, crashes are said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from nirvis_gui import app, theme
from nirvis_gui.actions import PAGES, ROWS, help_html
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.preferences import Theme

LIMIT_MS = 60_000


class OwnThreadCalls:
    """Files, sockets and processes that the window's own thread touches while `watching`."""

    EVENTS = (
        "open", "socket.", "subprocess.", "os.listdir", "os.scandir", "os.posix_spawn", "mmap.", "os.remove",
        "os.rename", "os.mkdir", "shutil.", "pty.", "import",
    )  # fmt: skip

    def __init__(self) -> None:
        self.watching = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, details: tuple[Any, ...]) -> None:
        if self.watching and event.startswith(self.EVENTS) and threading.current_thread() is threading.main_thread():
            self.seen.append(f"{event} {details}")


@pytest.fixture(scope="module")
def calls() -> OwnThreadCalls:
    # An audit hook cannot be taken away again; this one is silent unless it watches.
    return OwnThreadCalls()


@pytest.fixture
def watching(calls: OwnThreadCalls) -> Iterator[OwnThreadCalls]:
    calls.seen.clear()
    yield calls
    calls.watching = False


def until(qtbot: QtBot, window: MainWindow, state: str) -> None:
    qtbot.waitUntil(lambda: window.session.state == state and not window.session.doing, timeout=LIMIT_MS)


def test_no_page_touches_files_sockets_or_processes_on_the_windows_thread(
    qtbot: QtBot, window: MainWindow, watching: OwnThreadCalls
) -> None:
    watching.watching = True
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
    window.actions_["overlay"].trigger()
    window.actions_["peaking"].trigger()
    qtbot.waitUntil(lambda: window.live.views.overlay.showing, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    window.actions_["record"].trigger()
    until(qtbot, window, "recording")
    qtbot.waitUntil(lambda: window.session.status.pairs >= 5, timeout=LIMIT_MS)
    window.actions_["record"].trigger()
    until(qtbot, window, "armed")
    window.actions_["page_clips"].trigger()
    qtbot.waitUntil(lambda: len(window.clips.table.rows) == 1, timeout=LIMIT_MS)
    window.clips.table.setCurrentCell(0, 0)
    qtbot.waitUntil(lambda: window.clips.player.views.vis.showing, timeout=LIMIT_MS)
    window.clips.player.seek(3)
    window.clips.verify()
    qtbot.waitUntil(lambda: not window.clips.work.busy, timeout=LIMIT_MS)
    window.actions_["page_training"].trigger()
    window.training.begin()
    window.actions_["page_profile"].trigger()
    window.profile.editors["nir.gain_db"].enter("1")
    qtbot.waitUntil(window.profile.try_out.isEnabled, timeout=LIMIT_MS)
    window.profile.try_out.click()
    qtbot.waitUntil(lambda: window.session.profile.nir.gain_db == 1, timeout=LIMIT_MS)
    until(qtbot, window, "armed")
    window.actions_["page_checks"].trigger()
    window.checks.run(window.checks.rows[:1])
    qtbot.waitUntil(lambda: not window.checks.busy, timeout=LIMIT_MS)
    watching.watching = False
    assert watching.seen == []
    assert window.checks.rows[0].found is not None


def test_every_page_and_action_has_a_key_and_is_in_the_help(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for number, name in enumerate(PAGES, 1):
        qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key(Qt.Key.Key_0 + number), Qt.ControlModifier)
        assert window.pages.currentIndex() == number - 1, name
    assert all(row.key and row.key in help_html() and row.help in help_html() for row in ROWS)


def test_what_the_mouse_can_press_the_keyboard_can_too(window: MainWindow) -> None:
    """Buttons take the focus by Tab, or carry the key of an action."""
    unreachable = [
        button.text()
        for button in window.findChildren(QAbstractButton)
        if button.focusPolicy() == Qt.FocusPolicy.NoFocus
        and button.text()
        and not getattr(button, "defaultAction", lambda: None)()
        and not _is_of_a_view(button)
    ]
    assert unreachable == []


def _is_of_a_view(widget: QWidget) -> bool:
    """Scroll buttons and corners that Qt makes itself."""
    return widget.metaObject().className() in ("QTableCornerButton", "CloseButton")


def test_amber_and_red_open_what_they_mean(qtbot: QtBot, window: MainWindow) -> None:
    cell = window.strip.cell("Recorder")
    qtbot.keyClick(cell, Qt.Key.Key_Return)
    page = window.findChild(QDialog)
    assert page is not None
    assert page.windowTitle() == "Recorder"
    page.close()


def test_crash_of_a_worker_is_said_and_the_recording_goes_on(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    window.actions_["record"].trigger()
    until(qtbot, window, "recording")

    def crash() -> None:
        raise ZeroDivisionError("by a bug")

    # pytest-qt stands where the hook of the window is called from.
    with qtbot.captureExceptions() as raised:
        window.session.chores.post("crash", crash)
        qtbot.waitUntil(lambda: bool(raised), timeout=LIMIT_MS)
    app._say_what_went_wrong(window)
    sys.excepthook(*raised[0])
    assert "A bug of nirvis: ZeroDivisionError" in window.messages.text
    assert window.messages.history[-1].level is Level.LOSS
    pairs = window.session.status.pairs
    qtbot.waitUntil(lambda: window.session.status.pairs > pairs, timeout=LIMIT_MS)


def test_kill_of_a_job_is_said(qtbot: QtBot, window: MainWindow) -> None:
    window.clips.work.run([_endless()])
    job = window.clips.work.job
    assert job is not None
    qtbot.waitUntil(lambda: job._process is not None, timeout=LIMIT_MS)
    os.kill(job._process.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not window.clips.work.busy, timeout=LIMIT_MS)
    assert window.clips.work.title.endswith("see below")


def _endless() -> Any:
    from nirvis_gui.work_panel import Step

    return Step("Wait", ["record", "--profile", "twin_day", "--every", "1h", "--seconds", "3000", "--out", "/nowhere"])


def test_closing_ends_jobs_too(qtbot: QtBot, window: MainWindow) -> None:
    window.checks.run(window.checks.rows)
    assert window.session.jobs.running
    with qtbot.waitSignal(window.closed, timeout=LIMIT_MS):
        window.close()
    assert window.session.jobs.running == []


def test_broken_settings_file_never_prevents_the_start(
    runtime: Path, tmp_path: Path, profile_path: Path, recorder_pid: Callable[[], int]
) -> None:
    """The real command, with a file that is no TOML, and once more with a profile that is gone."""
    memory = tmp_path / "config" / "nirvis" / "window.toml"
    memory.parent.mkdir(parents=True)
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    for content in ("look = \n", 'profile = "/gone/rig.toml"\n'):
        memory.write_text(content, encoding="utf-8")
        program = (
            "import sys\nfrom PyQt5.QtCore import QTimer\nfrom nirvis_gui import main_window, start as beginning\n"
            "start = main_window.MainWindow.start\n"
            "def started(window, *given):\n"
            "    start(window, *given)\n"
            "    QTimer.singleShot(500, lambda: (print(window.messages.text), window.leave()))\n"
            "main_window.MainWindow.start = started\n"
            f"sys.exit(beginning.run({str(profile_path)!r} if 'look' in {content!r} else None))\n"
        )
        ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert "window.toml" in ran.stdout or "/gone/rig.toml" in ran.stdout


@pytest.mark.parametrize("look", ["dark", "light"])
def test_window_fits_a_small_screen_in_both_looks(qtbot: QtBot, window: MainWindow, look: Theme) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme.apply(application, look)
    window.resize(1366, 768)
    for index in range(len(PAGES)):
        window.tabs.setCurrentIndex(index)
        QApplication.processEvents()
        needed = window.minimumSizeHint()
        assert needed.width() <= 1366
        assert needed.height() <= 768
    theme.apply(application, "dark")


def test_screens_of_high_resolution_get_sharp_pictures() -> None:
    """In a process of its own: Qt reads the scale when the application is made."""
    program = "from nirvis_gui.app import make_application\nprint(make_application().devicePixelRatio())"
    environment = os.environ | {"QT_SCALE_FACTOR": "2"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert float(ran.stdout) == 2.0
