"""Weights of pixels by how rare they are: by colour (Zhang et al. 2016), by gradient (Yao & Xia 2018), or by both.

Most of a street is grey and flat. Weights of ((1 - λ) p + λ/K)⁻¹, where p is how often a pixel of its kind occurs
among K kinds, let the rest be learnt too (Zhang et al. 2016, eq. 4). Yao & Xia take p from the magnitude of gradients
and smooth it with a Gaussian; their two pages say no more, so that the bins of the magnitude are our reading.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kinds = Literal["gradient", "rarity", "both", "none"]

_WEAKEST, _STRONGEST = 0.1, 50.0
"""Ends of the logarithmic bins of |∇L|, in L* per pixel; what lies beyond counts to the last bin."""


def gradient_magnitude(lightness: Tensor) -> Tensor:
    """|∇L| by central differences, in L* per pixel: ``(N, 1, H, W)`` → the same; borders repeat."""
    padded = F.pad(lightness, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return torch.sqrt(across.square() + down.square())


class Rebalancing(nn.Module):
    """How often each gradient occurs with each colour in a training set, and what pixels weigh by that.

    kinds
        What makes a pixel rare.
    bins
        Centres of the colour bins ``(Q, 2)``.
    uniform_share
        λ: 0 weighs by frequency alone, 1 all alike; 0.5 in Zhang et al.
    colour_sigma
        Of the Gaussian that smooths the frequencies of colours, in units of a* and b*.
    gradient_bins, gradient_sigma_bins
        Logarithmic bins of the magnitude, and the Gaussian that smooths over them, in bins.
    """

    counts: Tensor
    """Pixels of the training set by gradient and colour, ``(K, Q)``; zero until something was counted."""
    between_colours: Tensor
    between_gradients: Tensor

    def __init__(
        self,
        kinds: Kinds,
        bins: Tensor,
        uniform_share: float = 0.5,
        colour_sigma: float = 5.0,
        gradient_bins: int = 32,
        gradient_sigma_bins: float = 1.0,
    ) -> None:
        super().__init__()
        self.kinds = kinds
        self.uniform_share = uniform_share
        places = torch.arange(gradient_bins, dtype=torch.float32)[:, None]
        self.register_buffer("counts", torch.zeros(gradient_bins, len(bins), dtype=torch.float64))
        self.register_buffer("between_colours", _smoothing(bins, colour_sigma), persistent=False)
        self.register_buffer("between_gradients", _smoothing(places, gradient_sigma_bins), persistent=False)

    def count(self, gradients: Tensor, colours: Tensor, valid: Tensor) -> None:
        """Add pixels: |∇L|, colour bin and whether it was seen, all of one shape."""
        gradient_bins, colour_bins = self.counts.shape
        kinds = self.gradient_bin(gradients) * colour_bins + colours
        seen = kinds[valid > 0].flatten()
        self.counts += torch.bincount(seen, minlength=gradient_bins * colour_bins).reshape_as(self.counts)

    def gradient_bin(self, gradients: Tensor) -> Tensor:
        last = len(self.counts) - 1
        place = torch.log(gradients.clamp(min=_WEAKEST) / _WEAKEST) / math.log(_STRONGEST / _WEAKEST)
        return (place * last).round().long().clamp(max=last)

    def forward(self, gradients: Tensor, colours: Tensor) -> Tensor:
        """Weight of each pixel; 1 on average over the training set, and 1 before anything was counted."""
        return self.table()[self.gradient_bin(gradients), colours]

    def table(self) -> Tensor:
        """Weight of each gradient with each colour, ``(K, Q)``."""
        total = self.counts.sum()
        if self.kinds == "none" or total == 0:
            return torch.ones_like(self.counts, dtype=torch.float32)
        share = self.counts / total
        by_gradient = self._rarity(share.sum(dim=1), self.between_gradients)[:, None]
        by_colour = self._rarity(share.sum(dim=0), self.between_colours)[None]
        table = (by_gradient if self.kinds != "rarity" else 1) * (by_colour if self.kinds != "gradient" else 1)
        table = table * torch.ones_like(share)
        return (table / (share * table).sum()).float()

    def _rarity(self, share: Tensor, smoothing: Tensor) -> Tensor:
        smooth = smoothing.to(share) @ share
        return 1 / ((1 - self.uniform_share) * smooth + self.uniform_share / len(share))


def _smoothing(places: Tensor, sigma: float) -> Tensor:
    """Matrix that spreads what lies at each place over its neighbours; columns sum to one, so that nothing is lost."""
    squared = torch.cdist(places, places).square()
    weights = torch.exp(-squared / (2 * sigma**2))
    return weights / weights.sum(dim=0, keepdim=True)
