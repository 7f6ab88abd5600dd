"""Figures of raw counts name what was done to the picture: blurred, overexposed, split unevenly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nirvis_capture.camera import Raw
from nirvis_capture.optics import figures, focus, green_level, histogram, saturated, split_ratio
from nirvis_capture.profile import Cfa
from nirvis_capture.raw import mosaic

BLACK_DN = 16.0


def scene(blur_px: float = 0.0, gain: float = 1.0, seed: int = 3) -> Raw:
    """Mosaiced 12 bit counts ``(240, 320)`` of random patches over black."""
    rng = np.random.default_rng(seed)
    rgb = cv2.resize(
        rng.uniform(200, 1800, (24, 32, 3)).astype(np.float32), (320, 240), interpolation=cv2.INTER_NEAREST
    )
    if blur_px:
        rgb = cv2.GaussianBlur(rgb, (0, 0), blur_px)
    return mosaic(np.clip(rgb * gain + BLACK_DN, 0, 4095).astype(np.uint16), "RGGB")


def test_focus_falls_with_every_turn_away_from_the_best() -> None:
    turns = [focus(scene(blur_px), "RGGB", BLACK_DN) for blur_px in (0.0, 0.7, 1.5, 3.0)]
    assert turns == sorted(turns, reverse=True)
    assert turns[0] > 3 * turns[-1]


def test_focus_does_not_depend_on_the_exposure() -> None:
    assert focus(scene(gain=0.5), "RGGB", BLACK_DN) == pytest.approx(focus(scene(), "RGGB", BLACK_DN), rel=0.02)


@pytest.mark.parametrize("depth", [8, 12])
def test_a_dark_picture_has_no_focus_instead_of_a_division_by_zero(depth: int) -> None:
    dark = np.full((16, 16), BLACK_DN, np.uint8 if depth == 8 else np.uint16)
    assert focus(dark, "RGGB", BLACK_DN) == 0.0


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_saturation_is_told_for_the_colour_that_saturates(cfa: Cfa) -> None:
    rgb = np.full((96, 96, 3), 100, np.uint8)
    rgb[:48, :, 2] = 255
    shares = saturated(mosaic(rgb, cfa), cfa, 8)
    assert shares == tuple(0.5 if letter == "B" else 0.0 for letter in cfa)


@pytest.mark.parametrize(("depth", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_each_channel_of_a_histogram_lies_at_its_level(depth: int, dtype: type) -> None:
    top = (1 << depth) - 1
    rgb = np.broadcast_to(np.array([top, top // 2, 0], dtype), (32, 32, 3))
    shares = histogram(mosaic(rgb, "RGGB"), "RGGB", depth)
    assert shares.argmax(axis=1).tolist() == [255, 127, 0]
    assert shares.sum(axis=1) == pytest.approx(1)


def test_bright_is_the_channel_that_saturates_first_with_black_taken_off() -> None:
    rgb = np.broadcast_to(np.array([1000, 2055, 500], np.uint16), (64, 64, 3))
    seen = figures(mosaic(rgb, "RGGB"), "RGGB", BLACK_DN, 12)
    assert seen.bright == pytest.approx(0.5, abs=0.01)
    assert seen.level == pytest.approx((2055 - BLACK_DN) / (4095 - BLACK_DN))
    assert seen.worst_saturated == 0


def test_the_split_ratio_does_not_depend_on_exposure_and_gain() -> None:
    """70 % of the light to nir, whose exposure is a quarter of that of vis."""
    light = {"nir": 0.7, "vis": 0.3}
    amount = {"nir": 1500.0, "vis": 6000.0}
    level = {
        arm: green_level(
            np.full((32, 32), BLACK_DN + light[arm] * amount[arm] / 2, np.uint16), "RGGB", BLACK_DN, 12
        )
        for arm in light
    }  # fmt: skip
    assert split_ratio(level, amount) == pytest.approx(0.7, abs=0.001)  # type: ignore[arg-type]
    assert split_ratio({"nir": 0.0, "vis": -0.001}, amount) is None  # type: ignore[arg-type]
