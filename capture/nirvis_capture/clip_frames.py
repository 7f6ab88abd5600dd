"""Frames out of a clip, whichever way they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from nirvis_capture.camera import Raw
from nirvis_capture.clip_layout import Group, filters_of
from nirvis_capture.compression import FILTER, Stored, decompress

STORED = " (as stored)"
"""Marks the digest of compressed frames as they lie in the file: other bytes could decompress to the same counts."""


def is_compressed(frames: Group) -> bool:
    return bool(filters_of(frames))


def read_frame(frames: Group, index: int) -> Raw:
    """Counts ``(H, W)`` of one frame. Raises `OSError` when it cannot be read."""
    return _read(frames, index)[0]


def frames_sha256(frames: Group, done: Callable[[int], None]) -> dict[str, str]:
    """Digest of the counts of all frames, under ``""``; of compressed ones also of what is stored, under `STORED`.

    done
        Called with the number of frames that were read since the last time.
    """
    counts_sha256, stored_sha256 = hashlib.sha256(), hashlib.sha256()
    compressed = is_compressed(frames)
    for index in range(frames.shape[0]):
        counts, stored = _read(frames, index)
        counts_sha256.update(np.ascontiguousarray(counts).data)
        if compressed:
            stored_sha256.update(stored)
        done(1)
    digests = {"": counts_sha256.hexdigest()}
    return {**digests, STORED: stored_sha256.hexdigest()} if compressed else digests


def _read(frames: Group, index: int) -> tuple[Raw, Stored]:
    """Counts and stored form. HDF5 decompresses nothing: its filters trust what a damaged file says."""
    filters = filters_of(frames)
    if not filters:
        counts: Raw = frames[index]
        return counts, counts.data
    if [number for number, *_ in filters] != [FILTER]:
        raise OSError(f"frames are stored through filters that no clip has: {filters}")
    mask, stored = frames.id.read_direct_chunk((index, 0, 0))
    if mask:
        raise OSError(f"frame {index} is stored without its filter")
    return decompress(stored, frames.shape[1:], frames.dtype), stored
