"""Fast convolutions give what torch's own give, with all gradients, and only where they pay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nirvis_training.config import TrainingConfig
from nirvis_training.distribution import Team
from nirvis_training.fast_convolutions import MIN_TILES, FastConvolutions, convolve
from nirvis_training.loop import resume, train
from nirvis_training.memory import measure
from nirvis_training.methods import load_method, make_method
from nirvis_training.methods.base import Batch
from nirvis_training.processor import convolutions, torch_set_up
from nirvis_training.step import Stepper
from nirvis_training.winograd import MIN_CHANNELS

MakeConfig = Callable[..., TrainingConfig]
CPU = torch.device("cpu")


def operands(
    shape: tuple[int, int, int, int], outputs: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    source = torch.randn(shape, generator=random, dtype=dtype)
    weight = torch.randn(outputs, shape[1], 3, 3, generator=random, dtype=dtype) / (9 * shape[1]) ** 0.5
    return source, weight, torch.randn(outputs, generator=random, dtype=dtype)


def gradients(call: Callable[..., Tensor], tensors: tuple[Tensor, ...], padding: int) -> list[Tensor]:
    """The result, and the gradients of a weighted sum of it with respect to all tensors."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    result = call(*leaves, padding=padding)
    result.backward(torch.randn(result.shape, generator=torch.Generator().manual_seed(1), dtype=result.dtype))
    return [result.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


SHAPES = [
    pytest.param((1, 16, 18, 10), 0, id="whole-tiles"),
    pytest.param((2, 16, 13, 23), 1, id="tiles-that-reach-beyond-the-end"),
    pytest.param((1, 16, 3, 5), 1, id="smaller-than-two-tiles"),
    pytest.param((1, 16, 3, 3), 0, id="a-single-pixel"),
    pytest.param((40, 8, 9, 7), 1, id="several-pictures-at-a-time"),
    pytest.param((2, 8, 61, 66), 2, id="a-few-rows-of-a-picture-at-a-time"),
    pytest.param((1, 4, 6, 700), 1, id="a-row-longer-than-all-that-is-done-at-a-time"),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "padding"), SHAPES)
def test_results_and_gradients_are_those_of_the_library(
    shape: tuple[int, int, int, int], padding: int, bias: bool
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 5e-5)):
        tensors = operands(shape, 12, dtype)[: 3 if bias else 2]
        found, expected = (gradients(call, tensors, padding) for call in (convolve, F.conv2d))
        assert len(found) == len(tensors) + 1
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=tolerance * float(other.abs().max()))


def test_gradients_are_derivatives() -> None:
    tensors = [tensor.requires_grad_() for tensor in operands((2, 2, 6, 5), 3, torch.float64)]
    assert torch.autograd.gradcheck(lambda *all_three: convolve(*all_three, padding=1), tensors)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_only_what_is_asked_for_gets_a_gradient(wanted: int) -> None:
    tensors = operands((1, 4, 8, 8), 4)
    tensors[wanted].requires_grad_()
    convolve(*tensors).sum().backward()
    assert [tensor.grad is not None for tensor in tensors] == [number == wanted for number in range(3)]


@pytest.mark.parametrize("source_last", [True, False])
@pytest.mark.parametrize("weight_last", [True, False])
def test_the_order_in_memory_is_that_of_the_library(source_last: bool, weight_last: bool) -> None:
    source, weight, bias = operands((2, MIN_CHANNELS, 32, 32), MIN_CHANNELS)
    if source_last:
        source = source.contiguous(memory_format=torch.channels_last)
    if weight_last:
        weight = weight.contiguous(memory_format=torch.channels_last)
    found, expected = (call(source, weight, bias, padding=1) for call in (convolve, F.conv2d))
    assert found.stride() == expected.stride()


