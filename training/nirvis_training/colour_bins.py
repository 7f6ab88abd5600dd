"""Colour as one of 313 bins of the ab plane, after Zhang et al. 2016, "Colorful image colorization"."""

from __future__ import annotations

import torch
from torch import Tensor

_STEP = 10
_ROWS: dict[int, tuple[int, int]] = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}
"""a* → first and last b*: the bins in gamut, as the authors counted them; no test of the gamut gives just these."""


def colour_bins() -> Tensor:
    """Centres (a*, b*) of all bins, ``(313, 2)``: a* ascending, then b*."""
    return torch.tensor(
        [(a, b) for a, (first, last) in _ROWS.items() for b in range(first, last + 1, _STEP)], dtype=torch.float32
    )


def squared_distances(ab: Tensor, bins: Tensor) -> Tensor:
    """From every pixel of ``(N, 2, h, w)`` to every bin of ``(Q, 2)``: ``(N, h, w, Q)``."""
    pixels = ab.permute(0, 2, 3, 1)
    # Multiplied out, because the differences themselves would take twice the memory of all distances.
    lengths = pixels.square().sum(dim=-1, keepdim=True) + bins.square().sum(dim=-1)
    return (lengths - 2 * pixels @ bins.T).clamp(min=0)


def soft_encoding(ab: Tensor, bins: Tensor, neighbours: int, sigma: float) -> Tensor:
    """Probability of each bin at each pixel: a Gaussian over the nearest bins (Zhang et al. 2016, section 2.1).

    ab
        ``(N, 2, h, w)``; gives ``(N, Q, h, w)``, which sums to one over Q.
    neighbours
        5 in the paper, 10 in its code.
    sigma
        Of the Gaussian, in units of a* and b*; 5.
    """
    nearest = squared_distances(ab, bins).topk(neighbours, dim=-1, largest=False)
    weights = torch.softmax(-nearest.values / (2 * sigma**2), dim=-1)
    encoded = weights.new_zeros(*weights.shape[:-1], len(bins))
    return encoded.scatter(-1, nearest.indices, weights).permute(0, 3, 1, 2)


def annealed_mean(logits: Tensor, bins: Tensor, temperature: float) -> Tensor:
    """Colour between mode (temperature 0) and mean (1) of the predicted distribution (Zhang et al. 2016, eq. 5).

    logits
        ``(N, Q, h, w)``; gives (a*, b*) ``(N, 2, h, w)``.
    """
    probability = torch.softmax(logits / temperature, dim=1)
    return torch.einsum("nqhw,qc->nchw", probability, bins)
