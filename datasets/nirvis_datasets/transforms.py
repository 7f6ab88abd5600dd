"""What happens to both sides of a pair alike: one random cut, and the way from counts to tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_datasets.recycled import recycled_floats

Counts = NDArray[Any]
"""Part of a picture ``(h, w, C)``: u8 or u16 over its full range, or float32 in [0, 1]."""
LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)
"""Luma of RGB, ITU-R BT.601."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a picture that a sample shows, in pixels, and how it is turned."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool = False
    """Mirrored left to right."""
    upside_down: bool = False

    def of(self, picture: Counts) -> Counts:
        """The part, not yet turned: ``(H, W, …)`` → ``(h, w, …)``."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]

    def turned(self, part: Counts) -> Counts:
        """A part as the sample shows it."""
        return part[:: -1 if self.upside_down else 1, :: -1 if self.flipped else 1]


def random_cut(
    random: np.random.Generator,
    size: tuple[int, int],
    crop: int | None,
    flip: bool = False,
    grid: int = 1,
    flip_vertical: bool = False,
) -> Cut:
    """Draw a square part of a picture, or the whole picture when `crop` is None.

    size
        Height and width of the picture, at least `crop`.
    flip, flip_vertical
        Turn half of all draws.
    grid
        2 keeps the colour filter array in phase: parts begin at even rows and columns or, turned, at odd ones, so that
        their first site is always the first site of the array. `crop` and `size` are even then. A picture without
        a row or column to spare is not turned.
    """
    height, width = size if crop is None else (crop, crop)
    room = [(size[0] - height) // grid + 1, (size[1] - width) // grid + 1]
    top, left = (grid * int(cell) for cell in random.integers(0, room))
    flipped = flip and random.random() < 0.5
    upside_down = flip_vertical and random.random() < 0.5
    if grid == 2:
        left, flipped = _in_phase(left, size[1] - width, flipped)
        top, upside_down = _in_phase(top, size[0] - height, upside_down)
    return Cut(top, left, height, width, flipped, upside_down)


def _in_phase(begin: int, spare: int, turned: bool) -> tuple[int, bool]:
    """Where a turned part begins so that its last site, which becomes the first, is of the right colour."""
    if not turned or not spare:
        return begin, False
    return begin + (1 if begin < spare else -1), True


def to_planes(part: Counts, cut: Cut) -> Tensor:
    """Counts ``(h, w, C)`` of a cut, turned as it says, as ``(C, h, w)`` of the same data type."""
    planes: Counts = np.ascontiguousarray(cut.turned(part).transpose(2, 0, 1))
    return torch.from_numpy(planes)


def in_unit_range(counts: Tensor) -> Tensor:
    """u8 or u16 counts over their full range, or a mask, as float32 in [0, 1]; floats stay as they are."""
    if counts.is_floating_point():
        return counts
    if counts.device.type == "cpu":
        shares = recycled_floats(counts.shape)
    else:
        shares = torch.empty(counts.shape, dtype=torch.float32, device=counts.device)
    if counts.dtype == torch.uint8:
        # one pass over the memory where a conversion and a division would be two; the same values
        return torch.div(counts, torch.tensor(255, dtype=torch.float32), out=shares)
    shares.copy_(counts)
    return shares if counts.dtype == torch.bool else shares.div_(65535)


def to_grey(part: Counts) -> Counts:
    """Luma (ITU-R BT.601) ``(h, w, 1)`` of RGB counts ``(h, w, 3)``, of the same data type."""
    # not by OpenCV, whose pool of threads may hang in a forked worker
    luma = part @ LUMA
    grey: Counts = np.rint(luma).astype(part.dtype)
    return grey
