"""Judge a trained run on clips that it has not seen, beside answers that need no training."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import Subset
from nirvis_training import baselines
from nirvis_training.backbones.cache import load_backbones
from nirvis_training.conclusion import conclude
from nirvis_training.evaluation import PREDICTION, Evaluation
from nirvis_training.evaluation_pictures import write_examples
from nirvis_training.evaluation_report import write_report
from nirvis_training.judged_pictures import JudgedPictures, ReferencePictures
from nirvis_training.judgement import Contestant
from nirvis_training.material import fixed_indices
from nirvis_training.methods import load_method
from nirvis_training.protocol import METRICS, Protocol
from nirvis_training.run_folder import RunFolder
from nirvis_training.scoring import Findings, PictureScores, Predict, Progress, Scorer
from nirvis_training.video import part_of

_MEAN_COLOUR_PAIRS = 400


def evaluate(
    run: Path,
    dataset: Path,
    subset: Subset = "test",
    *,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score the best weights of `run` on one set of `dataset`; writes ``evaluation/`` in the run folder.

    Sources without a partner are judged by what needs none: steadiness, and the distances between collections.

    Raises `EvaluationError`, and what reading a run, a dataset or a file of weights raises.
    """
    protocol = protocol or Protocol()
    folder, device = RunFolder(run), this_device()
    scorer = Scorer(protocol, load_backbones(protocol, device), device)
    predict = predictor(folder, device)
    pictures = JudgedPictures(dataset, subset, protocol.pairs_per_clip)
    mean = mean_colour_if_any(dataset)
    found = scorer.look(pictures, {PREDICTION: predict, **untrained(mean)}, progress)
    missing = look_at_reference(scorer, found, dataset, subset)
    judgement = conclude(
        found, protocol, scorer.backbones, datasets=[str(dataset)], subset=subset, not_computed=missing
    )
    part = part_of(run / "evaluation")
    shutil.rmtree(part, ignore_errors=True)
    evaluation = Evaluation(
        **dict(judgement),
        run=run.resolve().name,
        method=folder.method,
        variant=folder.config.method.variant,
        weights_sha256=folder.weights_sha256,
        features=folder.features,
        trained_on_rigs=list(folder.rigs),
        examples=write_examples(part, pictures, found.rows, predict, protocol.quantise),
        mean_colour=None if mean is None else mean.rgb,
    )
    write_table(part / "evaluation.csv", found.rows)
    (part / "evaluation.json").write_text(evaluation.model_dump_json(indent=2) + "\n", encoding="utf-8")
    write_report(part, evaluation)
    shutil.rmtree(run / "evaluation", ignore_errors=True)
    os.replace(part, run / "evaluation")
    return evaluation


def this_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def predictor(run: RunFolder, device: torch.device) -> Predict:
    """The best weights of a run, as a function of the source. Raises `NotARun`."""
    method = load_method(run).to(device)
    return method.predict


def untrained(mean: baselines.MeanColour | None) -> dict[Contestant, Predict]:
    """Answers that need no training; without the mean colour where there are no training targets."""
    always: dict[Contestant, Predict] = {"input": baselines.as_it_is, "grey_world": baselines.grey_world}
    return always if mean is None else {**always, "mean_colour": mean}


def training_mean_colour(dataset: Path) -> baselines.MeanColour:
    """Mean colour of the training targets, over at most a few hundred pairs spread evenly. Raises `DatasetError`."""
    pairs = SampleDataset(dataset, "train")
    samples = (pairs[index] for index in fixed_indices(len(pairs), _MEAN_COLOUR_PAIRS))
    return baselines.mean_colour((sample["target"], sample["valid"]) for sample in samples)


def mean_colour_if_any(dataset: Path) -> baselines.MeanColour | None:
    """`training_mean_colour`; None where no pair is trained on."""
    try:
        return training_mean_colour(dataset)
    except DatasetError:
        return None


def look_at_reference(scorer: Scorer, found: Findings, dataset: Path, subset: Subset) -> dict[str, str]:
    """Features of the visible pictures that FID and KID compare with; else what is not computed, and why."""
    if scorer.backbones.inception is None:
        return {}
    of: Subset = "train" if scorer.protocol.reference == "training" else subset
    try:
        scorer.look_at_reference(found, ReferencePictures(dataset, of, scorer.protocol.pairs_per_clip))
    except DatasetError as error:
        remedy = "" if of == "train" else "; compare with the training set instead: --reference training"
        return {"fid, kid": f"there are no visible pictures to compare with ({error}){remedy}"}
    return {}


def write_table(path: Path, rows: Sequence[PictureScores]) -> None:
    """One line for each picture, one column for each contestant and metric that any picture has."""
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    columns = [(c, m) for c in names for m in METRICS if any(m in row.scores.get(c, {}) for row in rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["picture", "clip", "recording_id", "mode", "place", "rig", *(f"{c}_{m}" for c, m in columns)])
        for row in rows:
            clip = row.clip
            figures = (row.scores[c].get(m) if c in row.scores else None for c, m in columns)
            table.writerow(
                [row.name, clip.path, clip.recording_id, clip.mode, clip.place, row.rig]
                + ["" if figure is None else f"{figure:.6g}" for figure in figures]
            )
