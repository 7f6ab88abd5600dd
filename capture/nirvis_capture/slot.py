"""The newest pictures, shared between processes: one writer, any number of readers, nobody waits for anybody.

A memory-mapped file with two halves that are written in turn. Each half carries the number of the snapshot that it
holds, 0 while it is being written: a reader copies a half and keeps the copy only if the number was the same before and
after (a seqlock). A file rather than `multiprocessing.shared_memory`, because the resource tracker of the latter
unlinks the memory when any reader exits.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import RecorderError
from nirvis_capture.runtime import private_folder

_MAGIC = 0x31544F4C53564E  # "NVSLOT1", little-endian
_PUBLISHED, _STAMPS, _CAPACITY, _CLOSED, _MAGIC_AT = 0, (1, 2), 3, 4, 5
_HEADER_BYTES = 64
_ALIGNMENT = 64
_LENGTH_BYTES = 8
_META_ROOM = 65_536
_PADDING = 16 * _ALIGNMENT
_TRIES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One published state; the arrays are copies that the reader owns."""

    sequence: int
    """Counts what was published, from 1."""
    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def slot_folder() -> Path:
    """A folder of this user for slots: in memory (``/dev/shm``) where there is one, else the temporary folder.

    Raises `RecorderError` when the folder belongs to somebody else.
    """
    shared = Path("/dev/shm")
    parent = shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return private_folder(parent / f"nirvis-{os.getuid()}")


