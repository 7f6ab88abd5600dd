"""Registrations held against the simulated rig that they registered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.profile import load_profile
from nirvis_capture.truth_file import Truth, read_truth, write_truth
from nirvis_registration.batch import register_clip
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.score import clean_targets, score_registration
from nirvis_registration.settings import RegistrationSettings

SIZE = {"sensor": {"width_px": 692, "height_px": 516}, "roi": {"width": 692, "height": 516}}


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Truth]:
    folder = tmp_path_factory.mktemp("score")
    street = load_profile("twin_day").edited({"nir": SIZE, "vis": SIZE, "twin": {"pacing": "fast", "scene_seed": 4}})
    clip = record_clip(street, folder, pairs=4)
    truth = read_truth(write_truth(clip, clean_every_s=1.0))
    pairs = register_clip(clip, folder / "pairs", RegistrationSettings(size=(320, 240), frames=2))
    return clip, pairs, truth


def test_a_good_registration_scores_a_fraction_of_a_pixel(registered: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = registered
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs:
        score = score_registration(pairs, clip, truth)
    assert len(score.corner_error_px) == 4
    assert score.median_px < 0.5
    assert score.worst_px >= score.median_px


def test_a_rig_that_moved_by_three_pixels_scores_three_pixels_more(registered: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = registered
    moved = np.array([[1.0, 0, 3], [0, 1, 0], [0, 0, 1]]) @ truth.homography_vis_to_nir
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs:
        score = score_registration(pairs, clip, replace(truth, homography_vis_to_nir=moved))
    assert score.median_px == pytest.approx(3, abs=0.5)


def test_a_target_shows_what_the_clean_picture_shows(registered: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = registered
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs:
        (number, clean), *others = clean_targets(pairs, clip, truth)
        target = pairs.target(number).astype(np.float32) / 255
    assert not others
    assert clean.shape == target.shape
    assert np.sqrt(np.mean((clean - target) ** 2)) < 0.04
    assert np.abs(np.median(clean - target)) < 0.01


def test_the_truth_of_another_clip_is_refused(registered: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = registered
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs, pytest.raises(NoTruth, match="belong"):
        score_registration(pairs, clip, replace(truth, clip_sha256="0" * 64))
