"""How far a picture that went through a cycle is from where it began, in content and in style (Li et al. 2021)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nirvis_training.losses.perceptual import gram_matrix
from nirvis_training.method_settings.i2vgan import I2vGanSettings
from nirvis_training.networks.vgg import VggFeatures

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_STYLE_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1.0, 1.0)
_CONTENT = STYLE_TAPS.index("relu4_1")


class Look(NamedTuple):
    """A picture in [-1, 1] ``(N, 3, H, W)`` and its VGG-19 features, none of them with gradients."""

    picture: Tensor
    features: list[Tensor]


class PerceptualDistance:
    """L1 of pixels + distance of relu4_1 + style weight · Σ wₖ · MSE of Gram matrices (Li et al. 2021, eq. 3 to 5).

    Pictures are RGB in [-1, 1] ``(N, 3, H, W)`` and enter VGG-19 as they are.

    vgg
        With the layers `STYLE_TAPS`; None compares pixels alone.
    """

    def __init__(self, settings: I2vGanSettings, vgg: VggFeatures | None) -> None:
        self.vgg = vgg
        self.style_weight = settings.style_weight
        self.content_distance = F.l1_loss if settings.variant == "released" else F.mse_loss

    @torch.no_grad()
    def look(self, original: Tensor) -> Look:
        """A picture and its features, for comparing several others with."""
        return Look(original, self.vgg(original) if self.vgg is not None else [])

    def __call__(self, cycled: Tensor, original: Look) -> Tensor:
        pixels = F.l1_loss(cycled, original.picture)
        if self.vgg is None:
            return pixels
        found, wanted = self.vgg(cycled), original.features
        content = self.content_distance(found[_CONTENT], wanted[_CONTENT])
        style = [
            weight * F.mse_loss(gram_matrix(features), gram_matrix(of_original))
            for weight, features, of_original in zip(_STYLE_WEIGHTS, found, wanted, strict=True)
        ]
        return pixels + content + self.style_weight * torch.stack(style).sum()
