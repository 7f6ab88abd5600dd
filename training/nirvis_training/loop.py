"""Training from beginning to end: one loop for every method.

`train` makes a run folder and trains into it; `resume` goes on from the newest checkpoint, bit by bit as if training
had never stopped. Under torchrun all processes call the same function, and the first one writes.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from nirvis_capture.wording import counted
from nirvis_training.checkpoint import Checkpoint, newest, read_checkpoint
from nirvis_training.compiling import try_compiled
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team, team
from nirvis_training.errors import TrainingError
from nirvis_training.material import Material, open_material
from nirvis_training.methods import make_method
from nirvis_training.processor import device_of, torch_set_up
from nirvis_training.run_folder import RunFolder, RunRecord, create_run, refuse_taken
from nirvis_training.stopping import stop_wish
from nirvis_training.teacher import pinned, refuse_unfit
from nirvis_training.training import Progress, ShowProgress, Training

__all__ = ["Progress", "ShowProgress", "resume", "train"]


def train(
    config: TrainingConfig,
    dataset: Path | str,
    out: Path,
    progress: ShowProgress | None = None,
    begun: Callable[[RunFolder], None] | None = None,
) -> RunFolder:
    """Train a new run into the folder `out`, until its samples or its time are used up or somebody stops it.

    dataset
        Folder with pairs files, ``catalogue.csv`` and ``splits.csv``; or of shards, also by URL.
    begun
        Called by the first process when the run folder is there: nothing that was asked for was found to be wrong.

    Raises `RunTaken`, `DatasetError`, `FeaturesError`, `TrainingError`.
    """
    with team() as together:
        together.first_does(lambda: refuse_taken(out))
        config = pinned(config)
        material = open_material(dataset, config, together.ranks)
        work = _Work(material, config, together)
        run = together.first_does(lambda: _create(out, material, config))
        if begun is not None and together.first:
            begun(run)
        work.go(run, None, progress)
    return run


def resume(
    path: Path, progress: ShowProgress | None = None, samples: int | None = None, max_seconds: float | None = None
) -> RunFolder:
    """Go on with a run from its newest checkpoint, or from its beginning where there is none yet.

    samples, max_seconds
        New limits, for a run that shall become longer than it was meant to be.

    Raises `NotARun`, `RunTaken`, `RunError`, `TrainingError`, and what opening the dataset raises.
    """
    with team() as together:
        run = RunFolder(path)
        config = run.limited(samples, max_seconds)
        material = open_material(run.dataset.folder, config, together.ranks)
        if material.record.sha256 != run.dataset.sha256:
            raise TrainingError(
                f"The pairs in {run.dataset.folder} are not those that {path} began with, so that it cannot go on "
                "exactly. Bring back the former split and pairs files, or begin a new run."
            )
        if material.record.streams != run.dataset.streams:
            raise TrainingError(
                f"{path} began with its shards dealt to {run.dataset.streams} workers of all processes, and now there "
                f"are {material.record.streams}: it would see other pairs. Resume it with as many processes as before."
            )
        checkpoint = read_checkpoint(newest(run)) if run.checkpoints else None
        _Work(material, config, together).go(run, checkpoint, progress)
    return RunFolder(path)


def _create(out: Path, material: Material, config: TrainingConfig) -> RunFolder:
    record = RunRecord(
        started=datetime.now().astimezone(),
        features=config.method.features_note,
        software={name: importlib.metadata.version(name) for name in ("nirvis", "torch", "numpy")},
        dataset=material.record,
        config=config,
    )
    return create_run(out, record, material.profiles)


class _Work:
    """What has to be there before a run folder may be made: what fails here leaves nothing behind."""

    def __init__(self, material: Material, config: TrainingConfig, together: Team) -> None:
        self._material = material
        self._config = config
        self._team = together
        self._device = device_of(config, together.local_rank)
        self._method = make_method(config)
        refuse_unfit(config, material.record, material.profiles, self._method.teachers)
        try_compiled(self._method, config, material, self._device, together)

    def go(self, run: RunFolder, checkpoint: Checkpoint | None, progress: ShowProgress | None) -> None:
        """Train until the run is complete, or somebody wishes to stop."""
        with ExitStack() as stack:
            self._team.first_does(lambda: stack.enter_context(run.held()))
            stack.enter_context(torch_set_up(self._config, self._device))
            wish = stack.enter_context(stop_wish())
            training = Training(run, self._config, self._material, self._method, checkpoint, self._device, self._team)
            self._refuse_finished(run, training)
            self._team.first_does(lambda: run.note(self._config))
            training.run_to_end(wish, progress if self._team.first else None)

    def _refuse_finished(self, run: RunFolder, training: Training) -> None:
        if not self._team.anyone(training.complete):
            return
        config = self._config
        limits = [f"--samples N (now {config.samples})"] if training.samples >= config.samples else []
        if config.max_seconds is not None and (not limits or training.seconds >= config.max_seconds):
            limits.append(f"--max-seconds S (more than {training.seconds:.0f})")
        raise TrainingError(
            f"{run.path} is finished: {counted(training.samples, 'sample')} in {training.seconds:.0f} s are all that "
            f"its limits allow. To train it longer, raise them: nirvis resume {run.path} {' '.join(limits)}"
        )
