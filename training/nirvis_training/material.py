"""The pairs that a run is trained and validated on, and what the run folder says of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.profile import Mode
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.pairs import PairDataset
from nirvis_registration.pair_file import PairsFile
from nirvis_training.config import TrainingConfig
from nirvis_training.run_folder import DatasetRecord, Source
from nirvis_training.validation import fixed_indices

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """Training pairs, and the fixed pictures that every validation looks at."""

    train: PairDataset
    validation: PairDataset
    indices: list[int]
    """The fixed pictures, as indices of `validation`."""
    held_out: bool
    """False where validation pictures are training pictures, for want of others."""

    @property
    def sha256(self) -> str:
        """Over the identities of all pairs files, in order: a resumed run must find the same."""
        lines = [
            f"{subset.subset} {entry.path} {entry.sha256} {entry.pairs}\n"
            for subset in (self.train, self.validation)
            for entry in subset.entries
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def open_material(folder: Path, config: TrainingConfig) -> Material:
    """Open both sets of a catalogued folder; without a validation set, training pictures stand in, with a warning.

    Raises `DatasetError` when there is nothing to train on.
    """
    train = PairDataset(folder, "train", crop=config.crop, seed=config.seed, flip=config.flip, as_counts=True)
    try:
        validation, held_out = PairDataset(folder, "val", crop=None), True
    except DatasetError as error:
        logger.warning(
            "validation looks at training pictures, so that its figures flatter and the best weights may be "
            "over-fitted: %s",
            error,
        )
        validation, held_out = PairDataset(folder, "train", crop=None), False
    return Material(train, validation, fixed_indices(len(validation), config.validation_pairs), held_out)


def describe(material: Material) -> tuple[DatasetRecord, dict[Mode, str]]:
    """What run.toml says of the pairs, and the hardware profile of each mode as TOML text."""
    sources, profiles = [], {}
    for entry in _first_of_each_mode(material.train.entries):
        with PairsFile.open(material.train.folder / entry.path) as pairs:
            sources.append(Source(mode=pairs.mode, rig=pairs.profile.rig, geometry=pairs.geometry))
            profiles[pairs.mode] = pairs.profile.text
    record = DatasetRecord(
        folder=material.train.folder.resolve(),
        sha256=material.sha256,
        train_pairs=len(material.train),
        validation_pairs=len(material.validation) if material.held_out else 0,
        sources=tuple(sources),
    )
    return record, profiles


def _first_of_each_mode(entries: Iterable[Entry]) -> list[Entry]:
    first: dict[Mode, Entry] = {}
    for entry in entries:
        first.setdefault(entry.mode, entry)
    return [first[mode] for mode in sorted(first)]
