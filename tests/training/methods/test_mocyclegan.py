"""Mocycle-GAN by hand, and the motion it measures."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from adversarial_steps import Line, close, even_batch, small_method, terms_of_one_step, with_simple_networks
from nirvis_training.networks.motion_translator import MotionTranslator
from nirvis_training.optical_flow import measured_flow
from nirvis_training.warp import warp


def test_terms_by_hand() -> None:
    method = with_simple_networks(small_method("mocyclegan", crop=32))
    method.motion, method.motion_back = Line(b=1), Line(b=2)  # pixels
    assert terms_of_one_step(method, even_batch([0.2, 0.4], [-0.2, -0.6], side=32)) == close(
        {
            "adversarial_target": (0.7**2 + 0.5**2) / 2,
            "adversarial_source": (1.2**2 + 1.6**2) / 2,
            "cycle_source": 10 * (abs(0.15 - 0.2) + abs(0.25 - 0.4)) / 2,
            "cycle_target": 10 * (abs(0.0 + 0.2) + abs(-0.2 + 0.6)) / 2,
            # Even pictures have no motion; what the translators add does not cancel.
            "motion_cycle_source": 3 / 10,
            "motion_cycle_target": 3 / 10,
            "motion_translation_source": 10 * abs(0.5 - 0.3),
            "motion_translation_target": 10 * abs(-0.3 + 0.1),
            "discriminator_target": (1.2**2 + 1.6**2 + 0.3**2 + 0.5**2) / 4,
            "discriminator_source": (0.6**2 + 0.2**2 + 0.2**2 + 0.6**2) / 4,
        }
    )


def test_a_shift_is_measured_and_undone() -> None:
    coarse = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(5))
    street = F.interpolate(coarse, (72, 84), mode="bicubic", align_corners=False).clamp(0, 1)
    first, second = street[..., 4:68, 6:70], street[..., 6:70, 3:67]  # moves 3 to the right and 2 up
    flow, seen = measured_flow(first, second)
    inside = flow[..., 16:-16, 16:-16]
    assert torch.allclose(inside.mean((2, 3)), torch.tensor([[3.0, -2.0]]), atol=0.2)
    assert seen[..., 16:-16, 16:-16].mean() > 0.95
    left = (seen * (warp(second, flow) - first).abs()).mean()
    assert left < 0.2 * (second - first).abs().mean()


def test_a_new_translator_leaves_motion_as_it_is() -> None:
    flow = 10 * torch.randn(2, 2, 16, 24)
    assert torch.equal(MotionTranslator(4)(flow), flow)
