"""Boxes that were found and boxes that are true, and how the latter are read: YOLO text files or COCO JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.errors import NirvisError

Corners = NDArray[np.float64]
"""``(n, 4)``: left, top, right, bottom."""


class LabelError(NirvisError):
    """Labels that cannot be read, or fit no picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found in one picture, in its pixels."""

    corners: Corners
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is in one picture; corners in shares of its width and height."""

    corners: Corners
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    """Crowds: finding something there counts neither for nor against."""


def read_labels(path: Path) -> dict[str, Truth]:
    """Labels by name of the picture.

    path
        A folder with ``NAME.txt`` of each picture, each line ``class x y width height`` of the centre in shares of the
        picture (YOLO); or a ``.json`` of COCO, whose categories in the order of their ids are classes 0, 1, 2, …

    Raises `LabelError` naming the file and line.
    """
    if path.is_dir():
        found = {file.stem: _yolo(file) for file in sorted(path.glob("*.txt"))}
        if not found:
            raise LabelError(f"{path} holds no .txt files of labels")
        return found
    try:
        return _coco(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LabelError(f"{path} cannot be read ({error.strerror}); labels are a folder of .txt, or a .json") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabelError(f"{path} is no COCO file of labels: {type(error).__name__} {error}") from None


def _yolo(file: Path) -> Truth:
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            category, x, y, width, height = (float(cell) for cell in line.split())
        except ValueError:
            raise LabelError(f"{file}, line {number}: wants `class x y width height`, got {line!r}") from None
        rows.append([category, x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    table = np.array(rows).reshape(-1, 5)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), np.zeros(len(table), bool))


def _coco(content: Mapping[str, Any]) -> dict[str, Truth]:
    classes = {category: i for i, category in enumerate(sorted(one["id"] for one in content["categories"]))}
    boxes: dict[Any, list[tuple[list[float], int, bool]]] = {image["id"]: [] for image in content["images"]}
    for one in content["annotations"]:
        boxes[one["image_id"]].append((one["bbox"], classes[one["category_id"]], bool(one.get("iscrowd", 0))))
    return {
        Path(image["file_name"]).stem: _in_shares(boxes[image["id"]], image["width"], image["height"])
        for image in content["images"]
    }


def _in_shares(boxes: list[tuple[list[float], int, bool]], width: float, height: float) -> Truth:
    table = np.array([box for box, _, _ in boxes], float).reshape(-1, 4)
    corners = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], axis=1) / [width, height, width, height]
    return Truth(
        corners, np.array([c for _, c, _ in boxes], np.int64), np.array([crowd for _, _, crowd in boxes], bool)
    )
