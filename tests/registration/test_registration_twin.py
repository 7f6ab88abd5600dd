"""The whole way of a clip of the simulated rig, against the homography that it was made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nirvis_profiles
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.truth import true_homography
from nirvis_registration.batch import register_clip
from nirvis_registration.geometry import corner_distances
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.settings import RegistrationSettings


def twin(mode: str, seed: int) -> Profile:
    text = nirvis_profiles.text(f"twin_{mode}")
    text = text.replace("scene_seed = 1", f'scene_seed = {seed}\npacing = "fast"')
    text = text.replace("rig_seed = 1", f"rig_seed = {seed}").replace("min_free_gb = 2", "min_free_gb = 0")
    return parse_profile(text)


@pytest.mark.parametrize(("mode", "seed"), [("day", 3), ("night", 4)])
def test_the_arms_of_the_twin_are_registered_to_a_fraction_of_a_pixel(mode: str, seed: int, tmp_path: Path) -> None:
    profile = twin(mode, seed)
    clip = record_clip(profile, tmp_path, pairs=4)
    settings = RegistrationSettings(frames=2, features=2000)
    with PairsFile.open(register_clip(clip, tmp_path, settings)) as pairs:
        wrong_px = corner_distances(pairs.homography_vis_to_nir, true_homography(profile), (1384, 1032))
        assert wrong_px.mean() < 0.25
        assert (pairs.crop.width, pairs.crop.height) == (1200, 900)
        assert pairs.source(0).shape == (480, 640, 3)
        assert pairs.valid.all()
        assert np.nanmax(pairs.table["residual_px"]) < 0.5
