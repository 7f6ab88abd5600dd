"""The third view, with the real colorizer process and a model whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from pytestqt.qtbot import QtBot

from nirvis_gui.main_window import MainWindow
from nirvis_training.model_contract import METADATA_KEY, ModelContract

LIMIT_MS = 60_000


@pytest.fixture
def black_model(tmp_path: Path) -> Path:
    """Turns everything black, which nothing else in the window is."""
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["source", "nothing"], ["colour"])],
        "black",
        [onnx.helper.make_tensor_value_info("source", kind, ["n", 3, "h", "w"])],
        [onnx.helper.make_tensor_value_info("colour", kind, ["n", 3, "h", "w"])],
        [onnx.numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "nothing")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    model.metadata_props.add(key=METADATA_KEY, value=ModelContract(name="black", method="none").model_dump_json())
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_colour_is_off_until_wanted_and_then_shows_the_model(
    qtbot: QtBot, window: MainWindow, black_model: Path
) -> None:
    assert window.live.views.colour.isHidden()
    window.actions_["colour"].trigger()
    assert not window.live.views.colour.isHidden()
    assert "No model" in window.live.colour_page.text
    window.session.showing.set_model(black_model)
    assert "Press L" in window.live.colour_page.text
    window.actions_["live"].trigger()
    qtbot.waitUntil(lambda: window.live.views.colour.showing, timeout=LIMIT_MS)
    picture = window.live.views.colour.picture
    assert picture is not None
    assert picture.shape == (120, 160, 3)
    assert picture.max() == 0
    assert window.live.views.nir.picture is not None
    assert window.live.views.nir.picture.max() > 0
    assert window.live.views.colour.extent == window.live.views.nir.extent
    window.actions_["colour"].trigger()
    assert window.live.views.colour.isHidden()
    assert not window.live.views.colour.showing


def test_model_that_is_none_is_said_and_the_cameras_go_on(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    window.actions_["live"].trigger()
    window.session.showing.set_model(broken)
    qtbot.waitUntil(lambda: "is not a nirvis model" in window.messages.text, timeout=LIMIT_MS)
    assert window.live.views.colour.isHidden()
    qtbot.waitUntil(lambda: window.live.views.nir.showing, timeout=LIMIT_MS)
