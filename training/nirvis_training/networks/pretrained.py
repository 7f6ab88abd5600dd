"""Weights of pretrained networks, from files that the user supplies; no code in them runs."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from nirvis_training.errors import FeaturesError

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
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise FeaturesError(f"{path} has sha256 {found}, the settings want {sha256}: it is another file, or damaged.")
    return _chosen(_state(path, content), path, network, shapes)


def _state(path: Path, content: bytes) -> Mapping[str, object]:
    try:
        if path.suffix == ".safetensors":
            state: object = load_safetensors(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FeaturesError(f"{path} holds no state dict: {str(error).splitlines()[0]}") from None
    return state if isinstance(state, Mapping) else {}


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
