"""The network of Zhang et al. 2016, "Colorful image colorization": strides instead of pooling, colours at a quarter."""

from __future__ import annotations

from torch import Tensor, nn

from nirvis_training.networks.lightness_head import LightnessHead

MULTIPLE_OF = 8
REDUCTION = 4
"""The colours have a quarter of the resolution."""

_Group = tuple[tuple[int, ...], int, int]
_GROUPS: tuple[_Group, ...] = (
    ((1, 1), 2, 1),
    ((2, 2), 2, 1),
    ((4, 4, 4), 2, 1),
    ((8, 8, 8), 1, 1),
    ((8, 8, 8), 1, 2),
    ((8, 8, 8), 1, 2),
    ((8, 8, 8), 1, 1),
)
"""Channels of each convolution in multiples of the width, stride of the last one, dilation of all."""


class ZhangNetwork(nn.Module):
    """Lightness in [0, 1] ``(N, 1, H, W)`` → logits of the colour bins ``(N, bins, H/4, W/4)``, and lightness.

    All convolutions have a bias and a ReLU behind them; BatchNorm ends each group, affine as in the authors' own port.

    width
        Channels of the first group; 64 is the paper's.
    bins
        How many colours there are to choose from.
    regress_lightness
        Correct lightness (`LightnessHead`) instead of passing it on.
    """

    def __init__(self, width: int = 64, bins: int = 313, regress_lightness: bool = False) -> None:
        super().__init__()
        incoming = [1, *(group[0][-1] * width for group in _GROUPS)]
        groups = [_group(first, group, width) for first, group in zip(incoming, _GROUPS, strict=False)]
        self.trunk = nn.Sequential(*groups, _rise(8 * width, 4 * width))
        self.colours = nn.Conv2d(4 * width, bins, 1)
        self.lightness = LightnessHead(4 * width, REDUCTION) if regress_lightness else None

    def forward(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(lightness - 0.5)
        return self.colours(features), lightness if self.lightness is None else self.lightness(features, lightness)


def _group(incoming: int, group: _Group, width: int) -> nn.Sequential:
    multiples, stride, dilation = group
    layers: list[nn.Module] = []
    for position, multiple in enumerate(multiples, start=1):
        step = stride if position == len(multiples) else 1
        layers += [
            nn.Conv2d(incoming, multiple * width, 3, stride=step, padding=dilation, dilation=dilation),
            nn.ReLU(inplace=True),
        ]
        incoming = multiple * width
    return nn.Sequential(*layers, nn.BatchNorm2d(incoming))


def _rise(incoming: int, outgoing: int) -> nn.Sequential:
    """The last group: twice the resolution, and no norm."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(incoming, outgoing, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    for _ in range(2):
        layers += [nn.Conv2d(outgoing, outgoing, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
