"""Pictures without partners, read at random by parts, as those of registered pairs are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.frame_file import Side
from nirvis_datasets.selection import checked_frames
from nirvis_datasets.transforms import Counts, Cut, to_grey


class StoredFrames:
    """The pictures of a file of frames; all of them are valid, and of the other side there are none.

    grey
        Read sources as luma ``(h, w, 1)``.

    Raises `DatasetError` when the file is no longer the one that was catalogued.
    """

    grid = 1
    weight = 8

    def __init__(self, folder: Path, entry: Entry, grey: bool = False) -> None:
        self.path = folder / entry.path
        self._side: Side = "target" if entry.side == "target" else "source"
        self._grey = grey
        self._frames = checked_frames(folder, entry)
        self.size = self._frames.shape

    def source(self, row: int, cut: Cut) -> Counts:
        picture = self._part("source", row, cut)
        return to_grey(picture) if self._grey else picture

    def target(self, row: int, cut: Cut) -> Counts:
        return self._part("target", row, cut)

    def valid(self, cut: Cut) -> NDArray[np.bool_]:
        return np.ones((cut.height, cut.width), bool)

    def close(self) -> None:
        self._frames.close()

    def _part(self, side: Side, row: int, cut: Cut) -> Counts:
        if side != self._side:
            raise DatasetError(f"{self.path} holds {self._side} pictures only; there is no {side} among them.")
        return cut.of(self._frames.frame(row))
