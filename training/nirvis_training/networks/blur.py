"""Resampling by two through a small binomial blur, so that edges do not alias (Zhang 2019, as CUT uses it)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BlurDown(nn.Module):
    """Half the resolution through [1, 2, 1] / 4 with reflected borders; odd sizes round up."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel((1, 2, 1)), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        channels = features.shape[1]
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.kernel.expand(channels, 1, 3, 3), stride=2, groups=channels)


class BlurUp(nn.Module):
    """Twice the resolution through [1, 3, 3, 1] / 4 with repeated borders."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", 4 * _kernel((1, 3, 3, 1)), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        channels = features.shape[1]
        padded = _with_border_repeated(features)
        return F.conv_transpose2d(padded, self.kernel.expand(channels, 1, 4, 4), stride=2, padding=3, groups=channels)


def _with_border_repeated(features: Tensor) -> Tensor:
    """One more row and column at each side, as the outermost is."""
    if not torch.compiler.is_compiling():
        return F.pad(features, (1, 1, 1, 1), mode="replicate")
    # Of that pad torch.compile expects a contiguous gradient where it is channels_last, and stops in the first step.
    tall = torch.cat((features[..., :1, :], features, features[..., -1:, :]), dim=2)
    return torch.cat((tall[..., :1], tall, tall[..., -1:]), dim=3)


def _kernel(profile: tuple[float, ...]) -> Tensor:
    """Outer product of a profile with itself, summing to one, ``(1, 1, k, k)``."""
    taps = torch.tensor(profile)
    kernel = torch.outer(taps, taps)
    return (kernel / kernel.sum())[None, None]
