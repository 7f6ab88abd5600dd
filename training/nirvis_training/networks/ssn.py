"""The State Synchronization Network (Wu et al. 2020, "Learn to recover visible color for video surveillance in a day").

One ResNet-18 encoder, two decoders of one shape: texture (L) and chrominance (ab). After every upsampling both are
weighted by how far they agree. The published code differs from the paper, and parts of the paper exclude each other:

- *Instance normalisation* is BatchNorm in all residual blocks of the code, so of the published weights
  (``norm="released"``); ``"paper"`` has instance normalisation everywhere; ``"group"`` is the paper's ablation.
- *Max-pooling* after the stem is in the figure of the paper only. With it, the four upsamplings of the decoders would
  end at half the resolution of the input; neither the code nor this module has it, in no variant.

Table 3 of the paper takes the network apart: ``synchronise=False`` leaves the agreement out, depth 34 has the blocks of
ResNet-34 in the encoder and in both decoders.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["released", "paper", "group"]
Depth = Literal[18, 34]
_MakeNorm = Callable[[int], nn.Module]

MULTIPLE_OF = 16
"""Height and width of what the network sees are multiples of this."""
_GROUPS = 32
_STAGES = 4
_BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Residual blocks of the four stages of a ResNet (He et al. 2016, table 1); a decoder mirrors the first three."""


def gaussian_window(size: int, sigma: float) -> Tensor:
    """Gaussian weights that sum to one, ``(1, 1, size, size)``."""
    offsets = torch.arange(size) - (size - 1) / 2
    profile = torch.exp(-offsets.square() / (2 * sigma**2))
    window = torch.outer(profile, profile)
    return (window / window.sum())[None, None]


