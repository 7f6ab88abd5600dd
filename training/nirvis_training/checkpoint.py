"""The state of training at one moment, complete enough to go on bit by bit as if nothing had happened."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nirvis_training.errors import RunError
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
    best_psnr_db: float | None
    random: Tensor
    """State of torch's generator on the CPU."""


def write_checkpoint(run: RunFolder, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint, complete or not at all, and remove all but the newest `keep`."""
    path = run.path / "checkpoints" / f"{checkpoint.samples:09d}.pt"
    with replacing(path) as part:
        torch.save({field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, part)
    for old in run.checkpoints[:-keep]:
        old.unlink()
    return path


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
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, OSError) as error:
        raise RunError(
            f"{path} is no readable checkpoint ({str(error).splitlines()[0]}). Delete it to use the one before it."
        ) from None
