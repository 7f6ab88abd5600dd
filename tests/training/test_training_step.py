"""One step: divided batches, precision, schedules, seeds, memory, and what is said when it cannot be made."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nirvis_training import loop
from nirvis_training.checkpoint import newest, read_checkpoint
from nirvis_training.config import TrainingConfig, load_config, parse_config, validated
from nirvis_training.distribution import Team
from nirvis_training.errors import ConfigError, Diverged, OutOfMemory, TrainingError
from nirvis_training.loop import Progress, resume, train
from nirvis_training.memory import explained, measure
from nirvis_training.methods import load_method, make_method
from nirvis_training.methods.base import Batch, Losses, Method, Phase, adam
from nirvis_training.methods.ssn import Ssn
from nirvis_training.processor import narrowest, quicken
from nirvis_training.schedules import Constant, LinearDecay, Steps
from nirvis_training.step import Stepper

MakeConfig = Callable[..., TrainingConfig]
CPU = torch.device("cpu")
GROUP = {"method.norm": "group", "batch_size": 4}


def a_batch(n: int, size: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(7)
    return Batch(*torch.rand(2, n, 3, size, size, generator=generator).unbind(), torch.ones(n, 1, size, size))


def parts_of(batch: Batch, parts: int) -> list[Batch]:
    split = (tensor.chunk(parts) for tensor in (batch.source, batch.target, batch.valid))
    return [Batch(*part) for part in zip(*split, strict=True)]


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_makes_the_same_step(small_config: MakeConfig, parts: int) -> None:
    config = small_config(**GROUP)
    stepped = []
    for divided in ([a_batch(4)], parts_of(a_batch(4), parts)):
        method = make_method(config).train()
        terms = Stepper(method, config, Team()).step(divided, samples=0)
        gradients = torch.cat([p.grad.flatten() for p in method.parameters() if p.grad is not None])
        stepped.append((terms, gradients))
    (whole, gradients), (divided_terms, divided_gradients) = stepped
    assert divided_terms == pytest.approx(whole, rel=1e-5)
    torch.testing.assert_close(divided_gradients, gradients, rtol=1e-4, atol=1e-6)


def test_a_run_in_parts_sees_the_same_samples(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    losses = []
    for parts in (1, 2):
        run = train(small_config(accumulate=parts, samples=8, **GROUP), dataset, tmp_path / str(parts))
        losses.append([line["loss"] for line in run.metrics()])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_bf16_is_for_networks_in_training_alone(small_config: MakeConfig) -> None:
    batch = a_batch(2)
    config = small_config(precision="bf16", **{"method.norm": "group"})
    plain, quick = make_method(config), make_method(config)
    quicken(quick, config, CPU)
    assert isinstance(plain, Ssn)
    assert isinstance(quick, Ssn)
    exact, rounded = plain.generator(batch.source), quick.generator(batch.source)
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, rtol=0.1, atol=0.1)
    assert torch.equal(plain.eval().predict(batch.source), quick.eval().predict(batch.source))
    assert plain.state_dict().keys() == quick.state_dict().keys()


def test_bf16_trains_to_a_similar_loss(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    ends = []
    for precision in ("fp32", "bf16"):
        run = train(small_config(precision=precision), dataset, tmp_path / precision)
        ends.append(list(run.metrics())[-1]["loss"])
    assert ends[1] == pytest.approx(ends[0], rel=0.1)


def test_a_network_that_is_not_there_cannot_be_compiled(small_config: MakeConfig) -> None:
    config = small_config(compile=["generater"])
    with pytest.raises(TrainingError, match="compile names generater; ssn has generator"):
        quicken(make_method(config), config, CPU)


def test_what_only_remembers_cannot_be_compiled() -> None:
    config = parse_config(
        'samples = 8\ncompile = ["pool_source"]\n[method]\nname = "cyclegan"\nwidth = 4\nblocks = 1\n'
    )
    with pytest.raises(TrainingError, match=r"compile names pool_source; cyclegan has generator, generator_back, disc"):
        quicken(make_method(config), config, CPU)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(Constant(), [1, 1, 1], id="constant"),
        pytest.param(LinearDecay(name="linear", from_samples=50), [1, 1, 0.5], id="linear"),
        pytest.param(Steps(name="steps", at_samples=(50, 75), times=0.1), [1, 0.1, 0.01], id="steps"),
    ],
)
def test_schedules_by_hand(schedule: Constant | LinearDecay | Steps, expected: list[float]) -> None:
    assert [schedule.factor(samples, total=100) for samples in (0, 50, 75)] == pytest.approx(expected)


def test_a_schedule_moves_the_rate_of_every_phase(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    config = small_config(samples=16, schedule={"name": "linear", "from_samples": 8})
    run = train(config, dataset, tmp_path / "run")
    group = read_checkpoint(newest(run)).optimisers["colour"]["param_groups"][0]
    # The last step begins at 14 of 16 samples, a quarter of the line from the end.
    assert (group["initial_lr"], group["lr"]) == pytest.approx((2e-3, 0.25 * 2e-3))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("accumulate = 3", r"batch_size \(8\) is no multiple of accumulate \(3\)"),
        (
            'schedule = { name = "linear", from_samples = 9 }',
            r"schedule.from_samples \(9\) lies beyond the end .* to 4 for half",
        ),
        ('schedule = { name = "cosine" }', "schedule"),
    ],
)
def test_settings_that_make_no_sense_are_refused(line: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_config(f'samples = 8\n{line}\n[method]\nname = "ssn"\nperceptual_weight = 0\n')


@pytest.mark.parametrize(
    ("name", "setting", "others"),
    [
        ("pix2pix", "downs", {}),
        ("recyclegan", "predictor_downs", {}),
        ("i2vgan", "predictor_downs", {"method.perceptual": False}),
    ],
)
def test_a_crop_that_a_network_would_halve_away_is_refused(name: str, setting: str, others: dict[str, bool]) -> None:
    with pytest.raises(ConfigError, match=rf"crop \(96\) is no multiple of 64, which method.{setting} = 6 halves"):
        load_config(name, {"crop": 96, f"method.{setting}": 6, **others})


class Drawing(Method):
    """Draws a random number in each phase, and hands something from the first to the second."""

    predicts_with = ("weight",)

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.other = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.phases = (Phase("first", ("weight",), adam(1e-3)), Phase("second", ("other",), adam(1e-3)))
        self.drawn: list[float] = []
        self.register_buffer("mean", torch.zeros(()))

    def study(self, batches: Iterable[Batch]) -> None:
        seen = [batch.target.mean() for batch in batches]
        self.get_buffer("mean").copy_(torch.stack(seen).mean())

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        self.drawn.append(float(torch.rand(())))
        if phase.name == "first":
            fake = self.weight(batch.source)
            batch.kept["fake"] = fake.detach()
            return {"near": (fake - batch.target).square().mean()}
        return {"far": (self.other(batch.kept["fake"]) - batch.source).square().mean()}

    def forward(self, source: Tensor) -> Tensor:
        return self.weight(source).clamp(0, 1)  # type: ignore[no-any-return]


def test_random_choices_depend_on_seed_step_and_rank_only(small_config: MakeConfig) -> None:
    config = small_config()

    def drawn(samples: int, rank: int = 0) -> list[float]:
        method = Drawing()
        Stepper(method, config, Team(rank=rank)).step([a_batch(2)], samples)
        return method.drawn

    torch.manual_seed(1)
    first = drawn(0)
    torch.manual_seed(2)
    assert drawn(0) == first
    assert len({*first, *drawn(2), *drawn(0, rank=1)}) == 6


def test_phases_train_their_own_networks_and_share_what_was_kept(small_config: MakeConfig) -> None:
    config = small_config()
    method = Drawing()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    terms = Stepper(method, config, Team()).step(parts_of(a_batch(4), 2), 0)
    assert terms.keys() == {"near", "far"}
    after = method.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before if name != "mean")


class Infinite(Drawing):
    """A loss whose value is 0 and whose slope there is infinite."""

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        losses = super().losses(phase, batch)
        return losses if phase.name == "first" else {"far": (losses["far"] * 0).sqrt()}


def test_a_gradient_that_is_no_number_ends_the_run_before_the_step(small_config: MakeConfig) -> None:
    method = Infinite()
    before = method.other.weight.clone()
    with pytest.raises(Diverged, match=r"after 6 samples: gradient of other\. This step was not taken"):
        Stepper(method, small_config(), Team()).step([a_batch(2)], samples=6)
    assert torch.equal(method.other.weight, before)


def _drawing(config: TrainingConfig) -> Method:
    return Drawing()


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "make_method", _drawing)
    monkeypatch.setattr("nirvis_training.methods.make_method", _drawing)


def test_the_training_set_is_studied_once_and_what_was_found_is_resumed(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, drawing: None
) -> None:
    told: list[Progress] = []
    run = train(small_config(samples=8), dataset, tmp_path / "run", told.append)
    assert [progress.studied for progress in told if progress.studied] == [(2, 4), (4, 4)]
    found = read_checkpoint(newest(run)).method["mean"]
    assert 0.2 < found < 0.8
    told.clear()
    resume(run.path, told.append, samples=16)
    assert not [progress for progress in told if progress.studied]
    assert torch.equal(read_checkpoint(newest(run)).method["mean"], found)


def test_best_weights_hold_only_what_predicts(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, drawing: None
) -> None:
    from safetensors.torch import load_file

    run = train(small_config(samples=8, averaging=0.9), dataset, tmp_path / "run")
    assert load_file(run.best_weights).keys() == {"weight.weight", "weight.bias"}
    assert load_method(run).predict(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    assert "other.weight" in read_checkpoint(newest(run)).method


class Greedy(Drawing):
    def losses(self, phase: Phase, batch: Batch) -> Losses:
        return {"much": torch.empty(2**60, dtype=torch.uint8).sum().float()}


def _greedy(config: TrainingConfig) -> Method:
    return Greedy()


def test_too_little_memory_says_what_to_change(
    dataset: Path, tmp_path: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "make_method", _greedy)
    with pytest.raises(OutOfMemory, match=r"accumulate = 2 .*bf16.*smaller batch_size \(now 2\) or crop \(now 32\)"):
        train(small_config(), dataset, tmp_path / "run")


def test_a_full_gpu_says_what_to_change(small_config: MakeConfig) -> None:
    with pytest.raises(OutOfMemory, match="accumulate = 8"), explained(small_config(accumulate=4, batch_size=4)):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_other_errors_stay_what_they_are(small_config: MakeConfig) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(small_config()):
        raise RuntimeError("shapes do not match")


def test_memory_is_measured_and_leaves_no_trace(small_config: MakeConfig) -> None:
    config = small_config(**{"method.width": 8})
    method = make_method(config).train()
    stepper = Stepper(method, config, Team())
    state = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    random = torch.get_rng_state()
    memory, twice = (measure(method, stepper, a_batch(n, 64), CPU) for n in (4, 8))
    parameters = sum(p.numel() for p in method.parameters())
    assert (memory.gradients, memory.optimiser) == (4 * parameters, 8 * parameters)
    assert twice.activations == 2 * memory.activations
    # Each of about fifty layers keeps something of up to 8 channels at half the resolution.
    assert 4 * 64 * 64 * 4 < memory.activations < 400 * 4 * 64 * 64 * 4
    assert "GiB" in str(memory)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(state[name], tensor) for name, tensor in method.state_dict().items())


class Bounded(Method):
    """Tanh keeps its own output for the way back: handed on as it is, it would keep itself alive for good."""

    predicts_with = ("generator",)

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Conv2d(3, 3, 1)
        self.phases = (Phase("colour", ("generator",), adam(1e-3)),)
        self.kept: list[weakref.ref[Tensor]] = []

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        bounded = torch.tanh(self.generator(batch.source))
        self.kept.append(weakref.ref(bounded))
        return {"colour": (bounded - batch.target).square().mean()}

    def forward(self, source: Tensor) -> Tensor:
        return torch.tanh(self.generator(source))


def test_what_was_kept_to_be_measured_is_free_afterwards(small_config: MakeConfig) -> None:
    method = Bounded().train()
    memory = measure(method, Stepper(method, small_config(), Team()), a_batch(2), CPU)
    assert memory.activations > 0
    assert [kept() for kept in method.kept] == [None]


def test_memory_of_the_temporal_regulariser_is_said_too(small_config: MakeConfig) -> None:
    """Two more passes of the network are kept until the gradient goes back through them."""
    kept = {}
    for temporal in (None, {}):
        config = validated(small_config().model_dump() | {"temporal": temporal}, "test")
        method = make_method(config).train()
        kept[temporal is None] = measure(method, Stepper(method, config, Team()), a_batch(2), CPU).activations
    assert 2.5 * kept[True] < kept[False] < 4 * kept[True]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param([nn.Conv2d(3, 64, 3), nn.Conv2d(64, 2, 3)], 64, id="pictures-at-the-ends"),
        pytest.param([nn.Conv2d(6, 64, 3), nn.ConvTranspose2d(64, 12, 2), nn.Conv2d(12, 1, 3)], 12, id="narrow-inside"),
        pytest.param([nn.Linear(4, 4)], 16, id="no-convolution"),
    ],
)
def test_the_narrowest_place_of_a_network(layers: list[nn.Module], expected: int) -> None:
    assert narrowest(nn.Sequential(*layers)) == expected


@pytest.mark.parametrize("size", [(16, 40), (5, 9), (100, 100)])
def test_pictures_of_any_size_are_predicted(size: tuple[int, int]) -> None:
    """Also those that are smaller than what has to be added to them."""
    method = make_method(parse_config('samples = 1\n[method]\nname = "pix2pix"\nwidth = 4'))
    assert method.multiple_of == 256
    source = torch.rand(1, 3, *size)
    assert method.eval().predict(source).shape == source.shape
