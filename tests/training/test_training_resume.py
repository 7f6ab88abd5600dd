"""A run that was stopped and resumed is, bit by bit, the run that was never stopped."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nirvis.app import app
from nirvis_datasets.split import SPLITS_NAME
from nirvis_training.checkpoint import Checkpoint, read_checkpoint
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.errors import RunError, RunTaken, TrainingError
from nirvis_training.loop import Progress, resume, train
from nirvis_training.run_folder import RunFolder
from unpaired_frames import CYCLEGAN
from waiting import wait_for

MakeConfig = Callable[..., TrainingConfig]
WriteRecordings = Callable[..., Path]


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_resumed_equals_never_stopped(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, tmp_path: Path, workers: int
) -> None:
    with pytest.raises(_Killed):
        # The newest checkpoint, of 18 samples, is in the middle of a pass over the four pairs.
        train(small_config(workers=workers, checkpoint_every_samples=6), dataset, tmp_path / "killed", _kill_at(20))
    # Two lines are of a future that the resumed run has to write anew.
    assert [int(line["samples"]) for line in RunFolder(tmp_path / "killed").metrics()] == [4, 8, 12, 16, 20]
    resumed = resume(tmp_path / "killed")
    assert resumed.status.state == "finished"
    _same_runs(finished, resumed)


def test_stopped_between_two_lines_of_metrics_writes_the_same_lines(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, tmp_path: Path
) -> None:
    stopped = train(small_config(), dataset, tmp_path / "stopped", _interrupt_at(10, signal.SIGTERM))
    assert stopped.status.state == "interrupted"
    assert stopped.status.samples == 10
    _same_runs(finished, resume(stopped.path))


def test_averaged_weights_are_resumed_too(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    whole = train(small_config(averaging=0.9), dataset, tmp_path / "whole")
    with pytest.raises(_Killed):
        train(small_config(averaging=0.9), dataset, tmp_path / "killed", _kill_at(20))
    resumed = resume(tmp_path / "killed")
    _same_runs(whole, resumed)
    kept = read_checkpoint(resumed.checkpoints[-1])
    assert any(not torch.equal(kept.averaged[name], kept.method[name]) for name in kept.method)


def test_a_run_killed_before_its_first_checkpoint_begins_again(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(_Killed):
        train(small_config(), dataset, tmp_path / "killed", _kill_at(6))
    _same_runs(finished, resume(tmp_path / "killed"))


def test_a_finished_run_says_how_it_is_prolonged_and_then_equals_a_longer_one(
    finished: RunFolder, small_config: MakeConfig, dataset: Path, tmp_path: Path
) -> None:
    run = train(small_config(samples=16), dataset, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"is finished: 16 samples.*--samples N \(now 16\)"):
        resume(run.path)
    with pytest.raises(TrainingError, match=r"resume \S+ --samples N \(now 8\)$"):
        resume(run.path, samples=8)
    assert RunFolder(run.path).config.samples == 16, "what is refused changes nothing"
    with pytest.raises(TrainingError, match=r"resume \S+ --max-seconds S \(more than \d+\)$"):
        resume(run.path, samples=32, max_seconds=1e-6)
    assert RunFolder(run.path).config.max_seconds is None
    prolonged = resume(run.path, samples=32)
    assert prolonged.config.samples == 32
    assert RunFolder(run.path).config.samples == 32
    _same_runs(finished, prolonged)


def test_other_pairs_than_at_the_beginning_are_refused(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    copied = tmp_path / "dataset"
    copied.mkdir()
    for file in dataset.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    run = train(small_config(samples=8), copied, tmp_path / "run")
    splits = copied / SPLITS_NAME
    splits.write_text(splits.read_text().replace(",val", ",test", 1))
    with pytest.raises(TrainingError, match="are not those that"):
        resume(run.path, samples=16)


def test_visible_pictures_of_other_places_are_part_of_what_a_run_began_with(walks: Path, tmp_path: Path) -> None:
    shutil.copytree(walks, tmp_path / "walks")
    run = train(parse_config(CYCLEGAN), tmp_path / "walks", tmp_path / "run")
    splits = tmp_path / "walks" / SPLITS_NAME
    splits.write_text(splits.read_text().replace("day drive,day drive,day,val", "day drive,day drive,day,train"))
    with pytest.raises(TrainingError, match="are not those that"):
        resume(run.path, samples=8)


def test_a_damaged_checkpoint_is_named(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    run = train(small_config(samples=8), dataset, tmp_path / "run")
    run.checkpoints[-1].write_bytes(run.checkpoints[-1].read_bytes()[:1000])
    with pytest.raises(RunError, match=r"000000008.pt is no readable checkpoint \(it is damaged"):
        resume(run.path, samples=16)


def test_a_run_that_is_being_trained_is_left_alone(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    run = train(small_config(samples=8), dataset, tmp_path / "run")
    with run.held(), pytest.raises(RunTaken, match="is being trained by another process"):
        resume(run.path, samples=16)
    assert RunFolder(run.path).config.samples == 8


def test_a_worker_that_outlives_a_killed_training_does_not_hold_the_run(run: RunFolder) -> None:
    """Held by nobody, although a process forked while it was held is still there."""
    forking = multiprocessing.get_context("fork")
    at_work, parent_is_gone = forking.Event(), forking.Event()
    worker = forking.Process(target=lambda: (at_work.set(), parent_is_gone.wait()))
    with run.held():
        worker.start()
        assert at_work.wait(60)
        with pytest.raises(RunTaken), run.held():
            pass
    try:
        with run.held():
            assert worker.is_alive()
    finally:
        parent_is_gone.set()
        worker.join()


@pytest.fixture
def long_epoch(tmp_path: Path, write_recordings: WriteRecordings) -> Path:
    """A pass over its training set is 62 pairs."""
    return write_recordings(tmp_path / "pairs", n=31)


def test_killed_by_the_system_in_the_middle_of_an_epoch_and_resumed_at_once_equals_never_stopped(
    long_epoch: Path, small_config: MakeConfig, small_text: str, tmp_path: Path
) -> None:
    (tmp_path / "small.toml").write_text(small_text)
    changes = {"workers": 2, "checkpoint_every_samples": 6}
    begun = changes | {"samples": 10_000_000}
    words = ["train", tmp_path / "small.toml", "--dataset", long_epoch, "--out", tmp_path / "killed"]
    words += [word for name, value in begun.items() for word in ("--set", f"{name}={value}")]
    killed = _killed_after_a_checkpoint([sys.executable, "-m", "nirvis", *map(str, words)], tmp_path / "killed")
    assert killed.status.state == "died"
    reached = int(killed.checkpoints[-1].stem)
    assert reached % 62, "a checkpoint at the end of an epoch, of all that there are"

    app(["resume", str(killed.path), "--samples", str(reached + 32)], result_action="return_value")
    whole = train(small_config(**changes, samples=reached + 32), long_epoch, tmp_path / "whole")
    _same_runs(whole, RunFolder(killed.path))


def _killed_after_a_checkpoint(command: list[str], out: Path) -> RunFolder:
    """What SIGKILL leaves of a training, at the moment at which its parent knows that it is gone."""
    # Not a pipe, which ends when the last worker has.
    complaints = out.with_suffix(".stderr")
    with complaints.open("w") as stderr, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr) as process:
        try:
            wait_for(lambda: process.poll() is not None or any((out / "checkpoints").glob("*.pt")), timeout_s=120)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL, complaints.read_text()
    return RunFolder(out)


def test_only_the_newest_checkpoints_are_kept_and_nothing_unfinished(
    small_config: MakeConfig, dataset: Path, tmp_path: Path
) -> None:
    run = train(small_config(keep_checkpoints=2), dataset, tmp_path / "run")
    assert [path.name for path in run.checkpoints] == ["000000024.pt", "000000032.pt"]
    assert not list(run.path.rglob("*.part"))


def test_the_first_checkpoint_of_every_stretch_is_kept_for_good(
    small_config: MakeConfig, dataset: Path, tmp_path: Path
) -> None:
    config = small_config(samples=48, checkpoint_every_samples=8, keep_checkpoints=1, keep_every_samples=12)
    run = train(config, dataset, tmp_path / "run")
    # Of the stretches from 12, 24 and 36 the first checkpoints are 16, 24 and 40; 48 is the newest, and begins its own.
    assert [int(path.stem) for path in run.checkpoints] == [16, 24, 40, 48]
    assert [int(path.stem) for path in resume(run.path, samples=64).checkpoints] == [16, 24, 40, 48, 64]


def test_checkpoints_hold_nothing_that_could_run(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    run = train(small_config(samples=8), dataset, tmp_path / "run")
    content = torch.load(run.checkpoints[-1], weights_only=True)
    assert set(content) == {field.name for field in fields(Checkpoint)}


class _Killed(Exception):
    """As good as kill -9 for the loop: nothing of it runs after this."""


def _kill_at(samples: int) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        if progress.samples == samples:
            raise _Killed

    return show


def _interrupt_at(samples: int, number: signal.Signals) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        if progress.samples == samples:
            os.kill(os.getpid(), number)

    return show


def _same_runs(first: RunFolder, second: RunFolder) -> None:
    one, other = (read_checkpoint(run.checkpoints[-1]) for run in (first, second))
    assert one.samples == other.samples
    assert one.method.keys() == other.method.keys()
    assert all(torch.equal(one.method[name], other.method[name]) for name in one.method)
    assert _adam(one.optimisers) == _adam(other.optimisers)
    assert _figures(first) == _figures(second)
    assert first.weights_sha256 == second.weights_sha256


def _adam(optimisers: dict[str, dict[str, dict[int, dict[str, Tensor]]]]) -> list[list[float]]:
    return [
        moments.flatten().tolist()
        for optimiser in optimisers.values()
        for state in optimiser["state"].values()
        for moments in state.values()
    ]


def _figures(run: RunFolder) -> list[dict[str, float]]:
    """Lines of metrics without what depends on the clock."""
    clock = {"seconds", "samples_per_s", "data_wait_share"}
    return [{name: value for name, value in line.items() if name not in clock} for line in run.metrics()]
