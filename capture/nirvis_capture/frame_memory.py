"""Memory for frames: whole pages that are used again and again.

The disk takes a frame that begins with a page as it is, without a copy (`nirvis_capture.frame_file`). And pages that
the process keeps need not be asked for and filled with zeros again: that was half the time of a grab thread. What a
full ring has freed goes back to the system at once, all but a little, so that a recording takes after a stall of the
disk what it took before.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import weakref

import numpy as np
from numpy.typing import DTypeLike, NDArray

KEPT_BYTES = 32 << 20
"""Memory that waits for the next frames, for each size of frame."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of ``mallopt`` in glibc's ``malloc.h``."""
_LARGEST_BUFFER_BYTES = 32 << 20

_free: dict[int, list[mmap.mmap]] = {}


def new_frame(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
    """Counts of that shape, to be filled: until then they are anything. From any thread."""
    wanted = np.dtype(dtype)
    nbytes = math.prod(shape) * wanted.itemsize
    free = _free.setdefault(nbytes, [])
    try:
        pages = free.pop()
    except IndexError:
        pages = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    counts = np.frombuffer(pages, wanted)
    # Views of the counts keep them, and with them the pages.
    weakref.finalize(counts, _take_back, free, pages).atexit = False
    return counts.reshape(shape)


def release_frames() -> None:
    """Give the system what waits for frames, once no camera sends any."""
    _free.clear()


def _take_back(free: list[mmap.mmap], pages: mmap.mmap) -> None:
    if (len(free) + 1) * len(pages) <= KEPT_BYTES:
        free.append(pages)


def keep_freed_memory() -> None:
    """For a process that records: a little of what is freed stays its own, and every thread finds it.

    So pictures that are no frames, compressed ones and corrected ones, are not mapped and unmapped each time, either.
    Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in (
            (_TRIM_THRESHOLD, KEPT_BYTES),
            (_MMAP_THRESHOLD, _LARGEST_BUFFER_BYTES),
            (_ARENA_MAX, 1),
        ):
            mallopt(setting, value)
