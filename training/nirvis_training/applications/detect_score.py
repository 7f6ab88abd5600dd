"""How well a detector made for visible pictures finds things in infrared, in its translation, and in the truth.

The score that Yu et al. (2023) give translations of night video: the detector is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

    Raises `LabelError` when no label belongs to any picture or none of `classes` is labelled, and what reading pictures
    raises.
    """
    named = read_labels(labels)
    _refuse_nothing(named.values(), classes, f"{labels}")
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
    _refuse_nothing(truth, classes, f"the labels of these {len(truth)} pictures in {labels}")
    return {view: average_precision(boxes, truth, classes) for view, boxes in found.items()}


def _refuse_nothing(truth: Iterable[Truth], classes: Sequence[int], where: str) -> None:
    """Where there is nothing to find, 0 would be no score."""
    labelled = {int(category) for one in truth for category in one.classes[~one.ignored]}
    if not labelled:
        raise LabelError(f"{where}: no box at all, or crowds alone, so that there is nothing to find")
    if classes and not labelled & set(classes):
        raise LabelError(
            f"{where}: no box of class {_listed(classes)}, only of {_listed(sorted(labelled))}. Classes are numbers of "
            "the detector; --classes says which of them count"
        )


def _listed(classes: Iterable[int]) -> str:
    return ", ".join(map(str, classes))


def _in_shares(found: Found, shape: tuple[int, ...]) -> Found:
    """Of width and height, so that views of different sizes meet the same labels."""
    return Found(found.corners / [shape[1], shape[0], shape[1], shape[0]], found.classes, found.scores)
