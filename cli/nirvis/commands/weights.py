"""``nirvis weights``: the SSN's weights in the layout of its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nirvis_capture.errors import WrongOption


def weights(
    given: Path, /, *, out: Path, source: Literal["rgb", "grey", "lab"] = "rgb", synchronise: bool = True
) -> None:
    """Write a run's SSN weights as its authors store them, or make a model of weights that they published.

    To train on from published weights, or from an ImageNet ResNet, set method.initial_weights instead.

    Parameters
    ----------
    given
        Folder of a training run, or a .pth or .safetensors file of published weights.
    out
        For a run, a .pth or .safetensors file; for published weights, an .onnx file.
    source
        What the published network was trained to see: colour, grey or Lab.
    synchronise
        Whether the published network weighs its decoders by their agreement.
    """
    becomes = (".pth", ".safetensors") if given.is_dir() else (".onnx",)
    if out.suffix not in becomes:
        raise WrongOption(
            f"{given} cannot become {out}: a run becomes a .pth or .safetensors file, published weights an .onnx file."
        )
    from nirvis_training.published_weights import export_published, write_published

    print(write_published(given, out) if given.is_dir() else export_published(given, out, source, synchronise))
