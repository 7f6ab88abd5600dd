"""Start the window, and see to it that nothing ends it without a word."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from types import TracebackType

from PyQt5.QtCore import QCoreApplication, Qt, QTimer
from PyQt5.QtWidgets import QApplication

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import load_profile
from nirvis_gui import theme
from nirvis_gui.health import Level
from nirvis_gui.main_window import MainWindow
from nirvis_gui.preferences import Preferences, preferences_path, read_preferences
from nirvis_gui.session import Session

log = logging.getLogger(__name__)

SIGNAL_PERIOD_MS = 200


def run(name: str | None, model: Path | None = None, look: theme.Theme | None = None) -> int:
    """Show the window until it is closed; returns the exit status.

    name
        A shipped profile or a file; None for the one of the last time.

    Raises `ProfileError` when the profile of that name cannot be used.
    """
    memory = preferences_path()
    preferences, warning = read_preferences(memory)
    if name is None:
        preferences, changed = _with_usable_profile(preferences)
        warning = warning or changed
    profile_name = name or preferences.profile
    profile = load_profile(profile_name)
    application = make_application(look or preferences.look)
    window = MainWindow(Session(), look or preferences.look, memory)
    window.recall(preferences)
    _say_what_went_wrong(window)
    _close_on_signals(window)
    window.closed.connect(application.quit)
    window.start(profile_name, profile, model)
    if warning:
        window.session.said.emit(Level.MARGIN, warning)
    window.show()
    return application.exec()


def _with_usable_profile(preferences: Preferences) -> tuple[Preferences, str]:
    """The profile of the last time may be gone or broken by now; the window starts all the same, and says it."""
    try:
        load_profile(preferences.profile)
    except NirvisError as error:
        usual = Preferences().profile
        return preferences.model_copy(update={"profile": usual}), f"{error}\nUsing {usual} instead."
    return preferences, ""


def make_application(look: theme.Theme = "dark") -> QApplication:
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
        window.session.said.emit(Level.LOSS, f"A bug of nirvis: {kind.__name__}: {error}. A recording goes on.")

    sys.excepthook = hook


def _close_on_signals(window: MainWindow) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: window.leave())
    # Python runs its signal handlers only when some Python code runs.
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(SIGNAL_PERIOD_MS)
