"""How far two pictures differ in structure."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirvis_training.metrics import similarity_map

_C1, _C2 = 0.01**2, 0.03**2


def dssim(predicted: Tensor, target: Tensor) -> Tensor:
    """Structural dissimilarity (1 - SSIM) / 2, a scalar in 0 to 1 (Wang et al. 2004, eq. 13; Wu et al. 2020).

    Gaussian window of 11×11 with σ = 1.5 that lies wholly inside the picture; values are of range 1.

    predicted, target
        ``(N, C, H, W)``, at least 11×11; the SSN compares lightness alone, C = 1.
    """
    return (1 - similarity_map(predicted, target).mean()) / 2


def block_dssim(predicted: Tensor, target: Tensor, block: tuple[int, int]) -> Tensor:
    """DSSIM over blocks that do not overlap, all pixels of a block weighing the same (Berg et al. 2018).

    predicted, target
        ``(N, 1, H, W)`` of range 1; rows and columns beyond the last whole block are left out.
    block
        Height and width of a block in pixels.
    """
    mean_1, mean_2 = F.avg_pool2d(predicted, block), F.avg_pool2d(target, block)
    variance_1 = F.avg_pool2d(predicted.square(), block) - mean_1.square()
    variance_2 = F.avg_pool2d(target.square(), block) - mean_2.square()
    covariance = F.avg_pool2d(predicted * target, block) - mean_1 * mean_2
    similarity = (2 * mean_1 * mean_2 + _C1) * (2 * covariance + _C2)
    similarity = similarity / ((mean_1.square() + mean_2.square() + _C1) * (variance_1 + variance_2 + _C2))
    return (1 - similarity.mean()) / 2
