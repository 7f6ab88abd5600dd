"""The samples that a run is trained and validated on, and what the run folder says of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nirvis_capture.profile import Mode, Profile, parse_profile
from nirvis_datasets.catalogue import CATALOGUE_NAME
from nirvis_datasets.entry import Entry
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import Sample, SampleDataset
from nirvis_datasets.selection import Limits, checked, checked_frames
from nirvis_datasets.split import Subset
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_training.config import TrainingConfig
from nirvis_training.run_folder import DatasetRecord, Source
from nirvis_training.shard_material import ShardSamples, ShardUrls, open_shards

logger = logging.getLogger(__name__)


class Pictures(Protocol):
    """What a validation looks at."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True)
class Material:
    """Training samples, and the fixed pictures that every validation looks at."""

    train: SampleDataset | ShardSamples
    validation: Pictures
    indices: list[int]
    """The fixed pictures, as indices of `validation`."""
    partnered: bool
    """Whether validation pictures have a visible partner, without which there are no scores."""
    record: DatasetRecord
    """What run.toml says of all that; a resumed run must find the same."""
    profiles: Mapping[str, str]
    """The hardware profile of each mode as TOML text."""
    consecutive: bool = True
    """Whether validation pictures of a recording lie in the order in which they were seen."""

    def film(self, frames: int) -> list[int]:
        """Up to so many consecutive pictures of the recording that the first of the fixed pictures is from."""
        if not self.consecutive:
            return []
        first = self.indices[0]
        following = range(first, min(first + frames, len(self.validation)))
        recording = self.validation[first]["recording_id"]
        return [index for index in following if self.validation[index]["recording_id"] == recording]


def open_material(dataset: Path | str, config: TrainingConfig, ranks: int = 1) -> Material:
    """Open both sets of a catalogued folder or of shards; without a validation set, training pictures stand in.

    dataset
        A folder, or the URL of one with shards.
    ranks
        Processes that train together.

    Raises `DatasetError` when there is nothing to train on.
    """
    catalogued = (Path(dataset) / CATALOGUE_NAME).exists()
    urls = None if catalogued else ShardUrls.found(dataset)
    if urls is not None:
        shards = open_shards(dataset, urls, config, ranks)
        indices = list(range(len(shards.validation)))
        return Material(
            shards.train,
            shards.validation,
            indices,
            partnered=True,
            record=shards.record,
            profiles=shards.profiles,
            consecutive=False,
        )
    if "://" in str(dataset):
        raise DatasetError(f"{dataset} holds no shards. Write them with: nirvis export-dataset --format shards")
    return _open_folder(Path(dataset), config)


def _open_folder(folder: Path, config: TrainingConfig) -> Material:
    method, data = config.method, config.data
    train = SampleDataset(
        folder,
        "train",
        config.augmentation,
        paired=method.paired,
        window=method.frames,
        stride=data.stride,
        seed=config.seed,
        limits=Limits(data.max_residual_px, data.max_saturation, data.min_sharpness),
        source=data.source,
        source_mode=data.source_mode,
        target_mode=data.target_mode,
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
    record, profiles = _described(train, validation, held_out)
    return Material(train, validation, indices, validation.paired, record, profiles)


def _pictures(folder: Path, subset: Subset, config: TrainingConfig) -> SampleDataset:
    """Whole pictures, with their visible partners where there are any. Raises `DatasetError`."""
    try:
        return SampleDataset(folder, subset, source_mode=config.data.source_mode)
    except DatasetError:
        if config.method.paired:
            raise
        return SampleDataset(folder, subset, paired=False, source_mode=config.data.source_mode)


def fixed_indices(pairs: int, wanted: int) -> list[int]:
    """Up to `wanted` of the pairs, spread evenly over all of them."""
    count = min(pairs, wanted)
    return [(2 * i + 1) * pairs // (2 * count) for i in range(count)]


def _described(train: SampleDataset, validation: SampleDataset, held_out: bool) -> tuple[DatasetRecord, dict[str, str]]:
    """What run.toml says of the pairs, and the hardware profile of each mode."""
    sources, profiles = [], {}
    for entry in _first_of_each_mode(train.entries):
        source, profile = _seen(train.folder, entry)
        sources.append(source)
        profiles[str(entry.mode)] = profile.text
    record = DatasetRecord(
        folder=train.folder.resolve(),
        sha256=_identity(train, validation),
        train_pairs=len(train),
        validation_pairs=len(validation) if held_out else 0,
        sources=tuple(sources),
    )
    return record, profiles


def _identity(*subsets: SampleDataset) -> str:
    """Over the identities of all files, in order."""
    lines = [
        f"{subset.subset} {entry.path} {entry.sha256} {entry.pairs or entry.frames}\n"
        for subset in subsets
        for entry in dict.fromkeys((*subset.entries, *subset.target_entries))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
