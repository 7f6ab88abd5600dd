from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_registration.features import Grey, grey
from nirvis_registration.geometry import corner_distances, corners, from_corners, project
from nirvis_registration.lucas_kanade import align_structure
from nirvis_registration.structure import oriented_gradients

SIZE = (640, 480)
Rgb = np.ndarray
Matrix = NDArray[np.float64]
Pair = Callable[[str], tuple[Rgb, Rgb]]
Draw = Callable[[int, tuple[int, int]], Matrix]
WarpPicture = Callable[[Rgb, Matrix], Rgb]


def moved(homography: Matrix, by_px: float, seed: int = 0) -> Matrix:
    """Another homography whose corners lie `by_px` away in random directions."""
    turn = np.random.default_rng(seed).uniform(0, 2 * np.pi, 4)
    square = corners(SIZE)
    return from_corners(square, project(homography, square) + by_px * np.stack([np.cos(turn), np.sin(turn)], axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_a_known_warp_is_found_to_a_few_hundredths(
    seed: int, real_pair: Pair, random_homography: Draw, warp: WarpPicture
) -> None:
    picture = real_pair("vnir_train")[1]
    known = random_homography(seed, SIZE)
    truth = np.linalg.inv(known)
    found = align_structure([(grey(picture), grey(warp(picture, known)))], moved(truth, 2.0, seed))
    assert found is not None
    assert corner_distances(found.homography_vis_to_nir, truth, SIZE).mean() < 0.05


def test_it_comes_home_from_eight_pixels_away(real_pair: Pair) -> None:
    pair = grey(real_pair("vnir_train")[0]), grey(real_pair("vnir_train")[1])
    near, far = align_structure([pair], np.eye(3)), align_structure([pair], moved(np.eye(3), 8.0))
    assert near is not None
    assert far is not None
    assert corner_distances(near.homography_vis_to_nir, far.homography_vis_to_nir, SIZE).max() < 0.05


def test_a_negative_shows_the_same_structure(real_pair: Pair) -> None:
    picture = grey(real_pair("vnir_train")[1])
    negative = np.asarray(255 - picture, np.uint8)
    np.testing.assert_allclose(oriented_gradients(picture), oriented_gradients(negative), atol=1e-3)
    found = align_structure([(negative, picture)], moved(np.eye(3), 1.5))
    assert found is not None
    assert corner_distances(found.homography_vis_to_nir, np.eye(3), SIZE).max() < 0.06


def test_what_moved_between_the_arms_does_not_pull(real_pair: Pair) -> None:
    nir, vis = (grey(picture) for picture in real_pair("vnir_train"))
    clean = align_structure([(nir, vis)], np.eye(3))
    disturbed = nir.copy()
    disturbed[200:360, 100:300] = nir[200:360, 108:308]
    found = align_structure([(disturbed, vis)], np.eye(3))
    assert clean is not None
    assert found is not None
    assert corner_distances(found.homography_vis_to_nir, clean.homography_vis_to_nir, SIZE).max() < 0.25


def test_more_frames_make_it_surer(real_pair: Pair) -> None:
    pairs: list[tuple[Grey, Grey]] = [
        (grey(nir), grey(vis)) for nir, vis in (real_pair("vnir_train"), real_pair("vnir_val"))
    ]
    one, both = align_structure(pairs[:1], np.eye(3)), align_structure(pairs, np.eye(3))
    assert one is not None
    assert both is not None
    assert both.corner_sigma_px < one.corner_sigma_px
    assert (one.frames, both.frames) == (1, 2)


def test_nothing_to_align_gives_nothing() -> None:
    blank = np.full((240, 320), 90, np.uint8)
    assert align_structure([(blank, blank)], np.eye(3)) is None


def test_structure_has_about_unit_length_at_most(real_pair: Pair) -> None:
    structure = oriented_gradients(grey(cv2.cvtColor(real_pair("nir_train")[0], cv2.COLOR_RGB2BGR)))
    assert structure.shape == (480, 640, 6)
    assert structure.min() >= 0
    assert np.quantile(np.linalg.norm(structure, axis=2), 0.99) < 1.5
