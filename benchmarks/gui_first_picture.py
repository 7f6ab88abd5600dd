"""``nirvis gui`` with L pressed as soon as it can be; prints when the first picture was painted, and closes.

Run by `gui`, as a process of its own that imports what the command imports, when the command does.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from nirvis.app import main
from nirvis_gui import start

if TYPE_CHECKING:
    from nirvis_capture.profile import Profile
    from nirvis_gui.main_window import MainWindow

LOOK_MS = 5


def watch_the_window() -> None:
    """Everything is imported when the command imports it; from the first window on, that is looked at."""
    launch = start.launch_ahead  # type: ignore[attr-defined]

    def launched(rig: str) -> None:
        launch(rig)
        from nirvis_gui import beginning

        call = beginning.call_recorder

        def called(profile: Profile) -> None:
            call(profile)
            watch_windows()

        beginning.call_recorder = called

    start.launch_ahead = launched  # type: ignore[attr-defined]


def watch_windows() -> None:
    from PyQt5.QtCore import QTimer

    from nirvis_gui.main_window import MainWindow

    begin = MainWindow.start

    def begun(window: MainWindow, *given: object) -> None:
        begin(window, *given)  # type: ignore[arg-type]
        timer = QTimer(window)
        timer.timeout.connect(lambda: go_on(window, timer))
        timer.start(LOOK_MS)

    MainWindow.start = begun  # type: ignore[method-assign,assignment]


def go_on(window, timer) -> None:  # type: ignore[no-untyped-def] # whose types come with Qt
    """Press L, and tell when there is a picture."""
    session = window.session
    if session.state == "idle" and not session.doing:
        window.actions_["live"].trigger()
    if window.live.views.nir.showing:
        timer.stop()
        window.repaint()
        print(time.perf_counter(), flush=True)
        window.leave()


if __name__ == "__main__":
    watch_the_window()
    sys.argv = ["nirvis", "gui", "--profile", sys.argv[1]]
    main()
