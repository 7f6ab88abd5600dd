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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PyQt5.QtCore import QTimer, pyqtSignal, pyqtSlot

from nirvis_capture.errors import NirvisError
from nirvis_capture.messages import runtime_folder
from nirvis_datasets.split import SPLITS_NAME
from nirvis_gui.arm_picture import Picture
from nirvis_gui.curve_plot import Curve
from nirvis_gui.workers import Worker
from nirvis_training.config import shipped_configs
from nirvis_training.errors import NotARun
from nirvis_training.run_folder import RunFolder, Status

PERIOD_MS = 1000
MOST_PICTURES = 4
MOST_POINTS = 2000
_TAIL_BYTES = 2000

_started: list[subprocess.Popen[bytes]] = []
"""Trainings that this process started: referred to here, so that one that ended is reaped and none is waited for."""


@atexit.register
def _disown() -> None:
    """A training outlives the window on purpose; `Popen` would warn of that."""
    for process in _started:
        if process.poll() is None:
            process.returncode = 0


@dataclass(frozen=True, eq=False)
class RunSeen:
    """A run at one moment."""

    path: Path
    method: str
    status: Status
    summary: str
    curves: dict[str, Curve] = field(default_factory=dict)
    pictures: tuple[tuple[str, Picture], ...] = ()
    """Name and picture of the newest validation."""
    has_weights: bool = False


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
        self.post("configs", lambda: self.configs_found.emit(shipped_configs()))

    def open(self, path: Path) -> None:
        """Follow a run that exists."""
        self.post("run", lambda: self._open(path))

    def start(self, arguments: Sequence[str], out: Path) -> None:
        """Run ``nirvis ARGUMENTS`` in a session of its own, and follow the run folder `out` that it makes."""
        self.post("train", lambda: self._start(arguments, out))

    def start_on(self, arguments: Sequence[str], home: Path, out: Path) -> None:
        """As `start`, on the folder `home`: registered pairs where it has splits, else clips."""

        def begin() -> None:
            if not home.is_dir():
                raise NirvisError(f"There is no folder {home}. Choose one with clips, or with registered pairs.")
            what = ["--dataset"] if (home / SPLITS_NAME).is_file() else ["--place-unknown-as", "recording", "--session"]
            self._start([*arguments, *what, str(home)], out)

        self.post("train", begin)

    def stop(self) -> None:
        """Let the training that was started here write a checkpoint and end."""
        self.post("stop", self._stop)

    def release(self) -> None:
        self._timer.stop()

    def _open(self, path: Path) -> None:
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
            raise NirvisError("This window started no training that runs. Stop it where it was started, by Ctrl-C.")
        self._process.send_signal(signal.SIGTERM)

    # Without the decoration PyQt would call it in the thread that the object was made in.
    @pyqtSlot()
    def _look(self) -> None:
        self._timer.start(PERIOD_MS)
        if self._run is None and self._awaited is not None:
            self._run = _run_at(self._awaited)
        if self._run is not None:
            self._see(self._run)
        if self._process is not None and self._process.poll() is not None:
            self._say_end(self._process.returncode)

    def _see(self, run: RunFolder) -> None:
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
            self.seen.emit(_seen(run, status, pictures))

    def _say_end(self, status: int) -> None:
        self._process = None
        if self._run is None or status != 0:
            self._awaited = None
            self.ended.emit(_tail(self._log))


def _run_at(path: Path) -> RunFolder | None:
    try:
        return RunFolder(path)
    except NotARun:
        return None


def _seen(run: RunFolder, status: Status, pictures: Sequence[Path]) -> RunSeen:
    dataset = run.dataset
    summary = f"{run.method} · {dataset.train_pairs} pairs to learn from, {dataset.validation_pairs} to validate"
    newest = pictures[-1].name.split("-")[0] if pictures else ""
    shown = [path for path in pictures if path.name.startswith(newest)][:MOST_PICTURES]
    loaded = tuple((path.stem.partition("-")[2], picture) for path in shown if (picture := _picture(path)) is not None)
    return RunSeen(run.path, run.method, status, summary, curves_of(run), loaded, run.best_weights.is_file())


def curves_of(run: RunFolder) -> dict[str, Curve]:
    """Every figure of metrics.jsonl over the samples; thinned where there are more points than pixels."""
    points: dict[str, list[tuple[float, float]]] = {}
    for line in run.metrics():
        for name, value in line.items():
            if name not in ("samples", "seconds"):
                points.setdefault(name, []).append((line["samples"], value))
    return {name: _thinned(np.array(pairs, float)) for name, pairs in points.items()}


def _thinned(points: NDArray[np.float64]) -> Curve:
    every = max(1, len(points) // MOST_POINTS)
    return points[::every, 0], points[::every, 1]


def _picture(path: Path) -> Picture | None:
    """None for a picture that was just replaced by a newer one."""
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert("RGB"), np.uint8)
    except OSError:
        return None


def _tail(log: Path | None) -> str:
    text = "" if log is None or not log.is_file() else log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
    return "\n".join(lines[-6:]).removeprefix("error: ")
