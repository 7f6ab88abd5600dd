"""A sha256 that is computed beside the writing: the disk and the digest then take their time at once."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

_AHEAD = 16
"""Frames that may wait for their digest; bounds the memory when the digest is slower than the disk."""


class BackgroundSha256:
    """Like `hashlib.sha256`, with a thread of its own. What is given to `update` must not change afterwards."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._waiting: deque[Future[None]] = deque()

    def update(self, counts: memoryview | bytes) -> None:
        self._waiting.append(self._worker.submit(self._sha256.update, counts))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        """Digest of everything; nothing can be added after it."""
        self.close()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Wait for the digest and end the thread. Safe to call twice."""
        self._worker.shutdown()
