"""What one clip of a rig tells about the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture.clip import Clip
from nirvis_registration.batch import Outcome, register_clip, register_clips
from nirvis_registration.errors import RigCalibrationError
from nirvis_registration.geometry import corner_distances
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.rig_calibration import Calibrations, Rig, RigCalibration
from nirvis_registration.settings import RegistrationSettings

SETTINGS = RegistrationSettings(size=(200, 150), frames=1)
Write = Callable[..., Path]
Rgb = np.ndarray
Pictures = tuple[Rgb, Rgb]


@pytest.fixture(scope="session")
def pictures(real_pair: Callable[[str], Pictures]) -> Pictures:
    nir, vis = real_pair("vnir_train")
    return nir[90:390, 120:520], vis[90:390, 120:520]


@pytest.fixture(scope="session")
def moved(real_pair: Callable[[str], Pictures]) -> Callable[[int], Pictures]:
    """The same pictures after somebody pushed the vis camera by so many pixels."""
    nir, vis = real_pair("vnir_train")
    return lambda by_px: (nir[90:390, 120:520], vis[90:390, 120 + by_px : 520 + by_px])


def calibration_of(folder: Path) -> Path:
    (path,) = folder.glob("*.rig.json")
    return path


def register(clips: list[Path], out: Path, calibrations: Calibrations | None = None) -> list[Outcome]:
    return register_clips(clips, out, SETTINGS, calibrations=calibrations)


def test_the_next_clip_begins_where_the_first_one_ended(tmp_path: Path, write_clip: Write, pictures: Pictures) -> None:
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [pictures] * 2, recording_id=name) for name in "ab"]
    first, second = register(clips, tmp_path / "out")
    assert first.inliers > 200
    assert (second.inliers, second.status) == (0, "registered")
    assert first.drift_px < 1e-9
    assert second.drift_px < 0.02
    calibration = RigCalibration.read(calibration_of(tmp_path / "out"))
    assert [clip.name for clip in calibration.source_clips] == ["a.clip.h5"]
    with PairsFile.open(tmp_path / "out" / "a.pairs.h5") as a, PairsFile.open(tmp_path / "out" / "b.pairs.h5") as b:
        assert (a.calibration, b.calibration) == ("", calibration.identity)
        assert corner_distances(a.homography_vis_to_nir, b.homography_vis_to_nir, (400, 300)).max() < 0.02
        np.testing.assert_allclose(calibration.homography_vis_to_nir, a.homography_vis_to_nir)


def test_a_second_run_does_nothing_and_the_same_calibration_gives_the_same_file(
    tmp_path: Path, write_clip: Write, pictures: Pictures
) -> None:
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [pictures], recording_id=name) for name in "ab"]
    register(clips, tmp_path)
    assert [outcome.status for outcome in register(clips, tmp_path)] == ["up to date", "up to date"]
    b = tmp_path / "b.pairs.h5"
    with PairsFile.open(b) as pairs:
        before = pairs.homography_vis_to_nir, pairs.target(0)
    b.unlink()
    register(clips, tmp_path)
    with PairsFile.open(b) as pairs:
        np.testing.assert_array_equal(pairs.homography_vis_to_nir, before[0])
        np.testing.assert_array_equal(pairs.target(0), before[1])
    calibration_of(tmp_path).unlink()  # b began at it, a did not
    assert [outcome.status for outcome in register(clips, tmp_path)] == ["up to date", "registered"]


def test_warming_is_reported_as_drift(
    tmp_path: Path, write_clip: Write, pictures: Pictures, moved: Callable[[int], Pictures]
) -> None:
    first = write_clip(tmp_path / "a.clip.h5", [pictures])
    later = write_clip(tmp_path / "b.clip.h5", [moved(3)], recording_id="b")
    outcome = register([first, later], tmp_path)[1]
    assert outcome.status == "registered"
    assert outcome.drift_px == pytest.approx(3, abs=0.15)


def test_a_camera_that_was_moved_is_refused(
    tmp_path: Path, write_clip: Write, pictures: Pictures, moved: Callable[[int], Pictures]
) -> None:
    first = write_clip(tmp_path / "a.clip.h5", [pictures])
    pushed = write_clip(tmp_path / "b.clip.h5", [moved(14)], recording_id="b")
    outcome = register([first, pushed], tmp_path)[1]
    assert outcome.status == "refused"
    assert "off the calibration of this rig (a.clip.h5, 2026-06-21)" in outcome.reason
    assert "moved" in outcome.reason
    assert not (tmp_path / "b.pairs.h5").exists()
    alone = register([pushed], tmp_path, Calibrations(None))[0]
    assert alone.status == "registered"
    assert np.isnan(alone.drift_px)


def test_other_scenes_are_refused_whatever_the_calibration_says(
    tmp_path: Path, write_clip: Write, pictures: Pictures, shuffled: Callable[[Rgb], Rgb]
) -> None:
    first = write_clip(tmp_path / "a.clip.h5", [pictures])
    stranger = write_clip(tmp_path / "b.clip.h5", [(pictures[0], shuffled(pictures[1]))], recording_id="b")
    outcome = register([first, stranger], tmp_path)[1]
    assert outcome.status == "refused"
    assert "matches agree" in outcome.reason


def test_another_rig_has_its_own(tmp_path: Path, write_clip: Write, pictures: Pictures) -> None:
    mine = write_clip(tmp_path / "a.clip.h5", [pictures])
    other = write_clip(tmp_path / "b.clip.h5", [pictures], mirrored=("vis",), recording_id="b")
    assert [outcome.inliers > 0 for outcome in register([mine, other], tmp_path)] == [True, True]
    assert len(list(tmp_path.glob("*.rig.json"))) == 2
    with Clip.open(mine) as a, Clip.open(other) as b:
        assert Rig.of(a) != Rig.of(b)


def test_a_calibration_from_elsewhere_is_used_for_its_rig(
    tmp_path: Path, write_clip: Write, pictures: Pictures
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [pictures])
    register_clip(clip, tmp_path / "spring", SETTINGS)
    given = Calibrations(tmp_path / "summer", calibration_of(tmp_path / "spring"))
    assert register([clip], tmp_path / "summer", given)[0].inliers == 0


def test_what_is_no_calibration_is_named(tmp_path: Path, write_clip: Write, pictures: Pictures) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [pictures])
    with Clip.open(clip) as opened:
        path = tmp_path / Rig.of(opened).file_name
    path.write_text("{}")
    with pytest.raises(RigCalibrationError, match="no calibration of a rig"):
        RigCalibration.read(path)
    outcome = register([clip], tmp_path)[0]
    assert outcome.status == "failed"
    assert path.name in outcome.reason