def test_the_same_bits_every_time() -> None:
    tensors = operands((2, MIN_CHANNELS, 30, 34), MIN_CHANNELS)
    first, second = (gradients(convolve, tensors, 1) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def operations(call: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_wide_convolutions_take_a_third_of_the_operations() -> None:
    """Transforms included; a network that calls for a convolution need not know."""
    layer = torch.nn.Conv2d(256, 256, 3, padding=1)
    source = torch.rand(1, 256, 64, 64)
    direct = operations(lambda: layer(source))
    assert direct == 2 * 9 * 256 * 256 * 64 * 64
    with FastConvolutions():
        assert 0.25 * direct < operations(lambda: layer(source)) < 0.32 * direct
    assert operations(lambda: layer(source)) == direct


SIDE = 4 * int(MIN_TILES**0.5)
OTHERS = [
    pytest.param({"stride": 2}, {}, id="stride"),
    pytest.param({"dilation": 2}, {}, id="dilation"),
    pytest.param({"groups": 2}, {}, id="groups"),
    pytest.param({"kernel_size": 1, "padding": 0}, {}, id="1x1"),
    pytest.param({"kernel_size": (3, 1)}, {}, id="3x1"),
    pytest.param({"padding": (1, 0)}, {}, id="other-padding-on-the-sides"),
    pytest.param({"out_channels": MIN_CHANNELS - 1}, {}, id="few-channels-out"),
    pytest.param({"in_channels": MIN_CHANNELS - 1}, {}, id="few-channels-in"),
    pytest.param({}, {"side": SIDE - 4}, id="few-tiles"),
    pytest.param({}, {"dtype": torch.float64}, id="float64"),
    pytest.param({}, {"dtype": torch.bfloat16}, id="bf16"),
    pytest.param({}, {"dims": 3}, id="picture-without-a-batch"),
]


@pytest.mark.parametrize(("settings", "source"), OTHERS)
def test_other_convolutions_are_the_librarys(settings: dict[str, int], source: dict[str, int]) -> None:
    found, direct = _in_and_out_of_the_mode(settings, **source)
    assert found == direct


def test_of_these_sizes_the_plain_one_is_fast() -> None:
    """Against the cases above not being refused for another reason."""
    found, direct = _in_and_out_of_the_mode({})
    assert found < 0.5 * direct
    found, direct = _in_and_out_of_the_mode({"padding": "same"})
    assert found < 0.5 * direct


def _in_and_out_of_the_mode(
    settings: dict[str, int], side: int = SIDE, dtype: torch.dtype = torch.float32, dims: int = 4
) -> tuple[int, int]:
    plain: dict[str, int] = {"in_channels": MIN_CHANNELS, "out_channels": MIN_CHANNELS, "kernel_size": 3, "padding": 1}
    layer = torch.nn.Conv2d(**plain | settings, dtype=dtype)  # type: ignore[arg-type]
    source = torch.rand(1, layer.in_channels, side, side, dtype=dtype)[4 - dims :].squeeze(0 if dims == 3 else [])
    with FastConvolutions():
        inside = operations(lambda: layer(source))
    return inside, operations(lambda: layer(source))


def test_networks_under_bf16_keep_the_librarys() -> None:
    layer, source = torch.nn.Conv2d(MIN_CHANNELS, MIN_CHANNELS, 3), torch.rand(1, MIN_CHANNELS, 66, 66)
    with torch.autocast("cpu", torch.bfloat16), FastConvolutions():
        assert layer(source).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("changes", "fast"),
    [({}, True), ({"fast_convolutions": False}, False), ({"compile": ["generator"]}, False)],
)
def test_a_training_uses_them_unless_told_otherwise(
    changes: dict[str, object], fast: bool, small_config: MakeConfig
) -> None:
    layer, source = torch.nn.Conv2d(MIN_CHANNELS, MIN_CHANNELS, 3), torch.rand(1, MIN_CHANNELS, 66, 66)
    direct = operations(lambda: layer(source))
    with torch_set_up(small_config(**changes), CPU):
        assert (operations(lambda: layer(source)) < direct) is fast


def test_a_gpu_chooses_by_itself(small_config: MakeConfig) -> None:
    assert not isinstance(convolutions(small_config(), torch.device("cuda")), FastConvolutions)


BATCH = 16
WIDE = {"method.width": 32, "crop": 64, "batch_size": BATCH, "samples": 2 * BATCH, "validate_every_samples": 2 * BATCH}
"""SSN with 128 channels on 64 tiles."""


def a_step(config: TrainingConfig) -> tuple[dict[str, float], Tensor, int, int]:
    """Losses, gradients, bytes kept for the way back, and operations."""
    random = torch.Generator().manual_seed(3)
    source, target = torch.rand(2, BATCH, 3, 64, 64, generator=random).unbind()
    batch = Batch(source, target, torch.ones(BATCH, 1, 64, 64))
    torch.manual_seed(5)
    method = make_method(config).train()
    stepper = Stepper(method, config, Team())
    losses: dict[str, float] = {}
    with torch_set_up(config, CPU):
        kept = measure(method, stepper, batch, CPU).activations
        count = operations(lambda: losses.update(stepper.step([replace(batch, kept={})], 0)))
    gradient = torch.cat([p.grad.flatten() for p in method.parameters() if p.grad is not None])
    return losses, gradient, kept, count


def test_a_step_finds_the_same_losses_and_gradients_and_keeps_as_much(small_config: MakeConfig) -> None:
    losses, gradient, kept, count = a_step(small_config(**WIDE))
    direct_losses, direct_gradient, direct_kept, direct_count = a_step(small_config(**WIDE, fast_convolutions=False))
    assert losses == pytest.approx(direct_losses, rel=1e-4)
    torch.testing.assert_close(gradient, direct_gradient, rtol=0, atol=1e-3 * float(direct_gradient.abs().max()))
    assert kept == direct_kept
    assert count < 0.9 * direct_count


def test_a_wide_run_is_resumed_bit_by_bit(dataset: Path, tmp_path: Path, small_config: MakeConfig) -> None:
    whole = train(small_config(**WIDE), dataset, tmp_path / "whole")
    train(small_config(**WIDE | {"samples": BATCH}), dataset, tmp_path / "part")
    part = resume(tmp_path / "part", samples=2 * BATCH)
    states = [load_method(run, "last").state_dict() for run in (whole, part)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
