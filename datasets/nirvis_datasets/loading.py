"""Batches that other processes read, through shared memory that is used again.

The loader of torch makes shared memory anew for every batch, and the page faults of it, in the worker and then in the
process that trains, take longer than reading the pictures. Here a worker writes a batch into one of a few places that
were shared when it began. The floats of the batch are made out of that place at once, which frees it for a later batch:
no tensor that a caller gets lies in one.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, default_collate

from nirvis_capture.errors import NirvisError
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.places import Placed, Places
from nirvis_datasets.recycled import recycled_floats
from nirvis_datasets.sampler import Draw
from nirvis_datasets.samples import SIDES, floats
from nirvis_datasets.transforms import in_unit_range

Collated = dict[str, Any]
"""The tensors of several samples stacked, and lists of all else that they say."""

_PREFETCH = 2
"""Batches that each worker reads ahead."""


def loaded(
    dataset: Dataset[Any], draws: Iterable[list[Draw]], workers: int, start_method: str | None = None
) -> Generator[Collated, None, None]:
    """One batch of floats after another, which the caller may keep; close it to end its workers.

    dataset
        Such as a `SampleDataset`; quickest when it gives counts.
    draws
        What each batch consists of, such as a `DrawSampler`.
    workers
        Processes that read ahead; 0 reads when a batch is asked for.
    start_method
        ``fork`` or ``spawn`` for the workers; None: what Python does on this system.

    Raises `NirvisError` when a sample cannot be read.
    """
    if not workers:
        for of_batch in draws:
            yield _floats(default_collate(_alike([dataset[draw] for draw in of_batch])))
        return
    # with those that workers are told to read there is one more, in hand
    places = Places(workers * _PREFETCH + 1)
    orders = _Orders(draws, list(range(len(places))))
    for answer in _answers(_Reading(dataset, places), orders, workers, start_method):
        batch = _floats(answer.seen_in(places))
        orders.free.append(answer.place)
        yield batch


def streamed(
    dataset: Iterable[Any], batch_size: int, workers: int, start_method: str | None = None
) -> Generator[Collated, None, None]:
    """As `loaded`, for a dataset that says itself what comes next, such as a `ShardDataset`.

    Batches come from each worker in turn. They travel as torch sends them, best as counts.

    Raises `NirvisError` when a sample cannot be read.
    """
    if not workers:
        for samples in _batches(dataset, batch_size):
            yield _floats(default_collate(_alike(samples)))
        return
    for answer in _answers(_Stream(dataset, batch_size), None, workers, start_method):
        yield _floats(answer.batch)


def _answers(
    dataset: Dataset[_Answer], orders: _Orders | None, workers: int, start_method: str | None
) -> Iterator[_Answer]:
    """What workers answer; the first failure is raised as `DatasetError`."""
    loader: DataLoader[_Answer] = DataLoader(
        dataset,
        batch_size=None,
        sampler=orders,
        num_workers=workers,
        prefetch_factor=_PREFETCH,
        collate_fn=_as_it_is,
        multiprocessing_context=start_method,
        worker_init_fn=_leave_signals_to_the_parent,
        # Without its own generator the loader would draw from the one that methods draw from.
        generator=torch.Generator(),
    )
    for answer in loader:
        if answer.failure is not None:
            raise DatasetError(answer.failure)
        yield answer


@dataclass(frozen=True, slots=True)
class _Order:
    """What a worker shall read, and where to."""

    draws: list[Draw]
    place: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """A batch: its sides lie in the place of the order or, where they do not fit, travel as torch sends them."""

    place: int
    """-1 where there is none."""
    batch: Collated
    failure: str | None = None
    """Why a sample could not be read; torch would wrap the error in a traceback."""

    def seen_in(self, places: Places) -> Collated:
        """The batch with its sides as they are in the place now."""
        return {key: places.see(value) if isinstance(value, Placed) else value for key, value in self.batch.items()}


class _Orders(Sampler[_Order]):
    """Lists of draws, each with a place that is free when a worker is told to read them."""

    def __init__(self, draws: Iterable[list[Draw]], free: list[int]) -> None:
        self._draws = draws
        self.free = free

    def __iter__(self) -> Iterator[_Order]:
        for draws in self._draws:
            yield _Order(draws, self.free.pop())


class _Reading(Dataset[_Answer]):
    """What a worker does with an order."""

    def __init__(self, dataset: Dataset[Any], places: Places) -> None:
        self._dataset = dataset
        self._places = places

    def __getitem__(self, order: _Order) -> _Answer:
        try:
            samples = _alike([self._dataset[draw] for draw in order.draws])
        except NirvisError as error:
            return _Answer(order.place, {}, str(error))
        placed = self._places.put(order.place, [_sides(sample) for sample in samples])
        rest = [{key: value for key, value in sample.items() if key not in placed} for sample in samples]
        return _Answer(order.place, {**default_collate(rest), **placed})


class _Stream(IterableDataset[_Answer]):
    """What a worker does with a dataset that says itself what comes next."""

    def __init__(self, dataset: Iterable[Any], batch_size: int) -> None:
        self._dataset = dataset
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[_Answer]:
        try:
            for samples in _batches(self._dataset, self._batch_size):
                yield _Answer(-1, default_collate(_alike(samples)))
        except NirvisError as error:
            yield _Answer(-1, {}, str(error))


def _batches(dataset: Iterable[Any], batch_size: int) -> Iterator[list[Any]]:
    samples = iter(dataset)
    while batch := list(islice(samples, batch_size)):
        yield batch


def _alike(samples: list[Any]) -> list[Any]:
    """Samples that can be stacked, floats where 8 and 16 bit meet. Raises `DatasetError` where sizes differ."""
    for side in ("source", "target"):
        sizes = {tuple(sample[side].shape[-2:]): sample["name"] for sample in samples}
        if len(sizes) > 1:
            found = ", ".join(f"{width}×{height} px ({name})" for (height, width), name in sorted(sizes.items()))
            raise DatasetError(f"The pictures of a batch differ in size: {found}. Choose a crop, or resize them.")
    mixed = any(len({sample[side].dtype for sample in samples}) > 1 for side in SIDES)
    return [floats(sample) for sample in samples] if mixed else samples


def _sides(sample: Collated) -> dict[str, Tensor]:
    return {side: sample[side] for side in SIDES}


def _floats(batch: Collated) -> Collated:
    """Floats that share no memory with the batch."""
    return {**batch, **{side: _own(batch[side]) for side in SIDES}}


def _own(tensor: Tensor) -> Tensor:
    return recycled_floats(tensor.shape).copy_(tensor) if tensor.is_floating_point() else in_unit_range(tensor)


def _as_it_is(answer: Any) -> Any:
    return answer


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C and a cluster's SIGTERM reach every process; only the parent knows how to end well."""
    del worker
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
