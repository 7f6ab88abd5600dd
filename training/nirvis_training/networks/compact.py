"""A compact network for the live view: what it computes at half the resolution is a colour transform for each place.

An encoder and decoder of 1/2 to 1/16 of the resolution gives twelve numbers for each place: a matrix and an offset that
make visible RGB of the RGB that the camera saw there, as in bilateral learning (Gharbi et al. 2017, "Deep bilateral
learning for real-time image enhancement"). They are interpolated and applied to the full picture, so that detail comes
from the camera and not through the network.

Nothing in it depends on the statistics of a single frame: BatchNorm is a constant when predicting, and folds into the
convolutions. A network with instance normalisation changes all colours when a bright car passes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE_OF = 16
_COEFFICIENTS = 12
_UNCHANGED = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
"""Rows of the matrix, each with its offset behind: what was seen passes as it is."""


class CompactNetwork(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] → RGB, not limited to [0, 1]; H and W are multiples of 16.

    width
        Channels at 1/4 of the resolution; half as many at 1/2, two and four times as many below. 48 makes 1.5 million
        parameters.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.down_half = _convolution(3, width // 2, stride=2)
        self.down_quarter = nn.Sequential(_convolution(width // 2, width, stride=2), Residual(width))
        self.down_eighth = nn.Sequential(
            _convolution(width, 2 * width, stride=2), Residual(2 * width), Residual(2 * width)
        )
        self.down_sixteenth = nn.Sequential(_convolution(2 * width, 4 * width, stride=2), Residual(4 * width))
        self.up_eighth = Rise(4 * width, 2 * width)
        self.up_quarter = Rise(2 * width, width)
        self.up_half = Rise(width, width // 2)
        self.head = nn.Conv2d(width // 2, _COEFFICIENTS, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(torch.tensor(_UNCHANGED, dtype=torch.float32))

    def forward(self, source: Tensor) -> Tensor:
        half = self.down_half(source)
        quarter = self.down_quarter(half)
        eighth = self.down_eighth(quarter)
        eighth = self.up_eighth(self.down_sixteenth(eighth), eighth)
        half = self.up_half(self.up_quarter(eighth, quarter), half)
        coefficients = F.interpolate(self.head(half), scale_factor=2.0, mode="bilinear", align_corners=False)
        return transformed(source, coefficients)


def transformed(source: Tensor, coefficients: Tensor) -> Tensor:
    """Apply a matrix and an offset at each pixel.

    source
        ``(N, 3, H, W)``.
    coefficients
        ``(N, 12, H, W)``: for each channel of the result its three factors and its offset.
    """
    red, green, blue = source.chunk(3, dim=1)
    rows = [
        row[:, :1] * red + row[:, 1:2] * green + row[:, 2:3] * blue + row[:, 3:] for row in coefficients.chunk(3, dim=1)
    ]
    return torch.cat(rows, dim=1)


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.second(self.first(features)))


class Rise(nn.Module):
    """Twice the resolution, joined with what the encoder had there."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(incoming, outgoing, 1)
        self.refine = Residual(outgoing)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        risen = F.interpolate(self.narrow(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        refined: Tensor = self.refine(F.relu(risen + skip))
        return refined


def _convolution(incoming: int, outgoing: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(incoming, outgoing, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outgoing),
        nn.ReLU(inplace=True),
    )
