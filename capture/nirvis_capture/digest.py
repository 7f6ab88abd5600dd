"""A sha256 that is computed beside the writing: the disk and the digest then take their time at once."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_AT_ONCE = 4
"""Frames that are handed over together: to wake a thread takes a good part of what it costs to hand them over."""
_AHEAD = 4
"""As many times that may wait; bounds the memory when the digest is slower than the disk."""


class BackgroundSha256:
    """Like `hashlib.sha256`, with a thread of its own. What is given to `update` must not change afterwards."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._gathered: list[memoryview | bytes] = []
        self._waiting: deque[Future[None]] = deque()

    def update(self, counts: memoryview | bytes) -> None:
        self._gathered.append(counts)
        if len(self._gathered) == _AT_ONCE:
            self._hand_over()

    def hexdigest(self) -> str:
        """Digest of everything; nothing can be added after it."""
        self._hand_over()
        self.close()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Wait for the digest and end the thread. Safe to call twice."""
        self._worker.shutdown()

    def _hand_over(self) -> None:
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        self._waiting.append(self._worker.submit(self._take, gathered))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def _take(self, gathered: list[memoryview | bytes]) -> None:
        for counts in gathered:
            self._sha256.update(counts)
