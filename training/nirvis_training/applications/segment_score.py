"""How well a segmenter made for visible pictures divides infrared, its translation, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nirvis_training.applications.boxes import LabelError
from nirvis_training.applications.network import OnnxNetwork, stretched
from nirvis_training.applications.views import View, Views
from nirvis_training.model_contract import ModelError

Classes = NDArray[np.int64]
"""``(H, W)``."""
Progress = Callable[[int, int], None]
IGNORED = 255
"""Label of pixels that nobody judges."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Segmentation(BaseModel):
    """A segmenter on a collection of pictures; 1 is perfect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean_iou: float
    """Over the classes that are in the labels or were predicted."""
    pixel_accuracy: float
    pictures: int
    iou: dict[int, float]


class Segmenter:
    """Pictures go in stretched to the network's size, RGB in [0, 1], less `mean`, over `std`.

    The first output is ``(1, classes, h, w)`` scores, or ``(1, h, w)`` or ``(1, 1, h, w)`` classes.

    Raises `ModelError`.
    """

    def __init__(
        self,
        model: Path,
        size: int | None = None,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        self._network = OnnxNetwork(model, None if size is None else (size, size))
        self._mean, self._std = (np.array(values, np.float32)[:, None, None] for values in (mean, std))

    def __call__(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> Classes:
        """Class of each pixel of a picture scaled to `size` (height, width). Raises `ModelError`."""
        output = self._network((stretched(picture, self._network.size) - self._mean) / self._std)[0]
        if output.ndim == 4 and output.shape[1] > 1:
            planes = [cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR) for plane in output[0]]
            return np.asarray(np.stack(planes).argmax(axis=0), np.int64)
        if output.ndim not in (3, 4) or output.shape[0] != 1:
            raise ModelError(f"a segmenter's first output is (1, classes, h, w) or (1, h, w), this one {output.shape}")
        classes = output.reshape(output.shape[-2:]).astype(np.float32)
        return np.asarray(cv2.resize(classes, size[::-1], interpolation=cv2.INTER_NEAREST), np.int64)


class Confusion:
    """Counts of pixels by true and by predicted class."""

    def __init__(self) -> None:
        self._counts = np.zeros((IGNORED, IGNORED), np.int64)
        self.pictures = 0

    def add(self, predicted: Classes, true: Classes) -> None:
        judged = true != IGNORED
        pairs = true[judged] * IGNORED + np.clip(predicted[judged], 0, IGNORED - 1)
        self._counts += np.bincount(pairs, minlength=IGNORED * IGNORED).reshape(IGNORED, IGNORED)
        self.pictures += 1

    @property
    def judged(self) -> int:
        """Pixels that were compared."""
        return int(self._counts.sum())

    def score(self) -> Segmentation:
        """Jaccard index of each class, their mean, and the share of pixels that are right; of one pixel at least."""
        right = np.diag(self._counts)
        union = self._counts.sum(axis=0) + self._counts.sum(axis=1) - right
        iou = {int(c): float(right[c] / union[c]) for c in np.flatnonzero(union)}
        return Segmentation(
            mean_iou=float(np.mean(list(iou.values()))),
            pixel_accuracy=float(right.sum() / self.judged),
            pictures=self.pictures,
            iou=iou,
        )


def score_segmenter(
    segmenter: Segmenter, views: Views, labels: Path, progress: Progress | None = None
) -> dict[View, Segmentation]:
    """Segmentation of every view of the pictures that have labels.

    labels
        Folder with ``NAME.png`` of each picture: one channel of classes from 0 to 254, 255 for what is not judged.

    Raises `LabelError` when there are none or none is judged, and what reading pictures raises.
    """
    confusion: dict[View, Confusion] = {}
    for done, (name, pictures) in enumerate(views, start=1):
        file = labels / f"{name}.png"
        if file.is_file():
            true = _read(file)
            for view, picture in pictures.items():
                predicted = segmenter(picture, (true.shape[0], true.shape[1]))
                confusion.setdefault(view, Confusion()).add(predicted, true)
        if progress is not None:
            progress(done, views.count)
    if not confusion:
        raise LabelError(f"{labels} holds no NAME.png with the name of a picture")
    if not all(counted.judged for counted in confusion.values()):
        raise LabelError(f"every pixel of the labels in {labels} is {IGNORED}, which is not judged")
    return {view: counted.score() for view, counted in confusion.items()}


def _read(file: Path) -> Classes:
    labels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise LabelError(f"{file} is no picture of one channel of 8 bits; labels are classes, not colours")
    return np.asarray(labels, np.int64)
