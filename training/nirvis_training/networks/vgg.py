"""Features of VGG-16 and VGG-19 (Simonyan & Zisserman 2015) by the names of their layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirvis_training.method_settings import RANDOM_FEATURES, FeatureSettings
from nirvis_training.networks.pretrained import read_weights

Vgg = Literal["VGG-16", "VGG-19"]

_BLOCKS: dict[Vgg, tuple[int, ...]] = {"VGG-16": (2, 2, 3, 3, 3), "VGG-19": (2, 2, 4, 4, 4)}
"""Convolutions of each block; max-pooling stands between the blocks."""
_CHANNELS = (64, 128, 256, 512, 512)
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
"""Of ImageNet's pictures in RGB of [0, 1]."""


class VggFeatures(nn.Module):
    """Picture ``(N, 3, H, W)`` → features after the layers `taps`. Weights are fixed, and not part of a method's state.

    network
        The depth.
    taps
        Such as ``relu4_1`` (fourth block, first convolution), in their order in the network.
    settings
        Where the weights come from: a file, or random ones on request.
    normalise
        Whether pictures are RGB in [0, 1] that ImageNet's mean and deviation shall be taken out of; without it they
        enter as they are, which is what most published codes of this package do.

    Raises `FeaturesError` when the file cannot be used.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, network: Vgg, taps: Sequence[str], settings: FeatureSettings, *, normalise: bool = False
    ) -> None:
        super().__init__()
        self._layers = _layers_up_to(network, taps[-1])
        self._taps = tuple(taps)
        self._normalise = normalise
        for name, tensor in vgg_weights(network, taps[-1], settings).items():
            self.register_buffer(name.replace(".", "_"), tensor.detach().float(), persistent=False)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        found = []
        if self._normalise:
            picture = (picture - self.mean) / self.deviation
        block = 1
        for name, position, _, _ in self._layers:
            if name[4] != str(block):
                block += 1
                picture = F.max_pool2d(picture, 2)
            weight = self.get_buffer(f"features_{position}_weight")
            picture = F.relu(F.conv2d(picture, weight, self.get_buffer(f"features_{position}_bias"), padding=1))
            if name in self._taps:
                found.append(picture)
        return found


def vgg_weights(network: Vgg, last: str, settings: FeatureSettings) -> dict[str, Tensor]:
    """The convolutions up to the layer `last`, as ``features.N.weight`` and ``.bias`` of torchvision's state dict.

    Raises `FeaturesError` when the file of the settings is missing, has another checksum, or holds something else.
    """
    if settings.features == RANDOM_FEATURES:
        return random_vgg(network, last)
    shapes: dict[str, tuple[int, ...]] = {}
    for _, position, incoming, outgoing in _layers_up_to(network, last):
        shapes[f"features.{position}.weight"] = (outgoing, incoming, 3, 3)
        shapes[f"features.{position}.bias"] = (outgoing,)
    return read_weights(settings.features_path, network, shapes, settings.features_sha256)


def random_vgg(network: Vgg, last: str = "relu5_1", seed: int = 0) -> dict[str, Tensor]:
    """Random convolutions in the shape of the network, the same for the same seed; for trying things out only."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for _, position, incoming, outgoing in _layers_up_to(network, last):
        deviation = (2 / (9 * incoming)) ** 0.5
        weights[f"features.{position}.weight"] = deviation * torch.randn(outgoing, incoming, 3, 3, generator=generator)
        weights[f"features.{position}.bias"] = torch.zeros(outgoing)
    return weights


def _layers_up_to(network: Vgg, last: str) -> list[tuple[str, int, int, int]]:
    """Name, position in torchvision's ``features``, channels in and out of every convolution."""
    layers = []
    position, incoming = 0, 3
    for block, (count, channels) in enumerate(zip(_BLOCKS[network], _CHANNELS, strict=True), start=1):
        for number in range(1, count + 1):
            layers.append((f"relu{block}_{number}", position, incoming, channels))
            position, incoming = position + 2, channels
        position += 1
    names = [name for name, *_ in layers]
    return layers[: names.index(last) + 1]
