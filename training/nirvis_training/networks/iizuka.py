"""The network of Iizuka et al. 2016, "Let there be color!": what is here, and what kind of picture this is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.networks.lightness_head import LightnessHead

MULTIPLE_OF = 8
GLOBAL_SIDE = 224
"""The global features see the picture at this size, whatever its own."""
_REDUCTION = 32
"""Of the global convolutions' input: 224 becomes 7."""


class IizukaNetwork(nn.Module):
    """Lightness in [0, 1] ``(N, 1, H, W)`` → a* and b* in [0, 1] ``(N, 2, H/2, W/2)``, lightness, logits of classes.

    Low-level features are shared: at the picture's own size they become mid-level features, at 224×224 one vector of
    the whole picture. A 1×1 convolution fuses both at each place (eq. 1), and the decoder colours.

    width
        Channels of the first convolution; 64 is the paper's.
    classes
        Kinds of pictures that the global features also have to tell apart; 0 leaves that branch out.
    regress_lightness
        Correct lightness (`LightnessHead`) instead of passing it on.
    """

    def __init__(self, width: int = 64, classes: int = 0, regress_lightness: bool = False) -> None:
        super().__init__()
        self.low = _convolutions(
            1, [(width, 2), (2 * width, 1), (2 * width, 2), (4 * width, 1), (4 * width, 2), (8 * width, 1)]
        )
        self.mid = _convolutions(8 * width, [(8 * width, 1), (4 * width, 1)])
        self.wide = _convolutions(8 * width, [(8 * width, 2), (8 * width, 1), (8 * width, 2), (8 * width, 1)])
        flat = 8 * width * (GLOBAL_SIDE // _REDUCTION) ** 2
        self.whole = nn.Sequential(_linear(flat, 16 * width), _linear(16 * width, 8 * width))
        self.vector = _linear(8 * width, 4 * width)
        self.fusion = nn.Sequential(
            nn.Conv2d(8 * width, 4 * width, 1), nn.BatchNorm2d(4 * width), nn.ReLU(inplace=True)
        )
        self.decoder = nn.Sequential(
            _convolutions(4 * width, [(2 * width, 1)]),
            nn.Upsample(scale_factor=2.0),
            _convolutions(2 * width, [(width, 1), (width, 1)]),
            nn.Upsample(scale_factor=2.0),
            _convolutions(width, [(width // 2, 1)]),
            nn.Conv2d(width // 2, 2, 3, padding=1),
        )
        self.lightness = LightnessHead(4 * width, MULTIPLE_OF) if regress_lightness else None
        self.classifier = (
            nn.Sequential(_linear(8 * width, 4 * width), nn.Linear(4 * width, classes)) if classes else None
        )

    def forward(self, lightness: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        local = self.mid(self.low(lightness))
        small = F.interpolate(lightness, (GLOBAL_SIDE, GLOBAL_SIDE), mode="bilinear", align_corners=False)
        whole = self.whole(self.wide(self.low(small)).flatten(1))
        vector = self.vector(whole)[:, :, None, None].expand(-1, -1, local.shape[2], local.shape[3])
        fused = self.fusion(torch.cat((local, vector), dim=1))
        if self.lightness is not None:
            lightness = self.lightness(fused, lightness)
        classes = None if self.classifier is None else self.classifier(whole)
        return torch.sigmoid(self.decoder(fused)), lightness, classes


def _convolutions(incoming: int, layers: list[tuple[int, int]]) -> nn.Sequential:
    """3×3 convolutions of these channels and strides, each with BatchNorm and ReLU."""
    modules: list[nn.Module] = []
    for channels, stride in layers:
        modules += [
            nn.Conv2d(incoming, channels, 3, stride=stride, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        incoming = channels
    return nn.Sequential(*modules)


def _linear(incoming: int, outgoing: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(incoming, outgoing), nn.BatchNorm1d(outgoing), nn.ReLU(inplace=True))
