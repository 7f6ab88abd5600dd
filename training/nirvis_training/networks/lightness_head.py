"""Lightness of the answer for networks that were meant to colour grey visible pictures."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LightnessHead(nn.Module):
    """Corrects lightness by a gain and an offset for each place, so that its detail stays; changes nothing at first.

    The published systems keep the lightness of their input, a grey visible picture. Near infrared is none: leaves are
    bright in it and dark to the eye.

    channels
        Of the features.
    enlargement
        How much smaller than the picture the features are.
    """

    def __init__(self, channels: int, enlargement: int) -> None:
        super().__init__()
        self.enlargement = float(enlargement)
        self.gain_and_offset = nn.Conv2d(channels, 2, 1)
        for parameter in self.gain_and_offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, lightness: Tensor) -> Tensor:
        """Features ``(N, C, h, w)`` and lightness in [0, 1] ``(N, 1, H, W)`` → lightness of the answer."""
        correction = F.interpolate(
            self.gain_and_offset(features), scale_factor=self.enlargement, mode="bilinear", align_corners=False
        )
        gain, offset = correction.chunk(2, dim=1)
        return lightness * (1 + gain) + offset
