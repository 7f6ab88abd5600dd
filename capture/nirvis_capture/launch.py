"""Launching the recorder process of a rig; nothing is imported here that takes time."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from nirvis_capture.runtime import log_path, socket_path

ALREADY_RUNNING = 3
"""Exit status of a second recorder process for the same rig."""
_LOG_BYTES = 1_000_000

_launched: list[Process] = []
"""Referred to here, so that one that ended is reaped and none is waited for."""
_ahead: dict[str, Process] = {}


class Process:
    """A recorder that this process launched. It outlives its launcher on purpose, which `subprocess` would warn of."""

    def __init__(self, rig: str) -> None:
        command = [sys.executable, "-m", "nirvis_capture.recorder", rig]
        with _open_log(rig) as log:
            opened: list[tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
            written = [(os.POSIX_SPAWN_DUP2, log.fileno(), number) for number in (1, 2)]
            # A session of its own: closing the terminal or killing the window does not reach it.
            self._number = os.posix_spawn(
                command[0], command, os.environ, file_actions=[*opened, *written], setsid=True
            )
        self._status: int | None = None

    def poll(self) -> int | None:
        """Exit status; None while it runs."""
        if self._status is None:
            ended, status = os.waitpid(self._number, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if ended else None
        return self._status


def launch_ahead(rig: str) -> None:
    """Launch the recorder that `launched_ahead` will give, while what its client needs is still being imported.

    Does nothing where one seems to run. Raises `RecorderError` for a rig that can have none, and `OSError`.
    """
    if not socket_path(rig).exists():
        _ahead[rig] = launch(rig)


def launched_ahead(rig: str) -> Process | None:
    """The recorder that was launched ahead, once; it may have found that another runs already."""
    return _ahead.pop(rig, None)


def launch(rig: str) -> Process:
    process = Process(rig)
    _launched[:] = [*(earlier for earlier in _launched if earlier.poll() is None), process]
    return process


def _open_log(rig: str) -> BinaryIO:
    path = log_path(rig)
    long = path.exists() and path.stat().st_size > _LOG_BYTES
    return open(path, "wb" if long else "ab")