def state_synchronisation(texture: Tensor, chrominance: Tensor, blur: Tensor) -> tuple[Tensor, Tensor]:
    """Weight both decoders by how far they agree (Wu et al. 2020, eq. 1-4).

    The agreement is the cosine of both feature vectors at each pixel, blurred with zeros beyond the border, as in the
    published code.

    texture, chrominance
        Features of the two decoders, ``(N, C, H, W)``.
    blur
        Gaussian kernel ``(1, 1, k, k)`` that sums to one; the paper has k = 3 and σ = 1.5.
    """
    agreement = F.conv2d(_cosine(texture, chrominance), blur, padding=blur.shape[-1] // 2)
    return texture * agreement, chrominance * agreement


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the vectors at each pixel, ``(N, 1, H, W)``; 0 where one is nothing. A quarter of torch's own time."""
    exact = torch.promote_types(first.dtype, torch.float32)
    first, second = first.to(exact), second.to(exact)
    length_1, length_2 = (vectors.square().sum(dim=1, keepdim=True).clamp(min=1e-16) for vectors in (first, second))
    return (first * second).sum(dim=1, keepdim=True) * torch.rsqrt(length_1) * torch.rsqrt(length_2)


class StateSynchronizationNetwork(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] → normalised Lab ``(N, 3, H, W)``; H and W are multiples of 16.

    width
        Channels of the first stage; 64 is the paper's, all others follow in proportion.
    norm, depth, synchronise
        See the head of this module.
    """

    blur: Tensor

    def __init__(self, width: int = 64, norm: Norm = "released", depth: Depth = 18, synchronise: bool = True) -> None:
        super().__init__()
        in_block, elsewhere = _norms(norm)
        self.synchronise = synchronise
        self.encoder = Encoder(width, in_block, elsewhere, _BLOCKS[depth])
        self.texture = Decoder(width, channels=1, norm=in_block, blocks=_BLOCKS[depth])
        self.chrominance = Decoder(width, channels=2, norm=in_block, blocks=_BLOCKS[depth])
        self.register_buffer("blur", gaussian_window(3, 1.5), persistent=False)
        self.apply(_initialise)

    def forward(self, source: Tensor) -> Tensor:
        deepest, *skips = self.encoder(source)
        texture = chrominance = deepest
        for stage in range(_STAGES):
            texture, chrominance = self.texture.rise(stage, texture), self.chrominance.rise(stage, chrominance)
            if self.synchronise:
                texture, chrominance = state_synchronisation(texture, chrominance, self.blur)
            if stage < len(skips):
                texture = self.texture.refine(stage, texture + skips[stage])
                chrominance = self.chrominance.refine(stage, chrominance + skips[stage])
        return torch.cat((self.texture.head(texture), self.chrominance.head(chrominance)), dim=1)


class Encoder(nn.Module):
    """Stem and four stages of a ResNet without max-pooling."""

    def __init__(
        self, width: int, in_block: _MakeNorm, elsewhere: _MakeNorm, blocks: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), elsewhere(width), nn.ReLU(inplace=True)
        )
        stages = [_residual_blocks(width, in_block, blocks[0])]
        for channels, count in zip((2 * width, 4 * width, 8 * width), blocks[1:], strict=True):
            shortcut = nn.Sequential(nn.Conv2d(channels // 2, channels, 1, stride=2, bias=False), elsewhere(channels))
            halving = ResidualBlock(channels, in_block, shortcut, incoming=channels // 2)
            stages.append(nn.Sequential(halving, *_residual_blocks(channels, in_block, count - 1)))
        self.stages = nn.ModuleList(stages)

    def forward(self, source: Tensor) -> list[Tensor]:
        """Features at 1/16, 1/8, 1/4 and 1/2 of the resolution, deepest first."""
        features = self.stem(source)
        found = []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found[::-1]


class Decoder(nn.Module):
    """Four upsamplings, residual blocks behind each of the first three, and the head of one branch."""

    def __init__(self, width: int, channels: int, norm: _MakeNorm, blocks: tuple[int, int, int, int]) -> None:
        super().__init__()
        incoming = (8 * width, 4 * width, 2 * width, width)
        outgoing = (4 * width, 2 * width, width, width)
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 2, stride=2, bias=False) for i, o in zip(incoming, outgoing, strict=True)
        )
        self.blocks = nn.ModuleList(
            _residual_blocks(o, norm, count) for o, count in zip(outgoing, blocks[-2::-1], strict=False)
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1, bias=False)

    def rise(self, stage: int, features: Tensor) -> Tensor:
        """Twice the resolution, half the channels (the last stage keeps them)."""
        risen: Tensor = self.upsample[stage](features)
        return risen

    def refine(self, stage: int, features: Tensor) -> Tensor:
        refined: Tensor = self.blocks[stage](features)
        return refined


class ResidualBlock(nn.Module):
    """conv 3×3 - norm - ReLU - conv 3×3 - norm, plus the shortcut, then ReLU (He et al. 2016)."""

    def __init__(
        self, channels: int, norm: _MakeNorm, shortcut: nn.Module | None = None, incoming: int | None = None
    ) -> None:
        super().__init__()
        stride = 1 if shortcut is None else 2
        self.conv1 = nn.Conv2d(incoming or channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = norm(channels)
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(features)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(features))


def _residual_blocks(channels: int, norm: _MakeNorm, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, norm) for _ in range(count)))


def _norms(norm: Norm) -> tuple[_MakeNorm, _MakeNorm]:
    """Normalisation inside residual blocks, and in the stem and the shortcuts."""
    if norm == "released":
        return nn.BatchNorm2d, nn.InstanceNorm2d
    if norm == "paper":
        return nn.InstanceNorm2d, nn.InstanceNorm2d
    return _group_norm, _group_norm


def _group_norm(channels: int) -> nn.Module:
    """32 groups as in the paper; fewer where a narrow network has no multiple of 32 channels."""
    return nn.GroupNorm(math.gcd(_GROUPS, channels), channels)


def _initialise(module: nn.Module) -> None:
    """As the published code, which then copies ImageNet weights into the encoder: `ssn_weights.start_from`."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
