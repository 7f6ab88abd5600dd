"""What a comparison of several runs says: one table like Table 1 of the VSIAD paper; read without torch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from nirvis_training.evaluation import DISTANCE_HEADER, distance_rows, shown
from nirvis_training.judgement import (
    TITLES,
    ClipScores,
    Contestant,
    EvaluationError,
    Interval,
    Judgement,
    Record,
    Scores,
    interval,
    of_clips,
    resamples,
)
from nirvis_training.protocol import FIGURES, METRICS, Metric

TABLE_1: tuple[Metric, ...] = ("psnr_rgb_db", "ssim_rgb", "ms_ssim_rgb", "lpips_alex_v0_1", "ciede2000")
STEADINESS: tuple[Metric, ...] = ("flicker_dn", "warp_error")


class RunLine(Record):
    """What a run that takes part was made of."""

    name: Contestant
    run: str
    method: str
    variant: str
    samples: int
    """Seen in training, by its best weights."""
    seconds: float
    """Of training, all in all."""
    features: str
    weights_sha256: str
    rigs: list[str]
    """That it was trained on."""


class Comparison(Judgement):
    """Several runs on the same pictures, beside answers that need no training."""

    runs: list[RunLine]
    differences: dict[Contestant, dict[Metric, Interval]]
    """Of each run to the first one, on the same clips: mean over clips, and its bootstrap interval."""

    @classmethod
    def read(cls, path: Path) -> Comparison:
        """Raises `EvaluationError` for a file that is missing or of another kind."""
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise EvaluationError(f"{path} is not a comparison of this nirvis: {str(error).splitlines()[0]}") from None

    def markdown(self) -> str:
        """Every table of the comparison, in GitHub's markdown."""
        parts = [f"{self.extent} (set {self.subset}); mean over clips [95 % interval]."]
        parts += [f"{title}\n\n{_markdown(header, rows)}" for title, header, rows in self.tables()]
        parts += [f"Not computed: {what}: {reason}." for what, reason in self.not_computed.items()]
        return "\n\n".join(parts) + "\n"

    def tables(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """Title, header and rows of each table, as text."""
        modes = self.groups["mode"]
        for mode, scores in modes.items():
            yield f"Mode {mode}", *self._table(scores, TABLE_1)
        if len(modes) > 1:
            yield "All modes", *self._table(self.overall, TABLE_1)
        yield "Steadiness", *self._table(self.overall, STEADINESS)
        for group in self.distances:
            yield (
                f"Distances between collections, {group} pictures",
                DISTANCE_HEADER,
                distance_rows(self, group, TITLES),
            )
        if len(self.runs) > 1:
            yield f"Difference to {self.runs[0].name} on the same clips", *self._table(self.differences, METRICS)
        yield self._across_rigs()
        header = ["run", "folder", "method", "samples", "training s", "features", "weights"]
        yield "Runs", header, [_run_row(line) for line in self.runs]

    def csv(self) -> str:
        """One line for each contestant, group and metric."""
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["contestant", "group", "value", "metric", "mean", "low", "high"])
        for group, value, scores in self._all_groups():
            for name, found in scores.items():
                table.writerows([name, group, value, m, f.mean, f.low, f.high] for m, f in found.items())
        for value, distances in self.distances.items():
            for name, measured in distances.items():
                table.writerows([name, "collection", value, d, figure, "", ""] for d, figure in measured.values.items())
        for name, differences in self.differences.items():
            rows = ([name, "difference", self.runs[0].name, m, f.mean, f.low, f.high] for m, f in differences.items())
            table.writerows(rows)
        return text.getvalue()

    def _all_groups(self) -> Iterator[tuple[str, str, dict[Contestant, Scores]]]:
        yield "all", "all", self.overall
        for group, values in self.groups.items():
            for value, scores in values.items():
                yield group, value, scores

    def _table(self, scores: dict[Contestant, Scores], wanted: Sequence[Metric]) -> tuple[list[str], list[list[str]]]:
        metrics = [metric for metric in wanted if any(metric in found for found in scores.values())]
        arrows = {True: "↑", False: "↓"}
        header = ["", *(f"{FIGURES[m].title} {arrows[FIGURES[m].higher_is_better]}" for m in metrics)]
        rows = [
            [TITLES.get(name, name), *(shown(found, metric) for metric in metrics)]
            for name, found in scores.items()
            if any(metric in found for metric in metrics)
        ]
        return header, rows

    def _across_rigs(self) -> tuple[str, list[str], list[list[str]]]:
        """Rows: the rigs that a run was trained on; columns: those that it was tested on (Wu et al. 2020, 6.4)."""
        tested = self.groups["rig"]
        header = ["run", "trained on", *(f"tested on {rig}" for rig in tested)]
        rows = [
            [line.name, ", ".join(line.rigs), *(shown(scores[line.name], "psnr_rgb_db") for scores in tested.values())]
            for line in self.runs
        ]
        return "Across rigs, PSNR dB", header, rows


def paired_differences(
    clips: Sequence[ClipScores], names: Sequence[Contestant], seed: int
) -> dict[Contestant, dict[Metric, Interval]]:
    """Of each contestant to the first, clip by clip, so that what makes a clip hard cancels."""
    draws = resamples(len(clips), seed)
    found: dict[Contestant, dict[Metric, Interval]] = {}
    for name in names[1:]:
        steps = {metric: of_clips(clips, name, metric) - of_clips(clips, names[0], metric) for metric in METRICS}
        found[name] = {metric: interval(step, draws) for metric, step in steps.items() if np.isfinite(step).any()}
    return found


def _run_row(line: RunLine) -> list[str]:
    method = line.method if line.variant == "released" else f"{line.method} ({line.variant})"
    return [
        *(line.name, line.run, method, str(line.samples)),
        *(f"{line.seconds:.0f}", line.features, line.weights_sha256[:12]),
    ]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
