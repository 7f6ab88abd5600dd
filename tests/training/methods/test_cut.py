"""CUT and FastCUT: which patches are contrasted, and values that stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from adversarial_steps import close, random_batch, terms_of_one_step
from nirvis_training.config import TrainingConfig, validated
from nirvis_training.methods import make_method
from nirvis_training.methods.base import Method
from unpaired_steps import reached, train_for

FAST = {"identity": False, "flip_equivariance": True, "contrast_weight": 10.0}


def test_one_step_of_the_smallest_gives_the_same_values_ever_after() -> None:
    assert terms_of_one_step(_method(), random_batch()) == close(
        {"adversarial": 1, "contrast": 3.68545, "identity_contrast": 3.68654, "discriminator": 0.500135}, 1e-3
    )


def test_contrast_of_features_that_say_nothing_is_that_of_pure_chance() -> None:
    """With equal vectors everywhere every patch is as near as any other: the term is log of their number, with the
    patch itself replaced among its negatives by a similarity of -10."""
    method = _method()
    for parameter in method.projector.parameters():
        torch.nn.init.zeros_(parameter)
    for perceptron in method.projector.perceptrons:
        perceptron[2].bias.data.fill_(1.0)
    terms = terms_of_one_step(method, random_batch())
    chance = math.log(16)
    assert terms["contrast"] == pytest.approx(chance / 2, rel=1e-4)
    assert terms["identity_contrast"] == pytest.approx(chance / 2, rel=1e-4)


def test_fastcut_has_no_identity_and_ten_times_the_contrast() -> None:
    once = terms_of_one_step(_method(**FAST | {"contrast_weight": 1.0}), random_batch())
    assert once.keys() == {"adversarial", "contrast", "discriminator"}
    assert terms_of_one_step(_method(**FAST), random_batch())["contrast"] == pytest.approx(10 * once["contrast"])


def test_mirrored_keys_have_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, graphs = _method(**FAST), random_batch(), []
    features = method.generator.features

    def noted(picture: Tensor, taps: Sequence[int]) -> list[Tensor]:
        found = features(picture, taps)
        graphs.append(found[-1].requires_grad)
        return found

    monkeypatch.setattr(method.generator, "features", noted)
    monkeypatch.setattr(torch, "rand", lambda _: torch.zeros(()))  # always mirrored
    method.losses(method.phases[0], batch)
    assert graphs == [False, True]


def test_each_phase_trains_its_own_networks() -> None:
    method, batch = _method(), random_batch()
    assert [reached(method, phase, batch) for phase in method.phases] == [
        {"generator", "projector"},
        {"discriminator"},
    ]


def test_patches_become_easier_to_find() -> None:
    method, batch = _method(learning_rate=2e-3), random_batch()
    before = terms_of_one_step(method, batch)["contrast"]
    train_for(method, batch, steps=15)
    assert terms_of_one_step(method, batch)["contrast"] < 0.9 * before


def _method(learning_rate: float = 2e-4, **settings: object) -> Method:
    return make_method(_config(learning_rate, settings))


def _config(learning_rate: float, settings: dict[str, object]) -> TrainingConfig:
    small = {"name": "cut", "width": 4, "blocks": 1, "patches": 16, "projector_units": 16}
    table = {"samples": 4, "batch_size": 1, "crop": 64, "learning_rate": learning_rate, "method": small | settings}
    return validated(table, "test")
