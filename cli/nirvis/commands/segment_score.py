"""``nirvis segment-score``: how well a segmenter works on infrared, translated and visible pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_training.applications.views import Companions, Views


def segment_score(
    segmenter: Path,
    source: Path,
    /,
    *,
    labels: Path,
    companions: Annotated[Companions | None, Parameter(name="*", negative="")] = None,
    size: Annotated[int | None, Parameter(validator=Number(gte=32))] = None,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    out: Path | None = None,
) -> None:
    """Mean IoU and pixel accuracy of a segmenter on the input, its translation and the truth.

    Parameters
    ----------
    segmenter
        An ONNX file, made for visible pictures.
    source
        A clip, a pairs file (which has the truth as well), a video, a folder of pictures, or one picture.
    labels
        A folder of NAME.png by the names of the pictures: classes in one channel, 255 for what is not judged.
    size
        Side of the segmenter's input, where it leaves that open.
    mean
        Of RGB in [0, 1] that the segmenter was trained with.
    std
        Of the same.
    out
        Write the figures to this JSON file too.
    """
    from nirvis_training.applications.scores import write_scores
    from nirvis_training.applications.segment_score import Segmenter, score_segmenter

    with progress_bar("segment", "picture", always=True) as show:
        views = Views(source, companions)
        scores = score_segmenter(Segmenter(segmenter, size, mean, std), views, labels, show)
    print(f"{'':14}{'mIoU':>8}{'accuracy':>10}{'pictures':>10}")
    for view, score in scores.items():
        print(f"{view:14}{score.mean_iou:8.3f}{score.pixel_accuracy:10.3f}{score.pictures:10}")
    if out is not None:
        print(write_scores(out, segmenter, scores))
