"""Registered pairs as a torch dataset: random access, files opened by each process for itself, crops by seed."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_datasets.split import SPLITS_NAME, Split, Subset
from nirvis_registration.pair_file import PairsFile

__all__ = ["Draw", "DrawSampler", "PairDataset", "PairSample"]

_FILES_OPEN = 64
"""Per process: far below the limit of descriptors, and each holds at most a few chunks in memory."""


class PairSample(TypedDict):
    """One pair; the default collation of torch makes a batch of it with the same keys."""

    source: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``."""
    target: Tensor
    """As `source`."""
    valid: Tensor
    """1 where the target was seen, float32, ``(1, h, w)``."""
    name: str
    """Its file and its number in it, fit for a file name."""
    mode: str
    recording_id: str


class PairDataset(Dataset[PairSample]):
    """The pairs of one set of a catalogued folder.

    ``dataset[draw, index]`` cuts one random crop out of both sides alike, decided by (seed, draw, index) and nothing
    else; ``dataset[index]`` is draw 0. Safe with workers by fork and by spawn.

    folder
        Holds ``catalogue.csv`` and ``splits.csv``.
    crop
        Side of the square crop in pixels, or None for whole pictures.
    flip
        Mirror half of the draws left to right, both sides alike.
    max_residual_px
        Leave out pairs that registration left further apart than this (or could not measure); opens every file once.

    Raises `DatasetError` when the folder has no such pairs.
    """

    def __init__(
        self,
        folder: Path,
        subset: Subset,
        crop: int | None = 256,
        seed: int = 0,
        flip: bool = False,
        max_residual_px: float | None = None,
    ) -> None:
        self.folder = folder
        self.subset = subset
        self.crop = crop
        self.seed = seed
        self.flip = flip
        self.entries = _entries(folder, subset)
        self._rows = [_rows(folder, entry, max_residual_px) for entry in self.entries]
        self._ends = list(accumulate(len(rows) for rows in self._rows))
        self._files = _OpenFiles()
        if not len(self):
            raise DatasetError(
                f"No pair of set {subset} in {folder} has a residual of at most {max_residual_px} px. Allow more."
            )

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, item: int | Draw) -> PairSample:
        draw, index = item if isinstance(item, tuple) else (0, item)
        entry, row = self._locate(index)
        pairs = self._files.open(self.folder / entry.path, entry)
        source, target, valid = pairs.source(row), pairs.target(row), pairs.valid
        window = self._window(source.shape[:2], draw, index, entry)
        return PairSample(
            source=_tensor(source[window]),
            target=_tensor(target[window]),
            valid=torch.from_numpy(valid[window].astype(np.float32)).unsqueeze(0),
            name=f"{_stem(entry)}-{row:06d}",
            mode=entry.mode,
            recording_id=entry.recording_id,
        )

    def entry(self, index: int) -> Entry:
        """The pairs file that a pair comes from."""
        return self._locate(index)[0]

    def _locate(self, index: int) -> tuple[Entry, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        file = bisect_right(self._ends, index)
        begin = self._ends[file - 1] if file else 0
        return self.entries[file], int(self._rows[file][index - begin])

    def _window(self, shape: tuple[int, ...], draw: int, index: int, entry: Entry) -> tuple[slice, slice]:
        """Rows and columns of the crop; columns run backwards where it is flipped."""
        height, width = shape
        high, wide = (height, width) if self.crop is None else (self.crop, self.crop)
        if high > height or wide > width:
            raise DatasetError(
                f"A crop of {wide}×{high} px does not fit into the pictures of {self.folder / entry.path}, "
                f"{width}×{height} px. Choose a smaller crop, or register larger pictures."
            )
        random = np.random.default_rng([self.seed, draw, index])
        top, left = random.integers(0, [height - high + 1, width - wide + 1]).tolist()
        if self.flip and random.random() < 0.5:
            return slice(top, top + high), slice(left + wide - 1, left - 1 if left else None, -1)
        return slice(top, top + high), slice(left, left + wide)


class _OpenFiles:
    """The pairs files that this process has open, the longest unused one closed first."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[Path, PairsFile] = OrderedDict()

    def open(self, path: Path, entry: Entry) -> PairsFile:
        if self._process != os.getpid():
            # A worker by fork shares the descriptors of its parent and must not read through them.
            self.close()
            self._process = os.getpid()
        if path not in self._open:
            while len(self._open) >= _FILES_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[path] = _checked(path, entry)
        self._open.move_to_end(path)
        return self._open[path]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def __reduce__(self) -> tuple[type[_OpenFiles], tuple[()]]:
        """A worker by spawn gets an empty one: files do not travel."""
        return _OpenFiles, ()


def _entries(folder: Path, subset: Subset) -> tuple[Entry, ...]:
    catalogue = Catalogue.read(folder / CATALOGUE_NAME)
    sets = Split.read(folder / SPLITS_NAME).sets
    entries = tuple(e for e in catalogue.pairs if sets.get(e.recording_id) == subset and e.pairs)
    if not entries:
        counts = ", ".join(f"{name} {list(sets.values()).count(name)}" for name in sorted(set(sets.values())))
        raise DatasetError(
            f"{folder} has no pairs of set {subset}: the catalogue lists {len(catalogue.pairs)} pairs files, the "
            f"split has recordings in {counts or 'no set'}. Record more places, or split anew: nirvis split {folder}"
        )
    return entries


def _rows(folder: Path, entry: Entry, max_residual_px: float | None) -> NDArray[np.intp]:
    """Indices of the pairs of a file that are used."""
    if max_residual_px is None:
        return np.arange(entry.pairs)
    with _checked(folder / entry.path, entry) as pairs:
        return np.flatnonzero(pairs.table["residual_px"] <= max_residual_px)


def _checked(path: Path, entry: Entry) -> PairsFile:
    """Open a pairs file. Raises `DatasetError` when it is no longer the one that was catalogued."""
    if not path.is_file():
        raise DatasetError(f"{path} is gone since the folder was catalogued. Bring the catalogue up to date.")
    pairs = PairsFile.open(path)
    if len(pairs) != entry.pairs:
        pairs.close()
        raise DatasetError(
            f"{path} has {len(pairs)} pairs, the catalogue says {entry.pairs}: it changed since. Catalogue it anew."
        )
    return pairs


def _stem(entry: Entry) -> str:
    return entry.path.removesuffix(".pairs.h5").replace("/", "-")


def _tensor(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> Tensor:
    """RGB counts ``(h, w, 3)`` of full range → float32 ``(3, h, w)`` in [0, 1]."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return torch.from_numpy(planes.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max))