class Slot:
    """The newest snapshot of one writer. Made by `create` (writer) or `attach` (reader)."""

    def __init__(self, path: Path, memory: mmap.mmap, identity: tuple[int, int], writable: bool) -> None:
        self.path = path
        self._memory = memory
        self._identity = identity
        self._writable = writable
        self._header: NDArray[np.uint64] = np.frombuffer(memory, np.uint64, _HEADER_BYTES // 8)
        self._capacity = int(self._header[_CAPACITY])

    @classmethod
    def create(cls, path: Path, capacity_bytes: int) -> Slot:
        """Make the file at `path`, in place of an older one; `capacity_bytes` bounds the arrays of one snapshot.

        Raises `RecorderError` when there is no room for it.
        """
        capacity = _META_ROOM + _aligned(capacity_bytes) + _PADDING
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        size = _HEADER_BYTES + 2 * capacity
        try:
            memory, identity = _allocate(fresh, size)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise RecorderError(
                f"No room for {size / 1e6:.0f} MB of preview in {path.parent}: {error.strerror}. Free some space there."
            ) from None
        header = np.frombuffer(memory, np.uint64, _HEADER_BYTES // 8)
        header[_CAPACITY], header[_MAGIC_AT] = capacity, _MAGIC
        del header
        os.replace(fresh, path)
        return cls(path, memory, identity, writable=True)

    @classmethod
    def attach(cls, path: Path) -> Slot:
        """Read what another process publishes at `path`.

        Raises `RecorderError` when there is none.
        """
        try:
            with open(path, "rb") as file:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                identity = _identity(os.fstat(file.fileno()))
        except (OSError, ValueError) as error:
            raise RecorderError(f"No pictures are published at {path} ({error}); start its writer first.") from None
        if len(memory) < _HEADER_BYTES or np.frombuffer(memory, np.uint64, 8)[_MAGIC_AT] != _MAGIC:
            raise RecorderError(f"{path} is no slot of this version of nirvis; restart what writes it.")
        return cls(path, memory, identity, writable=False)

    @property
    def capacity_bytes(self) -> int:
        """Bytes that the arrays of one snapshot may take."""
        return self._capacity - _META_ROOM - _PADDING

    @property
    def ended(self) -> bool:
        """True when the writer closed it, or another one took its place: attach anew."""
        return bool(self._header[_CLOSED]) or not self._is_at_its_path()

    def publish(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> int:
        """Put one snapshot in the place of the older of two, and return its sequence number. One thread only.

        Raises `ValueError` when it is larger than the capacity.
        """
        entries, text, total = _layout(meta, arrays)
        if total > self._capacity:
            room = self._capacity - _META_ROOM
            raise ValueError(f"arrays of {total - _META_ROOM} bytes do not fit a slot with room for {room} bytes")
        sequence = int(self._header[_PUBLISHED]) + 1
        half = sequence % 2
        start = self._start(half)
        self._header[_STAMPS[half]] = 0
        self._memory[start : start + _LENGTH_BYTES] = len(text).to_bytes(_LENGTH_BYTES, "little")
        self._memory[start + _LENGTH_BYTES : start + _LENGTH_BYTES + len(text)] = text
        for name, dtype, shape, offset in entries:
            np.ndarray(shape, dtype, self._memory, start + offset)[...] = arrays[name]
        self._header[_STAMPS[half]] = sequence
        self._header[_PUBLISHED] = sequence
        return sequence

    def withdraw(self) -> None:
        """Take back what was published: readers find nothing until the next snapshot. For the writer only."""
        for at in _STAMPS:
            self._header[at] = 0

    def newest(self, after: int = 0) -> Snapshot | None:
        """Copy the newest snapshot; None when there is none with a number above `after`."""
        for _ in range(_TRIES):
            sequence = int(self._header[_PUBLISHED])
            if sequence <= after:
                return None
            snapshot = self._copy(sequence)
            if snapshot is not None:
                return snapshot
        return None

    def close(self) -> None:
        """Let go of the memory; the writer also removes the file. Safe to call twice."""
        if self._memory.closed:
            return
        if self._writable:
            self._header[_CLOSED] = 1
            if self._is_at_its_path():
                self.path.unlink(missing_ok=True)
        del self._header
        self._memory.close()

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, half: int) -> int:
        return _HEADER_BYTES + half * self._capacity

    def _copy(self, sequence: int) -> Snapshot | None:
        """The snapshot of that number; None when the writer overtook us."""
        half = sequence % 2
        start = self._start(half)
        if self._header[_STAMPS[half]] != sequence:
            return None
        length = int.from_bytes(self._memory[start : start + _LENGTH_BYTES], "little")
        text = self._memory[start + _LENGTH_BYTES : start + _LENGTH_BYTES + min(length, self._capacity)]
        # A half that is overwritten meanwhile may hold any bytes here; the number below tells, so no error is real.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            content = json.loads(text)
            arrays = {
                name: np.ndarray(shape, dtype, self._memory, start + offset).copy()
                for name, dtype, shape, offset in content["arrays"]
            }
            if self._header[_STAMPS[half]] == sequence:
                return Snapshot(sequence, content["meta"], arrays)
        return None

    def _is_at_its_path(self) -> bool:
        try:
            return _identity(os.stat(self.path)) == self._identity
        except FileNotFoundError:
            return False


def _layout(
    meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[tuple[str, str, tuple[int, ...], int]], bytes, int]:
    """Where each array lies within a half, the JSON text that says so, and the bytes of all."""
    described = [(name, array.dtype.str, array.shape, array.nbytes) for name, array in arrays.items()]
    # The text has a room of fixed size, so that its own length cannot move the offsets that it names.
    offset = _META_ROOM
    entries = []
    for name, dtype, shape, nbytes in described:
        entries.append((name, dtype, shape, offset))
        offset += _aligned(nbytes)
    text = json.dumps({"meta": dict(meta), "arrays": entries}, separators=(",", ":")).encode()
    if len(text) + _LENGTH_BYTES > _META_ROOM:
        raise ValueError(f"the meta of a snapshot takes {len(text)} bytes; {_META_ROOM} are reserved")
    return entries, text, offset


def _allocate(path: Path, size: int) -> tuple[mmap.mmap, tuple[int, int]]:
    with open(path, "x+b") as file:
        # Reserve now: a hole in a full /dev/shm would kill the process with SIGBUS at the first write.
        os.posix_fallocate(file.fileno(), 0, size)
        return mmap.mmap(file.fileno(), size), _identity(os.fstat(file.fileno()))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT
