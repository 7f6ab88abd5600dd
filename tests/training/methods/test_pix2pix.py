"""pix2pix by hand, and that pairs are learnt."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import torch

from adversarial_steps import Between, Line, close, even_batch, random_batch, small_method, terms_of_one_step
from nirvis_training.methods.base import Batch, Method


def test_terms_by_hand() -> None:
    method = small_method("pix2pix", crop=32, downs=4)
    method.generator, method.discriminator = Line(b=0.1), Between()
    assert terms_of_one_step(method, even_batch([0.5], [-0.5])) == close(
        {
            "l1": 100 * abs(0.6 + 0.5),
            "adversarial": log(1 + exp(-0.55)),
            # The discriminator sees 0 for the pair and 0.55 for the fake.
            "discriminator": (log(2) + log(1 + exp(0.55))) / 2,
        }
    )


def test_regression_alone_is_an_ablation() -> None:
    method = small_method("pix2pix", crop=32, downs=4, adversarial_weight=0.0)
    assert terms_of_one_step(method, random_batch(side=32)).keys() == {"l1", "discriminator"}


def test_what_was_not_seen_is_not_learnt() -> None:
    method = small_method("pix2pix", crop=32, downs=4)
    batch = random_batch(side=32)
    batch.valid[..., :20] = 0
    spoilt = Batch(batch.source, batch.target.clone(), batch.valid)
    spoilt.target[..., :20] = 1
    assert terms_of_one_step(method, spoilt) == close(terms_of_one_step(method, batch))


def test_noise_is_there_while_training_only() -> None:
    method = small_method("pix2pix", crop=64, downs=6)
    picture = torch.rand(1, 3, 64, 64)
    torch.manual_seed(1)
    assert not torch.equal(method.train()(picture), method(picture))
    assert torch.equal(method.eval()(picture), method(picture))


def test_prediction_does_not_depend_on_the_company_of_a_picture() -> None:
    method = small_method("pix2pix", downs=4).eval()
    pictures = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(method(pictures)[:1], method(pictures[:1]), rtol=1e-4, atol=1e-5)


def test_four_pairs_are_learnt_by_heart(gained_db: Callable[[Method, int], float]) -> None:
    method = small_method("pix2pix", crop=32, learning_rate=3e-3, width=8, downs=4, dropout=False)
    assert gained_db(method, 50) > 11
