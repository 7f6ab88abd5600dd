"""What an exported model promises: the contract inside ``model.onnx``, and how such a file is opened safely.

The contract is JSON in the ONNX metadata, so that it cannot be lost; ``model.json`` beside the file repeats it for
people and other languages, together with the sha256 of the ONNX file.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nirvis_capture.errors import NirvisError
from nirvis_capture.profile import Mode
from nirvis_registration.geometry import Size, SourceGeometry

METADATA_KEY = "nirvis_contract"
VERSION = 1
MAX_MODEL_BYTES = 1 << 30
"""Larger files are refused before they are read; the widest network of the papers has a sixth of it."""


class ModelError(NirvisError):
    """An exported model that cannot be used."""


class NotAModel(ModelError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a nirvis model: {reason}. `nirvis export RUN` writes one.")


class NewerModel(ModelError):
    def __init__(self, path: Path, version: int) -> None:
        super().__init__(
            f"{path} has model version {version}, this nirvis reads up to version {VERSION}. Update nirvis to use it."
        )


class DamagedModel(ModelError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}. Copy or export it again.")


class ModelContract(BaseModel):
    """What goes in, what comes out, and where the model comes from."""

    model_config = ConfigDict(frozen=True)

    format: Literal["nirvis-model"] = "nirvis-model"
    version: int = VERSION
    name: str
    method: str
    variant: str = ""
    width: int = Field(default=0, ge=0)
    """Channels of the first stage; 0 where the method has no such setting."""

    colour_order: Literal["RGB"] = "RGB"
    layout: Literal["NCHW"] = "NCHW"
    value_range: tuple[float, float] = (0.0, 1.0)
    """Range of input and output alike."""
    multiple_of: int = Field(default=16, ge=1, le=256)
    """Height and width of the input must be multiples of it."""
    source_geometry: dict[Mode, SourceGeometry] = {}
    """How a raw NIR frame of each mode became the network's input; empty when only ready pictures were seen."""

    modes: tuple[Mode, ...] = ()
    """What it was trained on."""
    rigs: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    """Exact TOML texts of the hardware profiles whose clips were trained on."""
    run_id: str = ""
    weights_sha256: str = ""
    dataset: str = ""
    """Identity of the training data."""
    features: str = "none"
    """Perceptual features of the training loss: ``none``, ``random``, or the name of the file they came from."""
    validation: dict[str, float] = {}
    """Metrics of the exported weights on the validation clips."""
    software: dict[str, str] = {}

    def geometry_for(self, mode: Mode, frame: Size) -> SourceGeometry | None:
        """How frames of that width and height become the input.

        Of another mode where `mode` was not trained on, because the rig is the same; fitted to the frame where another
        camera or region of interest than in training saw it.
        """
        trained = self.source_geometry.get(mode) or next(iter(self.source_geometry.values()), None)
        return None if trained is None else trained.fitted_to(frame)


class Sidecar(BaseModel):
    """Content of ``model.json``."""

    onnx_sha256: str
    contract: ModelContract


def sidecar_path(model: Path) -> Path:
    return model.with_suffix(".json")


def read_model(path: Path) -> tuple[bytes, ModelContract]:
    """Content and contract of an exported model; nothing in the file is executed or followed to other files.

    Raises `NotAModel`, `NewerModel`, `DamagedModel`.
    """
    content = _read_bounded(path)
    _check_sidecar(path, content)
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        raise NotAModel(path, "it is no ONNX file, or a truncated one") from None
    if not model.graph.node:
        raise NotAModel(path, "it is no ONNX file, or an empty one")
    if weights_elsewhere(model):
        raise NotAModel(path, "its weights lie in another file, which is not followed")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata:
        raise NotAModel(path, "an ONNX file without the contract that says what its input and output mean")
    return content, parse_contract(path, metadata[METADATA_KEY])


def weights_elsewhere(model: onnx.ModelProto) -> bool:
    """Whether a model points to other files, which strangers could aim anywhere."""
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer)


def parse_contract(path: Path, text: str) -> ModelContract:
    """Raises `NotAModel` when the text is no contract, `NewerModel` when a later nirvis wrote it."""
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotAModel(path, f"its contract is not JSON ({error.msg})") from None
    version = table.get("version") if isinstance(table, dict) else None
    if not isinstance(version, int):
        raise NotAModel(path, "its contract has no version")
    if version > VERSION:
        raise NewerModel(path, version)
    try:
        return ModelContract.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise NotAModel(path, f"its contract says {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def read_contract(path: Path) -> ModelContract:
    """The contract alone. Raises as `read_model`."""
    return read_model(path)[1]


def _read_bounded(path: Path) -> bytes:
    if not path.is_file():
        raise NotAModel(path, "it is a folder" if path.is_dir() else "there is no such file")
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise NotAModel(path, f"it has {size / 2**30:.1f} GiB, and a model may have {MAX_MODEL_BYTES >> 30} GiB")
    return path.read_bytes()


def _check_sidecar(path: Path, content: bytes) -> None:
    """A ``model.json`` that was written for other bytes means a truncated copy or a mixed-up pair of files."""
    sidecar = sidecar_path(path)
    if not sidecar.is_file() or sidecar.stat().st_size > 1 << 24:
        return
    found = re.search(r'"onnx_sha256":\s*"([0-9a-f]{64})"', sidecar.read_text(encoding="utf-8", errors="replace"))
    if found and found[1] != hashlib.sha256(content).hexdigest():
        raise DamagedModel(path, f"its sha256 is not the one in {sidecar.name}")
