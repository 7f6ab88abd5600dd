"""What the tests of the window share: Qt without a screen, a small simulated rig, and a runtime folder of their own."""

from __future__ import annotations

import contextlib
import gc
import os

# On a real X server when stories are told there: `test_gui_x_server`.
os.environ["QT_QPA_PLATFORM"] = "xcb" if "NIRVIS_SCREENSHOTS" in os.environ else "offscreen"

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt5 import sip
from PyQt5.QtCore import QCoreApplication, QEvent
from PyQt5.QtWidgets import QApplication, QWidget
from pytestqt.logging import _QtMessageCapture
from pytestqt.qtbot import QtBot

import nirvis_profiles
from nirvis_capture.client import RecorderClient
from nirvis_capture.profile import Profile, parse_profile
from nirvis_gui.app import make_application
from nirvis_gui.main_window import MainWindow
from nirvis_gui.preferences import Theme
from nirvis_gui.session import Session
from nirvis_gui.workers import Worker, Workers

LIMIT_MS = 30_000
SCREENSHOTS = os.environ.get("NIRVIS_SCREENSHOTS")
"""Folder for pictures of the screen; None where there is no screen."""
RIG = f"gui-test-{os.getpid()}"


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the window starts it, sharp on dense screens."""
    return make_application()


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of this test, so that no recorder of the user is touched."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def profile_path(tmp_path: Path, runtime: Path) -> Iterator[Path]:
    """A small and quick simulated rig; its recorder is ended after the test."""
    text = nirvis_profiles.text("twin_day")
    for wide, small in (
        ('rig = "twin"', f'rig = "{RIG}"'),
        ("roi = { width = 1384, height = 1032 }", "roi = { width = 160, height = 120 }"),
        ("rate_hz = 45", "rate_hz = 20"),
        ('folder = "clips"', f'folder = "{tmp_path / "clips"}"'),
        ("min_free_gb = 2", "min_free_gb = 0"),
    ):
        text = text.replace(wide, small)
    path = tmp_path / "small.toml"
    path.write_text(text, encoding="utf-8")
    yield path
    recorder = RecorderClient.find(RIG)
    if recorder is not None:
        with recorder:
            recorder.shutdown()


@pytest.fixture
def profile(profile_path: Path) -> Profile:
    return parse_profile(profile_path.read_text(encoding="utf-8"))


@pytest.fixture
def window(qtbot: QtBot, profile: Profile, profile_path: Path) -> Iterator[MainWindow]:
    """The window with an idle recorder; whatever a test leaves running is ended."""
    made = on_screen() if SCREENSHOTS else MainWindow(Session())
    made.start(str(profile_path), profile)
    made.show()
    qtbot.waitUntil(lambda: made.session.state == "idle" and not made.session.doing, timeout=LIMIT_MS)
    yield made
    if made.session.threads:
        made.leave()
        qtbot.waitUntil(lambda: not made.session.threads, timeout=LIMIT_MS)
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def on_screen() -> MainWindow:
    """A window as large as the screen, in the look that is asked for."""
    look: Theme = "light" if os.environ.get("NIRVIS_LOOK") == "light" else "dark"
    screen = make_application(look).primaryScreen()
    made = MainWindow(Session(), look)
    assert screen is not None
    made.setGeometry(screen.geometry())
    return made


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps what the whole screen shows, as NN-NAME.png, where there is a screen."""
    taken: list[str] = []

    def keep(name: str) -> None:
        screen = QApplication.primaryScreen()
        if SCREENSHOTS is None or screen is None:
            return
        # What was asked for is painted now, and the server has it.
        for _ in range(3):
            QApplication.processEvents()
        taken.append(name)
        folder = Path(SCREENSHOTS) / request.node.name
        folder.mkdir(parents=True, exist_ok=True)
        assert screen.grabWindow(0).save(str(folder / f"{len(taken):02d}-{name}.png"))

    return keep


@pytest.fixture(autouse=True)
def no_warning_of_qt(qtlog: _QtMessageCapture) -> Iterator[None]:
    """Qt warns of timers in wrong threads and of leaked objects; the offscreen screen has two complaints of its own."""
    yield
    own = ("propagateSizeHints", "XDG_RUNTIME_DIR")
    said = [record.message for record in qtlog.records if not any(word in record.message for word in own)]
    assert said == []


@pytest.fixture
def serving(qtbot: QtBot) -> Iterator[Callable[[Worker], None]]:
    """Gives workers threads, and ends them after the test."""
    workers = Workers()
    yield workers.add
    if workers.running:
        ended: list[bool] = []
        workers.close(lambda: ended.append(True))
        qtbot.waitUntil(lambda: bool(ended), timeout=LIMIT_MS)


@pytest.fixture(autouse=True)
def no_widget_left() -> Iterator[None]:
    """Every widget that a test makes is gone after it: windows, dialogs, and what was taken out of a layout."""
    before = _top_level_widgets()
    yield
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [widget for key, widget in _top_level_widgets().items() if key not in before and not sip.isdeleted(widget)]
    assert [type(widget).__name__ for widget in left] == []


def _top_level_widgets() -> dict[int, QWidget]:
    if QApplication.instance() is None:
        return {}
    return {sip.unwrapinstance(widget): widget for widget in QApplication.topLevelWidgets()}


@pytest.fixture
def recorder_pid(runtime: Path) -> Callable[[], int]:
    """Process id of the recorder that a test started: its command line names the rig of these tests."""

    def find() -> int:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"nirvis_capture.recorder" in words and RIG.encode() in words:
                    return int(folder.name)
        raise LookupError("no recorder of these tests runs")

    return find
