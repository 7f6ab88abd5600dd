"""The State Synchronization Network: known sizes and values, and that it can learn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from nirvis_datasets.samples import Sample
from nirvis_training.config import TrainingConfig
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Method, Phase, adam
from nirvis_training.networks.ssn import (
    Depth,
    Norm,
    StateSynchronizationNetwork,
    gaussian_window,
    state_synchronisation,
)

NORMS: tuple[Norm, ...] = ("released", "paper", "group")


@pytest.mark.parametrize(
    ("norm", "depth", "parameters", "buffers"),
    [
        pytest.param("released", 18, 18_785_664, 14_888, id="batch-norm-in-blocks-as-published"),
        pytest.param("released", 34, 39_668_864, 33_108, id="blocks-of-resnet-34"),
        pytest.param("paper", 18, 18_770_816, 0, id="instance-norm-everywhere"),
        pytest.param("group", 18, 18_787_584, 0, id="group-norm-everywhere"),
    ],
)
def test_full_width_has_the_size_of_the_published_network(
    norm: Norm, depth: Depth, parameters: int, buffers: int
) -> None:
    with torch.device("meta"):
        network = StateSynchronizationNetwork(64, norm, depth)
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
    sample = Sample(
        source=target.mean(1, keepdim=True).expand(-1, 3, -1, -1),
        target=target,
        valid=torch.ones(2, 1, 32, 32),
        name="",
        mode="day",
        recording_id="",
    )
    return Batch.of(sample, torch.device("cpu"), torch.contiguous_format)


def test_four_pairs_are_learnt_by_heart(
    small_config: Callable[..., TrainingConfig], gained_db: Callable[[Method, int], float]
) -> None:
    method = make_method(small_config(**{"method.width": 8, "learning_rate": 1e-2}))
    assert gained_db(method, 120) > 6.5


@pytest.mark.parametrize("ablation", ["method.synchronise", "method.source", "method.structure", "method.norm"])
def test_every_ablation_of_table_3_gives_a_picture_and_other_losses(
    small_config: Callable[..., TrainingConfig], four_pairs: Batch, ablation: str
) -> None:
    setting = {"method.synchronise": False, "method.source": "grey", "method.structure": "l1", "method.norm": "group"}
    full, ablated = (make_method(small_config(**change)) for change in ({}, {ablation: setting[ablation]}))
    first, second = (method.losses(method.phases[0], four_pairs)["structure"] for method in (full, ablated))
    assert abs(first - second) > 1e-5
    assert ablated.eval().predict(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


class Constant(nn.Module):
    """A network that answers a quarter everywhere."""

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        return torch.full_like(source, 0.25)


def test_terms_of_a_flat_prediction_are_known(small_config: Callable[..., TrainingConfig]) -> None:
    """White is L = 1 and a = b = 128/255; SSIM of two flat pictures is (2 x y + C1) / (x² + y² + C1)."""
    white = Batch(torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16), torch.ones(1, 1, 16, 16))
    similarity = (2 * 0.25 + 1e-4) / (1 + 0.0625 + 1e-4)
    for structure, distance in (("dssim", (1 - similarity) / 2), ("l1", 0.75)):
        method = make_method(small_config(**{"method.structure": structure}))
        method.generator = Constant()
        terms = {name: term.item() for name, term in method.losses(method.phases[0], white).items()}
        expected = {"structure": distance, "colour": 128 / 255 - 0.25, "lightness": 0.75}
        torch.testing.assert_close(terms, expected, atol=1e-3, rtol=0)


def test_grey_input_is_the_luma_of_the_picture(small_config: Callable[..., TrainingConfig]) -> None:
    method = make_method(small_config(**{"method.source": "grey"}))
    seen = method.seen(torch.tensor([1.0, 0.5, 0.25]).reshape(1, 3, 1, 1))
    torch.testing.assert_close(seen.flatten(), torch.full((3,), 0.2125 + 0.7154 / 2 + 0.0721 / 4))


def test_lab_input_is_normalised(small_config: Callable[..., TrainingConfig]) -> None:
    seen = make_method(small_config(**{"method.source": "lab"})).seen(torch.ones(1, 3, 1, 1))
    torch.testing.assert_close(seen.flatten(), torch.tensor([1.0, 128 / 255, 128 / 255]), atol=1e-3, rtol=0)


def test_losses_are_those_of_before(small_config: Callable[..., TrainingConfig]) -> None:
    """A regression: values of this implementation, not of a paper."""
    losses = make_method(small_config()).losses(Phase("colour", ("generator",), adam(1e-4)), _batch())
    values = [term.item() for term in losses.values()]
    torch.testing.assert_close(values, [0.49612, 0.50629, 0.90911], atol=2e-4, rtol=0)
