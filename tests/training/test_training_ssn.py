"""The State Synchronization Network: known sizes and values, and that it can learn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from nirvis_datasets.pairs import PairSample
from nirvis_training.config import TrainingConfig
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch
from nirvis_training.networks.ssn import Norm, StateSynchronizationNetwork, gaussian_window, state_synchronisation

NORMS: tuple[Norm, ...] = ("released", "paper", "group")


@pytest.mark.parametrize(
    ("norm", "parameters", "buffers"),
    [
        pytest.param("released", 18_785_664, 14_888, id="batch-norm-in-blocks-as-published"),
        pytest.param("paper", 18_770_816, 0, id="instance-norm-everywhere"),
        pytest.param("group", 18_787_584, 0, id="group-norm-everywhere"),
    ],
)
def test_full_width_has_the_size_of_the_published_network(norm: Norm, parameters: int, buffers: int) -> None:
    with torch.device("meta"):
        network = StateSynchronizationNetwork(64, norm)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert sum(tensor.numel() for tensor in network.state_dict().values()) == parameters + buffers


def test_released_variant_has_the_published_mixture_of_norms() -> None:
    layers = list(StateSynchronizationNetwork(4, "released").modules())
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in layers) == 40
    assert sum(isinstance(layer, nn.InstanceNorm2d) for layer in layers) == 4


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 80)])
def test_lab_has_the_size_of_the_source(norm: Norm, height: int, width: int) -> None:
    assert StateSynchronizationNetwork(4, norm)(torch.rand(2, 3, height, width)).shape == (2, 3, height, width)


def test_window_of_the_synchronisation_has_the_published_weights() -> None:
    window = gaussian_window(3, 1.5)[0, 0]
    torch.testing.assert_close(window.sum(), torch.tensor(1.0))
    expected = torch.tensor([[0.0947, 0.1183, 0.0947], [0.1183, 0.1478, 0.1183], [0.0947, 0.1183, 0.0947]])
    torch.testing.assert_close(window, expected, atol=5e-5, rtol=0)


def test_features_that_agree_pass_and_features_that_differ_do_not() -> None:
    blur = gaussian_window(3, 1.5)
    features = torch.rand(1, 4, 5, 5) + 0.1
    opposed = features.flip(1) * torch.tensor([1.0, 1.0, -1.0, -1.0]).reshape(1, 4, 1, 1)

    same, scaled = state_synchronisation(features, 3 * features, blur)
    torch.testing.assert_close(same[..., 1:-1, 1:-1], features[..., 1:-1, 1:-1])
    torch.testing.assert_close(scaled, 3 * same)
    # Beyond the border there are zeros: a corner keeps the weights of its four pixels inside.
    torch.testing.assert_close(
        same[..., 0, 0] / features[..., 0, 0], torch.full((1, 4), 0.1478 + 2 * 0.1183 + 0.0947), atol=2e-4, rtol=0
    )

    texture, chrominance = state_synchronisation(features, opposed, blur)
    assert texture.abs().max() < 1e-5
    assert chrominance.abs().max() < 1e-5


def test_losses_are_the_terms_of_the_paper_and_carry_gradients(small_config: Callable[..., TrainingConfig]) -> None:
    paper = {"method.lightness_weight": 0.0, "method.perceptual_weight": 10.0, "method.features": "random"}
    method = make_method(small_config(**paper))
    losses = method.losses(method.phases[0], _batch())
    assert list(losses) == ["structure", "colour", "perceptual"]
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.generator.parameters())


def test_weights_of_the_terms_scale_them(small_config: Callable[..., TrainingConfig]) -> None:
    plain = make_method(small_config())
    heavy = make_method(small_config(**{"method.structure_weight": 3.0, "method.colour_weight": 0.5}))
    one, other = (method.losses(method.phases[0], _batch()) for method in (plain, heavy))
    torch.testing.assert_close(other["structure"], 3 * one["structure"])
    torch.testing.assert_close(other["colour"], one["colour"] / 2)


def test_what_was_not_seen_is_not_learnt(small_config: Callable[..., TrainingConfig]) -> None:
    method = make_method(small_config()).eval()
    batch = _batch()
    batch.valid[..., :20] = 0
    spoilt = Batch(batch.source, batch.target.clone(), batch.valid)
    spoilt.target[..., :20] = 1
    first, second = (method.losses(method.phases[0], b) for b in (batch, spoilt))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("shape", [(48, 32), (50, 33)])
def test_prediction_is_a_picture_of_any_size(
    small_config: Callable[..., TrainingConfig], shape: tuple[int, int]
) -> None:
    predicted = make_method(small_config()).eval().predict(torch.rand(1, 3, *shape))
    assert predicted.shape == (1, 3, *shape)
    assert predicted.min() >= 0
    assert predicted.max() <= 1


def test_same_seed_gives_the_same_network(small_config: Callable[..., TrainingConfig]) -> None:
    state = torch.get_rng_state()
    first, second, other = (make_method(small_config(seed=seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(2, 3, 32, 32, generator=generator)
    sample = PairSample(
        source=target.mean(1, keepdim=True).expand(-1, 3, -1, -1),
        target=target,
        valid=torch.ones(2, 1, 32, 32),
        name="",
        mode="day",
        recording_id="",
    )
    return Batch.of(sample, torch.device("cpu"), torch.contiguous_format)
