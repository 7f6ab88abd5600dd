"""The lock of a run folder: one process holds it, and it is free the moment that this one is gone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

_held: set[IO[str]] = set()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file. Raises `BlockingIOError` when another holds it."""
    _children_let_go()
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held.add(lock)
        try:
            yield
        finally:
            _held.discard(lock)


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock of this file, which need not be there."""
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@cache
def _children_let_go() -> None:
    # A lock belongs to the open file, which a forked worker shares: one that outlives a killed training by the seconds
    # it takes to notice would keep the run from being resumed.
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    for lock in _held:
        # Closed, not unlocked: to unlock it here would unlock it for the parent.
        lock.close()
    _held.clear()
