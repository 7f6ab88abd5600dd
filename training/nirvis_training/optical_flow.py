"""Measured motion for batches of frames, by a method that needs no training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirvis_training.temporal import estimate_motion


def measured_flow(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Where every pixel of `first` is in `second`, so that ``warp(second, flow)`` looks like `first`.

    first, second
        RGB in [0, 1], ``(N, 3, H, W)``, at least 12 pixels a side.

    Returns displacements in pixels, to the right and downwards, ``(N, 2, H, W)``, and 1 where a pixel is seen in both,
    ``(N, 1, H, W)``; no gradient goes through either.
    """
    # A motion leads from its second picture to its first.
    motions = [estimate_motion(*pictures) for pictures in zip(_counts(second), _counts(first), strict=True)]
    flow = torch.from_numpy(np.stack([motion.to_first for motion in motions])).permute(0, 3, 1, 2)
    seen = torch.from_numpy(np.stack([motion.seen for motion in motions]))[:, None]
    return flow.contiguous().to(first.device), seen.to(first.device, first.dtype)


def _counts(pictures: Tensor) -> NDArray[np.uint8]:
    counts = (pictures.detach() * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(counts.permute(0, 2, 3, 1).cpu().numpy(), np.uint8)
