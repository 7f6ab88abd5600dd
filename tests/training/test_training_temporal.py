"""Steadiness against motion that is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nirvis_training.temporal import Motion, Picture, estimate_motion, flicker, warp, warp_error

EVERYWHERE = np.ones((96, 128), bool)


@pytest.fixture
def street() -> Picture:
    """A textured picture larger than the views of it, ``(120, 160, 3)``."""
    noise = np.random.default_rng(3).integers(0, 256, (30, 40, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def view(street: Picture, right: int, down: int) -> Picture:
    """What a camera sees that has moved so far."""
    return np.ascontiguousarray(street[down : down + 96, right : right + 128])


def test_the_flow_of_a_moving_camera_is_its_motion(street: Picture) -> None:
    motion = estimate_motion(view(street, 0, 0), view(street, 4, 2))
    inside = motion.to_first[16:-16, 16:-16]
    np.testing.assert_allclose(np.median(inside, axis=(0, 1)), [4, 2], atol=0.1)
    assert motion.seen[20:-20, 20:-20].mean() > 0.95
    assert not motion.seen[:, -3:].any(), "what came in at the right was nowhere before"


def test_a_steady_video_has_a_small_warp_error_and_a_flickering_one_a_large_one(street: Picture) -> None:
    first, second = view(street, 0, 0), view(street, 4, 2)
    motion = estimate_motion(first, second)
    steady = warp_error(first, second, motion, EVERYWHERE)
    brighter = warp_error(first, np.clip(second.astype(int) + 30, 0, 255).astype(np.uint8), motion, EVERYWHERE)
    standing_still = Motion(np.zeros_like(motion.to_first), motion.seen)
    assert steady < 1e-3
    assert brighter > 5 * steady
    assert warp_error(first, second, standing_still, EVERYWHERE) > 10 * steady


def test_warp_error_and_flicker_have_the_values_worked_out_by_hand() -> None:
    """A pixel on the left moves to the right by one; counts of 255 differ by 51, a fifth."""
    first, second = (np.zeros((4, 5, 3), np.uint8) for _ in range(2))
    first[:, 1], second[:, 2] = 102, 153
    flow = np.zeros((4, 5, 2), np.float32)
    flow[..., 0] = -1
    seen = np.ones((4, 5), bool)
    seen[:, 0] = False
    # of the 16 pixels that are seen, 4 differ by a fifth
    assert warp_error(first, second, Motion(flow, seen), np.ones((4, 5), bool)) == pytest.approx(0.2**2 / 4)
    # columns 1 and 2 of five change by 102 and 153 where the input does not change at all
    still = (first, first)
    assert flicker((first, second), still, np.ones((4, 5), bool)) == pytest.approx((102 + 153) / 5)
    assert flicker((first, second), (first, second), np.ones((4, 5), bool)) == 0


def test_only_valid_pixels_count() -> None:
    first, second = np.zeros((4, 5, 3), np.uint8), np.full((4, 5, 3), 90, np.uint8)
    motion = Motion(np.zeros((4, 5, 2), np.float32), np.ones((4, 5), bool))
    none = np.zeros((4, 5), bool)
    assert np.isnan(warp_error(first, second, motion, none))
    assert np.isnan(flicker((first, second), (first, first), none))


def test_warping_reads_between_pixels() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32)[:, None], (6, 1, 3))
    flow = np.zeros((6, 8, 2), np.float32)
    flow[..., 0] = 0.25
    np.testing.assert_allclose(warp(ramp, flow)[:, :-1, 0], ramp[:, :-1, 0] + 0.25, atol=1e-6)
