"""From a training run to one ONNX file that anything can run: RGB in, RGB out, its contract inside."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import torch
from torch import Tensor, nn

from nirvis_capture.errors import NirvisError, WrongOption
from nirvis_training.methods import load_method
from nirvis_training.model_contract import METADATA_KEY, ModelContract, Sidecar, sidecar_path
from nirvis_training.run_folder import Best, RunFolder
from nirvis_training.video import part_of

INPUT_NAME, OUTPUT_NAME = "source", "colour"
MAX_DIFFERENCE = 2 / 255
"""How far the exported network may be from torch at any pixel, of a range of 1."""
_CHECK_SIZES = ((64, 96), (112, 80))
_MAX_BATCH, _MAX_SIDE = 64, 16384


class ExportError(NirvisError):
    """A network that could not be exported, or that answers differently afterwards."""


def export(run: Path, out: Path) -> Path:
    """Write the best weights of a run as ``out``, with its contract inside and as .json beside it.

    Raises `ExportError`, `WrongOption` for a place that can take no model, and `NotARun` when there are no weights yet.
    """
    _refuse_place(out)
    folder = RunFolder(run)
    method = load_method(folder)
    return export_network(method, contract_of(folder, method.multiple_of), out)


def _refuse_place(out: Path) -> None:
    """Before the work: a place that can take no model, or a name that nothing would know as one."""
    if out.is_dir():
        raise WrongOption(f"{out} is a folder. Give --out a file in it, such as {out / 'model.onnx'}.")
    if out.suffix.lower() != ".onnx":
        raise WrongOption(f"{out} does not end in .onnx. Give --out a file such as {out.with_suffix('.onnx')}.")


def contract_of(run: RunFolder, multiple_of: int) -> ModelContract:
    record, best, settings = run.record, run.best, run.config.method
    return ModelContract(
        name=run.path.resolve().name,
        method=settings.name,
        variant=settings.variant,
        width=settings.width,
        multiple_of=multiple_of,
        source_geometry={source.mode: source.geometry for source in record.dataset.sources},
        modes=run.modes,
        rigs=run.rigs,
        profiles=run.profiles,
        run_id=f"{run.path.resolve().name} {record.started.isoformat()}",
        weights_sha256=run.weights_sha256,
        dataset=record.dataset.sha256,
        features=run.features,
        validation=_reached(best) if best else {},
        software=record.software | software_versions(),
    )


def _reached(best: Best) -> dict[str, float]:
    figures = {"psnr_db": best.val_psnr_db, "ssim": best.val_ssim, "ciede2000": best.val_ciede2000}
    return {name: value for name, value in figures.items() if value is not None}


def export_network(network: nn.Module, contract: ModelContract, out: Path) -> Path:
    """Write `network` as ``out`` with its contract inside and ``model.json`` beside it.

    network
        In eval mode; RGB ``(N, 3, H, W)`` in [0, 1] to the same, H and W multiples of ``contract.multiple_of``.

    Raises `ExportError` when the written file disagrees with torch; then nothing is left behind.
    """
    content = _serialised(_to_onnx(network, contract.multiple_of), contract)
    _check_against_torch(network, content, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    sidecar = Sidecar(onnx_sha256=hashlib.sha256(content).hexdigest(), contract=contract)
    _write(sidecar_path(out), sidecar.model_dump_json(indent=2).encode() + b"\n")
    _write(out, content)
    return out


def software_versions() -> dict[str, str]:
    names = ("nirvis", "torch", "onnx", "onnxscript", "openvino")
    return {name: importlib.metadata.version(name) for name in names}


def _to_onnx(network: nn.Module, multiple: int) -> onnx.ModelProto:
    rows = torch.export.Dim("rows", min=1, max=_MAX_SIDE // multiple)
    columns = torch.export.Dim("columns", min=1, max=_MAX_SIDE // multiple)
    batch = torch.export.Dim("batch", min=1, max=_MAX_BATCH)
    # Sizes of 1 would be taken for constants.
    example = torch.zeros(2, 3, 4 * multiple, 6 * multiple)
    # The exporter names every torchvision operator that it cannot register; there is no torchvision here.
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            # torch 2.13 calls its own deprecated LeafSpec.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: batch, 2: multiple * rows, 3: multiple * columns},),
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ExportError(f"the network cannot be written as ONNX: {str(error).splitlines()[0]}") from error
    finally:
        registry.setLevel(level)
    if program is None:
        raise ExportError("the network cannot be written as ONNX")
    return program.model_proto


def _serialised(model: onnx.ModelProto, contract: ModelContract) -> bytes:
    """The file's content, without the source paths of this machine that the exporter notes at every node."""
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    del model.graph.metadata_props[:], model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=contract.model_dump_json())
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _check_against_torch(network: nn.Module, content: bytes, out: Path) -> None:
    """Both must answer the same to smooth random pictures of two sizes."""
    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(content), "CPU", settings)
    for number, size in enumerate(_CHECK_SIZES):
        source = _random_picture(size, seed=number)
        with torch.no_grad():
            expected = network(source).numpy()
        found = compiled([source.numpy()])[0]
        difference = float(np.abs(found - expected).max())
        if not difference <= MAX_DIFFERENCE:
            raise ExportError(
                f"{out} was not written: the exported network differs from torch by up to "
                f"{difference * 255:.1f} of 255 on a random picture of {size[1]}x{size[0]}"
            )


def _random_picture(size: tuple[int, int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, size[0] // 8, size[1] // 8, generator=generator)
    return nn.functional.interpolate(coarse, size, mode="bilinear").clamp(0, 1)


def _write(path: Path, content: bytes) -> None:
    part = part_of(path)
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
