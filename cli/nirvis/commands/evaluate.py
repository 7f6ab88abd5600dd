"""``nirvis evaluate``: figures of a run on clips that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nirvis.progress import progress_bar
from nirvis_training.evaluation import DISTANCE_HEADER, Evaluation, distance_rows, shown
from nirvis_training.judgement import TITLES, Contestant, Judgement, Scores
from nirvis_training.protocol import FIGURES, Metric, Protocol

_PRINTED: tuple[Metric, ...] = ("psnr_rgb_db", "ssim_rgb", "ciede2000", "lpips_alex_v0_1", "flicker_dn", "warp_error")


def evaluate(
    run: Path,
    /,
    *,
    dataset: Path,
    subset: Literal["train", "val", "test"] = "test",
    protocol: Annotated[Protocol | None, Parameter(name="*", negative="")] = None,
) -> None:
    """Compare the best weights of a run with the visible truth, and with answers that need no training.

    Writes report.html, evaluation.json, evaluation.csv (one line for each picture) and example pictures into
    RUN/evaluation. Sources without a partner are judged by their steadiness, and by FID and KID.

    Parameters
    ----------
    run
        Folder of a training run.
    dataset
        Folder of registered pairs with catalogue.csv and splits.csv.
    subset
        Which set of the split.
    """
    from nirvis_training.evaluate import evaluate as judge

    with progress_bar("evaluate", "picture", always=True) as show:
        evaluation = judge(run, dataset, subset, protocol=protocol, progress=show)
    print("\n".join(table(evaluation)))
    print(run / "evaluation" / "report.html")


def table(evaluation: Evaluation) -> list[str]:
    """The evaluation as lines of text: means over clips with 95 % intervals."""
    lines = [f"{evaluation.extent} ({evaluation.subset}); mean over clips [95 %]"]
    lines += figures(evaluation)
    lines.append(f"perceptual features in training: {evaluation.features}")
    return lines


def figures(judgement: Judgement) -> list[str]:
    """Every contestant over all clips, in each mode, and its distances; then what was not computed."""
    lines = _block(judgement, "all", judgement.overall)
    modes = judgement.groups["mode"]
    for mode, scores in modes.items() if len(modes) > 1 else ():
        lines += _block(judgement, mode, scores)
    for group in judgement.distances:
        rows = [[f"{group} pictures", *DISTANCE_HEADER[1:]], *distance_rows(judgement, group, TITLES)]
        lines += [f"{name:26}" + "".join(f"{cell:>22}" for cell in cells) for name, *cells in rows]
    return lines + [f"{what}: not computed, {reason}" for what, reason in judgement.not_computed.items()]


def _block(judgement: Judgement, title: str, scores: Mapping[Contestant, Scores]) -> list[str]:
    printed = [metric for metric in _PRINTED if metric in judgement.metrics]
    head = f"{title:26}" + "".join(f"  {FIGURES[metric].title:>26}" for metric in printed)
    rows = (
        f"  {TITLES.get(name, name):24}" + "".join(f"  {shown(found, metric):>26}" for metric in printed)
        for name, found in scores.items()
        if found
    )
    return [head, *rows]
