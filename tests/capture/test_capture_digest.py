"""The digest beside the writing is the digest."""

from __future__ import annotations

import hashlib
import threading

import numpy as np

from nirvis_capture.digest import BackgroundSha256


def test_agrees_with_hashlib_in_the_order_given() -> None:
    frames = np.random.default_rng(3).integers(0, 256, (100, 24, 32), np.uint8)
    digest = BackgroundSha256()
    for frame in frames:
        digest.update(frame.data)
    assert digest.hexdigest() == hashlib.sha256(frames.tobytes()).hexdigest()


def test_leaves_no_thread() -> None:
    before = threading.active_count()
    digest = BackgroundSha256()
    digest.update(memoryview(b"counts"))
    digest.close()
    digest.close()
    assert threading.active_count() == before
