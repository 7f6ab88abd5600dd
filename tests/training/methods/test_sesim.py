"""F-SeSim and L-SeSim: spatially-correlative maps by hand, and values that stay."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from adversarial_steps import close, random_batch, terms_of_one_step
from nirvis_training.config import validated
from nirvis_training.losses.spatial import (
    correlative_contrast,
    correlative_distance,
    self_similarity,
    similarity_windows,
)
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Method
from unpaired_steps import reached, train_for


def test_map_of_a_worked_example() -> None:
    """Two places of one channel, 1 and 3: centred -1 and 1, products with the first 1 and -1, then tanh of a tenth."""
    features = torch.tensor([[[[1.0, 3.0]]]])
    found = self_similarity(features, torch.tensor([0]), torch.tensor([[0, 1]]), "product")
    assert found.flatten().tolist() == pytest.approx([math.tanh(0.1), math.tanh(-0.1)])
    found = self_similarity(features, torch.tensor([0]), torch.tensor([[0, 1]]), "cosine")
    assert found.flatten().tolist() == pytest.approx([1, -1])


def test_only_the_places_most_alike_in_the_source_are_compared() -> None:
    source = torch.tensor([[[0.9, 0.8, -0.5, 0.1]]])
    same_where_it_counts = torch.tensor([[[0.9, 0.8, 0.7, 0.7]]])
    assert correlative_distance(source, same_where_it_counts, kept_share=0.5).item() == pytest.approx(0, abs=1e-6)
    assert correlative_distance(source, same_where_it_counts, kept_share=1.0).item() > 0.1


def test_contrast_of_equal_and_orthogonal_maps() -> None:
    """Two places: exp(1/τ) against exp(0)."""
    maps = torch.eye(2)[None]
    expected = -F.log_softmax(torch.tensor([1 / 0.07, 0.0]), dim=0)[0].item()
    assert correlative_contrast(maps, maps, temperature=0.07).item() == pytest.approx(expected, abs=1e-6)


def test_windows_stay_inside_the_map() -> None:
    torch.manual_seed(0)
    places, windows = similarity_windows(height=10, width=20, queries=50, window=6)
    assert places.shape == (50,)
    assert windows.shape == (50, 36)
    rows, columns = windows // 20, windows % 20
    assert (rows.max(1).values - rows.min(1).values == 5).all()
    assert (columns.max(1).values - columns.min(1).values == 5).all()
    assert ((rows.min(1).values <= places // 20) & (places // 20 <= rows.max(1).values)).all()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, {"adversarial": 1.00008, "spatial": 1.06176, "discriminator": 0.502335}, id="f-sesim"),
        pytest.param(
            {"learned": True},
            {"structure_contrast": 0.660353, "adversarial": 1.00008, "spatial": 1.33223, "discriminator": 0.502335},
            id="l-sesim",
        ),
    ],
)
def test_one_step_of_the_smallest_gives_the_same_values_ever_after(
    settings: dict[str, object], expected: dict[str, float]
) -> None:
    assert terms_of_one_step(_method(**settings), random_batch()) == close(expected, 1e-3)


def test_structure_is_learned_in_a_phase_of_its_own() -> None:
    method, batch = _method(learned=True), random_batch()
    assert [reached(method, phase, batch) for phase in method.phases] == [
        {"structure"},
        {"generator"},
        {"discriminator"},
    ]


def test_structure_comes_nearer_while_it_learns() -> None:
    method, batch = _method(learning_rate=2e-3), random_batch()
    before = terms_of_one_step(method, batch)["spatial"]
    train_for(method, batch, steps=10)
    assert terms_of_one_step(method, batch)["spatial"] < before


def _method(learning_rate: float = 1e-4, **settings: object) -> Method:
    small = {"name": "sesim", "width": 4, "blocks": 1, "features": "random", "queries": 16, "window": 8, "pool_size": 2}
    table = {"samples": 4, "batch_size": 1, "crop": 64, "learning_rate": learning_rate, "method": small | settings}
    return make_method(validated(table, "test"))
