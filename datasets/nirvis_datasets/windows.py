"""Windows of consecutive pairs, for methods that look at motion: one random draw for all frames of both sides."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_datasets.entry import Entry
from nirvis_datasets.pairs import cut_for, open_pictures, pair_name, valid_tensor
from nirvis_datasets.pictures import SourceKind
from nirvis_datasets.sampler import Draw
from nirvis_datasets.selection import Limits, select_windows
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import to_tensor


class WindowSample(TypedDict):
    """T consecutive pairs of one recording."""

    source: Tensor
    """RGB in [0, 1], float32, ``(T, 3, h, w)``; one channel for grey and Bayer sources."""
    target: Tensor
    """RGB in [0, 1], float32, ``(T, 3, h, w)``."""
    valid: Tensor
    """1 where the targets were seen, float32, ``(1, h, w)``: the rig is rigid, so that it is the same for all T."""
    name: str
    """File and number of the first pair."""
    mode: str
    recording_id: str


class WindowDataset(Dataset[WindowSample]):
    """All windows of `frames` pairs, `stride` pairs apart, of one set of a catalogued folder; windows overlap.

    A window never spans two recordings, a gap that registration left, or a pair beyond the limits. Frames share one
    crop and one flip, decided by (seed, draw, index). The other parameters are those of `PairDataset`.

    Raises `DatasetError` when the folder has no such window.
    """

    def __init__(
        self,
        folder: Path,
        subset: Subset,
        frames: int,
        stride: int = 1,
        crop: int | None = 256,
        seed: int = 0,
        flip: bool = False,
        limits: Limits | None = None,
        source: SourceKind = "rgb",
    ) -> None:
        if frames < 1 or stride < 1:
            raise ValueError(f"frames and stride begin at 1; got {frames} and {stride}")
        self.folder = folder
        self.subset = subset
        self.frames = frames
        self.stride = stride
        self.crop = crop
        self.seed = seed
        self.flip = flip
        self._selection = select_windows(folder, subset, frames, stride, limits)
        self._files = open_pictures(folder, source)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self._selection.entries

    def __len__(self) -> int:
        return len(self._selection)

    def __getitem__(self, item: int | Draw) -> WindowSample:
        draw, index = item if isinstance(item, tuple) else (0, item)
        entry, first = self._selection.locate(index)
        pictures = self._files.open(entry)
        cut = cut_for(pictures, entry, self.crop, self.flip, np.random.default_rng([self.seed, draw, index]))
        rows = range(first, first + self.frames * self.stride, self.stride)
        return WindowSample(
            source=torch.stack([to_tensor(pictures.source(row, cut), cut.flipped) for row in rows]),
            target=torch.stack([to_tensor(pictures.target(row, cut), cut.flipped) for row in rows]),
            valid=valid_tensor(pictures, cut),
            name=pair_name(entry, first),
            mode=entry.mode,
            recording_id=entry.recording_id,
        )
