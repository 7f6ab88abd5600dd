"""What every registered method has to do, at its smallest: train, resume exactly, come back from its files, predict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nirvis_training.checkpoint import newest, read_checkpoint
from nirvis_training.config import TrainingConfig, shipped_configs, validated
from nirvis_training.export import contract_of, export_network
from nirvis_training.loop import Progress, resume, train
from nirvis_training.method_settings import FeatureSettings, MethodSettings, every_method
from nirvis_training.methods import METHODS, load_method, make_method
from nirvis_training.methods.base import Batch, Method
from nirvis_training.processor import quicken
from nirvis_training.run_folder import RunFolder

PAGES = Path(__file__).parents[2] / "docs" / "methods"
CONTRAST = {"blocks": 1, "patches": 16, "projector_units": 16}
TOKENS = {"blocks": 1, "token_width": 32, "token_grid": 4}
SMALLEST: dict[str, Mapping[str, object]] = {
    "cptrans": {"method": TOKENS},
    "cut": {"method": CONTRAST},
    "cyclegan": {"method": {"blocks": 1, "pool_size": 2}},
    "i2vgan": {"method": {**CONTRAST, "predictor_width": 4, "predictor_downs": 4, "perceptual": False}},
    "mocyclegan": {"method": {"blocks": 1, "pool_size": 2}},
    "pcsgan": {"method": {"blocks": 1, "pool_size": 2}},
    "pix2pix": {"method": {"downs": 4}},
    "pix2pixhd": {"method": {"blocks": 1, "downs": 3}},
    "recyclegan": {"method": {"blocks": 1, "predictor_downs": 4}},
    "roma": {"method": {**TOKENS, "windows": 4}},
    "sesim": {"method": {"blocks": 1, "pool_size": 2, "queries": 16, "window": 8}},
    "unsup_recycle": {"method": {"blocks": 1}},
}
"""Settings by the name of a method, where width 4 and crop 32 are not enough: ``{"crop": 64, "method": {…}}``."""


@pytest.fixture(params=every_method(), ids=lambda settings: settings.method_name())
def config(request: pytest.FixtureRequest) -> TrainingConfig:
    """Two steps of a method, with a checkpoint after each."""
    settings: type[MethodSettings] = request.param
    own = dict(SMALLEST.get(settings.method_name(), {}))
    method = {"name": settings.method_name(), "width": 4}
    if issubclass(settings, FeatureSettings):
        method["features"] = "random"
    method |= own.pop("method", {})  # type: ignore[arg-type]
    run = {"samples": 4, "batch_size": 2, "crop": 32, "log_every_samples": 2, "checkpoint_every_samples": 2}
    rest = {"validate_every_samples": 4, "validation_pairs": 1, "video_frames": 2, "workers": 0, "threads": 1}
    return validated({**run, **rest, **own, "method": method}, origin=settings.method_name())


def test_two_steps_resumed_after_one_are_the_same_and_the_weights_come_back_and_are_exported(
    config: TrainingConfig, videos: Path, tmp_path: Path
) -> None:
    whole = train(config, videos, tmp_path / "whole")
    assert whole.status.state == "finished"
    assert all(abs(line["loss"]) < float("inf") for line in whole.metrics())

    with pytest.raises(_Killed):
        train(config, videos, tmp_path / "killed", _kill_after_first_step)
    _same(whole, resume(tmp_path / "killed"))

    source = torch.rand(1, 3, 64, 96)
    best, last = load_method(whole), load_method(whole, "last")
    assert torch.equal(best.predict(source), last.predict(source))
    assert best.predict(source).shape == source.shape
    assert _teaches(whole, source)
    model = export_network(best, contract_of(whole, best.multiple_of), tmp_path / "model.onnx")
    assert model.stat().st_size < 3 * whole.best_weights.stat().st_size + (1 << 20)


class _Precisions(TorchFunctionMode):
    """Notes what every layer gives whose weights belong to a network of a method: ``{"generator": {bfloat16}}``."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.found: dict[str, set[torch.dtype]] = {}
        self._owners = {
            id(weight): name
            for name, network in method.named_children()
            for weight in (*network.parameters(), *network.buffers())
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        if func in (torch.conv2d, torch.conv_transpose2d, nn.functional.linear) and id(args[1]) in self._owners:
            self.found.setdefault(self._owners[id(args[1])], set()).add(given.dtype)
        return given


def test_every_layer_of_every_network_computes_in_bf16_where_that_is_asked_for(config: TrainingConfig) -> None:
    """Whatever a method calls its networks by; losses stay what they are."""
    config = config.model_copy(update={"precision": "bf16"})
    method = make_method(config).train()
    quicken(method, config, torch.device("cpu"))
    frames = config.method.frames
    shape = (2, 3, 32, 32) if frames == 1 else (2, frames, 3, 32, 32)
    batch = Batch(torch.rand(shape), torch.rand(shape), torch.ones(2, 1, 32, 32))
    with _Precisions(method) as precisions:
        for phase in method.phases:
            terms = method.losses(phase, batch)
            assert {term.dtype for term in terms.values()} == {torch.float32}
    with_weights = {
        name
        for name, network in method.named_children()
        if list(network.parameters()) or (list(network.buffers()) and not network.state_dict())
    }
    assert precisions.found == {name: {torch.bfloat16} for name in with_weights}


def test_every_method_is_registered_with_its_settings() -> None:
    assert METHODS.keys() == {settings.method_name() for settings in every_method()}


def test_every_method_has_a_configuration_that_is_shipped() -> None:
    shipped = {(files("nirvis_training") / "configs" / f"{name}.toml").read_text() for name in shipped_configs()}
    for settings in every_method():
        assert any(f'name = "{settings.method_name()}"' in text for text in shipped)


def test_every_method_has_a_page_that_names_its_paper() -> None:
    for settings in every_method():
        page = (PAGES / f"{settings.method_name()}.md").read_text(encoding="utf-8")
        if settings.method_name() == "compact":
            continue  # it is in no paper
        authors, year = re.match(r"(\S+).*?(\d{4})", settings.paper).groups()  # type: ignore[union-attr]
        assert authors in page
        assert year in page


def _teaches(run: RunFolder, source: Tensor) -> bool:
    """Whether another network can learn what this one predicts; all can."""
    settings = {"name": "compact", "width": 4, "teacher": str(run.path)}
    pupil = make_method(validated({"samples": 1, "method": settings}, origin="compact"))
    batch = Batch(source, source, torch.ones_like(source[:, :1]))
    return bool(pupil.losses(pupil.phases[0], batch)["teacher"].isfinite())


class _Killed(Exception):
    """Nothing of the loop runs after this."""


def _kill_after_first_step(progress: Progress) -> None:
    if progress.losses:
        raise _Killed


def _same(one: RunFolder, other: RunFolder) -> None:
    states = [read_checkpoint(newest(run)) for run in (one, other)]
    assert states[0].samples == states[1].samples
    assert all(torch.equal(states[1].method[name], tensor) for name, tensor in states[0].method.items())
    assert one.weights_sha256 == other.weights_sha256
