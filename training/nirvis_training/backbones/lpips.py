"""LPIPS in version 0.1: distance of two pictures in calibrated AlexNet features (Zhang et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nirvis_training.backbones.weights import Weights

CHANNELS = (64, 192, 384, 256, 256)
"""Of the five layers after a ReLU that are compared."""
PUBLISHED_TRUNKS = ("7be5be79", "4df8aa71")
"""How the sha256 of torchvision's alexnet-owt begins; the two files hold the same weights."""
PUBLISHED_HEADS = "df73285e"
"""How the sha256 of alex.pth of version 0.1 begins, as the wheel of lpips has it."""
LEAST_PX = 31
"""Smaller pictures leave nothing for the second pool."""
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class Lpips(nn.Module):
    """Σ over layers of the mean over pixels of weighted squared differences of unit features (eq. 1).

    Pictures are RGB in [0, 1], at least `LEAST_PX` high and wide. The tensors have torchvision's and lpips' names.

    trunk
        ``features.N.weight`` and ``.bias`` of torchvision's AlexNet; its classifier may be there and is not used.
    heads
        ``lin0.model.1.weight`` to ``lin4.model.1.weight``.

    Raises `FeaturesError` when a file holds something else.
    """

    def __init__(self, trunk: Weights, heads: Weights) -> None:
        super().__init__()
        self.trunk = alexnet()
        trunk.load_into(nn.ModuleDict({"features": self.trunk}), "AlexNet of torchvision", ignored=("classifier.",))
        named = {f"lin{layer}": nn.ModuleDict({"model": _Head(channels)}) for layer, channels in enumerate(CHANNELS)}
        self.heads = nn.ModuleDict(named)
        heads.load_into(self.heads, "linear heads of LPIPS on AlexNet")
        self.published = trunk.sha256.startswith(PUBLISHED_TRUNKS) and heads.sha256.startswith(PUBLISHED_HEADS)
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """``(N, 3, H, W)`` twice → ``(N,)``."""
        pairs = zip(self._unit_features(first), self._unit_features(second), strict=True)
        weights = self.heads.state_dict().values()
        layers = [
            ((one - other).square() * weight).sum(dim=1).mean(dim=(1, 2))
            for (one, other), weight in zip(pairs, weights, strict=True)
        ]
        return torch.stack(layers).sum(dim=0)

    def _unit_features(self, rgb: Tensor) -> list[Tensor]:
        shift, scale = (rgb.new_tensor(values).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
        picture = (2 * rgb - 1 - shift) / scale
        found = []
        for layer in self.trunk:
            picture = layer(picture)
            if isinstance(layer, nn.ReLU):
                found.append(picture / (picture.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return found


def alexnet() -> nn.Sequential:
    """The convolutions of AlexNet as torchvision has them, numbered alike, up to the last ReLU."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )


class _Head(nn.Sequential):
    """A 1×1 convolution without bias; position 0 is the dropout of its training."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))
