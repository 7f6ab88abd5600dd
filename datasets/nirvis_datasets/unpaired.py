"""Sources and targets that do not belong together, for methods that learn from two collections."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_capture.profile import Mode
from nirvis_datasets.entry import Entry
from nirvis_datasets.pairs import cut_for, open_pictures, pair_name, valid_tensor
from nirvis_datasets.pictures import SourceKind
from nirvis_datasets.sampler import Draw
from nirvis_datasets.selection import Limits, select_side
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import to_tensor


class UnpairedSample(TypedDict):
    """A source, and a target that was seen somewhere else."""

    source: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``; one channel for grey and Bayer sources."""
    target: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``."""
    valid: Tensor
    """1 where the target was seen, float32, ``(1, h, w)``."""
    name: str
    """File and number of the source, fit for a file name."""
    target_name: str
    mode: str
    """Of the source."""
    recording_id: str
    """Of the source."""


class UnpairedDataset(Dataset[UnpairedSample]):
    """Every source of one set of a catalogued folder, each draw with another target.

    The target comes from another recording wherever there is one; it, both crops and both flips are decided by (seed,
    draw, index) and nothing else. The other parameters are those of `PairDataset`.

    source_mode, target_mode
        Take only such recordings, such as sources of the night and targets of the day.

    Raises `DatasetError` when the folder has no such pictures.
    """

    def __init__(
        self,
        folder: Path,
        subset: Subset,
        crop: int | None = 256,
        seed: int = 0,
        flip: bool = False,
        limits: Limits | None = None,
        source: SourceKind = "rgb",
        source_mode: Mode | None = None,
        target_mode: Mode | None = None,
    ) -> None:
        self.folder = folder
        self.subset = subset
        self.crop = crop
        self.seed = seed
        self.flip = flip
        self._sources = select_side(folder, subset, "source", limits, source_mode)
        self._targets = select_side(folder, subset, "target", limits, target_mode)
        self._files = open_pictures(folder, source)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Of the sources."""
        return self._sources.entries

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, item: int | Draw) -> UnpairedSample:
        draw, index = item if isinstance(item, tuple) else (0, item)
        random = np.random.default_rng([self.seed, draw, index])
        entry, row = self._sources.locate(index)
        pictures = self._files.open(entry)
        cut = cut_for(pictures, entry, self.crop, self.flip, random)
        source = to_tensor(pictures.source(row, cut), cut.flipped)
        other, other_row = self._targets.locate(self._targets.elsewhere(entry.recording_id, random))
        others = self._files.open(other)
        other_cut = cut_for(others, other, self.crop, self.flip, random)
        return UnpairedSample(
            source=source,
            target=to_tensor(others.target(other_row, other_cut), other_cut.flipped),
            valid=valid_tensor(others, other_cut),
            name=pair_name(entry, row),
            target_name=pair_name(other, other_row),
            mode=entry.mode,
            recording_id=entry.recording_id,
        )
