"""A run that was stopped and resumed is, bit by bit, the run that was never stopped."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nirvis_datasets.split import SPLITS_NAME
from nirvis_training.checkpoint import Checkpoint, read_checkpoint
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.errors import RunError, RunTaken, TrainingError
from nirvis_training.loop import Progress, resume, train
from nirvis_training.run_folder import RunFolder
from unpaired_frames import CYCLEGAN

MakeConfig = Callable[..., TrainingConfig]


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
