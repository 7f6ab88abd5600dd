"""Keep the memory of frames for the frames that follow."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of ``mallopt`` in glibc's ``malloc.h``."""
_LARGEST_FRAME_BYTES = 32 << 20
_KEPT_BYTES = 256 << 20


def reuse_frame_memory() -> None:
    """For a process that records: freed frames stay its own, up to 256 MB, and every thread finds them.

    Otherwise each frame is mapped, filled with zeros page by page, and unmapped: half the time of a grab thread. Does
    nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in (
            (_TRIM_THRESHOLD, _KEPT_BYTES),
            (_MMAP_THRESHOLD, _LARGEST_FRAME_BYTES),
            (_ARENA_MAX, 1),
        ):
            mallopt(setting, value)
