"""What training reads: pictures or windows of them, sources and targets that are pairs or of other places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nirvis_capture.profile import Mode
from nirvis_datasets.augment import drawn_cut, drawn_jitter, shown_part
from nirvis_datasets.augmentation import AS_STORED, Augmentation
from nirvis_datasets.catalogue import CATALOGUE_NAME, Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.pictures import OpenPictures, Pictures, SourceKind
from nirvis_datasets.sampler import Draw
from nirvis_datasets.selection import Limits, Selection, select
from nirvis_datasets.split import Subset
from nirvis_datasets.transforms import Counts, Cut, in_unit_range, to_planes

SIDES = ("source", "target", "valid")
"""The tensors of a sample."""


class Sample(TypedDict):
    """One sample; the default collation of torch makes a batch of it with the same keys.

    Of a window of T pictures, sources and targets are ``(T, C, h, w)``, and the names are those of the first.
    """

    source: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``; one channel for grey and Bayer sources."""
    target: Tensor
    """RGB in [0, 1], float32, ``(3, h, w)``."""
    valid: Tensor
    """1 where the target was seen, float32, ``(1, h, w)``: the rig is rigid, so that it is the same for all T."""
    name: str
    """File of the source and its number in it, fit for a file name."""
    target_name: str
    """The same of the target: that of the source where they are a pair."""
    mode: str
    """Of the source."""
    recording_id: str
    """Of the source."""


