"""Endless training batches, the same from any step on as if training had never stopped."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from nirvis_capture.errors import NirvisError
from nirvis_datasets.pairs import floats
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.errors import ConfigError, TrainingError

Collated = dict[str, Any]
"""What torch's default collation makes of several samples."""


@dataclass(frozen=True)
class _Failure:
    """Why a sample could not be read; torch would wrap an error of a worker in its traceback."""

    message: str


class _Samples(Dataset[Any]):
    """Samples that say what is wrong instead of raising it."""

    def __init__(self, samples: Dataset[Any]) -> None:
        self._samples = samples

    def __getitem__(self, draw: Draw) -> Any:
        try:
            return self._samples[draw]
        except NirvisError as error:
            return _Failure(str(error))


class _Once(Sampler[list[Draw]]):
    """Every sample once, in order, the last batch as small as it comes."""

    def __init__(self, n: int, batch_size: int) -> None:
        self._n = n
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[list[Draw]]:
        for begin in range(0, self._n, self._batch_size):
            yield [(0, index) for index in range(begin, min(begin + self._batch_size, self._n))]


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
    samples: Dataset[Any], config: TrainingConfig, start_step: int, team: Team | None = None
) -> Generator[list[Collated], None, None]:
    """The parts of one step after another that a process of a team computes; close it to end its workers.

    Raises `TrainingError` when a sample cannot be read.
    """
    team = team or Team()
    sampler = DrawSampler(
        _length(samples),
        part_size(config, team),
        config.seed,
        start_step * config.accumulate,
        rank=team.rank,
        ranks=team.ranks,
    )
    loaded = _loaded(samples, sampler, config.workers)
    while True:
        yield [next(loaded) for _ in range(config.accumulate)]


def all_once(samples: Dataset[Any], config: TrainingConfig) -> Iterator[Collated]:
    """Every sample once, batch by batch, for what has to be known of the training set before the first step."""
    return _loaded(samples, _Once(_length(samples), config.batch_size), config.workers)


def _loaded(samples: Dataset[Any], sampler: Sampler[list[Draw]], workers: int) -> Iterator[Collated]:
    loader: DataLoader[Any] = DataLoader(
        _Samples(samples),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_leave_signals_to_the_parent,
        pin_memory=torch.cuda.is_available(),
        # Without its own generator the loader would draw from the one that methods draw from.
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, _Failure):
            raise TrainingError(f"A pair of the dataset cannot be read. {batch.message}")
        yield floats(batch)  # type: ignore[misc]


def _length(samples: Any) -> int:
    return len(samples)


def _collate(samples: list[Any]) -> Any:
    failure = next((sample for sample in samples if isinstance(sample, _Failure)), None)
    return failure if failure is not None else default_collate(samples)


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C and a cluster's SIGTERM reach every process; only the parent knows how to end well."""
    del worker
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
