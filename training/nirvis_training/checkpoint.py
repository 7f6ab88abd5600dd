"""The state of training at one moment, complete enough to go on bit by bit as if nothing had happened."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nirvis_training.errors import RunError
from nirvis_training.networks.weights_file import NOT_A_STATE
from nirvis_training.run_folder import RunFolder, replacing


@dataclass(frozen=True)
class Checkpoint:
    """State dicts and counters; nothing in it can run code when it is read."""

    samples: int
    seconds: float
    """Time spent on training, over all resumptions."""
    method: dict[str, Tensor]
    averaged: dict[str, Tensor]
    """Moving average of the weights; empty for a run without one."""
    optimisers: dict[str, dict[str, Any]]
    """State of each phase's optimiser."""
    tally: dict[str, float]
    """Sums since the last line of metrics."""
    best: float | None
    """The best validation so far, in what the run is judged by."""
    buffers_elsewhere: list[dict[str, Tensor]]
    """What the processes after the first keep for themselves, such as image pools."""


def write_checkpoint(run: RunFolder, checkpoint: Checkpoint, keep: int, keep_every_samples: int | None = None) -> Path:
    """Write a checkpoint, complete or not at all, and remove those that the policy does not keep.

    keep
        So many of the newest.
    keep_every_samples
        Besides, the first of every so many samples.
    """
    path = run.path / "checkpoints" / f"{checkpoint.samples:09d}.pt"
    with replacing(path) as part:
        torch.save({field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, part)
    kept = {*run.checkpoints[-keep:], *_milestones(run, keep_every_samples)}
    for old in set(run.checkpoints) - kept:
        old.unlink()
    return path


def _milestones(run: RunFolder, every_samples: int | None) -> list[Path]:
    """The first checkpoint in each stretch of `every_samples`, but for the one in which the run begins."""
    if every_samples is None:
        return []
    first: dict[int, Path] = {}
    for path in run.checkpoints:
        first.setdefault(int(path.stem) // every_samples, path)
    return [path for stretch, path in first.items() if stretch > 0]


def newest(run: RunFolder) -> Path:
    """Raises `RunError` when there is no checkpoint yet."""
    if not run.checkpoints:
        raise RunError(f"{run.path} has no checkpoint yet: it ended before the first one. Train it anew.")
    return run.checkpoints[-1]


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises `RunError` when the file is damaged or of another kind."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Checkpoint(**{field.name: content[field.name] for field in fields(Checkpoint)})
    except (*NOT_A_STATE, OSError) as error:
        reason = (
            error.strerror or str(error) if isinstance(error, OSError) else "it is damaged, or another kind of file"
        )
        raise RunError(f"{path} is no readable checkpoint ({reason}). Delete it to use the one before it.") from None
