"""Berg et al.: one small U-net, their scale of Lab, DSSIM over blocks; the mistake of the code on request only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from nirvis_training.colour import rgb_to_lab
from nirvis_training.config import TrainingConfig, load_config, parse_config
from nirvis_training.errors import TrainingError
from nirvis_training.losses.structure import block_dssim
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Batch, Method
from nirvis_training.methods.berg import normalised
from nirvis_training.networks.berg import BergNetwork, RowNorm

SMALL = 'samples = 8\nlearning_rate = 1e-2\n[method]\nname = "berg"\nwidth = 4\n'


def make(**changes: str | float) -> Method:
    return make_method(config(**changes))


def config(**changes: str | float) -> TrainingConfig:
    return parse_config(SMALL, changes={f"method.{name}": value for name, value in changes.items()})


@pytest.mark.parametrize(
    ("rows", "parameters"),
    [
        pytest.param(None, 1_462_275, id="channels"),
        # 2 x (64 + 64 + 64 + 64 + 64 + 128 + 256) for the rows at seven norms instead of 2 x 672 channels.
        pytest.param(256, 1_462_339, id="rows-as-released"),
    ],
)
def test_full_width_has_the_layers_of_the_published_model(rows: int | None, parameters: int) -> None:
    with torch.device("meta"):
        network = BergNetwork(32, rows)
        shape = network(torch.zeros(2, 1, 256, 320)).shape
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert shape == (2, 3, 256, 320)
    assert sum(isinstance(layer, RowNorm) for layer in network.modules()) == (0 if rows is None else 7)


def test_lab_has_the_scale_of_the_authors() -> None:
    lab = torch.tensor([50.0, -87.0, 95.0]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(normalised(lab).flatten(), torch.tensor([0.5, 0.0, 1.0]))


def test_dssim_of_blocks_is_that_of_each_block_alone() -> None:
    """Against numpy, block by block; what remains at the right and below is left out."""
    random = np.random.default_rng(2)
    first, second = random.random((2, 9, 33))
    similarities = []
    for row in (0, 4):
        for column in (0, 16):
            x, y = (picture[row : row + 4, column : column + 16] for picture in (first, second))
            above = (2 * x.mean() * y.mean() + 1e-4) * (2 * np.cov(x.ravel(), y.ravel(), bias=True)[0, 1] + 9e-4)
            similarities.append(above / ((x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (x.var() + y.var() + 9e-4)))
    found = block_dssim(torch.tensor(first)[None, None], torch.tensor(second)[None, None], (4, 16))
    assert found.item() == pytest.approx((1 - np.mean(similarities)) / 2)


def test_terms_of_a_flat_prediction_are_known() -> None:
    method = make().eval()
    nn.init.zeros_(method.generator.head.convolution.weight)
    white = Batch(torch.zeros(2, 3, 16, 16), torch.ones(2, 3, 16, 16), torch.ones(2, 1, 16, 16))
    similarity = (2 * 0.5 + 1e-4) / (0.25 + 1 + 1e-4)
    colour = (abs(87 / 185 - 0.5) + abs(108 / 203 - 0.5)) / 2
    terms = {name: term.item() for name, term in method.losses(method.phases[0], white).items()}
    torch.testing.assert_close(terms, {"colour": colour / 2, "structure": (1 - similarity) / 4}, atol=1e-4, rtol=0)
    lab = rgb_to_lab(method(white.source))[0, :, 0, 0]
    torch.testing.assert_close(lab, torch.tensor([50.0, 5.5, -6.5]), atol=0.1, rtol=0)


def test_what_was_not_seen_is_not_learnt(four_pairs: Batch) -> None:
    method = make().eval()
    four_pairs.valid[..., :16] = 0
    spoilt = Batch(four_pairs.source, four_pairs.target.clone(), four_pairs.valid)
    spoilt.target[..., :16] = 1
    first, second = (method.losses(method.phases[0], batch) for batch in (four_pairs, spoilt))
    torch.testing.assert_close(first, second)


def test_rows_are_normalised_each_for_itself() -> None:
    """Whatever the channels, every row has mean 0 and deviation 1 over the batch."""
    normed = RowNorm(4)(torch.rand(3, 5, 4, 6) * torch.arange(1.0, 5).reshape(1, 1, 4, 1))
    torch.testing.assert_close(normed.mean(dim=(0, 1, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    # The epsilon of Keras is a tenth of the variance of the first row.
    torch.testing.assert_close(normed.std(dim=(0, 1, 3)), torch.ones(4), atol=2e-2, rtol=0)


def test_a_network_of_rows_refuses_another_height(four_pairs: Batch) -> None:
    method = make(row_norm_height=32)
    assert method.losses(method.phases[0], four_pairs)
    with pytest.raises(TrainingError, match=r"row_norm_height is 32, and a picture has 48 rows"):
        method.eval().predict(torch.rand(1, 3, 48, 32))


def test_losses_are_those_of_before(four_pairs: Batch) -> None:
    """A regression: values of this implementation."""
    method = make()
    torch.manual_seed(3)
    values = [term.item() for term in method.losses(method.phases[0], four_pairs).values()]
    torch.testing.assert_close(values, [0.12347, 0.24992], atol=2e-4, rtol=0)


def test_four_pairs_are_learnt_by_heart(gained_db: Callable[[Method, int], float]) -> None:
    assert gained_db(make(dropout=0.0), 240) > 6.5


def test_the_shipped_schedule_is_that_of_the_paper() -> None:
    shipped = load_config("berg")
    assert (shipped.batch_size, shipped.learning_rate, shipped.method.block) == (8, 1e-3, (4, 16))
