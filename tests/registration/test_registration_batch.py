from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError
from nirvis_capture.pairing import Event
from nirvis_registration.batch import find_clips, pairs_path, register_clip, register_clips
from nirvis_registration.errors import PairsFileTaken, RegistrationRefused
from nirvis_registration.features import grey
from nirvis_registration.geometry import corner_distances, with_mirrors
from nirvis_registration.homography import estimate
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.quality import residual_px
from nirvis_registration.settings import RegistrationSettings

SIZE = (400, 300)
LEFT, TOP = 120, 90
SETTINGS = RegistrationSettings(size=(200, 150), frames=1)
Write = Callable[..., Path]
Rgb = np.ndarray


@pytest.fixture(scope="session")
def misaligned(
    real_pair: Callable[[str], tuple[Rgb, Rgb]],
    random_homography: Callable[[int, tuple[int, int]], np.ndarray],
    warp: Callable[[Rgb, np.ndarray], Rgb],
) -> tuple[Rgb, Rgb, np.ndarray]:
    """The middle of a real pair whose visible picture was moved, and the homography of its pictures."""
    nir, vis = real_pair("vnir_train")
    known = random_homography(11, (640, 480))
    before = estimate([(grey(nir), grey(vis))]).homography_vis_to_nir
    to_middle = np.array([[1.0, 0.0, -LEFT], [0.0, 1.0, -TOP], [0.0, 0.0, 1.0]])
    homography = to_middle @ before @ np.linalg.inv(known) @ np.linalg.inv(to_middle)
    middle = (slice(TOP, TOP + SIZE[1]), slice(LEFT, LEFT + SIZE[0]))
    return nir[middle], warp(vis, known)[middle], homography


@pytest.mark.parametrize("mirrored", [(), ("vis",), ("nir",), ("nir", "vis")], ids=lambda m: "+".join(m) or "none")
def test_the_arms_of_a_clip_are_brought_together(
    mirrored: Sequence[Arm], tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    nir, vis, homography = misaligned
    clip = write_clip(tmp_path / "a.clip.h5", [(nir, vis)] * 3, mirrored)
    truth = with_mirrors(homography, 400 if "nir" in mirrored else None, 400 if "vis" in mirrored else None)
    with PairsFile.open(register_clip(clip, tmp_path / "pairs", SETTINGS)) as pairs:
        assert corner_distances(pairs.homography_vis_to_nir, truth, SIZE).mean() < 0.6
        assert pairs.source(0).shape == pairs.target(2).shape == (150, 200, 3)
        luma = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (pairs.source(1), pairs.target(1))]
        assert residual_px(*luma) < 0.5
        assert np.median(pairs.table["residual_px"]) < 0.5
        assert pairs.valid.all()
        whole = pairs.geometry.apply(nir)
        assert np.abs(pairs.source(0).astype(int) - whole.astype(int)).mean() < 6  # what the mosaic costs


def test_a_sensor_of_twelve_bits_gives_pairs_of_sixteen(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]], bit_depth=12)
    with PairsFile.open(register_clip(clip, tmp_path, SETTINGS)) as pairs:
        assert pairs.source(0).dtype == np.uint16
        assert pairs.bit_depth == 12
        assert pairs.source(0).max() > 50_000
        assert pairs.table["residual_px"][0] < 0.5


def test_pairs_know_where_an_exposure_is_missing(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]] * 4)
    with h5py.File(clip, "r+") as file:
        file["entry/pairs/event"][1] = Event.INCOMPLETE
    with PairsFile.open(register_clip(clip, tmp_path / "out", SETTINGS)) as pairs:
        assert pairs.table["clip_index"].tolist() == [0, 1, 2]
        assert pairs.table["trigger_index"].tolist() == [0, 2, 3]
        assert pairs.every == 1


