"""Predicted colour held against the clean visible picture of the simulated rig."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.profile import load_profile
from nirvis_capture.truth_file import Truth, read_truth, write_truth
from nirvis_registration.batch import register_clip
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.score import clean_targets
from nirvis_registration.settings import RegistrationSettings
from nirvis_training.score import score_prediction

SIZE = {"sensor": {"width_px": 464, "height_px": 344}, "roi": {"width": 464, "height": 344}}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Truth]:
    folder = tmp_path_factory.mktemp("prediction")
    street = load_profile("twin_day").edited({"nir": SIZE, "vis": SIZE, "twin": {"pacing": "fast", "scene_seed": 4}})
    clip = record_clip(street, folder, pairs=3)
    truth = read_truth(write_truth(clip, clean_every_s=0.03))
    return clip, register_clip(clip, folder / "pairs", RegistrationSettings(size=(160, 120), frames=2)), truth


def test_the_clean_picture_itself_is_nearly_perfect_and_the_input_is_not(material: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = material
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs:
        answers = iter([clean for _, clean in clean_targets(pairs, clip, truth)])

        def know_all(_: Tensor) -> Tensor:
            return torch.from_numpy(next(answers)).permute(2, 0, 1)[None]

        perfect = score_prediction(know_all, pairs, clip, truth)
        as_it_is = score_prediction(lambda source: source, pairs, clip, truth)
    assert perfect.ciede2000 == 0
    assert perfect.ssim == pytest.approx(1)
    assert perfect.pairs == as_it_is.pairs == 3
    assert as_it_is.psnr_db < 30
    assert as_it_is.ciede2000 > 3


def test_without_a_clean_picture_nothing_is_scored(material: tuple[Path, Path, Truth]) -> None:
    clip_path, pairs_path, truth = material
    without = replace(truth, clean_pulse=np.empty(0, np.int64))
    with Clip.open(clip_path) as clip, PairsFile.open(pairs_path) as pairs, pytest.raises(NoTruth, match="no pair"):
        score_prediction(lambda source: source, pairs, clip, without)
