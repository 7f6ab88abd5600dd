"""PCSGAN by hand, and that pairs are learnt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adversarial_steps import close, even_batch, small_method, terms_of_one_step, with_simple_networks
from nirvis_training.methods.base import Method


def test_terms_by_hand() -> None:
    settings = {"perceptual_weight": 0.0, "cyclic_synthesized_weight": 2.0}
    method = with_simple_networks(small_method("pcsgan", crop=32, **settings))
    assert terms_of_one_step(method, even_batch([0.5], [-0.5], side=32)) == close(
        {
            "adversarial_target": (0.6 - 1) ** 2,
            "adversarial_source": (-0.5 - 1) ** 2,
            "cycle_source": 10 * abs(0.3 - 0.5),
            "cycle_target": 10 * abs(-0.15 + 0.5),
            "synthesized_target": 15 * abs(0.6 + 0.5),
            "synthesized_source": 15 * abs(-0.25 - 0.5),
            "cyclic_synthesized_target": 2 * abs(0.6 + 0.15),
            "cyclic_synthesized_source": 2 * abs(-0.25 - 0.3),
            "discriminator_target": ((-0.5 - 1) ** 2 + 0.6**2) / 2,
            "discriminator_source": ((1 - 1) ** 2 + 0.5**2) / 2,
        }
    )


def test_what_was_not_seen_is_not_synthesized() -> None:
    method = with_simple_networks(small_method("pcsgan", crop=32, perceptual_weight=0.0))
    batch = even_batch([0.5], [-0.5], side=32)
    batch.valid[..., :8] = 0
    assert terms_of_one_step(method, batch)["synthesized_target"] == pytest.approx(15 * 1.1 * 0.75)


def test_four_pairs_are_learnt_by_heart(gained_db: Callable[[Method, int], float]) -> None:
    method = small_method("pcsgan", crop=32, learning_rate=3e-3, blocks=1, perceptual_weight=0.0, pool_size=0)
    assert gained_db(method, 40) > 6.5
