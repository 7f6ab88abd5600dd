"""Every supervised method becomes a model that answers as torch does at two sizes, which `export_network` checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirvis_training.config import parse_config
from nirvis_training.export import export_network
from nirvis_training.methods import make_method
from nirvis_training.model_contract import ModelContract, read_contract


@pytest.mark.parametrize("name", ["berg", "compact", "iizuka", "zhang"])
def test_every_method_becomes_a_model(tmp_path: Path, name: str) -> None:
    method = make_method(parse_config(f'samples = 1\n[method]\nname = "{name}"\nwidth = 8\n')).eval()
    contract = ModelContract(name=name, method=name, multiple_of=method.multiple_of)
    export_network(method, contract, tmp_path / "model.onnx")
    assert read_contract(tmp_path / "model.onnx").method == name
