"""Write the registered pairs of one clip; `pair_file` says how they lie in the file and reads them.

A file has its final name only when it is whole. A disk that fills while it is written leaves nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nirvis_capture.certificate import software
from nirvis_capture.disk import Reserve, is_full
from nirvis_registration.distortion import NO_DISTORTION
from nirvis_registration.errors import PairsDiskFull
from nirvis_registration.pair_file import ARRAYS, COUNTS, FIGURES, FORMAT, TABLE, TEXTS, PairsHeader
from nirvis_registration.quality import PairQuality
from nirvis_registration.warp import Picture

PART_SUFFIX = ".part"
_CLOSING_BYTES = 64 << 10
_CLOSING_BYTES_PER_PAIR = 256
"""What HDF5 still has to write when a file closes, or else ends the process at its exit: headers, index and table."""


class PairsWriter:
    """Writes one pairs file; a context manager. The file has its final name only after a clean end of the block."""

    def __init__(
        self, path: Path, header: PairsHeader, valid: NDArray[np.bool_], length: int, compression: str | None = None
    ) -> None:
        """Make room for `length` pairs. `compression` is a filter of HDF5, such as ``gzip``."""
        self.path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._file: Any = None
        self._reserve: Reserve | None = None
        self._written = 0
        self._table = np.zeros(length, TABLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._room():
            self._reserve = Reserve(path.parent, _CLOSING_BYTES + _CLOSING_BYTES_PER_PAIR * length)
            self._lay_out(header, valid, length, compression)

    def _lay_out(self, header: PairsHeader, valid: NDArray[np.bool_], length: int, compression: str | None) -> None:
        # Without a cache of chunks a picture is on the disk once it is written: HDF5 would keep megabytes of compressed
        # ones until the close, and crash where they do not fit then. No chunk is written twice, so it gains nothing.
        self._file = h5py.File(self._part, "w", libver="latest", rdcc_nbytes=0)
        _write_header(self._file, header)
        self._file.create_dataset("valid", data=valid.astype(np.uint8))
        shape = (*valid.shape, 3)
        self._direct = compression is None
        self._frames = [
            self._file.create_dataset(
                name,
                (length, *shape),
                np.uint8 if header.bit_depth == 8 else np.uint16,
                chunks=(1, *shape),
                compression=compression,
                compression_opts=1 if compression == "gzip" else None,
                fill_time="never",
            )
            for name in ("source", "target")
        ]
        for frames in self._frames:
            frames.attrs.update({"interpretation": "rgb-image", "bit_depth": header.bit_depth})

    def __enter__(self) -> PairsWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon()
            return
        with self._room():
            if self._reserve is not None:
                self._reserve.release()
            self._finish()
            self._file.close()
        os.replace(self._part, self.path)

    def write(
        self,
        clip_index: int,
        source: Picture,
        target: Picture,
        quality: PairQuality,
        trigger_index: int | None = None,
    ) -> None:
        """Append a pair of RGB pictures ``(H, W, 3)``. `trigger_index` is `clip_index` where no exposure was lost.

        Raises `PairsDiskFull`.
        """
        with self._room():
            for frames, picture in zip(self._frames, (source, target), strict=True):
                if self._direct:
                    frames.id.write_direct_chunk((self._written, 0, 0, 0), np.ascontiguousarray(picture))
                else:
                    frames[self._written] = picture
        pulse = clip_index if trigger_index is None else trigger_index
        self._table[self._written] = (clip_index, pulse, quality.residual_px, quality.sharpness, quality.saturation)
        self._written += 1

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Take away what was begun when it cannot be written. Raises `PairsDiskFull`."""
        try:
            yield
        except BaseException as error:
            self._abandon()
            if is_full(error):
                raise PairsDiskFull(self.path) from None
            raise

    def _abandon(self) -> None:
        """Remove what was begun. Safe to call twice."""
        if self._reserve is not None:
            self._reserve.release()
        try:
            if self._file is not None:
                self._file.close()
        finally:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._written != len(self._table):
            raise ValueError(f"{self._written} pairs were written into a file for {len(self._table)}")
        group = self._file.create_group("pairs")
        for name in TABLE.names or ():
            group.create_dataset(name, data=self._table[name])
        self._file.flush()


def _write_header(file: Any, header: PairsHeader) -> None:
    version = 1 if header.distortion == NO_DISTORTION else 2
    file.attrs.update({"format": FORMAT, "version": version, "software": software()})
    file.attrs["distortion_vis"] = header.distortion
    file.attrs.update({name: getattr(header, name) for name in (*TEXTS, *COUNTS, *FIGURES)})
    file.attrs["calibration"] = header.calibration
    file.attrs["start_time"] = header.start_time.isoformat()
    file.attrs["geometry"] = header.geometry.model_dump_json()
    for name in ARRAYS:
        file.create_dataset(name, data=getattr(header, name))
