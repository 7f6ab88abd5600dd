"""The file of a clip as HDF5 writes to it: docs/decisions/0018-hdf5-waits-without-pythons-lock.md."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from nirvis_capture.superblock import open_for_readers

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ClipFile(io.FileIO):
    """A new file for ``h5py.File``, which then calls back here instead of the system.

    h5py holds the lock of Python around all that HDF5 does. Here the lock is let go while the disk is waited for, so
    that it can take its time and the cameras are read all the same.

    Raises `FileExistsError`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+b")

    def write(self, content: ReadableBuffer, /) -> int:
        """All of it: h5py does not ask how much of it there was room for. Raises `OSError`."""
        whole = memoryview(content).cast("B")
        if self.tell() == 0:
            # HDF5 sets one of the two flags that it asks of a file which others read meanwhile only where it can lock.
            whole = memoryview(open_for_readers(bytes(whole)))
        rest = whole
        while rest:
            rest = rest[super().write(rest) :]
        return len(whole)
