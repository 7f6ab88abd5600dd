"""One run being trained by one process: from a checkpoint, or from the beginning, to the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import torch

from nirvis_capture.errors import NirvisError
from nirvis_capture.wording import counted
from nirvis_training.averaging import Averaged
from nirvis_training.batches import all_once, training_batches
from nirvis_training.checkpoint import Checkpoint, write_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.journal import Journal
from nirvis_training.judge import Judge
from nirvis_training.keeping import kept
from nirvis_training.material import Material
from nirvis_training.memory import Memory, explained, measure
from nirvis_training.methods.base import Batch, Method
from nirvis_training.processor import memory_format_of, placed, quicken
from nirvis_training.run_folder import RunFolder, State, Status
from nirvis_training.step import Stepper, buffers_of
from nirvis_training.stopping import StopWish
from nirvis_training.tally import Tally

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where training is, after every step; and before the first one, while the training set is studied."""

    samples: int
    samples_total: int
    seconds: float
    max_seconds: float | None
    losses: Mapping[str, float]
    """Terms of the newest step."""
    best: float | None
    """Best validation so far, in what the run is judged by."""
    memory: Memory | None = None
    """What a step takes; said once, before the first."""
    studied: tuple[int, int] | None = None
    """Samples seen and samples in all, while a method looks at the training set before its first step."""


ShowProgress = Callable[[Progress], None]


def _tell_nobody(progress: Progress) -> None:
    del progress


