"""Fast convolutions give what direct ones give, and only where they pay."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from nirvis_training.openvino_convolutions import with_fast_convolutions
from nirvis_training.winograd import MIN_CHANNELS

SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}


def convolution(
    size: tuple[int, int], outputs: int = MIN_CHANNELS, kernel: int = 3, stride: int = 1, padding: int = 1
) -> ov.Model:
    random = np.random.default_rng(0)
    weights = random.standard_normal((outputs, MIN_CHANNELS, kernel, kernel)).astype(np.float32)
    source = ops.parameter([1, MIN_CHANNELS, *size], np.float32)
    strides, pads = [stride, stride], [padding, padding]
    layer = ops.convolution(source, weights, strides, pads, pads, [1, 1])
    return ov.Model([ops.result(ops.relu(layer))], [source], "convolution")


def infer(model: ov.Model, source: np.ndarray) -> np.ndarray:
    return ov.Core().compile_model(model, "CPU", SETTINGS)([source])[0].copy()


@pytest.mark.parametrize("size", [(8, 12), (7, 13), (30, 41), (3, 1)])
@pytest.mark.parametrize("outputs", [MIN_CHANNELS, 2 * MIN_CHANNELS])
def test_fast_and_direct_agree(size: tuple[int, int], outputs: int) -> None:
    source = np.random.default_rng(1).standard_normal((1, MIN_CHANNELS, *size)).astype(np.float32)
    model = convolution(size, outputs)
    expected = infer(model, source)
    assert with_fast_convolutions(model) == 1
    assert "Convolution" not in {node.get_type_name() for node in model.get_ops()}
    np.testing.assert_allclose(infer(model, source), expected, atol=1e-4 * expected.std())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"outputs": MIN_CHANNELS // 2}, id="few-channels"),
        pytest.param({"stride": 2}, id="stride"),
        pytest.param({"kernel": 1, "padding": 0}, id="1x1"),
        pytest.param({"padding": 0}, id="valid"),
    ],
)
def test_other_convolutions_stay_as_they_are(other: dict[str, int]) -> None:
    model = convolution((8, 8), **other)
    assert with_fast_convolutions(model) == 0
    assert "Convolution" in {node.get_type_name() for node in model.get_ops()}
