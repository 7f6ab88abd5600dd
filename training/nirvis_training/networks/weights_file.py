"""Files of weights that the user supplies: read without running any code in them."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from nirvis_training.errors import WeightsError

NOT_A_STATE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, AssertionError, struct.error),
    *(ValueError, LookupError, TypeError, AttributeError),
)
"""What ``torch.load`` raises for a file of another kind: it takes the bytes for instructions until it stumbles."""
_PROMISED = re.compile(r"-([0-9a-f]{8,64})\.\w+$")


def read_state(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a state dict in a ``.pth`` or ``.safetensors`` file, on the CPU; see `read_state_and_sha256`."""
    return read_state_and_sha256(path, sha256)[0]


def read_state_and_sha256(path: Path, sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """The tensors of a state dict in a ``.pth`` or ``.safetensors`` file, on the CPU, and the file's checksum.

    sha256
        Checksum that the file has to have. PyTorch's hub names its files by how theirs begins, as in
        ``vgg16-397923af.pth``: a file that its own name denies is refused as well. Both before anything is parsed.

    Raises `WeightsError` when the file is missing, has another checksum, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file of pretrained weights at {path}. Give another path.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    promised = _PROMISED.search(path.name)
    if promised and not found.startswith(promised[1]):
        raise WeightsError(f"{path} has sha256 {found}, which its name denies: it is damaged. Download it again.")
    if sha256 is not None and found != sha256.lower():
        raise WeightsError(f"{path} has sha256 {found}, the settings want {sha256}: it is another file, or damaged.")
    state = _parsed(path, content)
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"{path} holds no state dict, but something else.")
    return dict(state), found


def _parsed(path: Path, content: bytes) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_safetensors(content)
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise WeightsError(f"{path} holds no state dict: {str(error).splitlines()[0]}") from None
    except NOT_A_STATE:
        # What torch says is where it stumbled, or how to let the file run code of its own.
        raise WeightsError(f"{path} holds no state dict: it is damaged, or another kind of file, or code.") from None
