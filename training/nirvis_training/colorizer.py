"""Colour from near-infrared pictures with an exported model on OpenVINO; no torch.

Files and scripts use it directly; a live view has it in a process of its own, `nirvis_training.live`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from nirvis_training.model_contract import ModelError, NotAModel, read_model
from nirvis_training.openvino_convolutions import with_fast_convolutions

Precision = Literal["auto", "f32", "bf16"]
Picture = NDArray[np.uint8]
"""RGB, ``(H, W, 3)``, 0 to 255."""

MAX_PIXELS = 64 << 20
SIZES_KEPT = 2
"""Each holds weights of its own, some 300 MB for the SSN of full width."""


class Colorizer:
    """A model that is ready to run.

    model
        What `nirvis export` wrote. Raises `ModelError` leaves when it is something else.
    threads
        Upper limit; all processors that this process may use when None.
    precision
        ``auto`` takes bf16 where the processor multiplies it in hardware (amx_bf16) and f32 elsewhere.
    """

    def __init__(self, model: Path, *, threads: int | None = None, precision: Precision = "auto") -> None:
        content, self.contract = read_model(model)
        self.precision: Literal["f32", "bf16"] = _resolve(precision)
        self.threads = threads or len(os.sched_getaffinity(0))
        self._core = ov.Core()
        try:
            self._network = self._core.read_model(content)
        except RuntimeError as error:
            raise NotAModel(model, f"OpenVINO cannot read it ({str(error).strip().splitlines()[-1]})") from None
        if len(self._network.inputs) != 1 or len(self._network.outputs) != 1:
            raise NotAModel(model, "it must have one input and one output")
        self._requests: OrderedDict[tuple[int, int], ov.InferRequest] = OrderedDict()

    def colorize(self, source: Picture) -> Picture:
        """Colour of a NIR picture of any size; raises `ModelError` for an array that is no 8-bit RGB picture."""
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8 or 0 in source.shape:
            raise ModelError(f"a picture to colorize is (H, W, 3) u8, got {source.shape} {source.dtype}")
        request = self._request(source.shape[0], source.shape[1])
        request.infer([np.ascontiguousarray(source)[None]], share_inputs=True)
        colour: Picture = request.get_output_tensor(0).data[0].copy()
        return colour

    def _request(self, height: int, width: int) -> ov.InferRequest:
        """The network compiled for one size: fixed shapes run faster, and a stream has one size."""
        size = (height, width)
        if size not in self._requests:
            if height * width > MAX_PIXELS:
                raise ModelError(
                    f"a picture of {width}x{height} has more than the {MAX_PIXELS >> 20} megapixels allowed"
                )
            while len(self._requests) >= SIZES_KEPT:
                self._requests.popitem(last=False)
            self._requests[size] = self._compile(height, width)
        self._requests.move_to_end(size)
        return self._requests[size]

    def _compile(self, height: int, width: int) -> ov.InferRequest:
        model = _with_pictures(self._network.clone(), height, width, self.contract.multiple_of)
        if self.precision == "f32":
            with_fast_convolutions(model)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": str(self.threads),
            # Pinned threads of two colorizers would share the first cores and leave the others idle.
            "ENABLE_CPU_PINNING": "NO",
        }
        return self._core.compile_model(model, "CPU", settings).create_infer_request()


def _with_pictures(network: ov.Model, height: int, width: int, multiple: int) -> ov.Model:
    """The network between 8-bit pictures ``(1, H, W, 3)``; reflection fills them up to the next multiple."""
    padded = (height + -height % multiple, width + -width % multiple)
    source = ops.parameter([1, height, width, 3], np.uint8, name="source")
    planes = ops.transpose(ops.convert(source, "f32"), [0, 3, 1, 2])
    planes = ops.multiply(planes, np.float32(1 / 255))
    if padded != (height, width):
        ends = [0, 0, padded[0] - height, padded[1] - width]
        # Reflection needs more pixels than it adds.
        mode = "reflect" if ends[2] < height and ends[3] < width else "edge"
        planes = ops.pad(planes, [0, 0, 0, 0], ends, mode)
    network.reshape([1, 3, *padded])
    parameter = network.get_parameters()[0]
    parameter.output(0).replace(planes.output(0))
    colour = network.get_results()[0].input_value(0)
    cropped = ops.slice(colour, [0, 0], [height, width], [1, 1], [2, 3])
    counts = ops.round(ops.multiply(ops.clamp(cropped, 0.0, 1.0), np.float32(255)), "half_to_even")
    picture = ops.convert(ops.transpose(counts, [0, 2, 3, 1]), "u8")
    return ov.Model([ops.result(picture)], [source], "colorizer")


def _resolve(precision: Precision) -> Literal["f32", "bf16"]:
    if precision == "auto":
        return "bf16" if "amx_bf16" in processor_flags() else "f32"
    if precision == "bf16" and "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ModelError("this processor has no bf16 arithmetic, which precision bf16 needs; use f32 or auto")
    return precision


def processor_flags() -> frozenset[str]:
    """Instruction sets that Linux reports; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))
