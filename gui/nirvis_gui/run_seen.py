"""A training run at one moment, read from its folder: figures as curves, and validation pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nirvis_gui.arm_picture import Picture
from nirvis_gui.curve_plot import Curve
from nirvis_gui.texts import tr
from nirvis_training.errors import NotARun
from nirvis_training.run_folder import RunFolder, Status

MOST_PICTURES = 4
MOST_POINTS = 2000


@dataclass(frozen=True, eq=False)
class RunSeen:
    """A run at one moment."""

    path: Path
    method: str
    status: Status
    summary: str
    curves: dict[str, Curve] = field(default_factory=dict)
    pictures: tuple[tuple[str, Picture], ...] = ()
    """Name and picture of the newest validation."""
    has_weights: bool = False


def run_at(path: Path) -> RunFolder | None:
    """None where there is no run yet."""
    try:
        return RunFolder(path)
    except NotARun:
        return None


def run_seen(run: RunFolder, status: Status, pictures: Sequence[Path]) -> RunSeen:
    """What a run shows of itself.

    status, pictures
        As they were read from the same run.
    """
    dataset = run.dataset
    counts = tr("pairs to learn from: {train}, to validate: {validation}")
    summary = counts.format(train=dataset.train_pairs, validation=dataset.validation_pairs)
    newest = pictures[-1].name.split("-")[0] if pictures else ""
    shown = [path for path in pictures if path.name.startswith(newest)][:MOST_PICTURES]
    loaded = tuple((path.stem.partition("-")[2], picture) for path in shown if (picture := _picture(path)) is not None)
    return RunSeen(
        run.path, run.method, status, f"{run.method} · {summary}", curves_of(run), loaded, run.best_weights.is_file()
    )


def curves_of(run: RunFolder) -> dict[str, Curve]:
    """Every figure of metrics.jsonl over the samples; thinned where there are more points than pixels."""
    points: dict[str, list[tuple[float, float]]] = {}
    for line in run.metrics():
        for name, value in line.items():
            if name not in ("samples", "seconds"):
                points.setdefault(name, []).append((line["samples"], value))
    return {name: _thinned(np.array(pairs, float)) for name, pairs in points.items()}


def _thinned(points: NDArray[np.float64]) -> Curve:
    every = max(1, len(points) // MOST_POINTS)
    return points[::every, 0], points[::every, 1]


def _picture(path: Path) -> Picture | None:
    """None for a picture that was just replaced by a newer one."""
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert("RGB"), np.uint8)
    except OSError:
        return None
