"""Zhang et al. and Yao & Xia: 313 colours, soft encoding, weights by rarity, annealed mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nirvis_training.colour_bins import annealed_mean, colour_bins, soft_encoding
from nirvis_training.config import TrainingConfig, load_config, parse_config
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Method
from nirvis_training.networks.zhang import ZhangNetwork
from nirvis_training.rebalancing import Kinds, Rebalancing, gradient_magnitude

SMALL = 'samples = 8\nlearning_rate = 1e-3\n[method]\nname = "zhang"\nwidth = 8\n'
TWO_COLOURS = torch.tensor([[0.0, 0.0], [100.0, 0.0]])


def make(learning_rate: float = 1e-3, **changes: str | float) -> Method:
    return make_method(config(**changes).model_copy(update={"learning_rate": learning_rate}))


def config(**changes: str | float) -> TrainingConfig:
    return parse_config(SMALL, changes={f"method.{name}": value for name, value in changes.items()})


def test_the_bins_are_the_313_of_the_paper() -> None:
    bins = colour_bins()
    assert bins.shape == (313, 2)
    assert len({tuple(centre) for centre in bins.tolist()}) == 313
    assert bins[0].tolist() == [-90, 50]
    assert bins[-1].tolist() == [100, 0]
    assert {tuple(row) for row in (bins % 10).tolist()} == {(0, 0)}


@pytest.mark.parametrize(("lightness", "parameters"), [(False, 32_235_385), (True, 32_235_899)])
def test_full_width_has_the_size_of_the_published_network(lightness: bool, parameters: int) -> None:
    with torch.device("meta"):
        network = ZhangNetwork(64, 313, lightness)
        logits, shown = network(torch.zeros(1, 1, 176, 176))
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert (logits.shape, shown.shape) == ((1, 313, 44, 44), (1, 1, 176, 176))


@pytest.mark.parametrize(("variant", "neighbours"), [("released", 10), ("paper", 5)])
def test_a_colour_is_spread_over_its_nearest_bins(variant: str, neighbours: int) -> None:
    bins = colour_bins()
    assert config(variant=variant).method.neighbours == neighbours
    encoded = soft_encoding(torch.tensor([12.0, -3.0]).reshape(1, 2, 1, 1), bins, neighbours, 5.0).flatten()
    torch.testing.assert_close(encoded.sum(), torch.tensor(1.0))
    assert (encoded > 0).sum() == neighbours
    assert bins[encoded.argmax()].tolist() == [10, 0]


def test_a_bin_ten_away_weighs_as_its_gaussian_says() -> None:
    """On a centre: the bin itself 1, four at distance 10 each exp(-100 / 50), normalised over those five."""
    encoded = soft_encoding(torch.zeros(1, 2, 1, 1), colour_bins(), 5, 5.0).flatten()
    beside = float(torch.exp(torch.tensor(-2.0)))
    expected = torch.tensor([1.0, beside, beside, beside, beside]) / (1 + 4 * beside)
    torch.testing.assert_close(encoded[encoded > 0].sort(descending=True).values, expected)


def test_the_annealed_mean_lies_between_mode_and_mean() -> None:
    """Odds of 3 to 1 become 3^(1/T) to 1."""
    logits = torch.tensor([3.0, 1.0]).log().reshape(1, 2, 1, 1)
    for temperature, odds in ((1.0, 3.0), (0.5, 9.0), (0.38, 3 ** (1 / 0.38))):
        mean = annealed_mean(logits, TWO_COLOURS, temperature)[0, 0, 0, 0]
        torch.testing.assert_close(mean, torch.tensor(100 / (odds + 1)))


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    ramp = 3 * torch.arange(8.0).expand(1, 1, 8, 8)
    torch.testing.assert_close(gradient_magnitude(ramp)[..., 1:-1], torch.full((1, 1, 8, 6), 3.0))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        # Three of four pixels are grey, three of four are flat; p̃ is (3/4, 1/4) where nothing is smoothed, so that
        # weights are ((1/2) p + 1/4)⁻¹ = 8/5 and 8/3, and 15/28 of that on average.
        pytest.param("rarity", [[6 / 7, 10 / 7], [6 / 7, 10 / 7]], id="by-colour"),
        pytest.param("gradient", [[6 / 7, 6 / 7], [10 / 7, 10 / 7]], id="by-gradient"),
        pytest.param("both", [[3 / 4, 5 / 4], [5 / 4, 25 / 12]], id="by-both"),
        pytest.param("none", [[1, 1], [1, 1]], id="alike"),
    ],
)
def test_weights_are_one_on_average_and_larger_for_the_rare(kinds: Kinds, expected: list[list[float]]) -> None:
    rebalancing = Rebalancing(kinds, TWO_COLOURS, gradient_bins=2, gradient_sigma_bins=1e-3)
    flat_and_steep = torch.tensor([[[0.0, 0.0, 0.0, 50.0]]])
    rebalancing.count(flat_and_steep, torch.tensor([[[0, 0, 1, 0]]]), torch.ones(1, 1, 4))
    found = rebalancing.table()
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32), atol=1e-4, rtol=0)
    weights = rebalancing(flat_and_steep, torch.tensor([[[0, 0, 1, 0]]]))
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))


def test_the_prior_of_gradients_is_smoothed_by_its_gaussian() -> None:
    """All pixels have one gradient: n bins away the prior is exp(-n²/2), normalised, and weights are (p/2 + 1/64)⁻¹."""
    rebalancing = Rebalancing("gradient", TWO_COLOURS)
    gradients = torch.full((1, 1, 4), 3.0)
    rebalancing.count(gradients, torch.zeros(1, 1, 4, dtype=torch.long), torch.ones(1, 1, 4))
    place = int(rebalancing.gradient_bin(gradients)[0, 0, 0])
    prior = torch.exp(-(torch.arange(32.0) - place).square() / 2)
    rarity = 1 / (prior / prior.sum() / 2 + 1 / 64)
    # The mean over the training set is one, and all of it lies in one bin.
    torch.testing.assert_close(rebalancing.table()[:, 0], rarity / rarity[place])


def test_what_was_not_seen_is_not_counted() -> None:
    rebalancing = Rebalancing("rarity", TWO_COLOURS)
    rebalancing.count(torch.zeros(1, 1, 4), torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[1.0, 1.0, 1.0, 0.0]]]))
    assert rebalancing.counts.sum(dim=0).tolist() == [2, 1]


def test_what_was_counted_is_kept_with_the_weights() -> None:
    method = make()
    method.study([_red()])
    again = make()
    again.load_state_dict(method.state_dict())
    assert torch.equal(again.rebalancing.table(), method.rebalancing.table())
    assert not torch.equal(again.rebalancing.table(), make().rebalancing.table())


def test_cross_entropy_of_a_clueless_network_is_that_of_313_colours() -> None:
    method = make(rebalancing="none", lightness="source")
    torch.nn.init.zeros_(method.generator.colours.weight)
    torch.nn.init.zeros_(method.generator.colours.bias)
    terms = method.losses(method.phases[0], _red())
    torch.testing.assert_close(terms["colour"], torch.tensor(313.0).log())
    assert list(terms) == ["colour"]


def test_a_grey_picture_teaches_no_colour() -> None:
    grey = Batch(torch.rand(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.4), torch.ones(1, 1, 16, 16))
    method = make()
    assert method.losses(method.phases[0], grey)["colour"] == 0


def test_lightness_is_that_of_the_input_until_it_is_corrected() -> None:
    method = make().eval()
    source = torch.full((1, 3, 16, 16), 0.4)
    method.generator.lightness.gain_and_offset.bias.data = torch.tensor([-0.5, 0.1])
    _, lightness = method.generator(torch.full((1, 1, 16, 16), 0.4))
    torch.testing.assert_close(lightness, torch.full((1, 1, 16, 16), 0.5 * 0.4 + 0.1))
    assert method.predict(source).shape == source.shape


def test_losses_are_those_of_before(four_pairs: Batch) -> None:
    """A regression: values of this implementation."""
    method = make(rebalancing="both")
    method.study([four_pairs])
    values = [term.item() for term in method.losses(method.phases[0], four_pairs).values()]
    torch.testing.assert_close(values, [5.75249, 0.61813], atol=2e-3, rtol=0)


@pytest.mark.parametrize(("name", "rebalancing"), [("zhang", "rarity"), ("yao_xia", "gradient")])
def test_four_pairs_are_learnt_by_heart(gained_db: Callable[[Method, int], float], name: str, rebalancing: str) -> None:
    method = make(learning_rate=1.4e-3, name=name)
    assert method.settings.rebalancing == rebalancing
    assert gained_db(method, 170) > 6.5


@pytest.mark.parametrize("name", ["zhang", "yao_xia"])
def test_the_shipped_schedule_is_that_of_the_paper(name: str) -> None:
    shipped = load_config(name)
    assert (shipped.samples, shipped.batch_size, shipped.crop) == (500_000 * 40, 40, 176)
    assert [shipped.schedule.factor(steps * 40, shipped.samples) for steps in (0, 224_999, 225_000, 450_000)] == [
        1.0,
        1.0,
        pytest.approx(0.1),
        pytest.approx(0.01),
    ]
    assert (shipped.learning_rate, shipped.method.weight_decay, shipped.method.temperature) == (3e-5, 1e-3, 0.38)


def _red() -> Batch:
    red = torch.tensor([0.8, 0.1, 0.1]).reshape(1, 3, 1, 1).expand(2, 3, 16, 16)
    return Batch(torch.full((2, 3, 16, 16), 0.4), red, torch.ones(2, 1, 16, 16))
