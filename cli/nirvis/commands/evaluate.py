"""``nirvis evaluate``: figures of a run on clips that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from nirvis.progress import progress_bar
from nirvis_training.evaluation import CONTESTANTS, TITLES, Contestant, Evaluation, Interval, Scores


def evaluate(
    run: Path,
    /,
    *,
    dataset: Path,
    subset: Literal["train", "val", "test"] = "test",
    pairs_per_clip: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    seed: int = 0,
) -> None:
    """Compare the best weights of a run with the visible truth, and with answers that need no training.

    Writes evaluation.json, evaluation.csv (one line for each pair) and example pictures into RUN/evaluation.

    Parameters
    ----------
    run
        Folder of a training run.
    dataset
        Folder of registered pairs with catalogue.csv and splits.csv.
    subset
        Which set of the split.
    pairs_per_clip
        Score only so many pairs of each clip, evenly spaced.
    seed
        Of the bootstrap intervals.
    """
    from nirvis_training.evaluate import evaluate as judge

    with progress_bar("evaluate", "pair") as show:
        evaluation = judge(run, dataset, subset, pairs_per_clip=pairs_per_clip, seed=seed, progress=show)
    print("\n".join(table(evaluation)))
    print(run / "evaluation")


def table(evaluation: Evaluation) -> list[str]:
    """The evaluation as lines of text: means over clips with 95 % intervals."""
    lines = [f"{evaluation.pairs} pairs of {evaluation.clips} clips ({evaluation.subset}); mean over clips [95 %]"]
    lines += _block("all", evaluation.overall)
    if len(evaluation.by_mode) > 1:
        for mode, scores in evaluation.by_mode.items():
            lines += _block(mode, scores)
    lines.append(f"perceptual features in training: {evaluation.features}")
    lines += [f"{metric}: not computed, {reason}" for metric, reason in evaluation.not_computed.items()]
    return lines


def _block(title: str, scores: Mapping[Contestant, Scores]) -> list[str]:
    head = f"{title:24}{'PSNR dB':>22}{'SSIM':>24}{'CIEDE2000':>22}"
    return [head, *(f"  {TITLES[contestant]:22}{_row(scores[contestant])}" for contestant in CONTESTANTS)]


def _row(scores: Scores) -> str:
    return f"{_shown(scores.psnr_db, 2):>22}{_shown(scores.ssim, 3):>24}{_shown(scores.ciede2000, 2):>22}"


def _shown(interval: Interval, digits: int) -> str:
    return f"{interval.mean:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"
