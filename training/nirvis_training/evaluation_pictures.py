"""Example pictures of an evaluation: the worst, and what a typical one looks like in each mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from nirvis_training import metrics
from nirvis_training.colour import rgb_to_lab
from nirvis_training.evaluation import PREDICTION, Example
from nirvis_training.judged_pictures import JudgedPictures
from nirvis_training.protocol import Quantise
from nirvis_training.scoring import PictureScores, Predict, to_picture
from nirvis_training.video import write_png

ERROR_WHITE = 30.0
WORST = 4
_QUANTILES = (0.1, 0.5, 0.9)


def write_examples(
    folder: Path, pictures: JudgedPictures, rows: Sequence[PictureScores], predict: Predict, quantise: Quantise
) -> list[Example]:
    """Pictures of the worst of all, and of a poor, a middling and a good one of each mode, into ``pictures/``.

    Ranked by PSNR; by steadiness where nothing has a partner.
    """
    (folder / "pictures").mkdir(parents=True)
    return [_example(folder, pictures, row, why, predict, quantise) for row, why in _chosen(rows)]


def _chosen(rows: Sequence[PictureScores]) -> Iterator[tuple[PictureScores, str]]:
    ranked = sorted((row for row in rows if row.scored), key=_rank)
    # One of each clip: its other pictures look the same.
    worst_of_clips = list({row.clip.path: row for row in reversed(ranked)}.values())[::-1]
    worst = worst_of_clips[: min(WORST, len(ranked) // 4)]
    yield from ((row, "worst of its clip") for row in worst)
    for mode in sorted({row.clip.mode for row in ranked}):
        others = [row for row in ranked if row.clip.mode == mode and row not in worst]
        places = sorted({round(quantile * (len(others) - 1)) for quantile in _QUANTILES if others})
        for place in places:
            yield others[place], f"{mode}, {100 * (place + 0.5) / len(others):.0f} % are worse"


def _rank(row: PictureScores) -> tuple[float, str]:
    """Worst first."""
    scores = row.scores[PREDICTION]
    return scores.get("psnr_rgb_db", -scores.get("flicker_dn", 0.0)), row.name


def _example(
    folder: Path, pictures: JudgedPictures, row: PictureScores, why: str, predict: Predict, quantise: Quantise
) -> Example:
    judged = pictures.again(row.clip, row.row)
    predicted = metrics.quantised(predict(judged.source).cpu(), quantise)
    views = {"source": judged.source, "prediction": predicted}
    if judged.target is not None:
        views |= {"target": judged.target, "error": _error(predicted, judged.target, judged.valid)}
    files = {kind: f"pictures/{row.name}_{kind}.png" for kind in views}
    for kind, rgb in views.items():
        write_png(folder / files[kind], to_picture(rgb))
    return Example(
        name=row.name, clip=row.clip.path, mode=row.clip.mode, why=why, scores=dict(row.scores[PREDICTION]), **files
    )


def _error(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """CIEDE2000 of each pixel as a grey picture, white at `ERROR_WHITE`."""
    difference = metrics.delta_e_2000(rgb_to_lab(predicted.double()), rgb_to_lab(target.double()))
    return (difference[:, None] * valid / ERROR_WHITE).expand(1, 3, -1, -1)
