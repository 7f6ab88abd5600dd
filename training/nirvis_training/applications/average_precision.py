"""Average precision of a detector as COCO computes it: AP over IoU 0.50 to 0.95, and AP50."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nirvis_training.applications.boxes import Corners, Found, Truth

THRESHOLDS = np.arange(10) * 0.05 + 0.5
MOST_PER_PICTURE = 100
_RECALLS = np.linspace(0, 1, 101)


class ClassPrecision(BaseModel):
    """One class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    boxes: int
    """True ones."""
    ap: float
    ap50: float


class Precision(BaseModel):
    """A detector on a collection of pictures; 1 is perfect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ap: float
    """Mean over the thresholds of IoU and over the classes that the pictures contain."""
    ap50: float
    pictures: int
    by_class: dict[int, ClassPrecision]


def average_precision(found: Sequence[Found], truth: Sequence[Truth], classes: Sequence[int] = ()) -> Precision:
    """Score what was found, picture by picture in the same order, both in the same coordinates.

    classes
        Only these; all that the truth contains when empty.

    Raises `ValueError` when the truth contains none of them, so that nothing could be found.
    """
    present = sorted({int(c) for true in truth for c in true.classes[~true.ignored]} & set(classes or _all(truth)))
    if not present:
        raise ValueError("average precision was asked for where there is no true box")
    by_class = {category: _of_class(found, truth, category) for category in present}
    return Precision(
        ap=float(np.mean([one.ap for one in by_class.values()])),
        ap50=float(np.mean([one.ap50 for one in by_class.values()])),
        pictures=len(truth),
        by_class=by_class,
    )


def overlap(found: Corners, true: Corners, crowd: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Intersection over union of every two boxes ``(n, m)``; over the found box alone where the true one is a crowd."""
    corner = np.maximum(found[:, None, :2], true[None, :, :2]), np.minimum(found[:, None, 2:], true[None, :, 2:])
    shared = np.clip(corner[1] - corner[0], 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (found, true)]
    union = areas[0][:, None] + areas[1][None] - shared
    whole = union if crowd is None else np.where(crowd[None], areas[0][:, None], union)
    shares: NDArray[np.float64] = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return shares


def precision_under_curve(correct: NDArray[np.bool_], boxes: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or beyond.

    correct
        Of every box that was found, the most certain first.
    """
    true = np.cumsum(correct)
    recall, precision = true / boxes, true / np.arange(1, len(correct) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(envelope, 0.0)[places].mean())


def _of_class(found: Sequence[Found], truth: Sequence[Truth], category: int) -> ClassPrecision:
    boxes = sum(int(((true.classes == category) & ~true.ignored).sum()) for true in truth)
    scores, outcomes = [], []
    for one, true in zip(found, truth, strict=True):
        chosen = np.flatnonzero(one.classes == category)
        chosen = chosen[np.argsort(-one.scores[chosen], kind="stable")][:MOST_PER_PICTURE]
        there = true.classes == category
        scores.append(one.scores[chosen])
        outcomes.append(_matched(one.corners[chosen], true.corners[there], true.ignored[there]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    outcome = np.concatenate(outcomes, axis=1)[:, order]
    precisions = [precision_under_curve(of[of >= 0] == 1, boxes) for of in outcome]
    return ClassPrecision(boxes=boxes, ap=float(np.mean(precisions)), ap50=precisions[0])


def _matched(found: Corners, true: Corners, ignored: NDArray[np.bool_]) -> NDArray[np.int64]:
    """At each threshold, of each found box, the most certain first: 1 right, 0 wrong, -1 counts for nothing.

    Each true box is matched once, with the free one that overlaps most; crowds only where nothing else does.
    """
    overlaps = overlap(found, true, ignored)
    outcome = np.zeros((len(THRESHOLDS), len(found)), np.int64)
    for level, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(true), bool)
        for index, row in enumerate(overlaps):
            candidates = np.flatnonzero((row >= threshold) & free & ~ignored)
            if len(candidates):
                free[candidates[np.argmax(row[candidates])]] = False
                outcome[level, index] = 1
            elif (row[ignored] >= threshold).any():
                outcome[level, index] = -1
    return outcome


def _all(truth: Sequence[Truth]) -> set[int]:
    return {int(category) for true in truth for category in true.classes}
