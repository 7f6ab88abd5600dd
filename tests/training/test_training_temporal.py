"""Warping error of pictures whose motion is known, because they were cut from one that is larger."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nirvis_training.temporal import Motion, Picture, estimate_motion, warp_error

HEIGHT, WIDTH = 96, 128
RIGHT, DOWN = 5, 3
"""By how much everything moves from the first picture to the second, in pixels."""
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Picture:
    """Smooth patches in full colour that no two places share."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def moving(seed: int) -> tuple[Picture, Picture]:
    """The same texture twice, the second time further to the right and further down."""
    whole = texture(seed, HEIGHT + DOWN, WIDTH + RIGHT)
    return whole[DOWN:, RIGHT:], whole[:HEIGHT, :WIDTH]


def over(background: Picture, square: Picture, left: int) -> Picture:
    picture = background.copy()
    picture[32:64, left : left + 32] = square
    return picture


def test_the_motion_is_the_one_that_was_made() -> None:
    motion = estimate_motion(*moving(0))
    inside = motion.seen[8:-8, 8:-8]
    assert inside.mean() > 0.99
    assert np.abs(motion.to_first[8:-8, 8:-8] - (-RIGHT, -DOWN))[inside].max() < 0.5
    assert not motion.seen[:DOWN].any(), "what came in from above was not in the first picture"
    assert not motion.seen[:, :RIGHT].any(), "what came in from the left was not in the first picture"


def test_colours_that_move_with_their_input_are_steady_and_those_that_stay_put_are_not() -> None:
    motion = estimate_motion(*moving(0))
    first, second = moving(1)
    with_the_input = warp_error(first, second, motion, EVERYWHERE)
    against_it = warp_error(second, first, motion, EVERYWHERE)
    staying = warp_error(first, first, motion, EVERYWHERE)
    assert with_the_input < 1e-4
    assert staying > 100 * with_the_input
    assert against_it > staying


def test_the_error_along_a_motion_of_whole_pixels_is_the_change_of_colour_alone() -> None:
    first, second = moving(0)
    to_first = np.broadcast_to(np.float32([-RIGHT, -DOWN]), (HEIGHT, WIDTH, 2))
    seen = np.zeros((HEIGHT, WIDTH), bool)
    seen[DOWN:, RIGHT:] = True
    motion = Motion(to_first, seen)
    assert warp_error(first, second, motion, EVERYWHERE) == 0
    darker = (second * 0.5).astype(np.uint8)
    expected = np.square((second / 255.0 - darker / 255.0)[DOWN:, RIGHT:]).mean()
    assert warp_error(first, darker, motion, EVERYWHERE) == pytest.approx(expected, rel=1e-5)


def test_what_is_uncovered_counts_for_nothing() -> None:
    """A square moves to the right before a background that stands still: the stripe that it leaves was hidden."""
    background, square = texture(0), texture(1)[:32, :32]
    step = 10
    first, second = over(background, square, 40), over(background, square, 40 + step)
    motion = estimate_motion(first, second)
    uncovered = np.s_[36:60, 42 : 40 + step - 2]
    assert motion.seen[uncovered].mean() < 0.1
    assert motion.seen[8:-8, 100:-8].all()
    spoilt = second.copy()
    spoilt[~motion.seen] = 255 - spoilt[~motion.seen]
    assert warp_error(first, spoilt, motion, EVERYWHERE) == warp_error(first, second, motion, EVERYWHERE)
    assert warp_error(first, second, motion, EVERYWHERE) < 1e-3
    assert np.isnan(warp_error(first, second, motion, ~motion.seen))
