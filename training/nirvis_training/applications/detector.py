"""Detectors of the YOLO family, given as ONNX: what goes in, and the layouts of what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from nirvis_training.applications.boxes import Found
from nirvis_training.applications.network import OnnxNetwork, letterboxed
from nirvis_training.model_contract import ModelError

Layout = Literal["yolov5", "yolov8", "boxes"]
"""Of the first output, all in pixels of the network's input:

- ``yolov5``: ``(1, n, 5 + classes)``: centre x, y, width, height, objectness, class scores (v3 to v7)
- ``yolov8``: ``(1, 4 + classes, n)``: centre x, y, width, height, class scores (v8 to v12)
- ``boxes``: ``(1, n, 6)``: left, top, right, bottom, score, class, already without doubles (v10)
"""
LEAST_SCORE = 0.001
"""Average precision needs the uncertain ones too."""
SAME_OBJECT_IOU = 0.65
"""Of two boxes of one class that overlap more, the less certain one goes."""


class Detector:
    """Pictures go in letterboxed on grey 114, RGB in [0, 1]. Raises `ModelError`."""

    def __init__(self, model: Path, layout: Layout = "yolov8", size: int | None = None) -> None:
        self.layout = layout
        self._network = OnnxNetwork(model, None if size is None else (size, size))

    def __call__(self, picture: NDArray[np.uint8]) -> Found:
        """What is in a picture RGB ``(H, W, 3)``. Raises `ModelError` when the output has another layout."""
        planes, scale, (left, top) = letterboxed(picture, self._network.size)
        found = decoded(self._network(planes)[0], self.layout)
        if self.layout != "boxes":
            found = suppressed(found)
        corners = (found.corners - [left, top, left, top]) / scale
        height, width = picture.shape[:2]
        return Found(np.clip(corners, 0, [width, height, width, height]), found.classes, found.scores)


def decoded(output: NDArray[np.float32], layout: Layout) -> Found:
    """Boxes of an output, in pixels of the network's input, without those that are next to impossible."""
    if output.ndim != 3 or output.shape[0] != 1:
        raise ModelError(f"a detector's first output is (1, …, …), this one has {output.shape}")
    rows = np.asarray(output[0].T if layout == "yolov8" else output[0], np.float64)
    fewest = {"yolov5": 6, "yolov8": 5, "boxes": 6}[layout]
    if rows.shape[1] < fewest or (layout == "boxes" and rows.shape[1] != 6) or rows.shape[1] > 2000:
        raise ModelError(f"an output {output.shape} is not of layout {layout}; choose another --layout")
    if layout == "boxes":
        corners, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)
    else:
        of_classes = rows[:, 5:] * rows[:, 4:5] if layout == "yolov5" else rows[:, 4:]
        classes, scores = of_classes.argmax(axis=1), of_classes.max(axis=1, initial=0)
        corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    kept = scores >= LEAST_SCORE
    return Found(corners[kept], classes[kept], scores[kept])


def suppressed(found: Found) -> Found:
    """Only the most certain of boxes of one class that overlap."""
    sizes = found.corners[:, 2:] - found.corners[:, :2]
    boxes = np.concatenate([found.corners[:, :2], sizes], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), found.scores.tolist(), found.classes.tolist(), LEAST_SCORE, SAME_OBJECT_IOU
    )
    chosen = np.asarray(kept, np.int64).reshape(-1)
    return Found(found.corners[chosen], found.classes[chosen], found.scores[chosen])
