"""The samples that a run is trained and validated on, and what the run folder says of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.profile import Mode, Profile, parse_profile
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.selection import checked, checked_frames
from nirvis_datasets.split import Subset
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_training.config import TrainingConfig
from nirvis_training.run_folder import DatasetRecord, Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """Training samples, and the fixed pictures that every validation looks at."""

    train: SampleDataset
    validation: SampleDataset
    indices: list[int]
    """The fixed pictures, as indices of `validation`."""
    held_out: bool
    """False where validation pictures are training pictures, for want of others."""
    partnered: bool
    """Whether validation pictures have a visible partner, without which there are no scores."""

    @property
    def sha256(self) -> str:
        """Over the identities of all files, in order: a resumed run must find the same."""
        lines = [
            f"{subset.subset} {entry.path} {entry.sha256} {entry.pairs or entry.frames}\n"
            for subset in (self.train, self.validation)
            for entry in dict.fromkeys((*subset.entries, *subset.target_entries))
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def film(self, frames: int) -> list[int]:
        """Up to so many consecutive pictures of the recording that the first of the fixed pictures is from."""
        first = self.indices[0]
        following = range(first, min(first + frames, len(self.validation)))
        recording = self.validation[first]["recording_id"]
        return [index for index in following if self.validation[index]["recording_id"] == recording]


def open_material(folder: Path, config: TrainingConfig) -> Material:
    """Open both sets of a catalogued folder; without a validation set, training pictures stand in, with a warning.

    Raises `DatasetError` when there is nothing to train on.
    """
    method = config.method
    train = SampleDataset(
        folder,
        "train",
        config.augmentation,
        paired=method.paired,
        window=method.frames,
        seed=config.seed,
        as_counts=True,
    )
    try:
        validation, held_out = _pictures(folder, "val", config), True
    except DatasetError as error:
        logger.warning(
            "validation looks at training pictures, so that its figures flatter and the best weights may be "
            "over-fitted: %s",
            error,
        )
        validation, held_out = _pictures(folder, "train", config), False
    indices = fixed_indices(len(validation), config.validation_pairs)
    return Material(train, validation, indices, held_out, validation.paired)


def _pictures(folder: Path, subset: Subset, config: TrainingConfig) -> SampleDataset:
    """Whole pictures, with their visible partners where there are any. Raises `DatasetError`."""
    try:
        return SampleDataset(folder, subset)
    except DatasetError:
        if config.method.paired:
            raise
        return SampleDataset(folder, subset, paired=False)


def fixed_indices(pairs: int, wanted: int) -> list[int]:
    """Up to `wanted` of the pairs, spread evenly over all of them."""
    count = min(pairs, wanted)
    return [(2 * i + 1) * pairs // (2 * count) for i in range(count)]


def describe(material: Material) -> tuple[DatasetRecord, dict[Mode, str]]:
    """What run.toml says of the pairs, and the hardware profile of each mode as TOML text."""
    sources, profiles = [], {}
    for entry in _first_of_each_mode(material.train.entries):
        source, profile = _seen(material.train.folder, entry)
        sources.append(source)
        profiles[entry.mode] = profile.text
    record = DatasetRecord(
        folder=material.train.folder.resolve(),
        sha256=material.sha256,
        train_pairs=len(material.train),
        validation_pairs=len(material.validation) if material.held_out else 0,
        sources=tuple(sources),
    )
    return record, profiles


def _seen(folder: Path, entry: Entry) -> tuple[Source, Profile]:
    """How the pictures of a file came to be, and the rig that saw them."""
    if entry.kind == "pairs":
        with checked(folder, entry) as pairs:
            return Source(mode=entry.mode, rig=pairs.profile.rig, geometry=pairs.geometry), pairs.profile
    with checked_frames(folder, entry) as frames:
        height, width = frames.shape
        profile = parse_profile(frames.header.profile_text)
    whole = Rect(x=0, y=0, width=width, height=height)
    geometry = SourceGeometry(frame=(width, height), crop=whole, size=(width, height))
    return Source(mode=entry.mode, rig=profile.rig, geometry=geometry), profile


def _first_of_each_mode(entries: Iterable[Entry]) -> list[Entry]:
    first: dict[Mode, Entry] = {}
    for entry in entries:
        first.setdefault(entry.mode, entry)
    return [first[mode] for mode in sorted(first)]
