"""An exported SSN shows what torch shows, at any size, and says what it is."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from nirvis_capture.errors import WrongOption
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_training.colorizer import Colorizer
from nirvis_training.config import load_config
from nirvis_training.errors import NotARun
from nirvis_training.export import ExportError, export, export_network
from nirvis_training.methods import load_method, make_method
from nirvis_training.model_contract import ModelContract, Sidecar, read_contract, sidecar_path
from nirvis_training.run_folder import BEST_KEY, Best, DatasetRecord, RunFolder, RunRecord, Source, create_run
from nirvis_training.validation import colour_of

GEOMETRY = SourceGeometry(frame=(64, 48), crop=Rect(x=8, y=6, width=48, height=36), size=(32, 24))


def make_run(path: Path) -> RunFolder:
    config = load_config("ssn_demo", {"method.width": 8})
    sources = (Source(mode="day", rig="a", geometry=GEOMETRY), Source(mode="night", rig="b", geometry=GEOMETRY))
    dataset = DatasetRecord(folder=path.parent, sha256="d" * 64, train_pairs=4, validation_pairs=2, sources=sources)
    record = RunRecord(
        started=datetime(2026, 6, 21, tzinfo=timezone.utc), features="none", software={}, dataset=dataset, config=config
    )
    run = create_run(path, record, {"day": 'rig = "a"', "night": 'rig = "b"'})
    state = make_method(config).state_dict()
    best = Best(samples=800, val_psnr_db=21.5, val_ssim=0.6)
    save_file(state, run.best_weights, {BEST_KEY: best.model_dump_json()})
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def model(run: RunFolder) -> Path:
    return export(run.path, run.path.parent / "model" / "model.onnx")


def smooth_picture(height: int, width: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(3).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def psnr_db(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    error = np.mean((found.astype(float) - expected) ** 2)
    return math.inf if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("size", [(96, 128), (100, 150), (49, 33)])
def test_a_colorizer_shows_what_validation_shows(run: RunFolder, model: Path, size: tuple[int, int]) -> None:
    source = smooth_picture(*size)
    expected = colour_of(load_method(run), torch.device("cpu"))(source)
    assert expected.std() > 5, "a constant picture would agree with anything"
    assert psnr_db(Colorizer(model, threads=1, precision="f32").colorize(source), expected) >= 40


def test_the_contract_says_where_the_model_comes_from(run: RunFolder, model: Path) -> None:
    contract = read_contract(model)
    assert (contract.name, contract.method, contract.variant, contract.width) == ("run", "ssn", "released", 8)
    assert (contract.modes, contract.rigs) == (("day", "night"), ("a", "b"))
    assert contract.profiles == ('rig = "a"', 'rig = "b"')
    assert contract.source_geometry == {"day": GEOMETRY, "night": GEOMETRY}
    assert contract.validation == {"psnr_db": 21.5, "ssim": 0.6}
    assert contract.weights_sha256 == hashlib.sha256(run.best_weights.read_bytes()).hexdigest()
    assert (contract.features, contract.dataset, contract.multiple_of) == ("none", "d" * 64, 16)


def test_the_sidecar_repeats_the_contract_and_proves_the_file(model: Path) -> None:
    sidecar = Sidecar.model_validate_json(sidecar_path(model).read_text())
    assert sidecar.contract == read_contract(model)
    assert sidecar.onnx_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert sorted(p.name for p in model.parent.iterdir()) == ["model.json", "model.onnx"]


def test_the_file_is_sound_and_names_no_path_of_this_machine(model: Path) -> None:
    onnx.checker.check_model(onnx.load(model))
    assert str(Path(torch.__file__).parent).encode() not in model.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in model.read_bytes()


class Lies(nn.Module):
    """Answers differently while it is exported."""

    def forward(self, source: Tensor) -> Tensor:
        return source * 0.5 if torch.compiler.is_exporting() else source


def test_a_network_that_changed_on_the_way_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="differs from torch"):
        export_network(Lies().eval(), ModelContract(name="n", method="m"), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_place_that_takes_no_model_is_refused_and_left_alone(run: RunFolder, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(WrongOption, match=r"such as .*notes\.onnx"):
        export(run.path, notes)
    with pytest.raises(WrongOption, match=r"is a folder.*model\.onnx"):
        export(run.path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert notes.read_text() == "mine"


def test_a_run_without_weights_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.best_weights.unlink()
    with pytest.raises(NotARun, match="no weights"):
        export(run.path, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
