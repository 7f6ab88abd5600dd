"""The network of Berg et al. 2018, "Generating visible spectrum images from thermal infrared" (TIR2Lab)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE_OF = 4
_MULTIPLES = (1, 2, 4, 4)
"""Channels of the four levels of the encoder in multiples of the width; the first two halve the resolution."""
_EPSILON, _MOMENTUM = 1e-3, 0.01
"""Of all norms; Keras counts momentum the other way round, 0.99."""
_SLOPE = 0.2


class BergNetwork(nn.Module):
    """One channel in [0, 1] ``(N, 1, H, W)`` → Lab in [0, 1] as Berg et al. scale it, ``(N, 3, H, W)``.

    Convolutions of 4×4 with bias; BatchNorm from the second on, dropout in the decoder, its inputs joined with the
    encoder's by concatenation.

    width
        Channels of the first level; 32 is the paper's.
    rows
        Height of all pictures, to reproduce the released code: its BatchNorm has the axis of the rows instead of that
        of the channels, by mistake. None normalises channels.
    dropout
        Share of the decoder's features that is left out while training.
    """

    def __init__(self, width: int = 32, rows: int | None = None, dropout: float = 0.5) -> None:
        super().__init__()
        channels = [multiple * width for multiple in _MULTIPLES]
        height = (None, None, None) if rows is None else (rows, rows // 2, rows // 4)
        self.first = _Convolution(1, channels[0], stride=2)
        self.second = _normed(channels[0], channels[1], height[2], stride=2)
        self.third = _normed(channels[1], channels[2], height[2])
        self.fourth = _normed(channels[2], channels[3], height[2])
        self.rise_1 = _normed(channels[3], channels[3], height[2], dropout=dropout)
        self.rise_2 = _normed(channels[3] + channels[2], channels[2], height[2], dropout=dropout)
        self.rise_3 = _normed(channels[2] + channels[1], channels[1], height[1], dropout=dropout)
        self.rise_4 = _normed(channels[1] + channels[0], channels[0], height[0], dropout=dropout)
        self.head = _Convolution(channels[0], 3)

    def forward(self, source: Tensor) -> Tensor:
        # The published model also has a leaky ReLU before this, which changes nothing of what is not negative.
        first = self.first(source)
        second = self.second(F.leaky_relu(first, _SLOPE))
        third = self.third(F.leaky_relu(second, _SLOPE))
        fourth = self.fourth(F.leaky_relu(third, _SLOPE))
        risen = torch.cat((self.rise_1(F.relu(fourth)), third), dim=1)
        risen = torch.cat((self.rise_2(F.relu(risen)), second), dim=1)
        risen = torch.cat((self.rise_3(_twice(F.relu(risen))), first), dim=1)
        # Without an activation behind the last norm, as published.
        return torch.sigmoid(self.head(self.rise_4(_twice(F.relu(risen)))))


class _Convolution(nn.Module):
    """4×4 that keeps the size, or halves it: an even kernel has one more row of zeros below than above."""

    def __init__(self, incoming: int, outgoing: int, stride: int = 1) -> None:
        super().__init__()
        self.before = 1
        self.behind = 2 if stride == 1 else 1
        self.convolution = nn.Conv2d(incoming, outgoing, 4, stride=stride)
        nn.init.xavier_normal_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        padded = F.pad(features, (self.before, self.behind, self.before, self.behind))
        convolved: Tensor = self.convolution(padded)
        return convolved


class RowNorm(nn.Module):
    """BatchNorm over rows of the picture, each row with a scale of its own: the mistake of the released code."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(rows, eps=_EPSILON, momentum=_MOMENTUM)

    def forward(self, features: Tensor) -> Tensor:
        normed: Tensor = self.norm(features.transpose(1, 2)).transpose(1, 2)
        return normed


def _normed(incoming: int, outgoing: int, rows: int | None, stride: int = 1, dropout: float = 0.0) -> nn.Sequential:
    norm = nn.BatchNorm2d(outgoing, eps=_EPSILON, momentum=_MOMENTUM) if rows is None else RowNorm(rows)
    return nn.Sequential(_Convolution(incoming, outgoing, stride), norm, nn.Dropout(dropout))


def _twice(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0)
