"""Several processes that train one run together, as torchrun starts them; one alone is a team of one.

Each process computes the gradients of its share of every batch, and all of them step with the mean. The loop averages
gradients itself instead of wrapping networks: see docs/decisions/0030-gradients-averaged-by-the-loop.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nirvis_capture.errors import NirvisError
from nirvis_training.errors import TrainingError

T = TypeVar("T")


def is_first_process() -> bool:
    """Whether this is the process that writes and tells; read from what torchrun leaves in the environment."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def team() -> Iterator[Team]:
    """Meet the other processes that torchrun started, for as long as the block lasts."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        yield Team()
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team(dist.get_rank(), ranks, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()


@dataclass(frozen=True)
class Team:
    """All processes of a run, seen from one of them. What takes part in an exchange has to do so in all."""

    rank: int = 0
    ranks: int = 1
    local_rank: int = 0
    """On its own machine: which GPU is its."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def anyone(self, wish: bool) -> bool:
        """Whether any process says yes."""
        return bool(self._reduced(torch.tensor(float(wish)), dist.ReduceOp.MAX)) if self.ranks > 1 else wish

    def mean(self, values: Sequence[float]) -> list[float]:
        """Mean over all processes, value by value; a NaN of one is a NaN for all."""
        if self.ranks == 1:
            return list(values)
        total: list[float] = self._reduced(torch.tensor(values, dtype=torch.float64), dist.ReduceOp.SUM).tolist()
        return [value / self.ranks for value in total]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the mean gradient of all processes; one without a gradient counts as zero."""
        if self.ranks == 1:
            return
        trained = list(parameters)
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self._reduced(flat, dist.ReduceOp.SUM).div_(self.ranks)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for parameter, gradient, part in zip(trained, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.view_as(gradient))

    def gathered(self, value: T) -> list[T]:
        """What every process holds, in order, for the first; the others get an empty list."""
        if self.ranks == 1:
            return [value]
        found: list[Any] | None = [None] * self.ranks if self.first else None
        with _others_present():
            dist.gather_object(value, found)
        return found or []

    def first_does(self, act: Callable[[], T]) -> T:
        """Let the first process act; all get what it returns, and all end when it raises a `NirvisError`."""
        if self.ranks == 1:
            return act()
        told: list[Any] = [None, None]
        failure: NirvisError | None = None
        if self.first:
            try:
                told[0] = act()
            except NirvisError as error:
                failure, told[1] = error, str(error)
        with _others_present():
            dist.broadcast_object_list(told)
        if failure is not None:
            raise failure
        if told[1] is not None:
            raise TrainingError(f"The first process ended: {told[1]}")
        result: T = told[0]
        return result

    def _reduced(self, tensor: Tensor, how: Any) -> Tensor:
        with _others_present():
            dist.all_reduce(tensor, how)
        return tensor


@contextmanager
def _others_present() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"Another process of this run is gone ({reason}). Its own message says why; what was learnt is in the "
            "newest checkpoint, and nirvis resume goes on from there."
        ) from None
