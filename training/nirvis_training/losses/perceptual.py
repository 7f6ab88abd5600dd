"""Perceptual distance in the features of VGG-16, from a file that the user supplies."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from nirvis_training.errors import FeaturesError

_CONVOLUTIONS: dict[int, tuple[int, int]] = {
    0: (3, 64),
    2: (64, 64),
    5: (64, 128),
    7: (128, 128),
    10: (128, 256),
    12: (256, 256),
    14: (256, 256),
    17: (256, 512),
    19: (512, 512),
    21: (512, 512),
}
"""Position in VGG-16's ``features`` → channels in and out, up to relu4_3."""
_TAPS = (2, 7, 14, 21)
"""relu1_2, relu2_2, relu3_3 and relu4_3, by the convolutions before them; max-pooling follows the first three."""


class PerceptualLoss(nn.Module):
    """L1 distance of VGG-16 features after relu1_2, relu2_2, relu3_3 and relu4_3 (Wu et al. 2020).

    The Lab tensor in [0, 1] enters as if it were RGB, without the mean and deviation of ImageNet: that is what the
    published code does. Weights are fixed, and not part of a method's state.

    weights
        ``features.N.weight`` and ``features.N.bias`` of torchvision's VGG-16.
    reduction
        Over the four layers: ``"sum"`` as the paper writes it, ``"mean"`` as its code computes it.
    """

    def __init__(self, weights: Mapping[str, Tensor], reduction: Literal["sum", "mean"]) -> None:
        super().__init__()
        self.reduction = reduction
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), tensor.detach().float(), persistent=False)

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Scalar distance of two pictures ``(N, 3, H, W)``; no gradient reaches the target."""
        with torch.no_grad():
            wanted = self.features(target)
        pairs = zip(self.features(predicted), wanted, strict=True)
        distances = torch.stack([F.l1_loss(found, features) for found, features in pairs])
        return distances.sum() if self.reduction == "sum" else distances.mean()

    def features(self, picture: Tensor) -> list[Tensor]:
        found = []
        for position in _CONVOLUTIONS:
            weight = self.get_buffer(f"features_{position}_weight")
            bias = self.get_buffer(f"features_{position}_bias")
            picture = F.relu(F.conv2d(picture, weight, bias, padding=1))
            if position in _TAPS:
                found.append(picture)
                picture = F.max_pool2d(picture, 2) if position != _TAPS[-1] else picture
        return found


def read_vgg16(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The convolutions of VGG-16 from torchvision's state dict, as ``.pth`` or ``.safetensors``; no code in it runs.

    Raises `FeaturesError` when the file is missing, has another checksum, or holds something else.
    """
    if not path.is_file():
        raise FeaturesError(f"There is no file of VGG-16 features at {path}. Give method.features another path.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise FeaturesError(f"{path} has sha256 {found}, the settings want {sha256}: it is another file, or damaged.")
    return _convolutions(_state(path, content), path)


def random_vgg16(seed: int = 0) -> dict[str, Tensor]:
    """Random convolutions in the shape of VGG-16, the same for the same seed; for trying things out only."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for position, (incoming, outgoing) in _CONVOLUTIONS.items():
        deviation = (2 / (9 * incoming)) ** 0.5
        weights[f"features.{position}.weight"] = deviation * torch.randn(outgoing, incoming, 3, 3, generator=generator)
        weights[f"features.{position}.bias"] = torch.zeros(outgoing)
    return weights


def _state(path: Path, content: bytes) -> Mapping[str, object]:
    try:
        if path.suffix == ".safetensors":
            state: object = load_safetensors(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FeaturesError(f"{path} holds no state dict: {str(error).splitlines()[0]}") from None
    return state if isinstance(state, Mapping) else {}


def _convolutions(state: Mapping[str, object], path: Path) -> dict[str, Tensor]:
    weights = {}
    for position, (incoming, outgoing) in _CONVOLUTIONS.items():
        for kind, shape in (("weight", (outgoing, incoming, 3, 3)), ("bias", (outgoing,))):
            name = f"features.{position}.{kind}"
            tensor = state.get(name)
            if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
                given = tuple(tensor.shape) if isinstance(tensor, Tensor) else "nothing"
                raise FeaturesError(
                    f"{path} is no VGG-16 as torchvision stores it: {name} should have shape {shape}, found {given}."
                )
            weights[name] = tensor
    return weights
