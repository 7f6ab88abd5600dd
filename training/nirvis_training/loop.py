"""Training from beginning to end: one loop for every method.

`train` makes a run folder and trains into it; `resume` goes on from the newest checkpoint, bit by bit as if training
had never stopped. The loop does backward, step, validation, checkpoints and log; a `Method` only knows its losses.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from safetensors.torch import save_file

from nirvis_capture.errors import NirvisError
from nirvis_training.averaging import Averaged
from nirvis_training.batches import training_batches
from nirvis_training.checkpoint import Checkpoint, newest, read_checkpoint, write_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import Diverged, TrainingError
from nirvis_training.journal import Journal
from nirvis_training.material import Material, describe, open_material
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Losses, Method, Phase
from nirvis_training.processor import device_of, memory_format_of, placed, torch_set_up
from nirvis_training.run_folder import (
    BEST_KEY,
    Best,
    RunFolder,
    RunRecord,
    State,
    Status,
    create_run,
    refuse_taken,
    replacing,
)
from nirvis_training.stopping import StopWish, stop_wish
from nirvis_training.tally import Tally
from nirvis_training.validation import validate


@dataclass(frozen=True)
class Progress:
    """Where training is, after every step."""

    samples: int
    samples_total: int
    seconds: float
    max_seconds: float | None
    losses: Mapping[str, float]
    """Terms of the newest step."""
    best_psnr_db: float | None
    """Best validation so far."""


ShowProgress = Callable[[Progress], None]


def train(config: TrainingConfig, dataset: Path, out: Path, progress: ShowProgress | None = None) -> RunFolder:
    """Train a new run into the folder `out`, until its samples or its time are used up or somebody stops it.

    dataset
        Folder with pairs files, ``catalogue.csv`` and ``splits.csv``.

    Raises `RunTaken`, `DatasetError`, `FeaturesError`, `TrainingError`.
    """
    refuse_taken(out)
    material = open_material(dataset, config)
    method = make_method(config)
    dataset_record, profiles = describe(material)
    record = RunRecord(
        started=datetime.now().astimezone(),
        features=config.method.features_note,
        software={name: importlib.metadata.version(name) for name in ("nirvis", "torch", "numpy")},
        dataset=dataset_record,
        config=config,
    )
    run = create_run(out, record, profiles)
    _go(run, material, method, None, progress)
    return run


def resume(
    path: Path, progress: ShowProgress | None = None, samples: int | None = None, max_seconds: float | None = None
) -> RunFolder:
    """Go on with a run from its newest checkpoint, or from its beginning where there is none yet.

    samples, max_seconds
        New limits, for a run that shall become longer than it was meant to be.

    Raises `NotARun`, `RunTaken`, `RunError`, `TrainingError`, and what opening the dataset raises.
    """
    run = RunFolder(path).with_limits(samples, max_seconds)
    material = open_material(run.dataset.folder, run.config)
    if material.sha256 != run.dataset.sha256:
        raise TrainingError(
            f"The pairs in {run.dataset.folder} are not those that {path} began with, so that it cannot go on exactly. "
            "Bring back the former split and pairs files, or begin a new run."
        )
    checkpoint = read_checkpoint(newest(run)) if run.checkpoints else None
    _go(run, material, make_method(run.config), checkpoint, progress)
    return run


def _go(
    run: RunFolder,
    material: Material,
    method: Method,
    checkpoint: Checkpoint | None,
    progress: ShowProgress | None,
) -> None:
    with run.held(), torch_set_up(run.config), stop_wish() as wish:
        training = Training(run, material, method, checkpoint)
        if training.complete:
            raise TrainingError(
                f"{run.path} is finished: {training.samples} samples in {training.seconds:.0f} s. To train it longer, "
                f"raise its limit: nirvis resume {run.path} --samples N (now {run.config.samples})"
                + (f" --max-seconds S (now {run.config.max_seconds:g})" if run.config.max_seconds else "")
            )
        training.run_to_end(wish, progress)


class Training:
    """One process's part of a run: from a checkpoint, or from the beginning, to the end."""

    def __init__(self, run: RunFolder, material: Material, method: Method, checkpoint: Checkpoint | None) -> None:
        self.run = run
        self.config = run.config
        self.samples = 0
        self._material = material
        self._device = device_of(self.config)
        self._memory_format = memory_format_of(self.config, self._device)
        self._method = placed(method, self._device, self._memory_format).train()
        self._averaged = Averaged(self._method, self.config.averaging) if self.config.averaging else None
        self._optimisers = {phase.name: phase.optimiser(_parameters(method, phase)) for phase in method.phases}
        self._tally = Tally()
        self._best_psnr_db: float | None = None
        self._seconds_before = 0.0
        torch.manual_seed(self.config.seed)
        if checkpoint is not None:
            self._restore(checkpoint)
        self._journal = Journal(run, self.samples)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on this run, over all its resumptions."""
        return self._seconds_before + time.monotonic() - self._began

    @property
    def predicting(self) -> Method:
        """What is validated and kept as best: the averaged method where there is one."""
        return self._averaged.method if self._averaged else self._method

    @property
    def complete(self) -> bool:
        limit = self.config.max_seconds
        return self.samples >= self.config.samples or (limit is not None and self.seconds >= limit)

    def run_to_end(self, wish: StopWish, progress: ShowProgress | None) -> None:
        """Train until the run is complete or somebody wishes to stop; either way the newest state is kept."""
        state: State = "failed"
        message = ""
        self._write_status("running")
        try:
            state = self._steps(wish, progress)
        except NirvisError as error:
            message = str(error)
            raise
        finally:
            self._write_status(state, message)
            self._journal.close()

    def _steps(self, wish: StopWish, progress: ShowProgress | None) -> State:
        start_step = self.samples // self.config.batch_size
        with closing(training_batches(self._material.train, self.config, start_step)) as batches:
            ended = False
            while not ended and not wish:
                began = time.monotonic()
                batch = Batch.of(next(batches), self._device, self._memory_format)
                waited_s = time.monotonic() - began
                losses = self._step(batch)
                self.samples += self.config.batch_size
                self._tally.add(losses, self.config.batch_size, waited_s, time.monotonic() - began)
                ended = self.complete
                self._do_what_is_due(ended)
                if progress is not None:
                    progress(self._progress(losses))
        if not ended:
            self._keep()
        return "finished" if ended else "interrupted"

    def _step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step of every phase; returns all loss terms."""
        values: dict[str, float] = {}
        for phase in self._method.phases:
            for name, network in self._method.named_children():
                network.requires_grad_(name in phase.networks)
            losses = self._method.losses(phase, batch)
            values |= self._checked(losses)
            optimiser = self._optimisers[phase.name]
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if self._averaged:
            self._averaged.update(self._method, self.samples // self.config.batch_size)
        return values

    def _checked(self, losses: Losses) -> dict[str, float]:
        values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
        broken = [name for name, value in values.items() if not abs(value) < float("inf")]
        if broken:
            raise Diverged(broken, self.samples, self.config.learning_rate)
        return values

    def _do_what_is_due(self, ended: bool) -> None:
        """Log, validation and checkpoint; all of them after the last step."""
        self._write_down(
            log=ended or self._is_due(self.config.log_every_samples),
            validation=ended or self._is_due(self.config.validate_every_samples),
        )
        if ended or self._is_due(self.config.checkpoint_every_samples):
            self._keep()

    def _is_due(self, every_samples: int) -> bool:
        return self.samples // every_samples > (self.samples - self.config.batch_size) // every_samples

    def _write_down(self, *, log: bool, validation: bool) -> None:
        line = self._tally.take() if log else {}
        if validation:
            line |= self._validate()
        if line:
            self._journal.line(self.samples, self.seconds, line)
            self._write_status("running")

    def _validate(self) -> dict[str, float]:
        found = validate(self.predicting, self._material.validation, self._material.indices, self._device)
        self._journal.pictures(self.samples, found.pictures)
        if self._best_psnr_db is None or found.psnr_db > self._best_psnr_db:
            self._best_psnr_db = found.psnr_db
            self._write_best(Best(samples=self.samples, val_psnr_db=found.psnr_db, val_ssim=found.ssim))
        return {"val_psnr_db": found.psnr_db, "val_ssim": found.ssim}

    def _write_best(self, best: Best) -> None:
        weights = {name: tensor.cpu().contiguous() for name, tensor in self.predicting.state_dict().items()}
        # One entry, because safetensors writes several in any order, and the file would not have one checksum.
        metadata = {BEST_KEY: best.model_dump_json()}
        with replacing(self.run.best_weights) as part:
            save_file(weights, part, metadata=metadata)

    def _keep(self) -> None:
        checkpoint = Checkpoint(
            samples=self.samples,
            seconds=self.seconds,
            method=self._method.state_dict(),
            averaged=self._averaged.method.state_dict() if self._averaged else {},
            optimisers={name: optimiser.state_dict() for name, optimiser in self._optimisers.items()},
            tally=self._tally.sums,
            best_psnr_db=self._best_psnr_db,
            random=torch.get_rng_state(),
        )
        write_checkpoint(self.run, checkpoint, self.config.keep_checkpoints)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._method.load_state_dict(checkpoint.method)
        if self._averaged:
            self._averaged.method.load_state_dict(checkpoint.averaged)
        for name, optimiser in self._optimisers.items():
            optimiser.load_state_dict(checkpoint.optimisers[name])
        self.samples = checkpoint.samples
        self._seconds_before = checkpoint.seconds
        self._tally = Tally(checkpoint.tally)
        self._best_psnr_db = checkpoint.best_psnr_db
        torch.set_rng_state(checkpoint.random)

    def _write_status(self, state: State, message: str = "") -> None:
        total = self.config.samples
        self.run.write_status(
            Status(state=state, samples=self.samples, samples_total=total, seconds=self.seconds, message=message)
        )

    def _progress(self, losses: Mapping[str, float]) -> Progress:
        config = self.config
        return Progress(self.samples, config.samples, self.seconds, config.max_seconds, losses, self._best_psnr_db)


def _parameters(method: Method, phase: Phase) -> list[torch.nn.Parameter]:
    return [parameter for name in phase.networks for parameter in method.get_submodule(name).parameters()]
