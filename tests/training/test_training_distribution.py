"""Several processes train as one would with all of their samples."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nirvis_training.batches import part_size
from nirvis_training.checkpoint import read_checkpoint
from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team, team
from nirvis_training.errors import ConfigError
from nirvis_training.loop import train
from nirvis_training.run_folder import RunFolder

MakeConfig = Callable[..., TrainingConfig]
QUICK = """
samples = 32
batch_size = 4
crop = 32
learning_rate = 2e-3
validate_every_samples = 16
validation_pairs = 1
video_frames = 0
checkpoint_every_samples = 4
keep_checkpoints = 8
log_every_samples = 4
workers = 0
threads = 1
device = "cpu"
[method]
name = "ssn"
width = 4
norm = "group"
lightness_weight = 1.0
perceptual_weight = 0.0
"""


def test_two_processes_equal_one_with_twice_the_samples(
    dataset: Path, tmp_path: Path, small_config: MakeConfig
) -> None:
    alone = train(small_config(**_GROUP), dataset, tmp_path / "alone")
    config = tmp_path / "config.toml"
    config.write_text(QUICK)
    _torchrun("train", config, "--dataset", dataset, "--out", tmp_path / "together")
    together = RunFolder(tmp_path / "together")
    assert together.status.state == "finished"
    for own, shared in zip(_gradients(alone), _gradients(together), strict=True):
        torch.testing.assert_close(shared, own, rtol=1e-3, atol=1e-3 * float(own.abs().max()))
    losses = [[line["loss"] for line in run.metrics()] for run in (alone, together)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_two_processes_stopped_by_a_signal_to_one_go_on_exactly(videos: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    # BatchNorm: each process has running statistics of its own, which a checkpoint has to keep.
    config.write_text(QUICK.replace('norm = "group"\n', ""))
    words = ("train", config, "--dataset", videos, "--set", "samples=10_000_000")
    stopped = tmp_path / "stopped"
    metrics = stopped / "metrics.jsonl"
    with _two(*words, "--out", stopped, "--set", "checkpoint_every_samples=10_000_000") as processes:
        _wait_for(processes, lambda: metrics.is_file() and metrics.read_text() != "")
        processes[1].send_signal(signal.SIGTERM)
        _end_well(processes)
    run = RunFolder(stopped)
    assert run.status.state == "interrupted"
    begun = run.status.samples
    assert run.checkpoints[-1].stem == f"{begun:09d}"
    assert len(read_checkpoint(run.checkpoints[-1]).buffers_elsewhere) == 1

    # A pass is two steps: one of these two begins in the middle of a pass, wherever the signal came.
    for samples in (begun + 4, begun + 16):
        with _two("resume", stopped, "--samples", samples) as processes:
            _end_well(processes)
    whole = tmp_path / "whole"
    with _two(*words[:-1], f"samples={begun + 16}", "--out", whole) as processes:
        _end_well(processes)
    states = [read_checkpoint(RunFolder(path).checkpoints[-1]) for path in (stopped, whole)]
    assert states[0].samples == states[1].samples == begun + 16
    for one, other in zip(*([state.method, *state.buffers_elsewhere] for state in states), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_the_first_process_refuses_ends_all(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with _two("train", "ssn_demo", "--dataset", dataset, "--out", tmp_path) as processes:
        said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert all("is not empty, and no training run" in complaint for complaint in said)
    assert "Traceback" not in "".join(said)


def test_a_batch_that_cannot_be_shared_out_is_refused_with_what_fits(small_config: MakeConfig) -> None:
    config = small_config(batch_size=6, accumulate=2)
    assert part_size(config, Team(rank=0, ranks=3)) == 1
    with pytest.raises(ConfigError, match=r"6 cannot be shared out evenly over 4 processes.*a multiple of 8"):
        part_size(config, Team(rank=0, ranks=4))


def test_a_process_whose_other_is_killed_says_so_and_leaves_a_checkpoint(dataset: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(QUICK)
    words = ("train", config, "--dataset", dataset, "--set", "samples=10_000_000")
    with _two(*words, "--out", tmp_path / "run") as processes:
        _wait_for(processes, lambda: any((tmp_path / "run" / "checkpoints").glob("*.pt")))
        processes[1].kill()
        said = processes[0].communicate(timeout=120)[1]
    assert processes[1].wait() == -signal.SIGKILL
    assert processes[0].returncode == 1
    assert "Another process of this run is gone (" in said
    assert "Traceback" not in said
    run = RunFolder(tmp_path / "run")
    assert run.status.state == "failed"
    assert read_checkpoint(run.checkpoints[-1]).samples > 0


def test_alone_nothing_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with team() as alone:
        assert (alone.first, alone.ranks) == (True, 1)
        assert alone.anyone(True)
        assert alone.mean([1.0, 2.0]) == [1.0, 2.0]
        assert alone.gathered("mine") == ["mine"]


_GROUP = {
    "batch_size": 4,
    "checkpoint_every_samples": 4,
    "keep_checkpoints": 8,
    "validation_pairs": 1,
    "method.norm": "group",
}


def _gradients(run: RunFolder) -> list[Tensor]:
    """Of the first step, up to a factor: what Adam remembers of it."""
    state = read_checkpoint(run.checkpoints[0]).optimisers["colour"]["state"]
    return [moments["exp_avg"] for moments in state.values()]


def _torchrun(*words: object) -> None:
    """As docs/training.md has it."""
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "nirvis")
    done = subprocess.run([sys.executable, *launch, *map(str, words)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@contextmanager
def _two(*words: object) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes with the environment that torchrun gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(2):
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "LOCAL_RANK": str(rank)}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "nirvis", *map(str, words)],
                env={**os.environ, **meeting, "WORLD_SIZE": "2"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _end_well(processes: list[subprocess.Popen[str]]) -> None:
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)


def _wait_for(processes: list[subprocess.Popen[str]], there: Callable[[], bool]) -> None:
    while not there():
        assert all(process.poll() is None for process in processes), processes[0].communicate()[1]
        time.sleep(0.02)
