"""Long work is done by commands of nirvis in processes of their own; here they are run, followed and ended."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Sequence

from PyQt5.QtCore import QObject, pyqtSignal

from nirvis_capture.errors import NirvisError

Arguments = Sequence[str] | Callable[[], Sequence[str]]
"""Of the command; a function is called in the thread of the job, and may wait and touch files."""

_PERCENT = re.compile(r"(\d+)%\|")
_TAIL = 8
_CHUNK = 4096
_SCREEN = (25, 100)
"""Rows and columns."""


class Job(QObject):
    """One run of ``nirvis ARGUMENTS``; its process is started and read by threads of its own."""

    progressed = pyqtSignal(int)
    """Percent of what its progress bar shows."""
    said = pyqtSignal(str)
    """A line that it printed."""
    ended = pyqtSignal(int, str, str)
    """Exit status, everything that it printed, and its last complaints without its progress bars."""

    def __init__(self, name: str, arguments: Arguments) -> None:
        super().__init__()
        self.name = name
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._complaints: list[str] = []
        self._thread = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; it finishes what it must not leave half done."""
        self._stopped = True
        if self._process is not None:
            self._process.terminate()

    def _run(self) -> None:
        try:
            arguments = self._arguments() if callable(self._arguments) else self._arguments
            self.ended.emit(*self._done(arguments))
        except (NirvisError, OSError) as error:
            self.ended.emit(1, "", str(error))

    def _done(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        """Run the command, and give what `ended` tells."""
        # Progress bars are shown to terminals only, so that it is given one to complain to.
        screen, terminal = pty.openpty()
        # Without a width they leave the bar away, by which they are known.
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *_SCREEN, 0, 0))
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "nirvis", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=terminal,
            )
        finally:
            os.close(terminal)
        self._process = process
        if self._stopped:
            process.terminate()
        reader = threading.Thread(
            target=self._read_screen, args=(screen,), name=f"{self._thread.name} bar", daemon=True
        )
        reader.start()
        output = self._read_output(process)
        status = process.wait()
        reader.join()
        return status, output, "\n".join(self._complaints).removeprefix("error: ")

    def _read_output(self, process: subprocess.Popen[bytes]) -> str:
        lines = []
        if process.stdout is not None:
            with process.stdout as out:
                for line in out:
                    lines.append(line.decode(errors="replace").rstrip())
                    self.said.emit(lines[-1])
        return "\n".join(lines)

    def _read_screen(self, screen: int) -> None:
        rest = ""
        while True:
            try:
                chunk = os.read(screen, _CHUNK)
            except OSError:
                # Linux says that nobody holds the terminal any more by an error.
                chunk = b""
            if not chunk:
                break
            *lines, rest = re.split(r"[\r\n]+", rest + chunk.decode(errors="replace"))
            for line in lines:
                self._take(line)
        self._take(rest)
        os.close(screen)

    def _take(self, line: str) -> None:
        percent = _PERCENT.search(line)
        if percent:
            self.progressed.emit(int(percent[1]))
        elif line.strip():
            self._complaints = [*self._complaints[1 - _TAIL :], line.strip()]


class Jobs(QObject):
    """The jobs of one window."""

    changed = pyqtSignal()
    all_ended = pyqtSignal()
    """Emitted by `close`, once nothing runs any more."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: list[Job] = []
        self._closing = False

    @property
    def closing(self) -> bool:
        """Nothing new may begin."""
        return self._closing

    @property
    def running(self) -> list[Job]:
        return list(self._running)

    def run(self, name: str, arguments: Arguments) -> Job:
        """Start ``nirvis ARGUMENTS``; connect to the signals of what is returned right away."""
        job = Job(name, arguments)
        job.ended.connect(lambda *_: self._forget(job))
        self._running.append(job)
        job.start()
        self.changed.emit()
        return job

    def close(self) -> None:
        """Ask every job to end, then emit `all_ended`."""
        self._closing = True
        for job in self._running:
            job.stop()
        if not self._running:
            self.all_ended.emit()

    def _forget(self, job: Job) -> None:
        self._running.remove(job)
        self.changed.emit()
        if self._closing and not self._running:
            self.all_ended.emit()
