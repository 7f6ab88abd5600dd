"""Weights of pretrained networks, from files that the user supplies; no code in them runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nirvis_training.errors import FeaturesError, WeightsError
from nirvis_training.networks.weights_file import read_state

Shapes = Mapping[str, tuple[int, ...]]
"""Names of the tensors that a network needs, and their shapes."""


def read_weights(path: Path, network: str, shapes: Shapes, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors named in `shapes`, of a state dict in a ``.pth`` or ``.safetensors`` file.

    network
        What the file should hold, for messages: ``VGG-16``.

    Raises `FeaturesError` when the file is missing, has another checksum, or holds something else.
    """
    if not path.is_file():
        raise FeaturesError(f"There is no file of {network} features at {path}. Give method.features another path.")
    try:
        state = read_state(path, sha256)
    except WeightsError as error:
        raise FeaturesError(str(error)) from None
    return _chosen(state, path, network, shapes)


def _chosen(state: Mapping[str, object], path: Path, network: str, shapes: Shapes) -> dict[str, Tensor]:
    weights = {}
    for name, shape in shapes.items():
        tensor = state.get(name)
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            given = tuple(tensor.shape) if isinstance(tensor, Tensor) else "nothing"
            raise FeaturesError(
                f"{path} is no {network} under its usual names: {name} should have shape {shape}, found {given}."
            )
        weights[name] = tensor
    return weights