class SampleDataset(Dataset[Sample]):
    """The pictures of one set of a catalogued folder, as a method wants to see them.

    ``dataset[draw, index]`` is decided by (seed, draw, index) and nothing else: crop, flips and jitter, one draw for
    all pictures of a sample, and the target where it is not that of the source. ``dataset[index]`` is draw 0. Safe
    with workers by fork and by spawn.

    folder
        Holds ``catalogue.csv`` and ``splits.csv``.
    paired
        Sources with their targets. False: every source, each draw with a target of another recording wherever there
        is one, cut by itself; pictures without partners serve too.
    window
        So many consecutive pictures in each sample, both sides. Windows overlap, and never span two recordings, a
        lost exposure, or a pair beyond the limits. 1: single pictures, without the axis T.
    stride
        Take every n-th picture of a window.
    limits
        Leave out pairs that are not as good; opens every file once, as windows do.
    source
        ``grey``: luma of the source. ``bayer``: raw counts of the nir sensor with the target warped onto its grid, cut
        so that the first site of every crop is the first site of the filter array; needs the raw clips in the folder.
    source_mode, target_mode
        Take only such recordings, such as sources of the night and, where unpaired, targets of the day.
    as_counts
        Give u8 or u16 counts and a bool mask instead of floats: a quarter of the bytes for workers to hand over.
        `loading.loaded` makes floats of them; `floats` does it for any batch.

    Raises `DatasetError` when the folder has nothing of that kind, or the crop is larger than pictures of it.
    """

    def __init__(
        self,
        folder: Path,
        subset: Subset,
        augmentation: Augmentation = AS_STORED,
        *,
        paired: bool = True,
        window: int = 1,
        stride: int = 1,
        seed: int = 0,
        limits: Limits | None = None,
        source: SourceKind = "rgb",
        source_mode: Mode | None = None,
        target_mode: Mode | None = None,
        as_counts: bool = False,
    ) -> None:
        if window < 1 or stride < 1:
            raise ValueError(f"window and stride begin at 1; got {window} and {stride}")
        if source == "bayer" and augmentation.resize is not None:
            raise ValueError("a resized picture has no Bayer cells any more; leave out resize, or read source = rgb")
        if paired and target_mode is not None:
            raise ValueError("the target of a pair has the mode of its source; target_mode is for unpaired samples")
        self.folder = folder
        self.subset = subset
        self.augmentation = augmentation
        self.window = window
        self.stride = stride
        self.seed = seed
        self.as_counts = as_counts
        steps = (window, stride, limits)
        self._sources = select(folder, subset, None if paired else "source", *steps, source_mode)
        self._targets = None if paired else select(folder, subset, "target", *steps, target_mode)
        self._files = open_pictures(folder, source)
        if source != "bayer":  # the catalogue knows the size of registered pictures, not that of the sensor
            for entry in dict.fromkeys((*self.entries, *self.target_entries)):
                if entry.height is not None and entry.width is not None:
                    augmentation.before_crop((entry.height, entry.width), entry.path)

    @property
    def paired(self) -> bool:
        """Whether source and target show the same moment."""
        return self._targets is None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The files that sources come from."""
        return self._sources.entries

    @property
    def target_entries(self) -> tuple[Entry, ...]:
        return (self._targets or self._sources).entries

    def entry(self, index: int) -> Entry:
        """The file that a source comes from."""
        return self._sources.locate(index)[0]

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, item: int | Draw) -> Sample:
        draw, index = item if isinstance(item, tuple) else (0, item)
        entry, row = self._sources.locate(index)
        random = np.random.default_rng([self.seed, draw, index])
        pictures = self._files.open(entry)
        cut = self._cut(pictures, entry, random)
        other, other_row = (entry, row) if self._targets is None else _elsewhere(self._targets, entry, random)
        others = self._files.open(other)
        other_cut = cut if self._targets is None else self._cut(others, other, random)
        jitter = drawn_jitter(self.augmentation.jitter, random) if self.augmentation.jitter else None
        sample = Sample(
            source=self._pictures(pictures.source, pictures, row, cut, jitter),
            target=self._pictures(others.target, others, other_row, other_cut),
            valid=self._valid(others, other_cut),
            name=picture_name(entry, row),
            target_name=picture_name(other, other_row),
            mode=entry.mode,
            recording_id=entry.recording_id,
        )
        return sample if self.as_counts else floats(sample)

    def _cut(self, pictures: Pictures, entry: Entry, random: np.random.Generator) -> Cut:
        """One random cut. Raises `DatasetError` when the crop does not fit."""
        size, crop = self.augmentation.before_crop(pictures.size, entry.path), self.augmentation.crop
        if crop is not None and crop % pictures.grid:
            raise DatasetError(f"A crop of {crop} px would cut a Bayer cell in two. Choose an even one.")
        return drawn_cut(self.augmentation, random, size, pictures.grid)

    def _pictures(
        self,
        read: Callable[[int, Cut], Counts],
        pictures: Pictures,
        first: int,
        cut: Cut,
        jitter: Callable[[Counts], Counts] | None = None,
    ) -> Tensor:
        """Counts of one side ``(C, h, w)``, or of a window ``(T, C, h, w)``."""
        frames = []
        for row in range(first, first + self.window * self.stride, self.stride):
            part = shown_part(self.augmentation, lambda cut, row=row: read(row, cut), pictures.size, cut)  # type: ignore[misc]
            frames.append(to_planes(jitter(part) if jitter else part, cut))
        return frames[0] if self.window == 1 else torch.stack(frames)

    def _valid(self, pictures: Pictures, cut: Cut) -> Tensor:
        return to_planes(shown_part(self.augmentation, pictures.valid, pictures.size, cut)[..., None], cut)


def floats(batch: Sample) -> Sample:
    """A sample or a batch of counts as one of floats, bit by bit the same as if it had been read so."""
    return {**batch, **{side: in_unit_range(batch[side]) for side in SIDES}}  # type: ignore


def open_pictures(folder: Path, source: SourceKind) -> OpenPictures:
    """The files of a catalogued folder, none of them open yet. Raises `TableError` without a catalogue."""
    clips = {}
    if source == "bayer":
        clips = {(e.recording_id, e.part): e.path for e in Catalogue.read(folder / CATALOGUE_NAME).clips}
    return OpenPictures(folder, source, clips)


def picture_name(entry: Entry, row: int) -> str:
    return f"{entry.stem}-{row:06d}"


def _elsewhere(targets: Selection, entry: Entry, random: np.random.Generator) -> tuple[Entry, int]:
    return targets.locate(targets.elsewhere(entry.recording_id, random))
