"""The first bytes of an HDF5 file, which say whether somebody writes it, and where it ends.

`The HDF5 file format specification 3.0, section II.A
<https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>`_ has the fields.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

_FIELDS = struct.Struct("<8s4B4Q")
"""Signature; version, sizes of offsets and lengths, flags; base, extension, end of file, root; then a checksum."""
SUPERBLOCK_BYTES = _FIELDS.size + 4
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MASK = 0xFFFF_FFFF

IS_WRITTEN = 1
"""Flag: a writer has the file open."""
IS_READ_MEANWHILE = 4
"""Flag: in such a way that others may read it ("SWMR")."""


@dataclass(frozen=True, slots=True)
class Superblock:
    """Of version 3, with places of 8 bytes: what the newest format has."""

    flags: int
    base: int
    extension: int
    end: int
    root: int

    @classmethod
    def of(cls, head: bytes) -> Superblock | None:
        """Read it from the first bytes of a file; None where they are those of no such file."""
        if len(head) < SUPERBLOCK_BYTES:
            return None
        signature, version, offsets, lengths, *fields = _FIELDS.unpack_from(head)
        return cls(*fields) if (signature, version, offsets, lengths) == (_SIGNATURE, 3, 8, 8) else None

    def __bytes__(self) -> bytes:
        fields = _FIELDS.pack(_SIGNATURE, 3, 8, 8, self.flags, self.base, self.extension, self.end, self.root)
        return fields + struct.pack("<I", lookup3(fields))


def closed(head: bytes, size: int) -> bytes:
    """The first bytes of a file as they would be, had its writer closed it when it had that size."""
    found = Superblock.of(head)
    return head if found is None else bytes(replace(found, flags=0, end=size)) + head[SUPERBLOCK_BYTES:]


def open_for_readers(head: bytes) -> bytes:
    """The first bytes of a file, with all flags that a reader beside the writer asks for where there is one of them."""
    found = Superblock.of(head)
    if found is None or not found.flags:
        return head
    return bytes(replace(found, flags=IS_WRITTEN | IS_READ_MEANWHILE)) + head[SUPERBLOCK_BYTES:]


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
