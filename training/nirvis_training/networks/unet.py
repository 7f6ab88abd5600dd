"""The U-Net of pix2pix (Isola et al. 2017), also the predictor of Recycle-GAN and I2V-GAN."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nirvis_training.networks.initialisation import initialise

UnetNorm = Literal["instance", "affine"]
_MOST = 8
"""Most channels of a stage, in widths."""
_DROPPED = 0.5


class Unet(nn.Module):
    """Picture in [-1, 1] ``(N, channels, H, W)`` → picture in [-1, 1] ``(N, 3, H, W)``, H and W multiples of 2^downs.

    width
        Channels of the first stage, 64 in the papers.
    downs
        Halvings: 8 in pix2pix ("unet_256"), 7 in predictors ("unet_128").
    channels
        Of the input: 6 for two frames behind each other.
    norm
        ``instance`` without parameters, as in Recycle-GAN and I2V-GAN. ``affine`` has a scale and an offset, and is
        what BatchNorm computes at a batch of 1, with which pix2pix was published, in training and in prediction.
    dropout
        Whether the three stages above the two deepest drop half of their features while training (pix2pix's noise).
    """

    def __init__(
        self, width: int = 64, downs: int = 8, channels: int = 3, norm: UnetNorm = "instance", *, dropout: bool = False
    ) -> None:
        super().__init__()
        self.multiple_of = 2**downs
        affine = norm == "affine"
        sizes = [channels, *(width * min(2**stage, _MOST) for stage in range(downs))]
        self.down = nn.ModuleList(
            _down(sizes[i], sizes[i + 1], affine, first=i == 0, last=i == downs - 1) for i in range(downs)
        )
        self.up = nn.ModuleList(
            _up(sizes[i + 1] * (1 if i == downs - 1 else 2), sizes[i], affine, dropout and downs - 4 <= i < downs - 1)
            for i in range(1, downs)
        )
        self.head = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 3, 4, stride=2, padding=1), nn.Tanh())
        initialise(self, "normal")

    def forward(self, picture: Tensor) -> Tensor:
        skips = []
        for stage in self.down:
            picture = stage(picture)
            skips.append(picture)
        features = skips.pop()
        for stage in reversed(self.up):
            features = torch.cat((skips.pop(), stage(features)), dim=1)
        output: Tensor = self.head(features)
        return output


def _down(incoming: int, outgoing: int, affine: bool, *, first: bool, last: bool) -> nn.Sequential:
    """Half the resolution; neither the first nor the last stage is normalised."""
    layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(incoming, outgoing, 4, stride=2, padding=1, bias=not affine))
    if not first and not last:
        layers.append(nn.InstanceNorm2d(outgoing, affine=affine))
    return nn.Sequential(*layers)


def _up(incoming: int, outgoing: int, affine: bool, dropout: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.ConvTranspose2d(incoming, outgoing, 4, stride=2, padding=1, bias=not affine),
        nn.InstanceNorm2d(outgoing, affine=affine),
        *([nn.Dropout(_DROPPED)] if dropout else []),
    )
