"""Discriminators that judge overlapping patches of a picture (Isola et al. 2017), at one scale or several."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.networks.blur import BlurDown
from nirvis_training.networks.initialisation import Initialisation, initialise

_MOST = 8
"""Most channels of a stage, in widths."""


class PatchGan(nn.Module):
    """Picture ``(N, channels, H, W)`` → one logit per patch ``(N, 1, h, w)``: 30×30 for 256×256 with three layers.

    channels
        6 for a conditional discriminator, which sees source and picture behind each other.
    width
        Channels of the first stage (the papers' ndf).
    layers
        Convolutions of stride 2; two of stride 1 follow.
    padding
        1; 2 in pix2pixHD.
    norm
        Instance normalisation without parameters; ``affine`` as `Unet` has it.
    blur_down
        Halve through a blur, as CUT does.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        layers: int = 3,
        padding: int = 1,
        *,
        affine: bool = False,
        blur_down: bool = False,
        initialisation: Initialisation = "normal",
    ) -> None:
        super().__init__()
        sizes = [channels, *(width * min(2**stage, _MOST) for stage in range(layers + 1))]
        self.stages = nn.ModuleList()
        for stage in range(layers + 1):
            halving = stage < layers
            self.stages.append(
                nn.Sequential(
                    nn.Conv2d(
                        sizes[stage],
                        sizes[stage + 1],
                        4,
                        stride=2 if halving and not blur_down else 1,
                        padding=padding,
                        bias=stage == 0 or not affine,
                    ),
                    *([nn.InstanceNorm2d(sizes[stage + 1], affine=affine)] if stage else []),
                    nn.LeakyReLU(0.2),
                    *([BlurDown()] if halving and blur_down else []),
                )
            )
        self.head = nn.Conv2d(sizes[-1], 1, 4, padding=padding)
        initialise(self, initialisation)

    def forward(self, picture: Tensor, *, every_stage: bool = False) -> Tensor | list[Tensor]:
        """The logits, or what `features` gives."""
        found = []
        for stage in self.stages:
            picture = stage(picture)
            found.append(picture)
        logits: Tensor = self.head(picture)
        return [*found, logits] if every_stage else logits

    def features(self, picture: Tensor) -> list[Tensor]:
        """What every stage gives, the logits last."""
        found: list[Tensor] = self(picture, every_stage=True)
        return found


class MultiscalePatchGan(nn.Module):
    """Several `PatchGan` of one shape, each at half the resolution of the last (Wang et al. 2018, section 3.2)."""

    def __init__(self, channels: int = 6, width: int = 64, layers: int = 3, scales: int = 2) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(PatchGan(channels, width, layers, padding=2) for _ in range(scales))

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """Per scale, finest first, what `PatchGan.features` gives."""
        found = []
        for discriminator in self.discriminators:
            found.append(discriminator.features(picture))  # type: ignore[operator]
            picture = F.avg_pool2d(picture, 3, stride=2, padding=1, count_include_pad=False)
        return found
