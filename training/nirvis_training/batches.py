"""Endless training batches, the same from any step on as if training had never stopped."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any

from torch.utils.data import Dataset

from nirvis_capture.errors import NirvisError
from nirvis_datasets.loading import Collated, loaded, streamed
from nirvis_datasets.sampler import DrawSampler
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.errors import ConfigError, TrainingError
from nirvis_training.shard_material import ShardSamples


def part_size(config: TrainingConfig, team: Team) -> int:
    """Samples that a process computes at once. Raises `ConfigError` when a batch cannot be shared out evenly."""
    if config.batch_size % (config.accumulate * team.ranks):
        raise ConfigError(
            config.method.name,
            [
                f"batch_size: {config.batch_size} cannot be shared out evenly over {team.ranks} processes of "
                f"{config.accumulate} parts each; choose a multiple of {config.accumulate * team.ranks}"
            ],
        )
    return config.batch_size // (config.accumulate * team.ranks)


def training_batches(
    samples: Dataset[Any] | ShardSamples, config: TrainingConfig, start_step: int, team: Team | None = None
) -> Generator[list[Collated], None, None]:
    """The parts of one step after another that a process of a team computes; close it to end its workers.

    Raises `TrainingError` when a sample cannot be read.
    """
    team = team or Team()
    parts = _readable(_parts(samples, config, start_step * config.accumulate, team))
    while True:
        yield [next(parts) for _ in range(config.accumulate)]


def all_once(samples: Dataset[Any] | ShardSamples, config: TrainingConfig) -> Iterator[Collated]:
    """Every sample once, batch by batch, for what has to be known of the training set before the first step."""
    n, size = _length(samples), config.batch_size
    if isinstance(samples, ShardSamples):
        return _readable(streamed(islice(samples.stream(size), n), size, workers=0))
    once = ([(0, index) for index in range(begin, min(begin + size, n))] for begin in range(0, n, size))
    return _readable(loaded(samples, once, config.workers))


def _parts(samples: Any, config: TrainingConfig, start: int, team: Team) -> Iterable[Collated]:
    """Endless parts from the number `start` on."""
    size = part_size(config, team)
    if isinstance(samples, ShardSamples):
        return streamed(samples.stream(size, start, team.rank, team.ranks), size, config.workers)
    sampler = DrawSampler(len(samples), size, config.seed, start, rank=team.rank, ranks=team.ranks)
    return loaded(samples, sampler, config.workers)


def _readable(batches: Iterable[Collated]) -> Iterator[Collated]:
    try:
        yield from batches
    except NirvisError as error:
        raise TrainingError(f"A pair of the dataset cannot be read. {error}") from None


def _length(samples: Any) -> int:
    return len(samples)
