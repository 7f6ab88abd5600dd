"""State dicts of pretrained networks: read from files of the user, by checksum; no code in them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from nirvis_training.errors import FeaturesError, WeightsError
from nirvis_training.networks.weights_file import read_state_and_sha256


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
    """Read ``.pth`` or ``.safetensors``. Raises `FeaturesError` for a file that holds no state dict."""
    try:
        state, sha256 = read_state_and_sha256(path)
    except WeightsError as error:
        raise FeaturesError(str(error)) from None
    return Weights(path, sha256, state)
