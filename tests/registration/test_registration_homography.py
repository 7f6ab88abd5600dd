from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_registration.errors import RegistrationRefused
from nirvis_registration.features import Matches, grey
from nirvis_registration.geometry import corner_distances, corners, from_corners, project
from nirvis_registration.homography import ALIGNED_FRAMES, Estimate, estimate, fit, made_exact
from nirvis_registration.lucas_kanade import Alignment

SIZE = (640, 480)
FEATURES = 1500
Rgb = np.ndarray
Matrix = NDArray[np.float64]
Pair = Callable[[str], tuple[Rgb, Rgb]]
Draw = Callable[[int, tuple[int, int]], Matrix]
WarpPicture = Callable[[Rgb, Matrix], Rgb]


@pytest.mark.parametrize(
    ("name", "seed", "limit_px"),
    [("vnir_train", 1, 0.3), ("vnir_val", 2, 0.3), ("nir_train", 3, 0.6), ("nir_val", 4, 0.6)],
)
def test_a_known_warp_of_a_real_pair_is_found(
    name: str, seed: int, limit_px: float, real_pair: Pair, random_homography: Draw, warp: WarpPicture
) -> None:
    nir, vis = real_pair(name)
    as_published = estimate([(grey(nir), grey(vis))], FEATURES)
    known = random_homography(seed, SIZE)
    after = estimate([(grey(nir), grey(warp(vis, known)))], FEATURES)
    truth = as_published.homography_vis_to_nir @ np.linalg.inv(known)
    assert corner_distances(after.homography_vis_to_nir, truth, SIZE).mean() < limit_px
    assert corner_distances(as_published.homography_vis_to_nir, np.eye(3), SIZE).mean() < 1.2
    assert after.inliers >= 50
    assert after.reprojection_error_px < 1.0


def test_arms_of_different_resolution_are_brought_together(real_pair: Pair) -> None:
    nir, vis = real_pair("vnir_train")
    found = estimate([(grey(nir), grey(vis[40:-40, 60:-60]))], FEATURES)
    truth = np.array([[1.0, 0.0, 60.0], [0.0, 1.0, 40.0], [0.0, 0.0, 1.0]])
    assert corner_distances(found.homography_vis_to_nir, truth, (520, 400)).mean() < 0.6


def test_features_are_searched_until_they_are_sure_and_a_few_frames_aligned(real_pair: Pair) -> None:
    pair = grey(real_pair("vnir_train")[0]), grey(real_pair("vnir_train")[1])
    found = estimate([pair] * 8)
    assert found.frames == 1
    assert found.aligned_frames == ALIGNED_FRAMES


def test_a_mirror_that_the_profile_does_not_know_is_named(real_pair: Pair) -> None:
    nir, vis = real_pair("vnir_train")
    with pytest.raises(RegistrationRefused, match="other handedness"):
        estimate([(grey(nir), grey(np.ascontiguousarray(np.fliplr(vis))))], FEATURES)


def test_different_scenes_are_refused(real_pair: Pair, shuffled: Callable[[Rgb], Rgb]) -> None:
    nir, vis = real_pair("nir_train")
    with pytest.raises(RegistrationRefused, match="matches agree"):
        estimate([(grey(nir), grey(shuffled(vis)))], FEATURES)


def test_an_arm_that_stands_on_its_head_is_named(real_pair: Pair) -> None:
    nir, vis = real_pair("vnir_train")
    with pytest.raises(RegistrationRefused, match=r"rotated by -?1(79|80)°"):
        estimate([(grey(nir), grey(np.ascontiguousarray(vis[::-1, ::-1])))], FEATURES)


def test_noise_is_refused() -> None:
    random = np.random.default_rng(0)
    nir, vis = (random.integers(0, 256, (240, 320), np.uint8) for _ in range(2))
    with pytest.raises(RegistrationRefused, match="matches agree"):
        estimate([(nir, vis)])


def test_no_frame_at_all_is_refused() -> None:
    with pytest.raises(RegistrationRefused, match="no frame"):
        estimate([])


def synthetic(seed: int, truth: Matrix, count: int = 300, noise_px: float = 0.4) -> Matches:
    random = np.random.default_rng(seed)
    vis = random.uniform((0, 0), SIZE, (count, 2))
    nir = project(truth, vis) + random.normal(0, noise_px, (count, 2))
    return Matches(nir.astype(np.float32), vis.astype(np.float32))


def test_the_covariance_is_the_spread_of_repeated_estimates(random_homography: Draw) -> None:
    truth = random_homography(7, SIZE)
    found = [fit([synthetic(seed, truth)], SIZE) for seed in range(60)]
    estimates = [f for f in found if f is not None]
    mapped = np.array([project(f.homography_vis_to_nir, corners(SIZE)) for f in estimates])
    spread = np.sqrt(((mapped - project(truth, corners(SIZE))) ** 2).sum(axis=2).mean())
    predicted = np.mean([f.corner_sigma_px for f in estimates])
    assert predicted == pytest.approx(spread, rel=0.3)


def test_the_same_matches_again_add_no_certainty(random_homography: Draw) -> None:
    truth = random_homography(7, SIZE)
    same, other = synthetic(1, truth), synthetic(2, truth)
    one, repeated, more = (fit(pooled, SIZE) for pooled in ([same], [same] * 4, [same, other]))
    assert one is not None
    assert repeated is not None
    assert more is not None
    assert repeated.corner_sigma_px == pytest.approx(one.corner_sigma_px, rel=0.1)
    assert more.corner_sigma_px < 0.85 * one.corner_sigma_px


def test_outliers_do_not_move_the_fit(random_homography: Draw) -> None:
    truth = random_homography(9, SIZE)
    random = np.random.default_rng(3)
    wrong = Matches(*(random.uniform((0, 0), SIZE, (600, 2)).astype(np.float32) for _ in range(2)))
    found = fit([synthetic(1, truth), wrong], SIZE)
    assert found is not None
    assert corner_distances(found.homography_vis_to_nir, truth, SIZE).mean() < 0.3
    assert 240 <= found.inliers <= 330


def test_a_homography_through_four_corners_is_exact(random_homography: Draw) -> None:
    truth = random_homography(5, SIZE)
    square = corners(SIZE)
    np.testing.assert_allclose(from_corners(square, project(truth, square)), truth, atol=1e-9)


def shifted_estimate(sigma_px: float) -> Estimate:
    return Estimate(np.eye(3), np.eye(8) * sigma_px**2 / 2, 300, 400, 0.3, 1)


def alignment(shift_px: float, sigma_px: float) -> Alignment:
    homography = np.array([[1.0, 0.0, shift_px], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return Alignment(homography, np.eye(8) * sigma_px**2 / 2, 0.2, 0.2, 4)


def test_aligned_structure_takes_the_place_of_features_that_agree() -> None:
    found = made_exact(shifted_estimate(0.2), alignment(0.5, 0.1), SIZE)
    assert found.homography_vis_to_nir[0, 2] == 0.5
    assert found.corner_sigma_px == pytest.approx(0.1)
    assert found.aligned_frames == 4


def test_an_alignment_that_contradicts_the_features_is_ignored() -> None:
    features = shifted_estimate(0.2)
    for away in (alignment(4.0, 0.1), None):
        assert made_exact(features, away, SIZE) is features
    assert made_exact(shifted_estimate(1.5), alignment(4.0, 0.1), SIZE).aligned_frames == 4
