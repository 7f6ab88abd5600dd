"""Shards as what a run is trained and validated on; docs/decisions/0033-training-from-shards.md."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from nirvis_capture.profile import parse_profile
from nirvis_capture.wording import counted
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.shard_dataset import FirstPictures, ShardDataset
from nirvis_datasets.shards import ShardIndex, has_shards, read_index
from nirvis_training.config import DataSettings, TrainingConfig
from nirvis_training.run_folder import DatasetRecord, Source

logger = logging.getLogger(__name__)

_SETTLED = ("max_residual_px", "max_saturation", "min_sharpness")
"""Data settings that were settled when the shards were written."""
_OF_FOLDERS = ("source_mode", "stride")
"""Those that shards cannot follow."""


@dataclass(frozen=True)
class ShardUrls:
    """Where the shards of both sets lie, or would."""

    train: str
    validation: str

    @classmethod
    def found(cls, dataset: Path | str) -> ShardUrls | None:
        """Of a folder with one for each set, or of that of the training set; None where there are no shards.

        Raises `DatasetError` for a store that cannot be looked into.
        """
        url = str(dataset).rstrip("/")
        for train, home in ((f"{url}/train", url), (url, url.rpartition("/")[0] or ".")):
            if has_shards(train):
                return cls(train, f"{home}/val")
        return None


@dataclass(frozen=True)
class ShardSamples:
    """The training set, not yet dealt to anybody."""

    url: str
    index: ShardIndex
    config: TrainingConfig

    def __len__(self) -> int:
        return self.index.pairs

    def stream(self, batch_size: int, start: int = 0, rank: int = 0, ranks: int = 1) -> ShardDataset:
        """What one process of several sees, from its batch number `start` on."""
        return ShardDataset(
            self.url,
            batch_size,
            self.config.augmentation,
            seed=self.config.seed,
            start_step=start,
            rank=rank,
            ranks=ranks,
            source=self.config.data.source,
            as_counts=True,
        )


@dataclass(frozen=True)
class ShardMaterial:
    """Training samples, and the pictures that every validation looks at."""

    train: ShardSamples
    validation: FirstPictures
    record: DatasetRecord
    profiles: dict[str, str]


def open_shards(dataset: Path | str, urls: ShardUrls, config: TrainingConfig, ranks: int) -> ShardMaterial:
    """Look at the shards of both sets, and read the pictures to validate on.

    Raises `DatasetError` when they are not what the method or the settings want.
    """
    train = read_index(urls.train)
    streams = max(config.workers, 1) * ranks
    _refuse_other_wishes(urls.train, config)
    _refuse_unfit(urls.train, train, config, streams)
    held_out = has_shards(urls.validation)
    if not held_out:
        logger.warning(
            "validation looks at training pictures, so that its figures flatter and the best weights may be "
            "over-fitted: there are no shards at %s",
            urls.validation,
        )
    looked_at = urls.validation if held_out else urls.train
    validation = read_index(looked_at)
    record = DatasetRecord(
        folder=dataset if "://" in str(dataset) else Path(dataset).resolve(),
        sha256=_identity(train, validation),
        train_pairs=train.pairs,
        validation_pairs=validation.pairs if held_out else 0,
        sources=tuple(
            Source(mode=mode, rig=parse_profile(rig.profile).rig, geometry=rig.geometry)
            for mode, rig in sorted(train.rigs.items())
        ),
        streams=streams,
    )
    pictures = FirstPictures(looked_at, config.validation_pairs)
    profiles = {str(mode): rig.profile for mode, rig in train.rigs.items()}
    return ShardMaterial(ShardSamples(urls.train, train, config), pictures, record, profiles)


def _refuse_other_wishes(url: str, config: TrainingConfig) -> None:
    method, data = config.method, config.data
    if not method.paired or method.frames > 1:
        wants = "pictures of different recordings" if not method.paired else f"{method.frames} consecutive pictures"
        raise DatasetError(
            f"{url} holds single pairs in random order, and {method.name} learns from {wants}. Train it on the "
            "catalogued folder that the shards were made of."
        )
    for name in (*_SETTLED, *_OF_FOLDERS):
        if getattr(data, name) == getattr(DataSettings(), name):
            continue
        if name in _OF_FOLDERS:
            raise DatasetError(
                f"{url} holds single pairs of all modes: data.{name} wants the catalogued folder that the shards were "
                "made of."
            )
        raise DatasetError(
            f"{url} holds what was chosen when it was written, so that data.{name} comes too late. Choose then: "
            f"nirvis export-dataset --format shards --{name.replace('_', '-')} …"
        )


def _refuse_unfit(url: str, index: ShardIndex, config: TrainingConfig, streams: int) -> None:
    if not index.rigs or index.shards.keys() != index.sha256.keys():
        raise DatasetError(
            f"{url} was written by an older nirvis, and says nothing of its rigs. Write the shards anew."
        )
    if streams > len(index.shards):
        raise DatasetError(
            f"{url} has {counted(len(index.shards), 'shard')} for {streams} workers of all processes. Use fewer "
            f"(workers = {config.workers}), or write smaller shards: nirvis export-dataset --pairs-per-shard"
        )
    for rig in index.rigs.values():
        width, height = rig.geometry.size
        config.augmentation.before_crop((height, width), url)


def _identity(train: ShardIndex, validation: ShardIndex) -> str:
    lines = [
        f"{index.subset} {name} {index.sha256.get(name)} {pairs}\n"
        for index in (train, validation)
        for name, pairs in sorted(index.shards.items())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
