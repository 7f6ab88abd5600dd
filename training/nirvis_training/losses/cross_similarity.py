"""How alike two pictures are in the way their tokens relate to each other (ROMA: Yu et al. 2022; CPTrans: 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 7
"""Side of the local windows in tokens."""


def cross_similarity(source: Tensor, translated: Tensor) -> Tensor:
    """Scalar distance: mean over tokens of ``|1 - cos|`` between the rows of S·Tᵀ and of T·Sᵀ.

    source, translated
        Tokens of a picture and of its translation, ``(N, tokens, C)``, not normalised.
    """
    return cross_similarity_in_time(source, translated, translated, source)


def cross_similarity_in_time(source_0: Tensor, translated_1: Tensor, translated_0: Tensor, source_1: Tensor) -> Tensor:
    """The same between two moments: rows of S₀·T₁ᵀ against those of T₀·S₁ᵀ; tokens ``(N, tokens, C)`` each."""
    forth = source_0 @ translated_1.transpose(1, 2)
    back = translated_0 @ source_1.transpose(1, 2)
    return (1 - F.cosine_similarity(forth, back, dim=2)).abs().mean()


def over_layers(source: Sequence[Tensor], translated: Sequence[Tensor]) -> Tensor:
    """`cross_similarity`, mean over the layers that tokens were read from."""
    return torch.stack([cross_similarity(s, t) for s, t in zip(source, translated, strict=True)]).mean()


def random_windows(grid: int, count: int, device: torch.device | None = None) -> Tensor:
    """Places of the tokens of `count` windows around random tokens, ``(count, k²)``; shifted inward at borders.

    grid
        Tokens in a row of the picture; windows are 7×7, smaller where the grid is.
    """
    side = min(WINDOW, grid)
    centre = torch.randint(grid, (2, count), device=device)
    top, left = (centre - side // 2).clamp(0, grid - side)
    step = torch.arange(side, device=device)
    rows = top[:, None, None] + step[None, :, None]
    columns = left[:, None, None] + step[None, None, :]
    places: Tensor = (rows * grid + columns).flatten(1)
    return places
