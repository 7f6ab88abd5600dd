"""Registered pairs as a torch dataset: random access, files opened by each process for itself, crops by seed."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.pictures import OpenPictures, Pictures, SourceKind
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_datasets.selection import Limits, select_pairs
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import Cut, in_unit_range, random_cut, to_planes, to_tensor

__all__ = ["Draw", "DrawSampler", "Limits", "PairDataset", "PairSample", "floats"]


class PairSample(TypedDict):
    """One pair; the default collation of torch makes a batch of it with the same keys."""

    source: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``; one channel for grey and Bayer sources."""
    target: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``."""
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
    limits
        Leave out pairs that are not as good; opens every file once.
    source
        ``grey``: luma of the source. ``bayer``: raw counts of the nir sensor with the target warped onto its grid, cut
        so that the first site of every crop is the first site of the filter array; needs the raw clips in the folder.
    as_counts
        Give u8 or u16 counts and a bool mask instead of floats: a quarter of the bytes for workers to hand over, and
        what most of their time goes into. `floats` makes of such a batch what it would have been.

    Raises `DatasetError` when the folder has no such pairs.
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
        as_counts: bool = False,
    ) -> None:
        self.folder = folder
        self.subset = subset
        self.crop = crop
        self.seed = seed
        self.flip = flip
        self.as_counts = as_counts
        self._selection = select_pairs(folder, subset, limits)
        self._files = open_pictures(folder, source)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self._selection.entries

    def __len__(self) -> int:
        return len(self._selection)

    def __getitem__(self, item: int | Draw) -> PairSample:
        draw, index = item if isinstance(item, tuple) else (0, item)
        entry, row = self._selection.locate(index)
        pictures = self._files.open(entry)
        cut = cut_for(pictures, entry, self.crop, self.flip, np.random.default_rng([self.seed, draw, index]))
        sample = PairSample(
            source=to_planes(pictures.source(row, cut), cut.flipped),
            target=to_planes(pictures.target(row, cut), cut.flipped),
            valid=to_planes(pictures.valid(cut)[..., None], cut.flipped),
            name=pair_name(entry, row),
            mode=entry.mode,
            recording_id=entry.recording_id,
        )
        return sample if self.as_counts else floats(sample)

    def entry(self, index: int) -> Entry:
        """The pairs file that a pair comes from."""
        return self._selection.locate(index)[0]


def floats(batch: PairSample) -> PairSample:
    """A sample or a batch of counts as one of floats, bit by bit the same as if it had been read so."""
    return {**batch, **{side: in_unit_range(batch[side]) for side in ("source", "target", "valid")}}  # type: ignore


def open_pictures(folder: Path, source: SourceKind) -> OpenPictures:
    """The files of a catalogued folder, none of them open yet. Raises `TableError` without a catalogue."""
    clips = {}
    if source == "bayer":
        clips = {(e.recording_id, e.part): e.path for e in Catalogue.read(folder / CATALOGUE_NAME).clips}
    return OpenPictures(folder, source, clips)


def cut_for(pictures: Pictures, entry: Entry, crop: int | None, flip: bool, random: np.random.Generator) -> Cut:
    """One random cut. Raises `DatasetError` when the crop does not fit."""
    height, width = pictures.size
    if crop is not None and (crop > height or crop > width):
        raise DatasetError(
            f"A crop of {crop}×{crop} px does not fit into the pictures of {entry.path}, "
            f"{width}×{height} px. Choose a smaller crop, or register larger pictures."
        )
    if crop is not None and crop % pictures.grid:
        raise DatasetError(f"A crop of {crop} px would cut a Bayer cell in two. Choose an even one.")
    return random_cut(random, pictures.size, crop, flip, pictures.grid)


def valid_tensor(pictures: Pictures, cut: Cut) -> Tensor:
    """1 where the target was seen, float32 ``(1, h, w)``."""
    return to_tensor(pictures.valid(cut)[..., None], cut.flipped)


def pair_name(entry: Entry, row: int) -> str:
    return f"{entry.path.removesuffix('.pairs.h5').replace('/', '-')}-{row:06d}"
