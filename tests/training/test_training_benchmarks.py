"""The benchmarks of training: peers that compute what nirvis computes, on whatever device, and are timed to the end."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nirvis_training.config import parse_config
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch
from nirvis_training.networks.vgg import random_vgg
from nirvis_training.step import train_only

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
META = torch.device("meta")


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("train")


@pytest.fixture
def plain(train: ModuleType) -> ModuleType:
    return importlib.import_module("train_plain_ssn")


class OneDevice(TorchDispatchMode):
    """Refuses what a GPU would: an operation on tensors of several devices."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.dim() > 0]
        devices = {tensor.device.type for tensor in tensors}
        assert len(devices) <= 1 or "copy" in str(func), f"{func} on {devices}"
        return func(*args, **(kwargs or {}))


def test_both_contestants_compute_where_their_pictures_are(train: ModuleType, plain: ModuleType) -> None:
    """On tensors without content, which are as foreign to the processor as those of a GPU."""
    source, target = torch.empty(2, 2, 3, 64, 64, device=META).unbind()
    peer = plain.PlainStep(random_vgg("VGG-16", "relu4_3"))
    peer.network.to(META)
    peer.vgg.to(META)
    method = make_method(parse_config(train.CONFIG, changes={"method.width": 4})).to(META)
    train_only(method, method.phases[0])
    batch = Batch(source, target, torch.ones_like(source[:, :1]))
    with OneDevice():
        for loss in (
            peer.loss(source, target),
            torch.stack(list(method.losses(method.phases[0], batch).values())).sum(),
        ):
            assert loss.device == META
            torch.autograd.backward(loss)


def test_a_step_is_timed_until_the_gpu_is_done(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stops after the kernels that a step started, and starts after those of the step before."""
    events: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: events.append("wait"))
    monkeypatch.setattr(train.time, "perf_counter", lambda: events.append("clock") or 0.0)
    train.timed(lambda: events.append("step"))
    assert events == ["wait", "clock", "step", "wait", "clock"]


def test_the_contestants_of_a_small_race_find_one_loss(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both networks from the same weights, to the same loss: otherwise nothing is compared."""
    monkeypatch.setattr(train, "SIZE", 32)
    found = train.contestants(train.argparse.Namespace(batch=1, bf16=False, compile=False))
    assert list(found) == ["plain", "nirvis", "nirvis direct"]
    seconds = train.race({name: contestant.step for name, contestant in found.items()}, rounds=1)
    assert all(len(times) == 1 and times[0] > 0 for times in seconds.values())
    with pytest.raises(SystemExit, match="the loss of the first step of nirvis"):
        train.race({"plain": lambda: 1.0, "nirvis": lambda: 1.1}, rounds=1)


def test_what_is_gained_above_the_mean_colour_is_said_of_each_mode(train: ModuleType) -> None:
    compact = importlib.import_module("compact")
    found, mean = (
        compact.Figures(20.0, {"day": 23.0, "night": 17.0}, 1.0),
        compact.Figures(16.0, {"day": 17.0, "night": 16.5}, 0.0),
    )
    bars = {bar.name: bar.value for bar in compact.above_mean("compact.", found, mean)}
    assert bars == {
        "compact.psnr_above_mean": 4.0,
        "compact.psnr_above_mean_day": 6.0,
        "compact.psnr_above_mean_night": 0.5,
    }
