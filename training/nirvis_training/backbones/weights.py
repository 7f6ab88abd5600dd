"""State dicts of pretrained networks: read from files of the user, by checksum; no code in them runs."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from nirvis_training.errors import FeaturesError


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A state dict, and the file it came from."""

    path: Path
    sha256: str
    state: Mapping[str, Tensor]

    def load_into(self, network: nn.Module, what: str, ignored: tuple[str, ...] = ()) -> None:
        """Copy every tensor of `network` from here by its name.

        ignored
            Beginnings of names that the file may have beyond those of the network.

        Raises `FeaturesError` naming the first tensor that is missing, of another shape, or one too many.
        """
        wanted = network.state_dict()
        for name, tensor in wanted.items():
            found = self.state.get(name)
            # Files older than torch 0.4.1 have no count of batches, which nothing here reads.
            if found is None and name.endswith("num_batches_tracked"):
                continue
            if found is None or found.shape != tensor.shape:
                given = "nothing" if found is None else tuple(found.shape)
                raise self._misfit(what, f"{name} should have shape {tuple(tensor.shape)}, found {given}")
        surplus = [name for name in self.state if name not in wanted and not name.startswith(ignored)]
        if surplus:
            raise self._misfit(what, f"it also holds {surplus[0]}")
        network.load_state_dict({name: self.state.get(name, tensor) for name, tensor in wanted.items()})

    def _misfit(self, what: str, reason: str) -> FeaturesError:
        return FeaturesError(f"{self.path} is no {what}: {reason}.")


def read_weights(path: Path) -> Weights:
    """Read ``.pth`` or ``.safetensors``.

    A name that ends in ``-6726825d.pth``, as PyTorch's hub names its files, says how the sha256 begins.

    Raises `FeaturesError` for a file that is missing, damaged, or holds no state dict.
    """
    if not path.is_file():
        raise FeaturesError(f"There is no file of pretrained weights at {path}. Give the path of another one.")
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    promised = re.search(r"-([0-9a-f]{8,64})\.\w+$", path.name)
    if promised and not sha256.startswith(promised[1]):
        raise FeaturesError(f"{path} has sha256 {sha256}, which its name denies: it is damaged. Download it again.")
    try:
        if path.suffix == ".safetensors":
            state: object = load_safetensors(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FeaturesError(f"{path} holds no state dict: {str(error).splitlines()[0]}") from None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise FeaturesError(f"{path} holds no state dict, but something else.")
    return Weights(path, sha256, state)
