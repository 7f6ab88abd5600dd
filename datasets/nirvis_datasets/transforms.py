"""What happens to both sides of a pair alike: one random cut, and the way from counts to tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Counts = NDArray[Any]
"""Part of a picture ``(h, w, C)``: u8 or u16 over its full range, or float32 in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a picture that a sample shows, in pixels, and whether it is mirrored left to right."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool = False


def random_cut(
    random: np.random.Generator, size: tuple[int, int], crop: int | None, flip: bool = False, grid: int = 1
) -> Cut:
    """Draw a square part of a picture, or the whole picture when `crop` is None.

    size
        Height and width of the picture, at least `crop`.
    flip
        Mirror half of all draws.
    grid
        2 keeps the colour filter array in phase: parts begin at even rows, and at even columns or, mirrored, at odd
        ones, so that their first site is always the first site of the array. `crop` and `size` are even then.
    """
    height, width = size if crop is None else (crop, crop)
    room = [(size[0] - height) // grid + 1, (size[1] - width) // grid + 1]
    top, left = (grid * int(cell) for cell in random.integers(0, room))
    flipped = flip and random.random() < 0.5
    if flipped and grid == 2:
        left += 1 if left + width < size[1] else -1
    return Cut(top, left, height, width, flipped) if left >= 0 else Cut(top, 0, height, width)


def to_planes(part: Counts, flipped: bool = False) -> Tensor:
    """Counts ``(h, w, C)`` as ``(C, h, w)`` of the same data type."""
    planes: Counts = np.ascontiguousarray((part[:, ::-1] if flipped else part).transpose(2, 0, 1))
    return torch.from_numpy(planes)


def to_tensor(part: Counts, flipped: bool = False) -> Tensor:
    """Counts ``(h, w, C)`` as float32 ``(C, h, w)`` in [0, 1]."""
    return in_unit_range(to_planes(part, flipped))


def in_unit_range(counts: Tensor) -> Tensor:
    """u8 or u16 counts over their full range, or a mask, as float32 in [0, 1]; floats stay as they are."""
    if counts.is_floating_point():
        return counts
    if counts.dtype == torch.uint8:
        # one pass over the memory where a conversion and a division would be two; the same values
        return counts / torch.tensor(255, dtype=torch.float32)
    shares = counts.to(torch.float32)
    return shares if counts.dtype == torch.bool else shares.div_(65535)


def to_grey(part: Counts) -> Counts:
    """Luma (ITU-R BT.601) ``(h, w, 1)`` of RGB counts ``(h, w, 3)``, of the same data type."""
    # not by OpenCV, whose pool of threads may hang in a forked worker
    luma = part @ np.array([[0.299], [0.587], [0.114]], np.float32)
    grey: Counts = np.rint(luma).astype(part.dtype)
    return grey
