"""Places for batches, in memory that processes share."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from multiprocessing.reduction import DupFd
from typing import Any

import torch
from torch import Tensor

_PLACE_BYTES = 1 << 30
"""Of addresses: memory is taken by what is written, and kept for what is written there later."""
_ALIGNMENT = 64
"""Bytes; that of vector registers."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor that lies in a place, as it travels between processes."""

    place: int
    begin: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def end(self) -> int:
        return self.begin + prod(self.shape) * self.dtype.itemsize


class Places:
    """Some places that processes started by fork or spawn see too; gone with the last of them.

    Unlike shared memory with a name they are not below ``/dev/shm``, which containers keep at 64 MB.
    """

    def __init__(self, number: int, descriptor: int | None = None) -> None:
        """Make places, or see those of a descriptor."""
        self._descriptor = os.memfd_create("nirvis-batches") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self._descriptor, number * _PLACE_BYTES)
        memory = mmap.mmap(self._descriptor, number * _PLACE_BYTES)
        self._places = torch.frombuffer(memory, dtype=torch.uint8).view(number, _PLACE_BYTES)

    def __len__(self) -> int:
        return len(self._places)

    def put(self, place: int, samples: Sequence[Mapping[str, Tensor]]) -> dict[str, Placed]:
        """Stack samples, alike to each other, in a place; nothing where they do not fit."""
        placed: dict[str, Placed] = {}
        end = 0
        for side, tensor in samples[0].items():
            placed[side] = Placed(place, end, (len(samples), *tensor.shape), tensor.dtype)
            end = -(-placed[side].end // _ALIGNMENT) * _ALIGNMENT
        if end > _PLACE_BYTES:
            return {}
        for side, one in placed.items():
            torch.stack([sample[side] for sample in samples], out=self.see(one))
        return placed

    def see(self, placed: Placed) -> Tensor:
        """What was put there: it changes when the place is used again."""
        return self._places[placed.place, placed.begin : placed.end].view(placed.dtype).view(placed.shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return _seen, (len(self), DupFd(self._descriptor))

    def __del__(self) -> None:
        os.close(self._descriptor)


def _seen(number: int, duplicate: Any) -> Places:
    return Places(number, duplicate.detach())
