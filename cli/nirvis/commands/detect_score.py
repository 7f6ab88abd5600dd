"""``nirvis detect-score``: how well a detector works on infrared, translated and visible pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_training.applications.views import Companions, Views


def detect_score(
    detector: Path,
    source: Path,
    /,
    *,
    labels: Path,
    companions: Annotated[Companions | None, Parameter(name="*", negative="")] = None,
    layout: Literal["yolov5", "yolov8", "boxes"] = "yolov8",
    size: Annotated[int | None, Parameter(validator=Number(gte=32))] = None,
    classes: Annotated[tuple[int, ...], Parameter(negative="")] = (),
    out: Path | None = None,
) -> None:
    """Average precision (COCO's AP and AP50) of a detector on the input, its translation and the truth.

    Parameters
    ----------
    detector
        An ONNX file of the YOLO family, made for visible pictures.
    source
        A clip, a pairs file (which has the truth as well), a video, a folder of pictures, or one picture.
    labels
        A folder of NAME.txt (YOLO) or a COCO .json, by the names of the pictures; 000000, 000001, … in clips,
        pairs files and videos.
    layout
        Of the detector's output: yolov5 (1, n, 5 + classes), yolov8 (1, 4 + classes, n), boxes (1, n, 6).
    size
        Side of the detector's input, where it leaves that open.
    classes
        Count only these classes of the detector; may be repeated.
    out
        Write the figures to this JSON file too.
    """
    from nirvis_training.applications.detect_score import score_detector
    from nirvis_training.applications.detector import Detector
    from nirvis_training.applications.scores import write_scores

    with progress_bar("detect", "picture", always=True) as show:
        views = Views(source, companions)
        scores = score_detector(Detector(detector, layout, size), views, labels, classes, show)
    print(f"{'':14}{'AP':>8}{'AP50':>8}{'pictures':>10}")
    for view, score in scores.items():
        print(f"{view:14}{score.ap:8.3f}{score.ap50:8.3f}{score.pictures:10}")
    if out is not None:
        print(write_scores(out, detector, scores))
