"""Read an HDF5 file that its writer never closed, without touching it.

The superblock of such a file says that a writer has it open, and no reader opens it then but one beside that writer,
which waits for ages wherever the file is cut off or torn. So HDF5 is shown the file with another superblock: closed,
and as long as the file really is. `The HDF5 file format specification 3.0, section II.A
<https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>`_ has its fields.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from nirvis_capture.clip_layout import Group

_SUPERBLOCK = struct.Struct("<8s4B4QI")
"""Signature; version, sizes of offsets and lengths, flags; base, extension, end of file, root; checksum."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MASK = 0xFFFF_FFFF


@contextmanager
def open_unclosed(path: Path) -> Iterator[Group]:
    """The file, open for reading. Raises `OSError` when HDF5 cannot make sense of it."""
    with _Unclosed(path) as source, h5py.File(source, "r") as file:
        yield file


class _Unclosed(io.RawIOBase):
    """The bytes of a file behind a superblock that says it was closed."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by `close`)
        self._size = os.fstat(self._file.fileno()).st_size
        self._head = _closed_superblock(self._file.read(_SUPERBLOCK.size), self._size)
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        at = self._file.tell()
        count = self._file.readinto(buffer)
        head = self._head[at : at + count]
        memoryview(buffer).cast("B")[: len(head)] = head
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _closed_superblock(head: bytes, size: int) -> bytes:
    """The superblock with its flags cleared, and the end where the file ends."""
    if len(head) < _SUPERBLOCK.size:
        return head
    signature, version, offsets, lengths, _, base, extension, _, root, _ = _SUPERBLOCK.unpack(head)
    if (signature, version, offsets, lengths) != (_SIGNATURE, 3, 8, 8):
        return head
    closed = _SUPERBLOCK.pack(signature, version, offsets, lengths, 0, base, extension, size, root, 0)[:-4]
    return closed + struct.pack("<I", lookup3(closed))


def lookup3(block: bytes) -> int:
    """The checksum of HDF5's metadata: `Bob Jenkins' hash of that name <https://burtleburtle.net/bob/hash/>`_."""
    words = struct.unpack(f"<{-(-len(block) // 4)}I", block + bytes(-len(block) % 4))
    words += (0,) * (-len(words) % 3)
    a = b = c = (0xDEAD_BEEF + len(block)) & _MASK
    for first in range(0, len(words) - 3, 3):
        a, b, c = _mix(a + words[first], b + words[first + 1], c + words[first + 2])
    return _last_mix(a + words[-3], b + words[-2], c + words[-1])


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for shift in (4, 6, 8, 16, 19, 4):
        a, c = ((a - c) & _MASK) ^ _rotated(c, shift), c + b
        a, b, c = b, c & _MASK, a
    return a, b, c


def _last_mix(a: int, b: int, c: int) -> int:
    for shift in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, shift)) & _MASK
        a, b, c = b, c, a
    return b


def _rotated(word: int, by: int) -> int:
    word &= _MASK
    return ((word << by) | (word >> (32 - by))) & _MASK
