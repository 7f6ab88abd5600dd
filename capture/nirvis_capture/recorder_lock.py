"""Who is the one recorder of a rig: it holds a lock until it ends, however it ends, and its number is in there."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from nirvis_capture.runtime import runtime_folder

_PATIENCE_S = 5.0
_SUFFIX = ".lock"


def hold_lock(rig: str) -> BinaryIO | None:
    """The lock that the one recorder of a rig holds until it ends; None when another one does not let go of it."""
    lock = open(_path(rig), "a+b")  # noqa: SIM115 (held until the process ends)
    deadline = time.monotonic() + _PATIENCE_S
    while not _locked(lock, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            lock.close()
            return None
        time.sleep(0.05)
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock


def rigs_held() -> dict[str, int]:
    """Name of each rig of this user that has a recorder, and the number of its process."""
    found = {}
    for path in sorted(runtime_folder().glob(f"*{_SUFFIX}")):
        with path.open("rb") as lock:
            if not _locked(lock, fcntl.LOCK_SH):
                found[path.name.removesuffix(_SUFFIX)] = int(lock.read() or 0)
    return found


def _path(rig: str) -> Path:
    return runtime_folder() / f"{rig}{_SUFFIX}"


def _locked(lock: BinaryIO, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
