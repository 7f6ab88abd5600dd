"""Lenses that differ: found where they do, left out where they do not, and applied wherever pixels are mapped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis_capture.clip import Clip
from nirvis_capture.raw import demosaic, gains
from nirvis_registration.batch import register_clip
from nirvis_registration.distortion import NO_DISTORTION, Distortion, mapped
from nirvis_registration.export import export_json
from nirvis_registration.features import grey
from nirvis_registration.geometry import corners
from nirvis_registration.homography import Estimate, estimate
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.rig_calibration import Calibrations, Rig
from nirvis_registration.settings import RegistrationSettings

Rgb = np.ndarray
SIZE = (640, 480)
BENT = Distortion(k1=-0.012)
"""Moves the corners by 4.8 px."""


def seen_through(picture: Rgb, lens: Distortion) -> Rgb:
    """An undistorted picture as that lens shows it."""
    size = (picture.shape[1], picture.shape[0])
    pixels = np.stack(np.meshgrid(*(np.arange(length, dtype=float) for length in size)), axis=-1)
    x, y = np.moveaxis(lens.ideal(pixels, size).astype(np.float32), -1, 0)
    return cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def same_scene(real_pair: Callable[[str], tuple[Rgb, Rgb]]) -> tuple[Rgb, Rgb]:
    """Two pictures without any difference between their lenses: one in two brightnesses, each with its own noise."""
    picture = real_pair("vnir_train")[1].astype(float)
    random = np.random.default_rng(5)
    pale = 50 + 0.6 * picture.mean(axis=2, keepdims=True) + random.normal(0, 2, picture.shape)
    return pale.clip(0, 255).astype(np.uint8), (picture + random.normal(0, 2, picture.shape)).clip(0, 255).astype(
        np.uint8
    )


def test_what_is_distorted_is_ideal_again() -> None:
    points = np.random.default_rng(0).uniform((0, 0), SIZE, (50, 2))
    lens = Distortion(0.02, -0.01)
    np.testing.assert_allclose(lens.ideal(lens.distorted(points, SIZE), SIZE), points, atol=1e-3)
    assert np.linalg.norm(lens.distorted(corners(SIZE), SIZE) - corners(SIZE), axis=1) == pytest.approx(
        lens.corner_px(SIZE)
    )
    assert NO_DISTORTION.distorted(points, SIZE) is points


@pytest.mark.parametrize("lens", [Distortion(), Distortion(0.006), BENT, Distortion(0.016, -0.006)], ids=str)
def test_a_distortion_of_known_size_is_found_and_none_where_there_is_none(
    lens: Distortion, same_scene: tuple[Rgb, Rgb]
) -> None:
    nir, vis = (grey(picture) for picture in same_scene)
    found = estimate([(nir, seen_through(vis, lens))], features=1000)
    if lens == NO_DISTORTION:
        assert found.distortion == NO_DISTORTION
    assert worst_px(found, lens) < 0.15 + 0.15 * abs(lens.corner_px(SIZE))


def worst_px(found: Estimate, lens: Distortion) -> float:
    """How far a point is mapped from where it belongs, the worst of a grid over the picture."""
    there = np.stack(np.meshgrid(*(np.linspace(0, length - 1, 9) for length in SIZE)), axis=-1).reshape(-1, 2)
    back = mapped(found.homography_vis_to_nir, found.distortion, lens.distorted(there, SIZE), SIZE)
    return float(np.linalg.norm(back - there, axis=1).max())


def test_what_parallax_does_to_a_real_pair_is_not_taken_for_a_lens(
    real_pair: Callable[[str], tuple[Rgb, Rgb]],
) -> None:
    nir, vis = real_pair("vnir_train")
    assert estimate([(grey(nir), grey(vis))], features=1000).distortion == NO_DISTORTION


@pytest.mark.parametrize("mirrored", [(), ("vis",)], ids=["plain", "mirrored"])
def test_pairs_calibration_and_json_know_the_lens(
    mirrored: tuple[str, ...], tmp_path: Path, write_clip: Callable[..., Path], same_scene: tuple[Rgb, Rgb]
) -> None:
    nir, vis = same_scene
    pair = (nir, seen_through(vis, BENT))
    settings = RegistrationSettings(size=(320, 240), crop=(640, 480), frames=1, features=1000)
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [pair], mirrored, recording_id=name) for name in "ab"]
    first, second = (register_clip(clip, tmp_path / "out", settings) for clip in clips)
    with PairsFile.open(first) as a, PairsFile.open(second) as b, Clip.open(clips[0]) as clip:
        assert a.distortion.corner_px(SIZE) == pytest.approx(BENT.corner_px(SIZE), abs=0.6)
        calibration = Calibrations(tmp_path / "out").of(Rig.of(clip))
        assert calibration is not None
        assert b.distortion == a.distortion == calibration.distortion  # b took it from the calibration
        assert a.table["residual_px"][0] < 0.1
        assert b.table["residual_px"][0] < 0.1
        target = a.target(0)
        colour = demosaic(clip.arms["vis"].frame(0), "RGGB", 0.0, 8, gains(clip.profile.vis))
        about = json.loads(export_json(first).read_text())
    lens = about["distortion_of_vis"]
    x, y = np.meshgrid(np.arange(320.0), np.arange(240.0))
    ideal_vis = cv2.perspectiveTransform(np.dstack([x, y]), np.array(about["homography_pair_to_raw_vis"]))
    outwards = ideal_vis - lens["middle"]
    squared = (outwards**2).sum(axis=-1, keepdims=True) / lens["radius_px"] ** 2
    where = (lens["middle"] + outwards * (1 + squared * (lens["k1"] + squared * lens["k2"]))).astype(np.float32)
    seen = cv2.remap(cv2.GaussianBlur(colour, (0, 0), 0.75), where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    assert np.abs(seen[8:-8, 8:-8].astype(int) - target[8:-8, 8:-8]).mean() < 3
    assert about["version"] == 2
