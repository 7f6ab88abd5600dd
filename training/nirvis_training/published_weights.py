"""The SSN's weights in the layout of its authors, to and from files: their checkpoints run here, and ours there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from nirvis_training.errors import WeightsError
from nirvis_training.export import export_network, software_versions
from nirvis_training.method_settings import SsnSettings
from nirvis_training.methods import load_method
from nirvis_training.methods.ssn import Ssn
from nirvis_training.model_contract import ModelContract
from nirvis_training.networks.ssn_weights import shape_of, to_published
from nirvis_training.networks.weights_file import read_state
from nirvis_training.run_folder import RunFolder, replacing


def write_published(run: Path, out: Path) -> Path:
    """Write the best weights of an SSN's run under the names of its authors, as ``.pth`` or ``.safetensors``.

    Raises `WeightsError` when the run trained another method, `NotARun` when it has no weights yet.
    """
    method = load_method(RunFolder(run))
    if not isinstance(method, Ssn):
        raise WeightsError(f"{run} trained {RunFolder(run).method}; only weights of ssn have a published layout.")
    state = {name: tensor.contiguous() for name, tensor in to_published(method.generator).items()}
    with replacing(out) as part:
        if out.suffix == ".safetensors":
            save_file(state, part)
        else:
            torch.save(state, part)
    return out


def export_published(
    weights: Path, out: Path, source: Literal["rgb", "grey", "lab"] = "rgb", synchronise: bool = True
) -> Path:
    """Write published weights as a model that runs everywhere; width, norm and depth are read from their shapes.

    source, synchronise
        As in `SsnSettings`: what the weights alone do not tell.

    Raises `WeightsError` when the file holds no such weights, `ExportError` as `export_network`.
    """
    width, norm, depth = shape_of(read_state(weights), str(weights))
    settings = SsnSettings(
        name="ssn",
        variant="paper" if norm == "paper" else "released",
        norm=norm,
        width=width,
        depth=depth,
        source=source,
        synchronise=synchronise,
        perceptual_weight=0.0,
        initial_weights=str(weights),
    )
    method = Ssn(settings, learning_rate=1e-4).eval()
    contract = ModelContract(
        name=weights.stem,
        method=settings.name,
        variant=settings.variant,
        width=width,
        multiple_of=method.multiple_of,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        software=software_versions(),
    )
    return export_network(method, contract, out)