class Training:
    """A method, its optimisers and everything else that a checkpoint holds."""

    def __init__(
        self,
        run: RunFolder,
        config: TrainingConfig,
        material: Material,
        method: Method,
        checkpoint: Checkpoint | None,
        device: torch.device,
        team: Team,
    ) -> None:
        self.run = run
        self.config = config
        self.samples = 0
        self._material = material
        self._device = device
        self._team = team
        self._memory_format = memory_format_of(self.config, device, method)
        self._method = placed(method, device, self._memory_format).train()
        averaging = self.config.averaging
        self._averaged = Averaged(self._method, averaging) if averaging and team.first else None
        self._stepper = Stepper(self._method, self.config, team)
        self._tally = Tally()
        self._judge = Judge(run, material, device)
        self._seconds_before = 0.0
        if checkpoint is not None:
            self._restore(checkpoint)
        self._is_new = checkpoint is None
        quicken(self._method, self.config, device)
        self._journal: Journal | None = None
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on this run, over all its resumptions."""
        return self._seconds_before + time.monotonic() - self._began

    @property
    def complete(self) -> bool:
        limit = self.config.max_seconds
        return self.samples >= self.config.samples or (limit is not None and self.seconds >= limit)

    def run_to_end(self, wish: StopWish, progress: ShowProgress | None) -> None:
        """Train until the run is complete or somebody wishes to stop; either way the newest state is kept."""
        show = progress or _tell_nobody
        state: State = "failed"
        message = ""
        if self._team.first:
            self._journal = Journal(self.run, self.samples)
        self._write_status("running")
        try:
            with explained(self.config):
                state = self._train(wish, show)
        except NirvisError as error:
            message = str(error)
            raise
        finally:
            self._write_status(state, message)
            if self._journal is not None:
                self._journal.close()

    def _train(self, wish: StopWish, show: ShowProgress) -> State:
        self._say_memory(show)
        if self._is_new and not self._study(wish, show):
            # Nothing was trained: the run begins anew when it is resumed.
            return "interrupted"
        state = self._steps(wish, show)
        if state == "interrupted":
            self._keep(last=True)
        return state

    def _steps(self, wish: StopWish, show: ShowProgress) -> State:
        start_step = self.samples // self.config.batch_size
        with closing(training_batches(self._material.train, self.config, start_step, self._team)) as batches:
            while not self._team.anyone(bool(wish)):
                began = time.monotonic()
                parts = [Batch.of(part, self._device, self._memory_format) for part in next(batches)]
                waited_s = time.monotonic() - began
                losses = self._stepper.step(parts, self.samples)
                if self._averaged:
                    self._averaged.update(self._method, self.samples // self.config.batch_size)
                self.samples += self.config.batch_size
                self._tally.add(losses, self.config.batch_size, waited_s, time.monotonic() - began)
                ended = self._team.anyone(self.complete)
                self._do_what_is_due(ended)
                show(self._progress(losses))
                if ended:
                    return "finished"
        return "interrupted"

    def _study(self, wish: StopWish, show: ShowProgress) -> bool:
        """Let the method look at the training set once; False when somebody wished to stop before its end.

        Every process looks at all of it, and so finds the same.
        """
        if type(self._method).study is not Method.study:
            self._method.study(self._studied(wish, show))
        return not self._team.anyone(bool(wish))

    def _studied(self, wish: StopWish, show: ShowProgress) -> Iterator[Batch]:
        seen, total = 0, len(self._material.train)
        for batch in all_once(self._material.train, self.config):
            if wish:
                return
            yield Batch.of(batch, self._device, self._memory_format)
            seen += len(batch["source"])
            show(replace(self._progress({}), studied=(seen, total)))

    def _say_memory(self, show: ShowProgress) -> None:
        with closing(training_batches(self._material.train, self.config, 0, self._team)) as batches:
            part = Batch.of(next(batches)[0], self._device, self._memory_format)
        memory = measure(self._method, self._stepper, part, self._device)
        if not memory.is_enough:
            logger.warning("%s: this will hardly fit; a larger accumulate takes less", memory)
        show(replace(self._progress({}), memory=memory))

    def _do_what_is_due(self, ended: bool) -> None:
        """Log, validation and checkpoint; all of them after the last step."""
        log = ended or self._is_due(self.config.log_every_samples)
        validation = ended or self._is_due(self.config.validate_every_samples)
        if self._journal is not None and (log or validation):
            self._write_down(self._journal, log, validation, ended)
        if ended or self._is_due(self.config.checkpoint_every_samples):
            self._keep(last=ended)

    def _is_due(self, every_samples: int) -> bool:
        return self.samples // every_samples > (self.samples - self.config.batch_size) // every_samples

    def _write_down(self, journal: Journal, log: bool, validation: bool, ended: bool) -> None:
        line = self._tally.take() if log else {}
        if validation:
            predicting = self._averaged.method if self._averaged else self._method
            line |= self._judge.judged(predicting, self.samples, journal, last=ended)
        journal.line(self.samples, self.seconds, line)
        self._write_status("running")

    def _keep(self, last: bool) -> None:
        """Write a checkpoint; all processes hand in what only they have. Raises `RunError` when the last cannot be."""
        gathered = self._team.gathered(buffers_of(self._method) if self._team.ranks > 1 else {})
        if not self._team.first:
            return
        checkpoint = Checkpoint(
            samples=self.samples,
            seconds=self.seconds,
            method=self._method.state_dict(),
            averaged=self._averaged.method.state_dict() if self._averaged else {},
            optimisers={name: optimiser.state_dict() for name, optimiser in self._stepper.optimisers.items()},
            tally=self._tally.sums,
            best=self._judge.best,
            buffers_elsewhere=gathered[1:],
        )
        with kept(f"the checkpoint of {counted(self.samples, 'sample')}", self.run, last=last):
            write_checkpoint(self.run, checkpoint, self.config.keep_checkpoints, self.config.keep_every_samples)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._method.load_state_dict(checkpoint.method)
        if 0 < self._team.rank <= len(checkpoint.buffers_elsewhere):
            own = checkpoint.buffers_elsewhere[self._team.rank - 1]
            self._method.load_state_dict({**checkpoint.method, **own})
        if self._averaged:
            self._averaged.method.load_state_dict(checkpoint.averaged)
        for name, optimiser in self._stepper.optimisers.items():
            optimiser.load_state_dict(checkpoint.optimisers[name])
        self.samples = checkpoint.samples
        self._seconds_before = checkpoint.seconds
        self._tally = Tally(checkpoint.tally)
        self._judge.best = checkpoint.best

    def _write_status(self, state: State, message: str = "") -> None:
        if self._journal is not None:
            total = self.config.samples
            self._journal.status(
                Status(state=state, samples=self.samples, samples_total=total, seconds=self.seconds, message=message)
            )

    def _progress(self, losses: Mapping[str, float]) -> Progress:
        config = self.config
        return Progress(self.samples, config.samples, self.seconds, config.max_seconds, losses, self._judge.best)
