"""UnsupRecycle by hand, with motions whose effect is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from adversarial_steps import even_batch, small_method, terms_of_one_step, with_simple_networks

SIDE, SLOPE = 32, 0.01


def test_even_pictures_only_have_to_find_their_way_back() -> None:
    method = with_simple_networks(small_method("unsup_recycle", crop=SIDE, content_weight=0.0, noise=0.0))
    found = terms_of_one_step(method, even_batch([0.5], [-0.5], SIDE))
    assert "cycle_source" not in found
    assert (found["spatial_source"], found["spatial_target"]) == pytest.approx((0, 0), abs=1e-5)
    assert found["recycle_source"] == pytest.approx(10 * abs(0.3 - 0.5), rel=1e-4)
    assert found["recycle_target"] == pytest.approx(10 * abs(-0.15 + 0.5), rel=1e-4)


def test_what_does_not_move_along_costs_as_much_as_it_was_moved() -> None:
    class Ramp(nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            return picture + SLOPE * torch.arange(SIDE)

    settings = {"content_weight": 0.0, "noise": 0.0, "motion_px": 0.0, "shift_px": 3}
    method = with_simple_networks(small_method("unsup_recycle", crop=SIDE, **settings))
    method.generator = Ramp()
    found = terms_of_one_step(method, even_batch([0.5], [-0.5], SIDE))["spatial_source"]
    columns = torch.arange(SIDE)
    shifted = [float(((columns + shift).clamp(max=SIDE - 1) - columns).float().mean()) for shift in range(4)]
    assert any(found == pytest.approx(10 * SLOPE * mean, abs=1e-4) for mean in shifted)


def test_content_is_the_same_before_and_after_an_identity() -> None:
    method = with_simple_networks(small_method("unsup_recycle", crop=SIDE, features="random"))
    batch = even_batch([0.5], [-0.5], SIDE)
    batch.source[..., :16] = 0.2
    method.generator = nn.Identity()
    found = terms_of_one_step(method, batch)
    assert found["content_source"] == pytest.approx(0, abs=1e-6)
    method.generator = nn.Conv2d(3, 3, 5, padding=2)
    assert terms_of_one_step(method, batch)["content_source"] > 0.01


def test_noise_on_moved_pictures_lies_between_its_least_and_twice_that() -> None:
    method = small_method("unsup_recycle", content_weight=0.0, noise=0.01)
    zero = torch.zeros(1, 3, 64, 64)
    deviations = torch.stack([method._noisy(zero).std() for _ in range(50)])
    assert 0.0095 < deviations.min() < 0.012
    assert 0.018 < deviations.max() < 0.021
