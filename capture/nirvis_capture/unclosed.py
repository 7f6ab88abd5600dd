"""Read an HDF5 file that its writer never closed, without touching it.

The superblock of such a file says that a writer has it open, and no reader opens it then but one beside that writer,
which waits for ages wherever the file is cut off or torn. So HDF5 is shown the file with another superblock: closed,
and as long as the file really is. `The HDF5 file format specification 3.0, section II.A
<https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>`_ has its fields.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from nirvis_capture.clip_layout import Group
from nirvis_capture.superblock import SUPERBLOCK_BYTES, closed


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
        self._head = closed(self._file.read(SUPERBLOCK_BYTES), self._size)
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
