"""Fewer multiplications for the 3×3 convolutions of a model, as operations of OpenVINO (see `winograd`).

OpenVINO computes a convolution directly, at nearly the peak of the processor. The minimal algorithm pays where a layer
has many channels, in f32; in bf16 its transforms would lose too much.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from nirvis_training.winograd import FROM_PRODUCTS, MIN_CHANNELS, OF_KERNEL, OF_TILE, STEP, TILE

_PLAIN = {"strides": [1, 1], "dilations": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1]}


def with_fast_convolutions(model: ov.Model) -> int:
    """Replace in place every 3×3 convolution of many channels, stride 1 and padding 1; returns how many.

    The shapes of the model have to be fixed; it takes one picture at a time.
    """
    found = [node for node in model.get_ordered_ops() if _is_candidate(node)]
    for node in found:
        weights = node.input_value(1).get_node().data
        node.output(0).replace(_fast(node.input_value(0), weights).output(0))
    if found:
        model.validate_nodes_and_infer_types()
    return len(found)


def _is_candidate(node: ov.Node) -> bool:
    if node.get_type_name() != "Convolution" or node.input_value(1).get_node().get_type_name() != "Constant":
        return False
    attributes = node.get_attributes()
    plain = all(list(attributes[key]) == value for key, value in _PLAIN.items())
    outputs, inputs, *kernel = node.input_value(1).get_shape()
    return plain and kernel == [3, 3] and min(outputs, inputs) >= MIN_CHANNELS and node.get_output_shape(0)[0] == 1


def _fast(source: ov.Output, weights: NDArray[np.float32]) -> ov.Node:
    """``(1, C, H, W)`` convolved with ``(K, C, 3, 3)`` under zero padding: ``(1, K, H, W)``."""
    outputs, inputs = weights.shape[:2]
    height, width = source.get_shape()[2:]
    rows, columns = -(-height // STEP), -(-width // STEP)
    below, right = 1 + rows * STEP - height, 1 + columns * STEP - width
    padded = ops.pad(source, [0, 0, 1, 1], [0, 0, below, right], "constant", np.float32(0))
    tiles = ops.extract_image_patches(padded, [TILE, TILE], [STEP, STEP], [1, 1], "valid")
    tiles = _mixed(OF_TILE, ops.reshape(tiles, [TILE**2, inputs * rows * columns], False))
    tiles = ops.reshape(tiles, [TILE**2, inputs, rows * columns], False)
    products = ops.matmul(_transformed(weights), tiles, False, False)
    results = _mixed(FROM_PRODUCTS, ops.reshape(products, [TILE**2, outputs * rows * columns], False))
    planes = ops.reshape(results, [1, STEP**2 * outputs, rows, columns], False)
    picture = ops.depth_to_space(planes, "blocks_first", STEP)
    return ops.slice(picture, [0, 0], [height, width], [1, 1], [2, 3])


def _mixed(transform: NDArray[np.float64], tiles: ov.Node) -> ov.Node:
    return ops.matmul(transform.astype(np.float32), tiles, False, False)


def _transformed(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """G w Gᵀ of every kernel ``(K, C, 3, 3)``: ``(36, K, C)``."""
    both: NDArray[np.float64] = OF_KERNEL @ weights.astype(np.float64).reshape(-1, 9).T
    return both.astype(np.float32).reshape(TILE**2, *weights.shape[:2])
