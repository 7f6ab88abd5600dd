"""What a trained network has to beat: answers that need no learning, or only a mean.

Each is a function of the source alone, RGB in [0, 1], ``(N, 3, H, W)`` → ``(N, 3, H, W)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


def as_it_is(source: Tensor) -> Tensor:
    """The input itself, unchanged."""
    return source


def grey_world(source: Tensor) -> Tensor:
    """Scale each channel so that all three have the mean of the picture (Buchsbaum 1980: the mean scene is grey)."""
    means = source.mean(dim=(2, 3), keepdim=True)
    # A channel that is black everywhere has no gain that would help it.
    gains = means.mean(dim=1, keepdim=True) / means.clamp(min=torch.finfo(source.dtype).tiny)
    return (source * gains).clamp(0, 1)


@dataclass(frozen=True)
class MeanColour:
    """One colour for every pixel: the constant with the least squared error on the pictures that it was taken from."""

    rgb: tuple[float, float, float]
    """In [0, 1]."""

    def __call__(self, source: Tensor) -> Tensor:
        return source.new_tensor(self.rgb).view(1, 3, 1, 1).expand_as(source)


def mean_colour(targets: Iterable[tuple[Tensor, Tensor]]) -> MeanColour:
    """Mean over the valid pixels of the targets of a training set.

    targets
        (target ``(3, H, W)``, valid ``(1, H, W)``) of each picture; at least one pixel has to be valid.
    """
    total = torch.zeros(3, dtype=torch.float64)
    count = 0.0
    for target, valid in targets:
        total += (target * valid).sum(dim=(1, 2), dtype=torch.float64)
        count += float(valid.sum(dtype=torch.float64))
    if count == 0:
        raise ValueError("the mean colour of no valid pixel was asked for")
    red, green, blue = (total / count).tolist()
    return MeanColour((red, green, blue))
