from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from nirvis_registration.quality import pair_quality, residual_px, saturation, sharpness, why_unusable

NAMES = ("vnir_train", "vnir_val", "nir_train", "nir_val")
Rgb = np.ndarray


def luma(picture: Rgb) -> Rgb:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("name", NAMES)
def test_the_residual_is_the_misregistration(name: str, real_pair: Callable[[str], tuple[Rgb, Rgb]]) -> None:
    nir, vis = real_pair(name)
    left = residual_px(luma(nir), luma(vis))
    assert left < 0.6  # the authors left 0.2 to 0.9 px at the corners
    for shift_px in (2.0, 5.0):
        move = np.array([[1, 0, 0.8 * shift_px], [0, 1, 0.6 * shift_px]])
        moved = cv2.warpAffine(vis, move, (640, 480), borderMode=cv2.BORDER_REFLECT)
        assert residual_px(luma(nir), luma(moved)) == pytest.approx(shift_px, abs=0.6)


def test_the_residual_sees_a_rotation_that_keeps_the_centre(
    real_pair: Callable[[str], tuple[Rgb, Rgb]],
) -> None:
    nir, vis = real_pair("vnir_train")
    turn = cv2.getRotationMatrix2D((319.5, 239.5), 1.0, 1.0)
    turned = cv2.warpAffine(vis, turn, (640, 480), borderMode=cv2.BORDER_REFLECT)
    assert residual_px(luma(nir), luma(turned)) > 2.0


def test_the_residual_of_empty_pictures_is_unknown() -> None:
    assert np.isnan(residual_px(np.full((480, 640), 90, np.uint8), np.full((480, 640), 90, np.uint8)))


def test_sharpness_falls_with_blur_and_ignores_exposure(real_pair: Callable[[str], tuple[Rgb, Rgb]]) -> None:
    sharp = luma(real_pair("vnir_train")[0])
    assert sharpness(cv2.GaussianBlur(sharp, (0, 0), 1.5)) < 0.6 * sharpness(sharp)
    assert sharpness(sharp // 2) == pytest.approx(sharpness(sharp), rel=0.2)
    assert sharpness(np.zeros((8, 8), np.uint8)) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_saturation_is_the_share_of_pixels_with_a_full_channel(dtype: type[np.unsignedinteger]) -> None:
    picture = np.zeros((10, 10, 3), dtype)
    picture[:3, :, 1] = np.iinfo(dtype).max
    assert saturation(picture) == pytest.approx(0.3)


def test_a_pair_is_as_sharp_as_its_duller_and_as_saturated_as_its_brighter_picture(
    real_pair: Callable[[str], tuple[Rgb, Rgb]],
) -> None:
    nir, vis = real_pair("vnir_train")
    dull, bright = cv2.GaussianBlur(vis, (0, 0), 2), nir.copy()
    bright[:48] = 255
    assert pair_quality(nir, dull).sharpness == pytest.approx(sharpness(luma(dull)))
    assert pair_quality(bright, vis).saturation == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        pytest.param(np.full((64, 64, 3), 255, np.uint8), "saturated in 100%", id="saturated"),
        pytest.param(np.full((64, 64, 3), 1, np.uint8), "black", id="black"),
        pytest.param(np.full((64, 64, 3), 90, np.uint8), "no texture", id="fog"),
        pytest.param(
            np.random.default_rng(0).normal(90, 4, (256, 256, 3)).astype(np.uint8), "no texture", id="only-noise"
        ),
    ],
)
def test_an_arm_that_shows_nothing_is_named_with_the_reason(picture: Rgb, reason: str) -> None:
    found = why_unusable(picture, "vis")
    assert found is not None
    assert "vis" in found
    assert reason in found


def test_real_pictures_are_usable(real_pair: Callable[[str], tuple[Rgb, Rgb]]) -> None:
    assert [why_unusable(p, "nir") for name in NAMES for p in real_pair(name)] == [None] * 8
