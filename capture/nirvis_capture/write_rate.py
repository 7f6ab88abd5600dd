"""How quickly the disk takes what is written, at the moment."""

from __future__ import annotations

import time
from collections import deque


class WriteRate:
    """Megabytes per second during the last second, and how long the slowest hundredth of the newest writes took."""

    def __init__(self) -> None:
        self._writes: deque[tuple[float, int]] = deque()
        self._durations_s: deque[float] = deque(maxlen=1000)

    def add(self, nbytes: int, duration_s: float) -> None:
        now = time.monotonic()
        self._writes.append((now, nbytes))
        self._durations_s.append(duration_s)
        while self._writes[0][0] < now - 1:
            self._writes.popleft()

    def mb_s(self) -> float:
        since = time.monotonic() - 1
        return sum(nbytes for at, nbytes in list(self._writes) if at >= since) / 1e6

    def p99_ms(self) -> float:
        durations = sorted(list(self._durations_s))
        return durations[int(0.99 * (len(durations) - 1))] * 1e3 if durations else 0.0
