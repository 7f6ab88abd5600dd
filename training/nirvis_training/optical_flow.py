"""Measured motion between frames, by a method that needs no training (OpenCV's DIS, Kroeger et al. 2016)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_training.warp import warp


def measured_flow(first: Tensor, second: Tensor) -> Tensor:
    """Where every pixel of `first` is in `second`: ``warp(second, flow)`` looks like `first`.

    first, second
        RGB in [0, 1], ``(N, 3, H, W)``, at least 12 pixels a side.

    Returns displacements in pixels, to the right and downwards, ``(N, 2, H, W)``; no gradient goes through it.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_MEDIUM)
    flows = [
        np.asarray(search.calc(one, other, None), np.float32)  # type: ignore[call-overload]
        for one, other in zip(_grey(first), _grey(second), strict=True)
    ]
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous().to(first.device)


def seen_in_both(forth: Tensor, back: Tensor) -> Tensor:
    """1 where going by `forth` and then by `back` ends where it began, ``(N, 1, H, W)`` (Ruder et al. 2016, eq. 5)."""
    returned = warp(back, forth)
    apart = (forth + returned).square().sum(1, keepdim=True)
    lengths = forth.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
    return (apart <= 0.01 * lengths + 0.5).to(forth.dtype)


def _grey(pictures: Tensor) -> list[NDArray[np.uint8]]:
    tensor = (pictures.detach() * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    counts = np.ascontiguousarray(tensor.cpu().numpy())
    return [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in counts]
