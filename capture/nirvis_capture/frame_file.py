"""Write frames past the memory in which the operating system keeps files (``O_DIRECT``): docs/decisions/0016.

Through that memory each frame is copied into fresh pages by the processor, and gathers there until the system writes
gigabytes at once. Past it, the disk takes the frame from ours, at its own pace, which the ring then shows.
"""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

import numpy as np

ALIGNMENT_BYTES = 4096
"""Frames begin on a page of the disk, and only whole pages can go past the memory of the operating system."""


class FrameFile:
    """Writes into a file that exists and that somebody else lays out. One thread only.

    What does not fill a page, and everything where the file system has no ``O_DIRECT``, is written as usual.
    """

    def __init__(self, path: Path) -> None:
        self._usual = os.open(path, os.O_WRONLY)
        self._past_memory = _opened_past_memory(path)
        self._direct = self._past_memory >= 0
        self._pages = mmap.mmap(-1, ALIGNMENT_BYTES)

    @property
    def direct(self) -> bool:
        """Whether whole pages go past the memory of the operating system."""
        return self._direct

    def write(self, at: int, counts: memoryview | bytes) -> None:
        """Write at an offset in bytes. Raises `OSError`; the same can be written again then."""
        flat = memoryview(counts).cast("B")
        whole = len(flat) // ALIGNMENT_BYTES * ALIGNMENT_BYTES
        done = whole if whole and at % ALIGNMENT_BYTES == 0 and self._write_past_memory(at, flat[:whole]) else 0
        _write_all(self._usual, at + done, flat[done:])

    def close(self) -> None:
        """Safe to call twice."""
        for descriptor in (self._usual, self._past_memory):
            if descriptor >= 0:
                os.close(descriptor)
        self._usual = self._past_memory = -1
        self._direct = False

    def _write_past_memory(self, at: int, flat: memoryview) -> bool:
        """False where the file system takes the flag and not the writing."""
        if not self._direct:
            return False
        try:
            _write_all(self._past_memory, at, self._in_pages(flat))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # Both descriptors stay open: to close one would end the lock that the process holds on the file.
            self._direct = False
        return self._direct

    def _in_pages(self, flat: memoryview) -> memoryview:
        """The bytes in memory that begins with a page, as the disk wants it; a frame of `new_frame` does."""
        counts = np.frombuffer(flat, np.uint8)
        if counts.__array_interface__["data"][0] % ALIGNMENT_BYTES == 0:
            return flat
        if len(self._pages) < len(flat):
            self._pages = mmap.mmap(-1, len(flat))
        # numpy copies without Python's lock.
        np.copyto(np.frombuffer(self._pages, np.uint8, len(flat)), counts)
        return memoryview(self._pages)[: len(flat)]


def _opened_past_memory(path: Path) -> int:
    """A descriptor, or -1 where the system or the file system has no such thing."""
    if not hasattr(os, "O_DIRECT"):
        return -1
    try:
        return os.open(path, os.O_WRONLY | os.O_DIRECT)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return -1
        raise


def _write_all(descriptor: int, at: int, flat: memoryview) -> None:
    while flat:
        written = os.pwrite(descriptor, flat, at)
        at, flat = at + written, flat[written:]
