"""Judge a picture token by token (ROMA: Yu et al. 2022; CPTrans: Yu et al. 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELLS = (2, 4, 6, 8, 12)
"""Sides, in tokens, of the cells over which tokens are averaged as well."""


class TokenDiscriminator(nn.Module):
    """Linear - GELU - Linear on each token alone: ``(N, tokens, C)`` → C verdicts for each, ``(N, tokens, C)``."""

    def __init__(self, width: int = 768) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.verdict = nn.Linear(width, width)

    def forward(self, tokens: Tensor, *, every_stage: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """The verdicts, or what `with_hidden` gives."""
        hidden: Tensor = self.hidden(tokens)
        verdicts: Tensor = self.verdict(F.gelu(hidden))
        return (hidden, verdicts) if every_stage else verdicts

    def with_hidden(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What the first layer gives, before GELU, and the verdicts; ``(N, tokens, C)`` each."""
        both: tuple[Tensor, Tensor] = self(tokens, every_stage=True)
        return both


def with_cell_means(tokens: Tensor, grid: int, overlap: bool = True) -> Tensor:
    """Tokens, and behind them their means over square cells of every side in `CELLS` that divides the grid.

    ``(N, grid², C)`` → ``(N, more, C)``; 785 tokens for a grid of 24.

    overlap
        The published code's windows are one row taller than wide, so that neighbours share a row; False mends that.
    """
    picture = tokens.transpose(1, 2).reshape(len(tokens), -1, grid, grid)
    means = [_cell_means(picture, side, overlap) for side in CELLS if grid % side == 0]
    return torch.cat((tokens, *means), dim=1)


def _cell_means(picture: Tensor, side: int, overlap: bool) -> Tensor:
    if not overlap:
        return F.avg_pool2d(picture, side).flatten(2).transpose(1, 2)
    # The last row of cells ends with the picture, so that it has nothing to share.
    padded = F.pad(picture, (0, 0, 0, 1), mode="replicate")
    return F.avg_pool2d(padded, (side + 1, side), stride=side).flatten(2).transpose(1, 2)
