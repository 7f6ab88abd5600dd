"""Adversarial methods in the loop: pools and two optimisers are resumed exactly, and what is learnt can be exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nirvis_training.checkpoint import read_checkpoint
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.export import export
from nirvis_training.loop import Progress, resume, train
from nirvis_training.methods import load_method

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
METHODS = {
    "cyclegan": {"blocks": 1},
    "mehri_sappa": {"blocks": 1},
    "mocyclegan": {"blocks": 1},
    "nyberg": {"blocks": 1},
    "pcsgan": {"blocks": 1, "perceptual_weight": 0.0},
    "pix2pix": {"downs": 4},
    "pix2pixhd": {"blocks": 1, "downs": 2, "perceptual_weight": 0.0},
    "recyclegan": {"blocks": 1, "predictor_downs": 4},
    "unsup_recycle": {"blocks": 1, "content_weight": 0.0},
}
CYCLEGAN = 'name = "cyclegan"\nblocks = 1\npool_size = 3\n'
PIX2PIX = 'name = "pix2pix"\ndowns = 4\n'


class _Killed(Exception):
    pass


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_on_the_samples_it_needs(name: str, precision: str, videos: Path, tmp_path: Path) -> None:
    settings = {f"method.{key}": value for key, value in METHODS[name].items()}
    changes = {"samples": 4, "batch_size": 2, "accumulate": 2, "precision": precision}
    config = parse_config(f'{RUN}name = "{name}"\n', changes=changes | settings)
    run = train(config, videos, tmp_path / "run")
    assert run.status.state == "finished"
    assert load_method(run).predict(torch.rand(1, 3, 48, 64)).isfinite().all()
    kept = load_file(run.best_weights)
    assert {entry.split(".")[0] for entry in kept} == {"generator"}


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
