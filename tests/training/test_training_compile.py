"""torch.compile: it is tried before there is a run folder, and a step with it is the step without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._dynamo
import torch._inductor.config
from torch import Tensor, nn

from nirvis_training import loop
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.distribution import Team
from nirvis_training.errors import TrainingError
from nirvis_training.loop import train
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.processor import quicken
from nirvis_training.step import Stepper

# torch 2.13 warns of itself while it translates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
MakeConfig = Callable[..., TrainingConfig]
Backend = Callable[[object], None]
METHODS = {
    "ssn": "lightness_weight = 1.0\nperceptual_weight = 0.0",
    "cyclegan": "blocks = 1\npool_size = 2",
    "cut": "blocks = 1",
}


@pytest.fixture(autouse=True)
def nothing_translated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither before nor after a test, in memory or on disk."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def use_backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """``use_backend("aot_eager")``: everything of torch.compile but the C++ compiler, which not every machine has."""
    translate = torch.compile

    def use(backend: object) -> None:
        monkeypatch.setattr(torch, "compile", lambda network, **kw: translate(network, backend=backend, **kw))

    return use


class OneLayer(Method):
    """Quickly translated."""

    phases = (Phase("colour", ("generator",), adam(1e-3)),)

    def __init__(self) -> None:
        super().__init__()
        # A convolution alone is left to the library, and needs no compiler.
        self.generator = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Tanh())

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        return {"colour": (self.generator(batch.source) - batch.target).square().mean()}

    def forward(self, source: Tensor) -> Tensor:
        predicted: Tensor = self.generator(source)
        return predicted.clamp(0, 1)


def _one_layer(config: TrainingConfig) -> Method:
    return OneLayer()


def _no_working_compiler(use_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("/nowhere/g++",))


def _a_network_beyond_it(use_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(graph: torch.fx.GraphModule, example: list[Tensor]) -> Callable[..., Any]:
        raise NotImplementedError("no such operator")

    use_backend(refuse)


def _a_translation_that_expects_something_else(use_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def expecting(*_: Tensor) -> Any:
        raise AssertionError("expected size 3==3, stride 1==9 at dim=1")

    use_backend(lambda *_: expecting)


@pytest.mark.parametrize(
    ("arrange", "complaint"),
    [
        pytest.param(_no_working_compiler, "No working C.. compiler found", id="no-compiler"),
        pytest.param(_a_network_beyond_it, "no such operator", id="network"),
        pytest.param(_a_translation_that_expects_something_else, "stride 1==9 at dim=1", id="translation"),
    ],
)
def test_what_cannot_be_compiled_is_said_and_nothing_is_left_behind(
    dataset: Path,
    tmp_path: Path,
    small_config: MakeConfig,
    use_backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    arrange: Callable[[Backend, pytest.MonkeyPatch], None],
    complaint: str,
) -> None:
    arrange(use_backend, monkeypatch)
    monkeypatch.setattr(loop, "make_method", _one_layer)
    with pytest.raises(TrainingError, match=rf"torch\.compile cannot translate .*{complaint}.*compile = \[\]") as told:
        train(small_config(compile=["all"]), dataset, tmp_path / "run")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_not_there_is_said_before_there_is_a_run(
    dataset: Path, tmp_path: Path, small_config: MakeConfig
) -> None:
    with pytest.raises(TrainingError, match="compile names generater; ssn has generator"):
        train(small_config(compile=["generater"]), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_compiled_run_learns_what_the_other_learns(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, use_backend: Backend
) -> None:
    """What was tried before it began has left no trace in its weights."""
    use_backend("aot_eager")
    losses = []
    for networks in ([], ["all"]):
        run = train(
            small_config(samples=8, compile=networks, fast_convolutions=False), dataset, tmp_path / str(networks)
        )
        losses.append([line["loss"] for line in run.metrics()])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("backend", "tolerance"),
    [pytest.param("aot_eager", 1e-5), pytest.param("inductor", 1e-3, marks=pytest.mark.soak)],
)
def test_losses_and_gradients_of_a_compiled_step_are_those_of_a_plain_one(
    use_backend: Backend, method: str, backend: str, tolerance: float
) -> None:
    """Every loss term within `tolerance` of its value, the gradient of every network within that of its length.

    inductor fuses what it computes, and so rounds otherwise; a step of these is 1e-6 off in aot_eager.
    """
    use_backend(backend)
    text = f'samples = 8\nbatch_size = 2\ncrop = 32\n[method]\nname = "{method}"\nwidth = 8\n{METHODS[method]}'
    (plain, gradients), (compiled, found) = (_step(parse_config(text, changes={"compile": c})) for c in ([], ["all"]))
    assert compiled == pytest.approx(plain, rel=tolerance)
    assert found.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert gradient.norm() > 0
        assert (found[name] - gradient).norm() <= tolerance * gradient.norm(), name


def _step(config: TrainingConfig) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Loss terms and, by network, gradients of the first step."""
    method = make_method(config).train()
    quicken(method, config, torch.device("cpu"))
    pictures = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    terms = Stepper(method, config, Team()).step([Batch(*pictures.unbind(), torch.ones(2, 1, 32, 32))], samples=0)
    gradients: dict[str, list[Tensor]] = {}
    for name, parameter in method.named_parameters():
        if parameter.grad is not None:
            gradients.setdefault(name.split(".")[0], []).append(parameter.grad.flatten())
    return terms, {name: torch.cat(parts) for name, parts in gradients.items()}