def test_provenance_and_choice_of_pairs(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip_path = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]] * 5)
    seen: list[tuple[int, int]] = []
    settings = SETTINGS.model_copy(update={"every": 2})
    path = register_clip(clip_path, tmp_path / "out", settings, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with PairsFile.open(path) as pairs, Clip.open(clip_path) as clip:
        assert pairs.table["clip_index"].tolist() == [0, 2, 4]
        assert (pairs.clip_name, pairs.clip_sha256) == ("a.clip.h5", clip.sha256)
        assert (pairs.recording_id, pairs.part, pairs.place, pairs.mode) == ("r1", 1, "Quay", "day")
        assert pairs.start_time == clip.start_time
        assert pairs.profile == clip.profile


def test_nothing_is_done_twice_and_changed_settings_are(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]])
    first = register_clips([clip], tmp_path, SETTINGS)[0]
    before = first.path.stat().st_mtime_ns if first.path else 0
    again = register_clips([tmp_path], tmp_path, SETTINGS)[0]
    assert (first.status, again.status) == ("registered", "up to date")
    assert again.path is not None
    assert again.path.stat().st_mtime_ns == before
    assert (again.inliers, again.pairs) == (first.inliers, 1)
    other = register_clips([clip], tmp_path, SETTINGS.model_copy(update={"size": (160, 120)}))[0]
    assert other.status == "registered"
    with PairsFile.open(pairs_path(clip, tmp_path)) as pairs:
        assert pairs.source(0).shape == (120, 160, 3)


def test_another_profile_redoes_its_clip_and_no_other(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [misaligned[:2]], recording_id=name) for name in "ab"]
    register_clips(clips, tmp_path / "out", SETTINGS)
    clips[1].unlink()
    write_clip(clips[1], [misaligned[:2]], recording_id="b", changes={"vis.gain_db": 3.0})
    again = register_clips(clips, tmp_path / "out", SETTINGS)
    assert [outcome.status for outcome in again] == ["up to date", "registered"]
    with PairsFile.open(tmp_path / "out" / "b.pairs.h5") as pairs:
        assert pairs.profile.vis.gain_db == 3.0


def test_damaged_pairs_are_made_anew(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]])
    path = register_clip(clip, tmp_path, SETTINGS)
    path.write_bytes(path.read_bytes()[:-1000])
    assert register_clips([clip], tmp_path, SETTINGS)[0].status == "registered"


def test_an_interrupted_registration_leaves_no_pairs(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]] * 3)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        register_clip(clip, tmp_path / "out", SETTINGS, interrupt)
    assert list((tmp_path / "out").iterdir()) == []
    assert register_clips([clip], tmp_path / "out", SETTINGS)[0].status == "registered"


def test_the_pairs_of_another_clip_are_never_overwritten(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    (tmp_path / "b").mkdir()
    register_clip(write_clip(tmp_path / "a.clip.h5", [misaligned[:2]]), tmp_path, SETTINGS)
    same_name = write_clip(tmp_path / "b" / "a.clip.h5", [misaligned[:2]], recording_id="r2")
    with pytest.raises(PairsFileTaken, match="r1"):
        register_clip(same_name, tmp_path, SETTINGS)
    stranger = tmp_path / "c.pairs.h5"
    stranger.write_text("notes")
    with pytest.raises(PairsFileTaken):
        register_clip(write_clip(tmp_path / "c.clip.h5", [misaligned[:2]]), tmp_path, SETTINGS)
    assert stranger.read_text() == "notes"


def sky(like: Rgb, seed: int) -> Rgb:
    """Brighter towards the horizon, with the noise of the sensor."""
    height, width = like.shape[:2]
    ramp = np.linspace(90, 200, height)[:, None, None] + np.random.default_rng(seed).normal(0, 2, (height, width, 3))
    return ramp.round().clip(0, 255).astype(np.uint8)


def meadow(like: Rgb, seed: int) -> Rgb:
    """Blades that moved between the arms: the same texture, nothing in common."""
    height, width = like.shape[:2]
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    blades = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=4)
    return np.repeat((120 + 40 * blades / blades.std()).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda nir, vis: (nir, vis * 0), "vis arm is black", id="one-arm-black"),
        pytest.param(lambda nir, vis: (nir * 0 + 255, vis), "nir arm is saturated", id="one-arm-saturated"),
        pytest.param(lambda nir, vis: (nir * 0 + 255, vis * 0 + 255), "saturated", id="all-saturated"),
        pytest.param(lambda nir, vis: (nir * 0 + 90, vis), "nir arm shows no texture", id="no-texture"),
        pytest.param(lambda nir, vis: (vis, nir), "arms are swapped", id="arms-swapped"),
        pytest.param(lambda nir, vis: (sky(nir, 1), sky(vis, 2)), "sky, meadow or moving leaves", id="sky"),
        pytest.param(lambda nir, vis: (meadow(nir, 1), meadow(vis, 2)), "sky, meadow or moving leaves", id="meadow"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_the_reason(
    spoil: Callable[[Rgb, Rgb], tuple[Rgb, Rgb]],
    reason: str,
    tmp_path: Path,
    write_clip: Write,
    misaligned: tuple[Rgb, Rgb, np.ndarray],
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [spoil(*misaligned[:2])])
    with pytest.raises(RegistrationRefused, match=reason) as caught:
        register_clip(clip, tmp_path / "out", SETTINGS)
    assert "\n" not in str(caught.value)
    assert not pairs_path(clip, tmp_path / "out").exists()


def test_arms_that_see_different_scenes_are_refused(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray], shuffled: Callable[[Rgb], Rgb]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [(misaligned[0], shuffled(misaligned[1]))])
    with pytest.raises(RegistrationRefused, match="matches agree"):
        register_clip(clip, tmp_path, SETTINGS)


