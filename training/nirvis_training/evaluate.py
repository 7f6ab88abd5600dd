"""Judge a trained run on clips that it has not seen, beside answers that need no training.

Every pair is scored, pairs are averaged within their clip, and clips count alike: frames of one clip are nearly the
same picture, so the clip is what the confidence interval resamples.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nirvis_capture.profile import Mode
from nirvis_datasets.entry import Entry
from nirvis_datasets.pairs import PairDataset
from nirvis_datasets.split import Subset
from nirvis_training import baselines, metrics
from nirvis_training.colour import rgb_to_lab
from nirvis_training.evaluation import (
    CONTESTANTS,
    METRICS,
    ClipScores,
    Contestant,
    Evaluation,
    EvaluationError,
    Example,
    Metric,
    summarise,
)
from nirvis_training.methods import load_method
from nirvis_training.run_folder import RunFolder
from nirvis_training.validation import fixed_indices
from nirvis_training.video import Picture, part_of, write_png

Predict = Callable[[Tensor], Tensor]
"""RGB ``(N, 3, H, W)`` in [0, 1] to the same."""
Progress = Callable[[int, int], None]

EQUAL_PSNR_DB = 100.0
"""What equal pictures count as, so that means stay finite."""
NOT_COMPUTED = {"lpips": "needs pretrained features, and no file of them was given"}
_MEAN_COLOUR_PAIRS = 400
_ERROR_WHITE = 30.0
_EXAMPLE_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class PairScore:
    """What every contestant reached on one pair of the dataset."""

    index: int
    name: str
    clip: Entry
    scores: Mapping[Contestant, Mapping[Metric, float]]


def evaluate(
    run: Path,
    dataset: Path,
    subset: Subset = "test",
    *,
    pairs_per_clip: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score the best weights of `run` on one set of `dataset`; writes ``evaluation/`` in the run folder.

    pairs_per_clip
        Only so many pairs of each clip, evenly spaced; all when None.
    seed
        Of the bootstrap.

    Raises `EvaluationError`, and what reading a run or a dataset raises.
    """
    folder = RunFolder(run)
    predict = load_method(folder).predict
    pairs = PairDataset(dataset, subset, crop=None)
    mean = training_mean_colour(dataset)
    rows = list(score_pairs(pairs, contestants(predict, mean), pairs_per_clip, progress))
    by_clip = average_clips(rows)
    part = part_of(run / "evaluation")
    shutil.rmtree(part, ignore_errors=True)
    evaluation = Evaluation(
        run=run.resolve().name,
        dataset=str(dataset),
        subset=subset,
        method=folder.method,
        weights_sha256=folder.weights_sha256,
        features=folder.features,
        pairs=len(rows),
        clips=len(by_clip),
        overall=summarise(by_clip, seed),
        by_mode={mode: summarise(clips, seed) for mode, clips in _by_mode(by_clip).items()},
        by_clip=by_clip,
        not_computed=NOT_COMPUTED,
        examples=write_examples(part, pairs, rows, predict),
        bootstrap_seed=seed,
        mean_colour=mean.rgb,
    )
    write_table(part / "evaluation.csv", rows)
    (part / "evaluation.json").write_text(evaluation.model_dump_json(indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(run / "evaluation", ignore_errors=True)
    os.replace(part, run / "evaluation")
    return evaluation


def contestants(predict: Predict, mean: baselines.MeanColour) -> dict[Contestant, Predict]:
    return {
        "prediction": predict,
        "input": baselines.as_it_is,
        "grey_world": baselines.grey_world,
        "mean_colour": mean,
    }


def training_mean_colour(dataset: Path) -> baselines.MeanColour:
    """Mean colour of the training targets, over at most a few hundred pairs spread evenly."""
    pairs = PairDataset(dataset, "train", crop=None)
    samples = (pairs[index] for index in fixed_indices(len(pairs), _MEAN_COLOUR_PAIRS))
    return baselines.mean_colour((sample["target"], sample["valid"]) for sample in samples)


def score_pairs(
    pairs: PairDataset,
    contestants: Mapping[Contestant, Predict],
    pairs_per_clip: int | None = None,
    progress: Progress | None = None,
) -> Iterator[PairScore]:
    """Score every contestant on every pair, one pair in memory at a time."""
    chosen = choose(pairs, pairs_per_clip)
    for done, index in enumerate(chosen, start=1):
        sample = pairs[index]
        source, target, valid = (sample[key][None] for key in ("source", "target", "valid"))
        scores = {name: score(predict(source), target, valid) for name, predict in contestants.items()}
        yield PairScore(index, sample["name"], pairs.entry(index), scores)
        if progress is not None:
            progress(done, len(chosen))


def choose(pairs: PairDataset, pairs_per_clip: int | None) -> list[int]:
    """Indices of the pairs to score, clip by clip."""
    of_clip: dict[str, list[int]] = defaultdict(list)
    for index in range(len(pairs)):
        of_clip[pairs.entry(index).path].append(index)
    wanted = pairs_per_clip or len(pairs)
    return [indices[place] for indices in of_clip.values() for place in fixed_indices(len(indices), wanted)]


def score(predicted: Tensor, target: Tensor, valid: Tensor) -> dict[Metric, float]:
    """Every metric of one picture ``(1, 3, H, W)``, rounded to 8 bits as a viewer sees it."""
    shown = as_shown(predicted)
    return {
        "psnr_db": min(EQUAL_PSNR_DB, float(metrics.psnr(shown, target, valid))),
        "ssim": float(metrics.ssim(shown, target, valid)),
        "ciede2000": float(metrics.ciede2000(shown, target, valid)),
    }


def average_clips(rows: Sequence[PairScore]) -> list[ClipScores]:
    """Mean over the pairs of each clip; pairs without a valid pixel are left out.

    Raises `EvaluationError` when nothing is left.
    """
    of_clip: dict[str, list[PairScore]] = defaultdict(list)
    for row in rows:
        if not any(math.isnan(value) for scores in row.scores.values() for value in scores.values()):
            of_clip[row.clip.path].append(row)
    if not of_clip:
        raise EvaluationError("no pair has a valid pixel to compare; check the registration of the pairs")
    return [_averaged(members) for members in of_clip.values()]


def _averaged(members: Sequence[PairScore]) -> ClipScores:
    means: dict[Contestant, dict[Metric, float]] = {
        contestant: {metric: float(np.mean([m.scores[contestant][metric] for m in members])) for metric in METRICS}
        for contestant in CONTESTANTS
    }
    clip = members[0].clip
    return ClipScores(clip=clip.path, recording_id=clip.recording_id, mode=clip.mode, pairs=len(members), scores=means)


def _by_mode(clips: Sequence[ClipScores]) -> dict[Mode, list[ClipScores]]:
    return {mode: [c for c in clips if c.mode == mode] for mode in sorted({c.mode for c in clips})}


def write_table(path: Path, rows: Sequence[PairScore]) -> None:
    """One line for each pair, one column for each contestant and metric."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["pair", "clip", "recording_id", "mode", *(f"{c}_{m}" for c in CONTESTANTS for m in METRICS)])
        for row in rows:
            figures = (f"{row.scores[c][m]:.5f}" for c in CONTESTANTS for m in METRICS)
            table.writerow([row.name, row.clip.path, row.clip.recording_id, row.clip.mode, *figures])


def write_examples(folder: Path, pairs: PairDataset, rows: Sequence[PairScore], predict: Predict) -> list[Example]:
    """Pictures of a poor, a middling and a good pair of each mode, by PSNR."""
    (folder / "pictures").mkdir(parents=True)
    examples = []
    for mode in sorted({row.clip.mode for row in rows}):
        ranked = sorted((row for row in rows if row.clip.mode == mode), key=_rank)
        places = sorted({round(quantile * (len(ranked) - 1)) for quantile in _EXAMPLE_QUANTILES})
        examples += [_example(folder, pairs, ranked[place], predict) for place in places]
    return examples


def _rank(row: PairScore) -> tuple[float, int]:
    return row.scores["prediction"]["psnr_db"], row.index


def _example(folder: Path, pairs: PairDataset, row: PairScore, predict: Predict) -> Example:
    sample = pairs[row.index]
    source, target = sample["source"][None], sample["target"][None]
    predicted = as_shown(predict(source))
    error = metrics.delta_e_2000(rgb_to_lab(predicted.double()), rgb_to_lab(target.double()))
    shade = (error * sample["valid"] / _ERROR_WHITE)[None].expand(1, 3, -1, -1)
    files = {}
    for kind, picture in {"source": source, "prediction": predicted, "target": target, "error": shade}.items():
        files[kind] = f"pictures/{row.name}_{kind}.png"
        write_png(folder / files[kind], to_picture(picture))
    scores = row.scores["prediction"]
    return Example(
        name=row.name,
        clip=row.clip.path,
        mode=row.clip.mode,
        psnr_db=scores["psnr_db"],
        ciede2000=scores["ciede2000"],
        **files,
    )


def to_picture(shown: Tensor) -> Picture:
    """``(1, 3, H, W)`` in [0, 1] → RGB ``(H, W, 3)`` u8, rounded."""
    picture: Picture = (shown[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return picture


def as_shown(predicted: Tensor) -> Tensor:
    """The values that remain after a picture was stored in 8 bits."""
    return (predicted.clamp(0, 1) * 255).round() / 255
