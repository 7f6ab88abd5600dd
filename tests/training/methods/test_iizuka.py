"""Iizuka et al.: local features that know the picture, squared error of colour, classes where they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from nirvis_training.config import TrainingConfig, load_config, parse_config
from nirvis_training.errors import TrainingError
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Method, Phase, adam
from nirvis_training.networks import iizuka
from nirvis_training.networks.iizuka import IizukaNetwork

SMALL = 'samples = 8\nlearning_rate = 1.0\n[method]\nname = "iizuka"\nwidth = 4\n'


def make(**changes: str | float) -> Method:
    return make_method(config(**changes))


def config(**changes: str | float) -> TrainingConfig:
    return parse_config(SMALL, changes={f"method.{name}": value for name, value in changes.items()})


@pytest.mark.parametrize(("classes", "parameters"), [(0, 42_182_818), (205, 42_367_343)])
def test_full_width_has_the_size_of_the_layers_in_the_paper(classes: int, parameters: int) -> None:
    with torch.device("meta"):
        network = IizukaNetwork(64, classes).eval()
        colours, lightness, kinds = network(torch.zeros(1, 1, 64, 96))
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert (colours.shape, lightness.shape) == ((1, 2, 32, 48), (1, 1, 64, 96))
    assert (None if kinds is None else kinds.shape) == ((1, 205) if classes else None)


def test_one_corner_changes_the_colours_of_the_other() -> None:
    """What the global features are for: nothing local reaches across this picture."""
    torch.manual_seed(1)
    network = IizukaNetwork(4).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    picture = torch.rand(1, 1, 256, 256)
    changed = picture.clone()
    changed[..., :64, :64] = 1
    with torch.no_grad():
        difference = (network(picture)[0] - network(changed)[0]).abs()
    assert difference[..., -8:, -8:].max() > 1e-6


def test_terms_of_a_clueless_network_are_known() -> None:
    """Sigmoid of 0 is 1/2; white has a = b = 128/255; two classes have a cross entropy of ln 2."""
    method = make(classify=True, class_weight=3.0, lightness_weight=2.0)
    for layer in (method.generator.decoder[-1], method.generator.classifier[-1]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    white = Batch(torch.zeros(2, 3, 32, 32), torch.ones(2, 3, 32, 32), torch.ones(2, 1, 32, 32), ("day", "night"))
    terms = {name: term.item() for name, term in method.losses(method.phases[0], white).items()}
    expected = {"colour": (128 / 255 - 0.5) ** 2, "lightness": 2.0, "class": 3 * math.log(2)}
    torch.testing.assert_close(terms, expected, atol=1e-4, rtol=0)


def test_classes_are_left_out_unless_asked_for(four_pairs: Batch) -> None:
    batch = replace(four_pairs, modes=("day", "night", "day", "day"))
    method = make()
    assert list(method.losses(method.phases[0], batch)) == ["colour", "lightness"]
    source_lightness = make(lightness="source")
    assert list(source_lightness.losses(source_lightness.phases[0], batch)) == ["colour"]


def test_a_batch_of_one_is_refused_with_what_to_do(four_pairs: Batch) -> None:
    one = Batch(four_pairs.source[:1], four_pairs.target[:1], four_pairs.valid[:1])
    method = make()
    with pytest.raises(TrainingError, match="batch_size has to be 2 at least"):
        method.losses(method.phases[0], one)


def test_losses_are_those_of_before(four_pairs: Batch) -> None:
    """A regression: values of this implementation."""
    method = make()
    values = [term.item() for term in method.losses(method.phases[0], four_pairs).values()]
    torch.testing.assert_close(values, [0.02978, 0.00688], atol=2e-4, rtol=0)


def test_four_pairs_are_learnt_by_heart(
    gained_db: Callable[..., float], four_negatives: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Crops of the paper have the side that the global features see. One set of running statistics serves both, and the
    # variance of four vectors, as BatchNorm keeps it, is a third more than what it normalises by.
    monkeypatch.setattr(iizuka, "GLOBAL_SIDE", four_negatives.source.shape[-1])
    method = make(width=8)
    # AdaDelta begins with steps of a thousandth, too slow for a test.
    method.phases = (Phase("colour", ("generator",), adam(8e-3)),)
    assert gained_db(method, 100, copies=4) > 5


def test_the_shipped_schedule_is_that_of_the_paper() -> None:
    shipped = load_config("iizuka")
    assert (shipped.samples, shipped.batch_size) == (200_000 * 128, 128)
    assert shipped.method.class_weight == pytest.approx(1 / 300)
