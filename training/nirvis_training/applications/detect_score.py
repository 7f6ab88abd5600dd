"""How well a detector made for visible pictures finds things in infrared, in its translation, and in the truth.

The score that Yu et al. (2023) give translations of night video: the detector is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nirvis_training.applications.average_precision import Precision, average_precision
from nirvis_training.applications.boxes import Found, LabelError, Truth, read_labels
from nirvis_training.applications.detector import Detector
from nirvis_training.applications.views import View, Views

Progress = Callable[[int, int], None]
_NOTHING = Truth(np.empty((0, 4)), np.empty(0, np.int64), np.empty(0, bool))


def score_detector(
    detector: Detector, views: Views, labels: Path, classes: Sequence[int] = (), progress: Progress | None = None
) -> dict[View, Precision]:
    """Average precision on every view of the recording.

    labels
        As `read_labels` takes them, by the name of each picture; a picture without labels contains nothing.

    Raises `LabelError` when no label belongs to any picture, and what reading pictures raises.
    """
    named = read_labels(labels)
    found: dict[View, list[Found]] = {}
    truth: list[Truth] = []
    known = 0
    for done, (name, pictures) in enumerate(views, start=1):
        known += name in named
        truth.append(named.get(name, _NOTHING))
        for view, picture in pictures.items():
            found.setdefault(view, []).append(_in_shares(detector(picture), picture.shape))
        if progress is not None:
            progress(done, views.count)
    if not known:
        raise LabelError(f"no label in {labels} is named like a picture, such as {name if truth else 'none at all'}")
    return {view: average_precision(boxes, truth, classes) for view, boxes in found.items()}


def _in_shares(found: Found, shape: tuple[int, ...]) -> Found:
    """Of width and height, so that views of different sizes meet the same labels."""
    return Found(found.corners / [shape[1], shape[0], shape[1], shape[0]], found.classes, found.scores)
