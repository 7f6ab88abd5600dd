"""Judge several runs on the same pictures, and write one table of all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from nirvis_capture.wording import counted
from nirvis_datasets.split import Subset
from nirvis_training.backbones.cache import load_backbones
from nirvis_training.comparison import Comparison, RunLine, paired_differences
from nirvis_training.comparison_report import write_comparison_report
from nirvis_training.conclusion import conclude
from nirvis_training.evaluate import look_at_reference, mean_colour_if_any, predictor, this_device, untrained
from nirvis_training.judged_pictures import JudgedPictures
from nirvis_training.judgement import BASELINES, TARGET, Contestant, EvaluationError
from nirvis_training.protocol import Protocol
from nirvis_training.run_folder import RunFolder
from nirvis_training.scoring import Findings, PictureScores, Progress, Scorer
from nirvis_training.study import CLIPS, SECONDS, make_study


def compare(
    runs: Sequence[Path],
    datasets: Sequence[Path],
    out: Path,
    *,
    subset: Subset = "test",
    protocol: Protocol | None = None,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Score the best weights of every run on one set of all `datasets`, and write ``comparison.*`` into `out`.

    names
        What to call each run; by default its method, its folder where two runs have the same.
    progress
        Counts every picture once for each run.

    Raises `EvaluationError`, and what reading runs, datasets or files of weights raises.
    """
    protocol = protocol or Protocol()
    folders = [RunFolder(run) for run in runs]
    lines = [_described(folder, name) for folder, name in zip(folders, _names(folders, names), strict=True)]
    device = this_device()
    scorer = Scorer(protocol, load_backbones(protocol, device), device)
    pictures = {dataset: JudgedPictures(dataset, subset, protocol.pairs_per_clip) for dataset in datasets}
    total, done = len(folders) * sum(len(of) for of in pictures.values()), 0
    found, missing = Findings(), dict[str, str]()
    for dataset, judged in pictures.items():
        mean, of_dataset = mean_colour_if_any(dataset), Findings()
        # One run in memory at a time; what needs no training is scored along with the first.
        for folder, line in zip(folders, lines, strict=True):
            contestants = {line.name: predictor(folder, device)} | (untrained(mean) if line is lines[0] else {})
            look = scorer.look(judged, contestants, _offset(progress, done, total))
            of_dataset = look if line is lines[0] else _joined(of_dataset, look)
            done += len(judged)
        missing |= look_at_reference(scorer, of_dataset, dataset, subset)
        found.rows.extend(of_dataset.rows)
        for name, features in of_dataset.features.items():
            found.features.setdefault(name, []).extend(features)
    judgement = conclude(
        _ordered(found, [line.name for line in lines]),
        protocol,
        scorer.backbones,
        datasets=[str(dataset) for dataset in datasets],
        subset=subset,
        not_computed=missing,
    )
    differences = paired_differences(judgement.by_clip, [line.name for line in lines], protocol.seed)
    comparison = Comparison(**dict(judgement), runs=lines, differences=differences)
    _write(out, comparison)
    return comparison


def study_of(
    runs: Sequence[Path],
    dataset: Path,
    out: Path,
    *,
    subset: Subset = "test",
    names: Sequence[str] = (),
    clips: int = CLIPS,
    seconds: float = SECONDS,
) -> Path:
    """A page for a blind user study of the best weights of every run; see `nirvis_training.study`."""
    folders, device = [RunFolder(run) for run in runs], torch.device("cpu")
    methods = {name: predictor(folder, device) for folder, name in zip(folders, _names(folders, names), strict=True)}
    return make_study(out, methods, dataset, subset, clips=clips, seconds=seconds)


def _names(runs: Sequence[RunFolder], given: Sequence[str]) -> list[Contestant]:
    """Raises `EvaluationError` when they do not tell the runs apart."""
    if not runs:
        raise EvaluationError("there is no run to compare; give the folders of some")
    if given and len(given) != len(runs):
        raise EvaluationError(f"{counted(len(given), 'name')} for {counted(len(runs), 'run')}: give as many, or none")
    methods = Counter(run.method for run in runs)
    names = list(given) or [r.method if methods[r.method] == 1 else r.path.resolve().name for r in runs]
    taken = {*BASELINES, TARGET}
    twice = [name for name, count in Counter(names).items() if count > 1 or name in taken]
    if twice:
        raise EvaluationError(f"{twice[0]} would name two of those that are compared; give each run another --name")
    return names


def _described(run: RunFolder, name: Contestant) -> RunLine:
    best = run.best
    return RunLine(
        name=name,
        run=run.path.resolve().name,
        method=run.method,
        variant=run.config.method.variant,
        samples=best.samples if best is not None else 0,
        seconds=run.status.seconds,
        features=run.features,
        weights_sha256=run.weights_sha256,
        rigs=list(run.rigs),
    )


def _joined(first: Findings, second: Findings) -> Findings:
    """Scores of other contestants on the same pictures, in the same order."""
    rows = [
        PictureScores(a.name, a.clip, a.row, a.rig, a.scored, {**a.scores, **b.scores})
        for a, b in zip(first.rows, second.rows, strict=True)
    ]
    return Findings(rows, {**first.features, **second.features})


def _ordered(found: Findings, names: Sequence[Contestant]) -> Findings:
    """Answers without training first, then the runs, then the truth: as published tables have it."""
    order = (*BASELINES, *names, TARGET)
    rows = [
        PictureScores(
            *(row.name, row.clip, row.row, row.rig, row.scored),
            {name: row.scores[name] for name in order if name in row.scores},
        )
        for row in found.rows
    ]
    return Findings(rows, {name: found.features[name] for name in order if name in found.features})


def _offset(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _write(out: Path, comparison: Comparison) -> None:
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "json": comparison.model_dump_json(indent=2) + "\n",
        "csv": comparison.csv(),
        "md": comparison.markdown(),
    }
    for suffix, text in texts.items():
        draft = out / f"comparison.{suffix}.part"
        draft.write_text(text, encoding="utf-8", newline="")
        os.replace(draft, out / f"comparison.{suffix}")
    write_comparison_report(out, comparison)
