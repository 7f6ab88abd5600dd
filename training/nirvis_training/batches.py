"""Endless training batches, the same from any step on as if training had never stopped."""

from __future__ import annotations

import signal
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from nirvis_capture.errors import NirvisError
from nirvis_datasets.pairs import PairDataset, PairSample, floats
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import TrainingError


@dataclass(frozen=True)
class _Failure:
    """Why a pair could not be read; torch would wrap an error of a worker in its traceback."""

    message: str


class _Pairs(Dataset["PairSample | _Failure"]):
    """Pairs that say what is wrong instead of raising it."""

    def __init__(self, pairs: PairDataset) -> None:
        self._pairs = pairs

    def __getitem__(self, draw: Draw) -> PairSample | _Failure:
        try:
            return self._pairs[draw]
        except NirvisError as error:
            return _Failure(str(error))


def training_batches(pairs: PairDataset, config: TrainingConfig, start_step: int) -> Generator[PairSample, None, None]:
    """Batches from `start_step` on, as torch's default collation makes them; close it to end its workers.

    Raises `TrainingError` when a pair cannot be read.
    """
    loader: DataLoader[PairSample | _Failure] = DataLoader(
        _Pairs(pairs),
        batch_sampler=DrawSampler(len(pairs), config.batch_size, config.seed, start_step),
        num_workers=config.workers,
        collate_fn=_collate,
        worker_init_fn=_leave_signals_to_the_parent,
        pin_memory=torch.cuda.is_available(),
        # Without its own generator the loader would draw from the one whose state is resumed.
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, _Failure):
            raise TrainingError(f"A pair of the dataset cannot be read. {batch.message}")
        yield floats(batch)


def _collate(samples: list[PairSample | _Failure]) -> PairSample | _Failure:
    failure = next((sample for sample in samples if isinstance(sample, _Failure)), None)
    if failure is not None:
        return failure
    batch: PairSample = default_collate(samples)
    return batch


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C and a cluster's SIGTERM reach every process; only the parent knows how to end well."""
    del worker
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
