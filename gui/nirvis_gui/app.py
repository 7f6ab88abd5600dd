"""Start the window, and see to it that nothing ends it without a word."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from types import TracebackType

from PyQt5.QtCore import QCoreApplication, Qt, QTimer
from PyQt5.QtWidgets import QApplication

from nirvis_capture.profile import Profile
from nirvis_gui import theme
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.session import Session

log = logging.getLogger(__name__)

SIGNAL_PERIOD_MS = 200


def run(name: str, profile: Profile, model: Path | None = None, look: theme.Theme = "dark") -> int:
    """Show the window until it is closed; returns the exit status.

    name
        The shipped profile or the file that `profile` was read from.
    """
    application = make_application(look)
    window = MainWindow(Session(), look)
    _say_what_went_wrong(window)
    _close_on_signals(window)
    window.closed.connect(application.quit)
    window.start(name, profile, model)
    window.show()
    return application.exec()


def make_application(look: theme.Theme = "dark") -> QApplication:
    """The Qt application; the one that exists if there is one."""
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["nirvis"])
    application.setApplicationName("nirvis")
    application.setQuitOnLastWindowClosed(False)
    theme.apply(application, look)
    return application


def _say_what_went_wrong(window: MainWindow) -> None:
    """PyQt ends the process on an error in a slot; the window says it instead, and the log has the traceback."""

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        log.error("unexpected error in the window", exc_info=(kind, error, traceback))
        window.session.said.emit(Level.LOSS, f"A bug of nirvis: {kind.__name__}: {error}. A recording goes on.")

    sys.excepthook = hook


def _close_on_signals(window: MainWindow) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: window.leave())
    # Python runs its signal handlers only when some Python code runs.
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNAL_PERIOD_MS)
