"""The generator of residual blocks that CycleGAN and its successors share (Johnson et al. 2016; Zhu et al. 2017).

Its layers stand in one sequence, numbered as in the published code, so that "layer 8" of a paper is layer 8 here:

| | plain | ``blur_down`` |
|---|---|---|
| 0 | picture with reflected border | the same |
| 1-3 | conv 7×7, norm, ReLU | the same |
| 4-6, 7-9 | conv 3×3 of stride 2, norm, ReLU: twice | |
| 4-7, 8-11 | | conv 3×3, norm, ReLU, blur with stride 2: twice |
| 10…, 12… | residual blocks, one number each | |
| then | transposed conv, norm, ReLU: twice; with ``blur_up``: blurred upsampling, conv 3×3, norm, ReLU | |
| last three | reflected border, conv 7×7, tanh | |
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from nirvis_training.networks.blur import BlurDown, BlurUp
from nirvis_training.networks.initialisation import Initialisation, initialise


class ResnetGenerator(nn.Module):
    """Picture in [-1, 1] ``(N, channels, H, W)`` → picture in [-1, 1] ``(N, 3, H, W)``, H and W multiples of 2^downs.

    width
        Channels of the first stage (the papers' ngf), 64 in the papers.
    blocks
        Residual blocks at the lowest resolution.
    downs
        Halvings before them: 2; 4 in the global generator of pix2pixHD.
    blur_down, blur_up
        Resample through [1, 2, 1] and [1, 3, 3, 1], as CUT does, instead of by strides alone.
    dropout
        Share of the features that every residual block drops while training.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        downs: int = 2,
        *,
        channels: int = 3,
        blur_down: bool = False,
        blur_up: bool = False,
        dropout: float = 0.0,
        initialisation: Initialisation = "normal",
    ) -> None:
        super().__init__()
        self.multiple_of = 2**downs
        self.channels = channels
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for stage in range(downs):
            layers += down(width * 2**stage, blur_down)
        layers += [ResidualBlock(width * 2**downs, dropout) for _ in range(blocks)]
        for stage in reversed(range(downs)):
            layers += up(width * 2**stage, blur_up)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialise(self, initialisation)

    def forward(
        self, picture: Tensor, taps: Sequence[int] | None = None, *, encode_only: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """The output; with `taps`, also what `features` gives, and `encode_only` leaves out all layers behind them."""
        if taps is None:
            return self.layers(picture)  # type: ignore[no-any-return]
        found = []
        for number in range(taps[-1] + 1 if encode_only else len(self.layers)):
            picture = self.layers[number](picture)
            if number in taps:
                found.append(picture)
        return picture, found

    def features(self, picture: Tensor, taps: Sequence[int]) -> list[Tensor]:
        """What the layers of the numbers `taps`, ascending, give; layers after the last of them are not computed."""
        found: list[Tensor] = self(picture, taps, encode_only=True)[1]
        return found

    def with_features(self, picture: Tensor, taps: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """The output, and what `features` gives, in one pass."""
        both: tuple[Tensor, list[Tensor]] = self(picture, taps)
        return both

    def feature_channels(self, taps: Sequence[int]) -> list[int]:
        """Channels of what `features` gives, for a projector that is made before the first picture."""
        counts = [self.channels]
        for layer in list(self.layers)[1:]:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                counts.append(layer.out_channels)
            else:
                counts.append(counts[-1])
        return [counts[tap] for tap in taps]


def down(channels: int, blur: bool) -> list[nn.Module]:
    """Half the resolution, twice the channels."""
    conv = nn.Conv2d(channels, 2 * channels, 3, stride=1 if blur else 2, padding=1)
    layers: list[nn.Module] = [conv, nn.InstanceNorm2d(2 * channels), nn.ReLU()]
    return [*layers, BlurDown()] if blur else layers


def up(channels: int, blur: bool) -> list[nn.Module]:
    """Twice the resolution, half the channels: from 2 · `channels` to `channels`."""
    rest = [nn.InstanceNorm2d(channels), nn.ReLU()]
    if blur:
        return [BlurUp(), nn.Conv2d(2 * channels, channels, 3, padding=1), *rest]
    return [nn.ConvTranspose2d(2 * channels, channels, 3, stride=2, padding=1, output_padding=1), *rest]


class ResidualBlock(nn.Module):
    """conv 3×3 - norm - ReLU - conv 3×3 - norm with reflected borders, plus its input; no ReLU after the sum."""

    def __init__(self, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        output: Tensor = features + self.body(features)
        return output


class LocalEnhancer(nn.Module):
    """Coarse-to-fine generator of pix2pixHD (Wang et al. 2018, section 3.1): a global generator at half the resolution
    whose last features a local one refines.

    width
        Channels of the first stage at full resolution; the global generator begins with twice as many.
    blocks, global_blocks
        Residual blocks of the local (3) and of the global generator (9).
    """

    def __init__(self, width: int = 32, blocks: int = 3, global_blocks: int = 9, global_downs: int = 4) -> None:
        super().__init__()
        self.multiple_of = 2 ** (global_downs + 1)
        self.coarse = ResnetGenerator(2 * width, global_blocks, global_downs)
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.encode = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(), *down(width, blur=False)
        )
        self.decode = nn.Sequential(
            *(ResidualBlock(2 * width) for _ in range(blocks)),
            *up(width, blur=False),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )
        initialise(self, "normal")

    def forward(self, picture: Tensor) -> Tensor:
        coarse = self.coarse.layers[:-3](self.halve(picture))
        output: Tensor = self.decode(self.encode(picture) + coarse)
        return output
