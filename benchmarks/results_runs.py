"""The runs behind the tables of results: configurations with the budget that all share, found again or trained."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from nirvis.training_bar import training_bar
from nirvis_capture.settings import Changes
from nirvis_training.config import TrainingConfig, load_config
from nirvis_training.loop import resume, train
from nirvis_training.material import open_material
from nirvis_training.run_folder import RECORD_NAME, RunFolder

SEED = 42
HALF_AS_WIDE = ("mehri_sappa",)
"""Lighter than the others by design, as in their configurations."""


class OtherRun(SystemExit):
    """A run in the place of one that a table asks for, and not that one."""

    def __init__(self, run: Path, differences: list[str]) -> None:
        super().__init__(
            f"{run} is another run than its table asks for: {'; '.join(differences)}. Its figures would stand under a "
            f"title that is not theirs. Ask for what it has, give another --out, or remove {run} to train it anew."
        )


def config_of(method: str, changes: Changes, samples: int, options: argparse.Namespace) -> TrainingConfig:
    """A shipped configuration with the budget that all share."""
    budget: dict[str, object] = {
        "samples": samples,
        "max_seconds": None,
        "batch_size": 4,
        "crop": options.crop,
        "resize": None,
        "jitter": None,
        "flip": True,
        "flip_vertical": False,
        "schedule": None,
        "averaging": 0.99,
        "seed": SEED,
        "validate_every_samples": samples,
        "checkpoint_every_samples": max(4, samples // 4),
        "log_every_samples": max(4, samples // 40),
        "validation_pairs": 4,
        "video_frames": 0,
        "best_by": "newest",
        "workers": 1,
        "method.width": options.width // (2 if method in HALF_AS_WIDE else 1),
    }
    return load_config(method, {**budget, **changes})  # type: ignore[dict-item]


def refuse_other(config: TrainingConfig, dataset: Path, out: Path) -> None:
    """Raises `OtherRun` when `out` holds a run of other settings or other pairs than are asked for."""
    if not (out / RECORD_NAME).exists():
        return
    run = RunFolder(out)
    differences = list(_differences(run.config.model_dump(), config.model_dump()))
    if open_material(dataset, config).record.sha256 != run.dataset.sha256:
        differences.append(f"it was trained on other pairs ({run.dataset.folder}) than are in {dataset}")
    if differences:
        raise OtherRun(out, differences)


def trained(config: TrainingConfig, dataset: Path, out: Path) -> RunFolder:
    """A finished run: found, gone on with, or trained from its beginning.

    Raises `SystemExit` when somebody ends it: no other method is begun.
    """
    begun = (out / RECORD_NAME).exists()
    if begun and RunFolder(out).status.state == "finished":
        return RunFolder(out)
    print(f"training into {out}", flush=True)
    with training_bar() as show:
        run = resume(out, show) if begun else train(config, dataset, out, show)
    if run.status.state != "finished":
        raise SystemExit(f"{out} is {run.status.state} after {run.status.samples} samples; the same command goes on")
    return run


def _differences(found: Mapping[str, object], asked: Mapping[str, object], within: str = "") -> Iterator[str]:
    """Every setting that differs, by its path: ``method.width is 4 there and 8 here``."""
    for name in sorted(found.keys() | asked.keys()):
        one, other, path = found.get(name), asked.get(name), f"{within}{name}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{path}.")
        elif one != other:
            yield f"{path} is {_said(one)} there and {_said(other)} here"


def _said(value: object) -> str:
    return "not set" if value is None else str(value)
