"""A run folder on a disk that is really full: what is lost, what is kept, and that training goes on."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nirvis_training.checkpoint import newest, read_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.errors import RunError
from nirvis_training.event_file import EventFile
from nirvis_training.loop import Progress, resume, train
from nirvis_training.run_folder import RunFolder

MakeConfig = Callable[..., TrainingConfig]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a disk can be mounted by root only: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_was_full_for_a_while_costs_what_was_due_then_and_nothing_else(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filler = _Filler(disk, full_at=6, free_at=26)
    with caplog.at_level(logging.WARNING):
        run = train(small_config(keep_checkpoints=4), dataset, disk / "run", filler)
    assert "cannot write the checkpoint of 8 samples" in caplog.text
    assert caplog.text.count("part of the log") == 1
    assert run.status.state == "finished"
    assert next(reversed(list(run.metrics())))["samples"] == 32
    assert [int(path.stem) for path in run.checkpoints] == [32]
    _same_weights(finished, run)
    assert run.best is not None, "validation at 32 samples is better than none"
    assert not list(disk.rglob("*.part"))
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert events.Scalars("val_psnr_db")[-1].step == 32


def test_a_disk_that_stays_full_is_said_at_the_end_and_the_run_can_be_finished_later(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, disk: Path
) -> None:
    filler = _Filler(disk, full_at=20)
    with pytest.raises(RunError, match=r"Cannot write the best weights to .*MB are free there.*nirvis resume"):
        train(small_config(), dataset, disk / "run", filler)
    filler.path.unlink()
    assert RunFolder(disk / "run").status.state == "died"
    run = resume(disk / "run")
    assert run.status.state == "finished"
    _same_weights(finished, run)


def test_an_event_that_does_not_fit_leaves_those_after_it_readable(disk: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    events = EventFile(disk / "tensorboard")
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 20_000))
    with pytest.raises(OSError, match="No space"):
        events.picture("street", noise, 1)
    filler.unlink()
    events.scalar("loss", 0.5, 2)
    events.picture("street", noise, 3)
    events.close()
    told = EventAccumulator(str(disk / "tensorboard")).Reload()
    assert [event.step for event in told.Scalars("loss")] == [2]
    assert [event.step for event in told.Images("street")] == [3]


class _Filler:
    """Fills the disk after so many samples, and makes room after others."""

    def __init__(self, disk: Path, full_at: int, free_at: int = 0) -> None:
        self.path = disk / "filler"
        self._full_at, self._free_at = full_at, free_at

    def __call__(self, progress: Progress) -> None:
        if progress.samples == self._full_at:
            self.path.write_bytes(bytes(shutil.disk_usage(self.path.parent).free))
        if progress.samples == self._free_at and self.path.exists():
            self.path.unlink()


def _same_weights(one: RunFolder, other: RunFolder) -> None:
    states = [read_checkpoint(newest(run)) for run in (one, other)]
    assert states[0].samples == states[1].samples
    assert all(torch.equal(states[1].method[name], tensor) for name, tensor in states[0].method.items())
