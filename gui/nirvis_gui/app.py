"""Start the window, and see to it that nothing ends it without a word."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from PyQt5.QtCore import QCoreApplication, Qt, QTimer
from PyQt5.QtWidgets import QApplication

from nirvis_gui import theme
from nirvis_gui.beginning import Beginning
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.preferences import Theme
from nirvis_gui.session import Session
from nirvis_gui.texts import tr

log = logging.getLogger(__name__)

SIGNAL_PERIOD_MS = 200


def show(beginning: Beginning, model: Path | None = None) -> int:
    """Show the window until it is closed; returns the exit status."""
    preferences = beginning.preferences
    application = make_application(preferences.look)
    window = MainWindow(Session(), preferences.look, beginning.memory)
    window.recall(preferences)
    _say_what_went_wrong(window)
    _close_on_signals(window)
    window.closed.connect(application.quit)
    window.start(beginning.profile_name, beginning.profile, model)
    for warning in _warnings(beginning):
        window.session.said.emit(Level.MARGIN, warning)
    window.show()
    return application.exec()


def _warnings(beginning: Beginning) -> Iterator[str]:
    """What the window could not begin with."""
    if beginning.broken:
        text = tr("{file} cannot be used ({why}). The window starts as if it were new; it is replaced when it closes.")
        yield text.format(file=beginning.memory, why=beginning.broken)
    if beginning.unusable:
        text = tr("{why}\nUsing {profile} instead.")
        yield text.format(why=beginning.unusable, profile=beginning.profile_name)


def make_application(look: Theme = "dark") -> QApplication:
    """The Qt application; the one that exists if there is one."""
    existing = QApplication.instance()
    if existing is None:
        # Qt takes these before there is an application, and never after.
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    application = existing if isinstance(existing, QApplication) else QApplication(["nirvis"])
    application.setApplicationName("nirvis")
    application.setQuitOnLastWindowClosed(False)
    theme.apply(application, look)
    return application


def _say_what_went_wrong(window: MainWindow) -> None:
    """PyQt ends the process on an error in a slot; the window says it instead, and the log has the traceback."""

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        log.error("unexpected error in the window", exc_info=(kind, error, traceback))
        text = tr("A bug of nirvis: {kind}: {error}. A recording goes on.").format(kind=kind.__name__, error=error)
        window.session.said.emit(Level.LOSS, text)

    sys.excepthook = hook


def _close_on_signals(window: MainWindow) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: window.leave())
    # Python runs its signal handlers only when some Python code runs.
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNAL_PERIOD_MS)
