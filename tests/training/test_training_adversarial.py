"""Adversarial methods in the loop: pools and two optimisers are resumed exactly, and what is learnt can be exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nirvis_training.checkpoint import read_checkpoint
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.export import export
from nirvis_training.loop import Progress, resume, train

RUN = """
samples = 12
batch_size = 1
crop = 32
learning_rate = 2e-4
validate_every_samples = 12
validation_pairs = 1
checkpoint_every_samples = 4
log_every_samples = 4
workers = 0
threads = 1

[method]
width = 4
"""
CYCLEGAN = 'name = "cyclegan"\nblocks = 1\npool_size = 3\n'
PIX2PIX = 'name = "pix2pix"\ndowns = 4\n'


class _Killed(Exception):
    pass


def test_pools_and_both_optimisers_are_resumed_exactly(dataset: Path, tmp_path: Path) -> None:
    config = parse_config(RUN + CYCLEGAN)
    whole = train(config, dataset, tmp_path / "whole")
    with pytest.raises(_Killed):
        train(config, dataset, tmp_path / "killed", _kill_at(7))
    resumed = resume(tmp_path / "killed")
    first, second = (read_checkpoint(run.checkpoints[-1]) for run in (whole, resumed))
    assert first.optimisers.keys() == {"translation", "discrimination"}
    assert first.method["pool_target.count"] == 3
    assert first.method.keys() == second.method.keys()
    assert all(torch.equal(first.method[name], second.method[name]) for name in first.method)


@pytest.mark.parametrize("method", [pytest.param(CYCLEGAN, id="cyclegan"), pytest.param(PIX2PIX, id="pix2pix")])
def test_a_trained_generator_is_exported_and_answers_as_torch_does(method: str, dataset: Path, tmp_path: Path) -> None:
    run = train(_short(method), dataset, tmp_path / "run")
    assert export(run.path, tmp_path / "model.onnx").is_file()


def _short(method: str) -> TrainingConfig:
    return parse_config(RUN + method, changes={"samples": 2})


def _kill_at(samples: int) -> Callable[[Progress], None]:
    def kill(progress: Progress) -> None:
        if progress.samples >= samples:
            raise _Killed

    return kill
