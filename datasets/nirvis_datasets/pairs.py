"""Registered pairs as a torch dataset."""

from __future__ import annotations

from pathlib import Path

from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.pictures import SourceKind
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_datasets.samples import Sample, SampleDataset, floats
from nirvis_datasets.selection import Limits
from nirvis_datasets.split import Subset

__all__ = ["Draw", "DrawSampler", "Limits", "PairDataset", "PairSample", "floats"]

PairSample = Sample


class PairDataset(SampleDataset):
    """The pairs of one set of a catalogued folder, one crop out of both sides alike; see `SampleDataset`."""

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
        augmentation = Augmentation(crop=crop, flip=flip)
        super().__init__(folder, subset, augmentation, seed=seed, limits=limits, source=source, as_counts=as_counts)
