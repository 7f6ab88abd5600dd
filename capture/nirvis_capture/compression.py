"""Frames on their way into a clip: stored as they are, or compressed by workers ahead of the thread that writes.

The compressed form is that of the bitshuffle filter of HDF5 (number 32008) with LZ4, so that every HDF5 reader that has
the filter reads the clip. The filter itself would work within the one lock of HDF5; here the functions inside it are
called directly, without that lock and without Python's.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nirvis_capture.camera import Arm, Frame, Raw

Compression = Literal["none", "bitshuffle-lz4"]
Stored = memoryview | bytes
"""A frame as it lies in the file."""

FILTER = 32008
"""Number of the bitshuffle filter in the register of the HDF Group."""
_HEAD = struct.Struct(">QI")
"""Bytes of the counts, and of the counts of one block."""

_WORKERS = max(2, min(4, (os.cpu_count() or 2) - 1))
_AHEAD = 16
"""Frames that may be on their way; bounds the memory when the disk is slower than the workers."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame and what is stored of it."""

    arm: Arm
    frame: Frame
    stored: Stored


class Encoder:
    """Turns frames into what is stored of them; gives them back in their order."""

    def __init__(self, compression: Compression) -> None:
        self._workers: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[Arm, Frame, Future[bytes]]] = deque()
        if compression != "none":
            _bitshuffle()
            self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="compress")

    def feed(self, arm: Arm, frame: Frame) -> Iterator[Encoded]:
        """Take a frame; give those that are ready."""
        if self._workers is None:
            yield Encoded(arm, frame, np.ascontiguousarray(frame.pixels).data)
            return
        self._waiting.append((arm, frame, self._workers.submit(compress, frame.pixels)))
        while self._waiting and (len(self._waiting) > _AHEAD or self._waiting[0][2].done()):
            yield self._next()

    def rest(self) -> Iterator[Encoded]:
        """Wait for everything that was taken, and give it."""
        while self._waiting:
            yield self._next()

    def close(self) -> None:
        """End the workers; what was not given is lost. Safe to call twice."""
        self._waiting.clear()
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)

    def _next(self) -> Encoded:
        arm, frame, stored = self._waiting.popleft()
        return Encoded(arm, frame, stored.result())


def filters(compression: Compression) -> dict[str, Any]:
    """Keywords of ``create_dataset`` for frames that are stored like that."""
    if compression == "none":
        return {}
    import hdf5plugin

    return dict(hdf5plugin.Bitshuffle(nelems=0, cname="lz4"))


def compress(pixels: Raw) -> bytes:
    """A frame as a chunk of the bitshuffle filter."""
    counts, library = np.ascontiguousarray(pixels), _bitshuffle()
    block = library.bshuf_default_block_size(counts.itemsize)
    body = np.empty(library.bshuf_compress_lz4_bound(counts.size, counts.itemsize, block), np.uint8)
    length = library.bshuf_compress_lz4(counts.ctypes.data, body.ctypes.data, counts.size, counts.itemsize, block)
    if length < 0:
        raise RuntimeError(f"bitshuffle could not compress a frame of {counts.shape} {counts.dtype} ({length})")
    return _HEAD.pack(counts.nbytes, block * counts.itemsize) + body[:length].tobytes()


def decompress(stored: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Raw:
    """A frame out of a chunk of the bitshuffle filter. Raises `OSError` for a chunk that is not whole.

    The filter itself takes the lengths within a chunk on trust, and a damaged one makes it write beyond its memory.
    """
    counts: Raw = np.empty(shape, dtype)
    library = _bitshuffle()
    block = library.bshuf_default_block_size(counts.itemsize)
    if not _is_whole(stored, counts, block):
        raise OSError("the lengths within a compressed frame do not fit together: it is damaged")
    body = np.frombuffer(stored, np.uint8, offset=_HEAD.size)
    read = library.bshuf_decompress_lz4(body.ctypes.data, counts.ctypes.data, counts.size, counts.itemsize, block)
    if read != body.size:
        raise OSError("a compressed frame is damaged")
    return counts


def _is_whole(stored: bytes, counts: Raw, block: int) -> bool:
    """Every block has its length before it; pixels beyond the last eight that belong together are not compressed."""
    if len(stored) < _HEAD.size or _HEAD.unpack_from(stored) != (counts.nbytes, block * counts.itemsize):
        return False
    rest = counts.size % 8
    at = _HEAD.size
    for _ in range(-(-(counts.size - rest) // block)):
        if at + 4 > len(stored):
            return False
        at += 4 + int.from_bytes(stored[at : at + 4], "big")
    return at + rest * counts.itemsize == len(stored)


@lru_cache(1)
def _bitshuffle() -> ctypes.CDLL:
    """The library behind the filter; its functions have their types."""
    import hdf5plugin

    suffix = hdf5plugin.get_config().build_config.filter_file_extension
    library = ctypes.CDLL(str(Path(hdf5plugin.PLUGIN_PATH) / f"libh5bshuf{suffix}"))
    size, address, error = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int64
    for name, arguments, result in (
        ("bshuf_default_block_size", [size], size),
        ("bshuf_compress_lz4_bound", [size, size, size], size),
        ("bshuf_compress_lz4", [address, address, size, size, size], error),
        ("bshuf_decompress_lz4", [address, address, size, size, size], error),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library
