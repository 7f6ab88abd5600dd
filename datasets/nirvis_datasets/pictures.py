"""Parts of the pictures of registered pairs, read at random: only the rows of a cut where the file allows it."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.frame_pictures import StoredFrames
from nirvis_datasets.selection import checked
from nirvis_datasets.sensor_pairs import SensorPairs
from nirvis_datasets.transforms import Counts, Cut, to_grey
from nirvis_registration.errors import DamagedPairsFile

SourceKind = Literal["rgb", "grey", "bayer"]
"""``rgb`` and ``grey`` as registered; ``bayer``: raw counts of the nir sensor, read from the clip."""

_OPEN_WEIGHT = 512
"""Per process: below the usual limit of 1024 descriptors, and tens of megabytes whatever the pictures are."""
_HDF5_WEIGHT = 8
"""An open file of HDF5 holds a few decoded pictures; a descriptor and a packed mask weigh 1."""


class Pictures(Protocol):
    """The pictures of one recording; a pairs file and a raw clip both offer them."""

    size: tuple[int, int]
    """Height and width."""
    grid: int
    """2 where cuts keep a colour filter array in phase, else 1."""
    weight: int
    """What it costs to keep it open."""

    def source(self, row: int, cut: Cut) -> Counts:
        """``(h, w, 3)``, or ``(h, w, 1)`` for one channel; not yet mirrored."""

    def target(self, row: int, cut: Cut) -> Counts:
        """``(h, w, 3)`` RGB; not yet mirrored."""

    def valid(self, cut: Cut) -> NDArray[np.bool_]:
        """``(h, w)``: where the target was seen; not yet mirrored."""

    def close(self) -> None: ...


class StoredPairs:
    """The pictures of a pairs file: the rows of a cut are read straight from where they lie, without HDF5.

    Where pictures are compressed, HDF5 decodes one picture at a time. Raises `DatasetError` and `PairsFileError`.
    """

    grid = 1

    def __init__(self, folder: Path, entry: Entry) -> None:
        self.path = folder / entry.path
        pairs = checked(folder, entry)
        try:
            self.size: tuple[int, int] = pairs.valid.shape
            self._mask = np.packbits(pairs.valid, axis=1)
            self._dtype = np.dtype(np.uint8 if pairs.bit_depth == 8 else "<u2")
            self._offsets = {"source": pairs.offsets("source"), "target": pairs.offsets("target")}
            direct = all(offsets is not None for offsets in self._offsets.values())
            # A plain descriptor, unlike a file of HDF5, costs next to nothing and may be shared by forked processes.
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC) if direct else None
        except BaseException:
            pairs.close()
            raise
        self._pairs = None if direct else pairs
        self.weight = 1 if direct else _HDF5_WEIGHT
        if direct:
            pairs.close()

    def source(self, row: int, cut: Cut) -> Counts:
        return self._part("source", row, cut)

    def target(self, row: int, cut: Cut) -> Counts:
        return self._part("target", row, cut)

    def valid(self, cut: Cut) -> NDArray[np.bool_]:
        rows = np.unpackbits(self._mask[cut.top : cut.top + cut.height], axis=1, count=self.size[1])
        return rows[:, cut.left : cut.left + cut.width].view(bool)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._pairs is not None:
            self._pairs.close()

    def _part(self, side: Literal["source", "target"], row: int, cut: Cut) -> Counts:
        columns = slice(cut.left, cut.left + cut.width)
        if self._pairs is not None:
            whole = self._pairs.source(row) if side == "source" else self._pairs.target(row)
            return whole[cut.top : cut.top + cut.height, columns]
        return self._rows(side, row, cut)[:, columns]

    def _rows(self, side: str, row: int, cut: Cut) -> Counts:
        """The rows of a cut, all columns."""
        offsets, descriptor = self._offsets[side], self._descriptor
        if offsets is None or descriptor is None:
            raise ValueError(f"{self.path} is closed")
        rows = np.empty((cut.height, self.size[1], 3), self._dtype)
        begin = int(offsets[row]) + cut.top * rows[0].nbytes
        try:
            read = os.preadv(descriptor, [rows.data], begin)
        except OSError as error:
            raise DamagedPairsFile(self.path, f"its pictures cannot be read ({error.strerror})") from None
        if read != rows.nbytes:
            raise DamagedPairsFile(self.path, f"it ends in the middle of the {side} of pair {row}")
        return rows


class GreyPairs(StoredPairs):
    """A pairs file whose sources are read as luma ``(h, w, 1)``."""

    def source(self, row: int, cut: Cut) -> Counts:
        return to_grey(super().source(row, cut))


class OpenPictures:
    """The recordings that this process has open, the longest unused one closed first.

    clips
        Path of the raw clip by ``(recording_id, part)``; needed for ``bayer``.
    """

    def __init__(self, folder: Path, kind: SourceKind, clips: dict[tuple[str, int], str]) -> None:
        self.folder = folder
        self.kind = kind
        self._clips = clips
        self._process = os.getpid()
        self._open: OrderedDict[str, Pictures] = OrderedDict()

    def open(self, entry: Entry) -> Pictures:
        """Raises `DatasetError`, `PairsFileError`, `ClipError`."""
        if self._process != os.getpid():
            # A worker by fork must not read HDF5 files through the descriptors that it shares with its parent.
            self.close()
            self._process = os.getpid()
        if entry.path not in self._open:
            opened = self._pictures(entry)
            while self._open and sum(one.weight for one in self._open.values()) + opened.weight > _OPEN_WEIGHT:
                self._open.popitem(last=False)[1].close()
            self._open[entry.path] = opened
        self._open.move_to_end(entry.path)
        return self._open[entry.path]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def __reduce__(self) -> tuple[type[OpenPictures], tuple[Path, SourceKind, dict[tuple[str, int], str]]]:
        """A worker by spawn gets one with nothing open: files do not travel."""
        return OpenPictures, (self.folder, self.kind, self._clips)

    def _pictures(self, entry: Entry) -> Pictures:
        if entry.kind == "frames":
            return StoredFrames(self.folder, entry, grey=self.kind == "grey")
        if self.kind != "bayer":
            return (GreyPairs if self.kind == "grey" else StoredPairs)(self.folder, entry)
        clip = self._clips.get((entry.recording_id, entry.part))
        if clip is None:
            raise DatasetError(
                f"The raw clip of {self.folder / entry.path} is not in the catalogue, and only it has Bayer counts. "
                f"Put the clips below {self.folder} and bring the catalogue up to date, or read source = rgb."
            )
        return SensorPairs(self.folder, entry, self.folder / clip)
