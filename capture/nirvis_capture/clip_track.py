"""What grows in a clip while it is written: the frames of an arm, and tables.

A step on the disk that failed can be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirvis_capture.camera import CameraInfo, Frame, Raw
from nirvis_capture.clip_frames import STORED, is_compressed, read_frame
from nirvis_capture.clip_layout import FRAME_TABLES, Group
from nirvis_capture.compression import Encoded
from nirvis_capture.digest import BackgroundSha256
from nirvis_capture.frame_file import FrameFile


class TrackWriter:
    """The frames of one arm.

    file
        The clip, which holds `group` at `path`.
    """

    def __init__(self, file: Path, path: str, group: Group, camera: CameraInfo) -> None:
        self.table = TableWriter(path, group, FRAME_TABLES)
        self._path = path
        self._frames = group["data"]
        self._compressed = is_compressed(self._frames)
        self._pictures = FrameFile(file)
        self._counts_sha256 = BackgroundSha256()
        self._stored_sha256 = BackgroundSha256()
        self._shape = (camera.height, camera.width)
        self._dtype = camera.dtype

    def refuse_other(self, frame: Frame) -> None:
        """Raises `ValueError` for a frame of another size or type than those of this arm."""
        pixels = frame.pixels
        if pixels.shape != self._shape or pixels.dtype != self._dtype:
            raise ValueError(f"a frame of {pixels.shape} {pixels.dtype} in a clip of {self._shape} {self._dtype}")

    def store(self, encoded: Encoded) -> None:
        """Write the picture behind those that are there; it counts once `append` has its row, too."""
        index = self.table.length
        if self._compressed:
            self._store_chunk(index, encoded)
            return
        self._frames.id.set_extent((index + 1, *self._shape))
        place = self._frames.id.get_chunk_info_by_coord((index, 0, 0))
        self._pictures.write(place.byte_offset, encoded.stored)

    def append(self, encoded: Encoded) -> int:
        """The index of the frame that was stored; its digest and its row are on their way."""
        frame = encoded.frame
        self._counts_sha256.update(np.ascontiguousarray(frame.pixels).data)
        if self._compressed:
            self._stored_sha256.update(encoded.stored)
        return self.table.append(
            (frame.frame_id, frame.timestamp_ns, frame.host_ns, frame.exposure_us, frame.gain_db, int(frame.status))
        )

    def frame(self, index: int) -> Raw:
        return read_frame(self._frames, index)

    def digests(self) -> dict[str, str]:
        """Of the counts and the table; of what is stored too, where it is not the counts."""
        digests = {f"{self._path}/data": self._counts_sha256.hexdigest()}
        if self._compressed:
            digests[f"{self._path}/data{STORED}"] = self._stored_sha256.hexdigest()
        return digests | self.table.digests()

    def close(self) -> None:
        """End the threads of the digests and let go of the file. Safe to call twice."""
        self._counts_sha256.close()
        self._stored_sha256.close()
        self._pictures.close()

    def _store_chunk(self, index: int, encoded: Encoded) -> None:
        """HDF5 learns the length of a compressed frame with its bytes."""
        if len(self._frames) > index:
            # A frame that failed is half known to HDF5, which would not enter it in its index the next time.
            self._frames.resize(index, axis=0)
        self._frames.resize(index + 1, axis=0)
        self._frames.id.write_direct_chunk((index, 0, 0), encoded.stored)


class TableWriter:
    """Columns that grow together; rows wait in memory until the next flush."""

    def __init__(self, path: str, group: Group, columns: Mapping[str, np.dtype[Any]]) -> None:
        self.length = 0
        self._path = path
        self._columns = {name: (group[name], dtype, hashlib.sha256()) for name, dtype in columns.items()}
        self._waiting: list[tuple[float, ...]] = []

    def append(self, row: tuple[float, ...]) -> int:
        """The index of the row."""
        self._waiting.append(row)
        self.length += 1
        return self.length - 1

    def flush(self) -> None:
        if not self._waiting:
            return
        written = self.length - len(self._waiting)
        columns = [
            np.array(values, dtype)
            for (_, dtype, _), values in zip(self._columns.values(), zip(*self._waiting, strict=True), strict=True)
        ]
        for (dataset, _, _), column in zip(self._columns.values(), columns, strict=True):
            dataset.resize(self.length, axis=0)
            dataset[written:] = column
        for (_, _, sha256), column in zip(self._columns.values(), columns, strict=True):
            sha256.update(column.tobytes())
        self._waiting.clear()

    def digests(self) -> dict[str, str]:
        return {f"{self._path}/{name}": sha256.hexdigest() for name, (_, _, sha256) in self._columns.items()}
