"""Whether somebody writes an unfinished clip at this moment."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_LOCKED_BYTE = 1 << 62
"""Beyond any clip: the lock on it says that the clip is being written, and keeps nobody from reading."""


def hold(part_path: Path) -> int:
    """A descriptor that holds the lock of `is_being_written` until it is closed."""
    descriptor = os.open(part_path, os.O_RDWR)
    # Nobody else owns a new file; who asks for its lock at this very moment has it no longer than that.
    fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _LOCKED_BYTE)
    return descriptor


def is_being_written(part_path: Path) -> bool:
    """True while a process records into this ``.part`` file; the file is only read."""
    with open(part_path, "rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _LOCKED_BYTE)
        except (BlockingIOError, PermissionError):
            return True
    return False
