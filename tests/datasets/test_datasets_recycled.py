"""Memory of batches is used again, and never while somebody looks at it."""

from __future__ import annotations

import gc

import torch
from torch import Size

from nirvis_datasets.recycled import recycled_floats

SHAPE = Size((3, 5, 7))


def test_memory_comes_back_when_its_tensor_is_gone() -> None:
    first = recycled_floats(SHAPE)
    address = first.data_ptr()
    del first
    assert recycled_floats(Size((15, 7))).data_ptr() == address


def test_memory_that_any_view_still_shows_is_left_alone() -> None:
    first = recycled_floats(SHAPE).fill_(1)
    part = first[1].t()[2:4]
    as_array = first.numpy()[0]
    del first
    gc.collect()
    others = [recycled_floats(SHAPE).fill_(2) for _ in range(3)]
    assert len({other.data_ptr() for other in others}) == 3
    assert torch.equal(part, torch.ones(2, 5))
    assert (as_array == 1).all()
