"""Recycle-GAN by hand, and its ReCycle variant."""

from __future__ import annotations

from typing import Any

import pytest

from adversarial_steps import Between, Values, close, even_batch, small_method, terms_of_one_step, with_simple_networks

SOURCE, TARGET = [0.2, 0.4, 0.6], [-0.2, -0.4, -0.8]
# Fakes of the target are 0.3, 0.5 and 0.4 between them, those of the source -0.1, -0.2 and -0.15.


def test_terms_by_hand() -> None:
    assert _terms() == close(
        {
            "recycle_source": 10 * abs(0.2 - 0.6),
            "recycle_target": 10 * abs(-0.05 + 0.8),
            "recurrent_source": 10 * abs(0.3 - 0.6),
            "recurrent_target": 10 * abs(-0.3 + 0.8),
            "adversarial_target": 0.7**2 + 0.5**2 + 0.6**2,
            "adversarial_source": 1.2**2 + 1.4**2 + 1.3**2,
            # Real frames 0, 1, 2 and 2 against three fakes and the prediction from real frames.
            "discriminator_target": (1.2**2 + 1.4**2 + 2 * 1.8**2 + 0.3**2 + 0.5**2 + 0.4**2 + 0.3**2) / 2,
            "discriminator_source": (0.6**2 + 0.2**2 + 2 * 0.2**2 + 0.2**2 + 0.4**2 + 0.3**2 + 0.6**2) / 2,
        }
    )


def test_recycle_variant_adds_a_cycle_of_both_frames() -> None:
    found = _terms(cycle_weight=10.0)
    assert found["cycle_source"] == pytest.approx(10 * (abs(0.15 - 0.2) + abs(0.25 - 0.4)))
    assert found["cycle_target"] == pytest.approx(10 * (abs(0.0 + 0.2) + abs(-0.1 + 0.4)))


def test_predictions_from_real_frames_deceive_on_request() -> None:
    plain, deceiving = _terms(), _terms(adversarial_predictors=True)
    assert deceiving["adversarial_target"] - plain["adversarial_target"] == pytest.approx((-0.3 - 1) ** 2)
    assert deceiving["adversarial_source"] - plain["adversarial_source"] == pytest.approx((0.6 - 1) ** 2)


def _terms(**settings: Any) -> Values:
    method = with_simple_networks(small_method("recyclegan", crop=32, predictor_downs=4, **settings))
    method.predictor_source, method.predictor_target = Between(), Between()
    return terms_of_one_step(method, even_batch(SOURCE, TARGET, side=32))
