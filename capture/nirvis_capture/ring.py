"""Bounded memory between the cameras and the disk: what a stall of the disk is bridged with."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

WhenFull = Literal["refuse", "wait"]
"""``refuse``: the exposures of a camera cannot wait, so the recording has to end. ``wait``: cameras that are simulated
or replayed as quickly as they are taken are slowed down instead."""


Alarm = Literal["", "filling", "full"]
"""``filling``: the disk falls behind, and nothing is lost yet; ``full``: the recording had to end."""
FILLING = 0.75
"""Share of the ring from which on it says that it is ``filling``."""


class Ring(Generic[T]):
    """A queue that is bounded by bytes, for any number of writers and one reader."""

    def __init__(self, capacity_bytes: int, size_of: Callable[[T], int], when_full: WhenFull = "refuse") -> None:
        self._capacity = capacity_bytes
        self._size_of = size_of
        self._waits = when_full == "wait"
        self._rows: deque[T] = deque()
        self._bytes = 0
        self._allowance = 0
        self._peak = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def fill(self) -> float:
        """Share of the capacity in use; slightly above 1 after `put_anyway`."""
        return max(0, self._bytes - self._allowance) / self._capacity

    @property
    def peak(self) -> float:
        """The highest `fill` until now."""
        return max(0, self._peak - self._allowance) / self._capacity

    @property
    def alarm(self) -> Alarm:
        """What the fill means; nothing where the cameras wait."""
        if self._waits:
            return ""
        return "full" if self.peak >= 1 else "filling" if self.fill >= FILLING else ""

    @property
    def drained(self) -> bool:
        """True when it is closed and everything was taken out."""
        return self._closed and not self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def make_room(self, nbytes: int) -> None:
        """Take this much on top of the capacity from now on: for rows that are in memory already and come at once."""
        with self._changed:
            self._allowance += nbytes
            self._changed.notify_all()

    def put(self, row: T) -> bool:
        """Add a row; False when it is closed, or full and made to refuse."""
        size = self._size_of(row)
        with self._changed:
            while self._waits and not self._closed and not self._fits(size):
                self._changed.wait()
            if self._closed or not self._fits(size):
                return False
            self._append(row, size)
            return True

    def put_anyway(self, row: T) -> None:
        """Add one of the few rows that complete a recording, full or not. Does nothing once it is closed."""
        with self._changed:
            if not self._closed:
                self._append(row, self._size_of(row))

    def get(self, timeout_s: float) -> T | None:
        """The oldest row; None when none came in time, or when it is `drained`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._rows:
                remaining = deadline - time.monotonic()
                if self._closed or remaining <= 0:
                    return None
                self._changed.wait(remaining)
            row = self._rows.popleft()
            self._bytes -= self._size_of(row)
            self._changed.notify_all()
            return row

    def close(self) -> None:
        """Accept nothing more; what is inside can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        # An empty ring takes any row: one that is larger than the capacity could never be recorded otherwise.
        return not self._rows or self._bytes + size <= self._capacity + self._allowance

    def _append(self, row: T, size: int) -> None:
        self._rows.append(row)
        self._bytes += size
        self._peak = max(self._peak, self._bytes)
        self._changed.notify_all()
