"""A detector or segmenter of somebody else, given as ONNX, on OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import openvino as ov
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from nirvis_training.model_contract import MAX_MODEL_BYTES, ModelError, weights_elsewhere

Picture = NDArray[np.uint8]
Tensor = NDArray[np.float32]


class OnnxNetwork:
    """One input of pictures ``(1, 3, height, width)`` in float32; any outputs.

    size
        Height and width, for networks that leave them open.

    Raises `ModelError` for a file that cannot be used.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None = None) -> None:
        self.path = path
        if not path.is_file() or path.stat().st_size > MAX_MODEL_BYTES:
            raise ModelError(f"{path} is no ONNX file of at most {MAX_MODEL_BYTES >> 30} GiB")
        core, content = ov.Core(), path.read_bytes()
        try:
            if weights_elsewhere(onnx.load_model_from_string(content)):
                raise ModelError(f"the weights of {path} lie in another file, which is not followed")
            network = core.read_model(content)
        except (DecodeError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or ["no ONNX"])[-1]
            raise ModelError(f"{path} cannot be read as ONNX ({reason})") from None
        shape = network.inputs[0].partial_shape if len(network.inputs) == 1 else None
        if shape is None or len(shape) != 4 or (shape[1].is_static and shape[1].get_length() != 3):
            raise ModelError(f"{path} must have one input (1, 3, height, width), has {[*map(str, network.inputs)]}")
        fixed = [side.get_length() if side.is_static else None for side in (shape[2], shape[3])]
        if None in fixed and size is None:
            raise ModelError(f"{path} leaves the size of its input open; say which it shall be with --size")
        height, width = (given if given is not None else size[i] if size else 0 for i, given in enumerate(fixed))
        self.size = (height, width)
        network.reshape([1, 3, height, width])
        self._request = core.compile_model(
            network, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        ).create_infer_request()

    def __call__(self, planes: Tensor) -> list[Tensor]:
        """``(3, height, width)`` → every output."""
        self._request.infer([np.ascontiguousarray(planes, np.float32)[None]])
        return [np.array(output.data) for output in self._request.output_tensors]


def letterboxed(picture: Picture, size: tuple[int, int]) -> tuple[Tensor, float, tuple[int, int]]:
    """A picture scaled without distortion and centred on grey 114.

    Gives RGB in [0, 1] ``(3, h, w)``, the scale, and the left and top margin in pixels.
    """
    height, width = picture.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inner = (round(width * scale), round(height * scale))
    left, top = (size[1] - inner[0]) // 2, (size[0] - inner[1]) // 2
    canvas = np.full((*size, 3), 114, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
    return _planes(canvas), scale, (left, top)


def stretched(picture: Picture, size: tuple[int, int]) -> Tensor:
    """A picture scaled to fill `size`; RGB in [0, 1] ``(3, h, w)``."""
    return _planes(cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))


def _planes(picture: NDArray[Any]) -> Tensor:
    return np.asarray(picture.transpose(2, 0, 1) / np.float32(255), np.float32)