def test_a_profile_that_is_wrong_about_the_mirror_is_named(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]], mirrored=("vis",), said_mirrored=())
    with pytest.raises(RegistrationRefused, match="`mirror` of one arm is wrong"):
        register_clip(clip, tmp_path, SETTINGS)


def test_a_clip_without_complete_pairs_is_refused(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]] * 2, event=Event.INCOMPLETE)
    with pytest.raises(RegistrationRefused, match="no complete pair among its 2 rows"):
        register_clip(clip, tmp_path, SETTINGS)


def test_a_clip_of_one_frame_is_registered(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]])
    outcome = register_clips([clip], tmp_path, SETTINGS.model_copy(update={"frames": 8}))[0]
    assert (outcome.status, outcome.pairs) == ("registered", 1)


def test_a_clip_without_certificate_is_named(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clip = write_clip(tmp_path / "a.clip.h5", [misaligned[:2]])
    with h5py.File(clip, "r+") as file:
        file["entry/certificate"][()] = ""
    unclosed = clip.with_name("b.clip.h5.part")
    unclosed.write_bytes(clip.read_bytes())
    outcomes = register_clips([clip, unclosed], tmp_path / "out", SETTINGS)
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert all("certificate" in outcome.reason for outcome in outcomes)


def test_one_bad_clip_does_not_stop_the_others(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    season = tmp_path / "season"
    season.mkdir()
    good = write_clip(season / "a.clip.h5", [misaligned[:2]])
    black = write_clip(season / "b.clip.h5", [(misaligned[0] * 0, misaligned[1])], recording_id="r2")
    (season / "c.clip.h5").write_bytes(good.read_bytes()[:5000])
    seen: list[tuple[int, int]] = []
    outcomes = register_clips(
        [season, good], tmp_path / "out", SETTINGS, lambda done, total: seen.append((done, total))
    )
    assert [(o.clip.name, o.status) for o in outcomes] == [
        ("a.clip.h5", "registered"),
        ("b.clip.h5", "refused"),
        ("c.clip.h5", "failed"),
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert "black" in outcomes[1].reason
    assert black.name not in outcomes[1].reason
    assert [p.name for p in (tmp_path / "out").glob("*.h5")] == ["a.pairs.h5"]


def test_several_processes_give_the_same_pairs(
    tmp_path: Path, write_clip: Write, misaligned: tuple[Rgb, Rgb, np.ndarray]
) -> None:
    clips = [write_clip(tmp_path / f"{name}.clip.h5", [misaligned[:2]], recording_id=name) for name in "abc"]
    alone = register_clips(clips, tmp_path / "one", SETTINGS)
    together = register_clips(clips, tmp_path / "two", SETTINGS, processes=2)
    assert [o.status for o in together] == ["registered"] * 3
    assert [o.inliers for o in together] == [o.inliers for o in alone]
    assert together[0].inliers > together[1].inliers == 0  # the first became the calibration that the others began at
    for clip in clips:
        paths = (pairs_path(clip, tmp_path / folder) for folder in ("one", "two"))
        with PairsFile.open(next(paths)) as one, PairsFile.open(next(paths)) as two:
            np.testing.assert_array_equal(one.target(0), two.target(0))


def test_hidden_folders_are_passed_over_and_nothing_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "a.clip.h5").touch()
    (tmp_path / "b.clip.h5.part").touch()
    with pytest.raises(NirvisError, match="There is no clip"):
        find_clips([tmp_path])
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "c.clip.h5").touch()
    assert find_clips([tmp_path]) == [tmp_path / "deep" / "er" / "c.clip.h5"]
