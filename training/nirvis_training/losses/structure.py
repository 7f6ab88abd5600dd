"""How far two pictures differ in structure."""

from __future__ import annotations

from torch import Tensor

from nirvis_training.metrics import similarity_map


def dssim(predicted: Tensor, target: Tensor) -> Tensor:
    """Structural dissimilarity (1 - SSIM) / 2, a scalar in 0 to 1 (Wang et al. 2004, eq. 13; Wu et al. 2020).

    Gaussian window of 11×11 with σ = 1.5 that lies wholly inside the picture; values are of range 1.

    predicted, target
        ``(N, C, H, W)``, at least 11×11; the SSN compares lightness alone, C = 1.
    """
    return (1 - similarity_map(predicted, target).mean()) / 2
