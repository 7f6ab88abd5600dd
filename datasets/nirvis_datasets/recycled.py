"""Memory for batches, given out again once nobody looks at it.

The allocator gives what a batch takes back to the kernel as soon as it is freed, so that the next one meets thousands
of page faults; on the 2-core machine where this was measured they took twice as long as the floats themselves.
"""

from __future__ import annotations

import weakref
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Size, Tensor

_free: defaultdict[int, list[NDArray[np.float32]]] = defaultdict(list)
"""Blocks by their number of elements: never more than were in use at once."""


def recycled_floats(shape: Size) -> Tensor:
    """Uninitialised float32 of a shape; its memory comes back when the last tensor that shares it is gone."""
    free = _free[shape.numel()]
    block = free.pop() if free else np.empty(shape.numel(), np.float32)
    # The storage of a tensor keeps the very array that it was made of: a view, so that the block outlives it.
    seen = block.view()
    weakref.finalize(seen, free.append, block).atexit = False
    return torch.from_numpy(seen).view(shape)
