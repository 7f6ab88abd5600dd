"""Follows a training run from its folder in a thread of its own, and starts and stops the process that trains.

The training outlives the window: its output goes to a file, and whoever opens the folder again sees how it goes.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import QTimer, pyqtSignal, pyqtSlot

from nirvis_capture.errors import NirvisError
from nirvis_capture.runtime import runtime_folder
from nirvis_gui.texts import tr
from nirvis_gui.workers import Worker

if TYPE_CHECKING:
    from nirvis_training.run_folder import RunFolder

# What knows of methods and datasets takes as long to import as the rest of the window: it is imported in the thread of
# the worker, once a run is looked at.

PERIOD_MS = 1000
_TAIL_BYTES = 2000

_started: list[subprocess.Popen[bytes]] = []
"""Trainings that this process started: referred to here, so that one that ended is reaped and none is waited for."""


@atexit.register
def _disown() -> None:
    """A training outlives the window on purpose; `Popen` would warn of that."""
    for process in _started:
        if process.poll() is None:
            process.returncode = 0


class RunWatch(Worker):
    """Looks at one run once a second."""

    configs_found = pyqtSignal(object)
    seen = pyqtSignal(object)
    """`RunSeen`, when something changed."""
    ended = pyqtSignal(str)
    """A training that was started here ended before there was a run to see; what it said."""

    def __init__(self) -> None:
        super().__init__()
        self._run: RunFolder | None = None
        self._awaited: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._last: tuple[object, ...] = ()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def find_configs(self) -> None:
        """Tell the names of the configurations that come with nirvis."""
        self.post("configs", self._find_configs)

    def open(self, path: Path) -> None:
        """Follow a run that exists."""
        self.post("run", lambda: self._open(path))

    def start(self, arguments: Sequence[str], out: Path) -> None:
        """Run ``nirvis ARGUMENTS`` in a session of its own, and follow the run folder `out` that it makes."""
        self.post("train", lambda: self._start(arguments, out))

    def start_on(self, arguments: Sequence[str], home: Path, out: Path) -> None:
        """As `start`, on the folder `home`: registered pairs where it has splits, else clips."""

        def begin() -> None:
            from nirvis_datasets.split import SPLITS_NAME

            if not home.is_dir():
                text = tr("There is no folder {home}. Choose one with clips, or with registered pairs.")
                raise NirvisError(text.format(home=home))
            what = ["--dataset"] if (home / SPLITS_NAME).is_file() else ["--place-unknown-as", "recording", "--session"]
            self._start([*arguments, *what, str(home)], out)

        self.post("train", begin)

    def stop(self) -> None:
        """Let the training that was started here write a checkpoint and end."""
        self.post("stop", self._stop)

    def release(self) -> None:
        self._timer.stop()

    def _find_configs(self) -> None:
        from nirvis_training.config import shipped_configs

        self.configs_found.emit(shipped_configs())

    def _open(self, path: Path) -> None:
        from nirvis_training.run_folder import RunFolder

        self._run, self._awaited, self._last = RunFolder(path), None, ()
        self._look()

    def _start(self, arguments: Sequence[str], out: Path) -> None:
        self._log = runtime_folder() / f"training-{os.getpid()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nirvis", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _started.append(self._process)
        self._run, self._awaited, self._last = None, out, ()
        self._timer.start(PERIOD_MS)

    def _stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise NirvisError(tr("This window started no training that runs. Stop it where it was started, by Ctrl-C."))
        self._process.send_signal(signal.SIGTERM)

    # Without the decoration PyQt would call it in the thread that the object was made in.
    @pyqtSlot()
    def _look(self) -> None:
        self._timer.start(PERIOD_MS)
        if self._run is None and self._awaited is not None:
            from nirvis_gui.run_seen import run_at

            self._run = run_at(self._awaited)
        if self._run is not None:
            self._see(self._run)
        if self._process is not None and self._process.poll() is not None:
            self._say_end(self._process.returncode)

    def _see(self, run: RunFolder) -> None:
        from nirvis_gui.run_seen import run_seen

        try:
            status = run.status
        except OSError:
            # Just made: its state comes with its first step.
            return
        size = run.metrics_file.stat().st_size if run.metrics_file.is_file() else 0
        pictures = run.pictures
        now = (status, size, pictures, run.best_weights.is_file())
        if now != self._last:
            self._last = now
            self.seen.emit(run_seen(run, status, pictures))

    def _say_end(self, status: int) -> None:
        self._process = None
        if self._run is None or status != 0:
            self._awaited = None
            self.ended.emit(_tail(self._log))


def _tail(log: Path | None) -> str:
    text = "" if log is None or not log.is_file() else log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
    return "\n".join(lines[-6:]).removeprefix("error: ")
