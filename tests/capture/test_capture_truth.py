"""What really happened beside a clip of the simulated rig, and how the clip is scored against it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import NoTruth
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.raw import sites
from nirvis_capture.score import score_clip
from nirvis_capture.truth import true_homography
from nirvis_capture.truth_file import Truth, read_truth, truth_path, write_truth
from nirvis_capture.twin.electronics.ledger import Flag

SIZE = {"sensor": {"width_px": 232, "height_px": 172}, "roi": {"width": 232, "height": 172}}
FAULTS = [
    {"kind": "transfer_drop", "arm": "vis", "at": 9, "count": 2},
    {"kind": "missed_trigger", "arm": "vis", "at": 20},
    {"kind": "transfer_drop", "arm": "nir", "at": 31},
    {"kind": "incomplete", "arm": "nir", "at": 40},
]


def profile(**twin: Any) -> Profile:
    changes = {"nir": SIZE, "vis": SIZE, "twin": {"pacing": "fast", **twin}}
    return load_profile("twin_day").edited(changes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    clip = record_clip(profile(faults=FAULTS, drift_px_per_min=30.0), folder, seconds=1.4)
    assert write_truth(clip, clean_every_s=0.5) == truth_path(clip)
    return clip


@pytest.fixture(scope="module")
def truth(recorded: Path) -> Truth:
    return read_truth(truth_path(recorded))


def test_frames_that_were_exposed_together_have_one_pulse(recorded: Path, truth: Truth) -> None:
    with Clip.open(recorded) as clip:
        for nir, vis in clip.complete:
            assert truth.frame_pulse["nir"][nir] == truth.frame_pulse["vis"][vis] >= 0
        assert len(truth.frame_pulse["nir"]) == len(clip.arms["nir"])


def test_the_script_of_faults_is_what_the_flags_say(truth: Truth) -> None:
    assert [truth.pulse[k] for k in np.flatnonzero(truth.flags["vis"] & int(Flag.TRANSFER_DROP))] == [9, 10]
    assert [truth.pulse[k] for k in np.flatnonzero(truth.flags["vis"] & int(Flag.MISSED_TRIGGER))] == [20]
    assert [truth.pulse[k] for k in np.flatnonzero(truth.flags["nir"] & int(Flag.INCOMPLETE))] == [40]


def test_a_recording_with_recoverable_faults_scores_without_a_wrong_pair(recorded: Path, truth: Truth) -> None:
    with Clip.open(recorded) as clip:
        score = score_clip(clip, truth)
    assert (score.wrong, score.misjudged, score.unrecorded) == (0, 0, 0)
    assert score.recovered == score.recoverable == score.pairs > 50
    assert score.losses == 4
    assert score.recovered_share == 1
    assert str(score).startswith("0 of ")


def test_a_pairing_that_is_off_by_one_scores_as_all_wrong(recorded: Path, truth: Truth) -> None:
    shifted = replace(truth, frame_pulse={"nir": truth.frame_pulse["nir"] + 1, "vis": truth.frame_pulse["vis"]})
    with Clip.open(recorded) as clip:
        score = score_clip(clip, shifted)
    assert score.wrong == score.pairs
    assert score.recovered == 0


def test_a_drop_that_was_a_missed_trigger_is_misjudged(recorded: Path, truth: Truth) -> None:
    flags = np.where(truth.flags["vis"] & int(Flag.TRANSFER_DROP), int(Flag.MISSED_TRIGGER), truth.flags["vis"])
    with Clip.open(recorded) as clip:
        assert score_clip(clip, replace(truth, flags={**truth.flags, "vis": flags})).misjudged == 2


def test_a_frame_that_never_reached_the_file_is_counted(recorded: Path, truth: Truth) -> None:
    flags = {arm: np.zeros_like(values) for arm, values in truth.flags.items()}
    with Clip.open(recorded) as clip:
        assert score_clip(clip, replace(truth, flags=flags)).unrecorded == 3


def test_the_homography_is_told_for_every_pulse(truth: Truth) -> None:
    assert truth.homography_vis_to_nir.shape == (len(truth.pulse), 3, 3)
    last = int(truth.pulse[-1])
    assert truth.homography_vis_to_nir[truth.row(last)] == pytest.approx(true_homography(truth.profile, last))
    assert not np.allclose(truth.homography_vis_to_nir[0], truth.homography_vis_to_nir[-1])


def test_the_clean_picture_is_what_vis_recorded_without_its_noise(recorded: Path, truth: Truth) -> None:
    settings = truth.profile.vis
    with Clip.open(recorded) as clip:
        index = int(np.flatnonzero(truth.frame_pulse["vis"] == truth.clean_pulse[1])[0])
        raw = clip.arms["vis"].frame(index).astype(np.float32)
    clean = truth.clean[1].astype(np.float32)
    for row, column, channel in sites(settings.cfa):
        expected = np.minimum(clean[row::2, column::2, channel] * 255, 255 - settings.black_level_dn)
        difference = raw[row::2, column::2] - settings.black_level_dn - expected
        assert abs(np.median(difference)) < 0.6
        assert np.percentile(np.abs(difference), 90) < 8


def test_a_pulse_beyond_the_clip_has_no_row(truth: Truth) -> None:
    with pytest.raises(NoTruth, match="spans the pulses 0 to"):
        truth.row(10_000)


def test_the_truth_of_another_clip_is_refused(recorded: Path, truth: Truth) -> None:
    with Clip.open(recorded) as clip, pytest.raises(NoTruth, match="is not that of"):
        score_clip(clip, replace(truth, clip_sha256="0" * 64))


def test_only_a_simulated_street_has_a_truth(tmp_path: Path) -> None:
    noise = record_clip(profile(content="noise"), tmp_path, pairs=4)
    with pytest.raises(NoTruth, match="was not recorded from a street"):
        write_truth(noise)
    assert not truth_path(noise).exists()


def test_a_missing_or_foreign_truth_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(NoTruth, match="nirvis twin truth CLIP"):
        read_truth(tmp_path / "none.truth.h5")
    foreign = tmp_path / "foreign.truth.h5"
    foreign.write_bytes(b"not HDF5")
    with pytest.raises(NoTruth, match="cannot be read"):
        read_truth(foreign)
