"""The pairs of a dataset one after the other, as an export takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry
from nirvis_datasets.frame_file import FramesFile
from nirvis_datasets.split import Subset
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.warp import Picture


@dataclass(frozen=True, eq=False)
class Sample:
    """One pair, or one picture without partner."""

    entry: Entry
    row: int
    index: int
    """Rises; samples of one file whose numbers follow each other were consecutive exposures."""
    subset: Subset
    source: Picture | None
    target: Picture | None
    valid: NDArray[np.bool_] | None
    """Where the target was seen; None where all of it was, and of unpaired pictures."""
    rate_hz: float

    @property
    def name(self) -> str:
        return f"{self.entry.stem}-{self.row:06d}"


def samples(
    catalogue: Catalogue, sets: Mapping[str, Subset], every: int = 1, unpaired: bool = False
) -> Iterator[Sample]:
    """Every pair whose recording is in a set, then, where asked for, every picture without partner.

    every
        Of each file the first of so many.
    """
    for entry in catalogue.pairs:
        if entry.recording_id in sets:
            yield from _pairs(catalogue, entry, sets[entry.recording_id], every)
    for entry in catalogue.frames if unpaired else ():
        if entry.recording_id in sets:
            yield from _frames(catalogue, entry, sets[entry.recording_id], every)


def count(catalogue: Catalogue, sets: Mapping[str, Subset], every: int = 1, unpaired: bool = False) -> int:
    """How many `samples` there will be."""
    entries = (*catalogue.pairs, *(catalogue.frames if unpaired else ()))
    return sum(-(-(e.pairs or e.frames or 0) // every) for e in entries if e.recording_id in sets)


def _pairs(catalogue: Catalogue, entry: Entry, subset: Subset, every: int) -> Iterator[Sample]:
    with PairsFile.open(catalogue.path(entry)) as pairs:
        valid = None if pairs.valid.all() else pairs.valid
        rate_hz = pairs.profile.trigger.rate_hz
        for row in range(0, len(pairs), every):
            index = int(pairs.table["clip_index"][row])
            yield Sample(entry, row, index, subset, pairs.source(row), pairs.target(row), valid, rate_hz)


def _frames(catalogue: Catalogue, entry: Entry, subset: Subset, every: int) -> Iterator[Sample]:
    with FramesFile.open(catalogue.path(entry)) as frames:
        for row in range(0, len(frames), every):
            source, target = (frames.frame(row) if entry.side == side else None for side in ("source", "target"))
            yield Sample(entry, row, int(frames.frame_index[row]), subset, source, target, None, 0.0)
