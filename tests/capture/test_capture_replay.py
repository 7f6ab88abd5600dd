"""Pictures, videos and clips as cameras."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, Camera, Frame
from nirvis_capture.cameras import open_backend
from nirvis_capture.cameras.picture_pairs import read_side
from nirvis_capture.cameras.replay import picture_pairs, replay_profile
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.errors import NirvisError, PictureError
from nirvis_capture.profile import Profile, load_profile, parse_profile
from nirvis_capture.raw import picture
from nirvis_capture.truth import true_homography

Rgb = NDArray[np.uint8]
WARP = ((0.99, 0.02, 4.0), (-0.015, 1.01, -3.0), (1e-5, -2e-5, 1.0))


def scenery(seed: int = 0, width: int = 160, height: int = 120) -> Rgb:
    """A smooth colour picture with structure everywhere."""
    coarse = np.random.default_rng(seed).integers(20, 235, (10, 14, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def save(path: Path, rgb: Rgb) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


def folder_of(tmp_path: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        save(tmp_path / f"{name}.png", scenery(i))
    return tmp_path


def said(folder: Path) -> str:
    with pytest.raises(PictureError) as caught:
        picture_pairs(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def frames_of(profile: Profile, count: int) -> dict[Arm, list[Frame]]:
    backend = open_backend(profile)
    cameras = backend.open()
    cameras["vis"].arm()
    cameras["nir"].arm()
    frames: dict[Arm, list[Frame]] = {"nir": [], "vis": []}
    for _ in range(count):
        for arm in ("nir", "vis"):
            frames[arm].append(got(cameras[arm]))
    backend.close()
    return frames


def got(camera: Camera) -> Frame:
    frame = camera.next_frame(20.0)
    assert frame is not None
    return frame


def psnr(a: Rgb, b: Rgb) -> float:
    return float(cv2.PSNR(a, np.ascontiguousarray(b)))


@pytest.mark.parametrize(
    ("source", "target", "mode"),
    [
        ("a_nir", "a_vis", "night"),
        ("a_vnir", "a_vc", "day"),
        ("a_infrared", "a_visible", None),
        ("vnir_1_src", "vnir_1_tar", "day"),
        ("nir_1_SRC", "nir_1_RGB", "night"),
        ("x-ir", "x-rgb", None),
    ],
)
def test_pairs_are_found_by_the_ends_of_their_names(tmp_path: Path, source: str, target: str, mode: str) -> None:
    (pair,) = picture_pairs(folder_of(tmp_path, source, target))
    assert (pair.source.stem, pair.target.stem, pair.mode) == (source, target, mode)


def test_pairs_are_found_in_two_sub_folders(tmp_path: Path) -> None:
    pairs = picture_pairs(folder_of(tmp_path, "nir/one", "nir/two", "rgb/one", "rgb/two", "depth/one"))
    assert [pair.name for pair in pairs] == ["one", "two"]
    assert pairs[1].target == tmp_path / "rgb" / "two.png"


def test_a_table_tells_pairs_modes_and_places(tmp_path: Path) -> None:
    folder_of(tmp_path, "1", "2")
    (tmp_path / "pairs.csv").write_text("name,source,target,mode,place\nhouse,1.png,2.png,day,corner\n")
    (pair,) = picture_pairs(tmp_path)
    assert (pair.name, pair.mode, pair.place) == ("house", "day", "corner")


def test_other_files_are_ignored(tmp_path: Path) -> None:
    folder_of(tmp_path, "a_nir", "a_rgb", "map", "a_depth")
    (tmp_path / "notes_nir.txt").write_text("x")
    assert len(picture_pairs(tmp_path)) == 1


def test_pictures_without_partner_are_named(tmp_path: Path) -> None:
    message = said(folder_of(tmp_path, "a_nir", "a_rgb", "b_nir", "c_rgb"))
    assert "b_nir.png, c_rgb.png" in message
    assert "a_nir" not in message


def test_beyond_eight_lonely_pictures_are_counted(tmp_path: Path) -> None:
    message = said(folder_of(tmp_path, *(f"{i:02}_nir" for i in range(11))))
    assert "07_nir.png and 3 more" in message


def test_a_folder_without_pairs_says_how_pairs_are_named(tmp_path: Path) -> None:
    assert "NAME_nir.png with NAME_vis.png" in said(folder_of(tmp_path, "holiday"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,source\na,1.png\n", "no column target"),
        ("name,source,target\na,1.png,3.png\n", "3.png"),
        ("name,source,target,mode\na,1.png,2.png,noon\n", "line 2: mode noon"),
        ("name,source,target\n", "lists no pairs"),
    ],
)
def test_a_table_with_a_mistake_is_refused(tmp_path: Path, table: str, message: str) -> None:
    folder_of(tmp_path, "1", "2")
    (tmp_path / "pairs.csv").write_text(table)
    assert message in said(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "no folder" in said(tmp_path / "nowhere")


def test_sides_of_different_size_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a_nir.png", scenery(width=160))
    save(tmp_path / "a_rgb.png", scenery(width=200))
    with pytest.raises(PictureError, match=r"a_nir\.png is 160×120 and a_rgb\.png is 200×120"):
        replay_profile("twin_day", pictures=tmp_path)


def test_pairs_of_different_size_are_refused(tmp_path: Path) -> None:
    for name, width in (("a", 160), ("b", 200)):
        save(tmp_path / f"{name}_nir.png", scenery(width=width))
        save(tmp_path / f"{name}_rgb.png", scenery(width=width))
    with pytest.raises(PictureError, match=r"b_nir\.png is 200×120"):
        open_backend(replay_profile("twin_day", pictures=tmp_path)).open()


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "a_nir", "a_rgb")
    (tmp_path / "a_rgb.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"a_rgb\.png is no picture that can be decoded"):
        replay_profile("twin_day", pictures=tmp_path)


def test_an_unknown_pair_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no picture pair z; there are a"):
        replay_profile("twin_day", pictures=folder_of(tmp_path, "a_nir", "a_rgb"), pair="z")


def test_a_replayed_pair_looks_like_its_pictures(tmp_path: Path) -> None:
    profile = replay_profile("twin_night", pictures=folder_of(tmp_path, "a_nir", "a_rgb"), pacing="fast")
    frames = frames_of(profile, 1)
    assert profile.vis.mirror
    assert psnr(picture(frames["nir"][0].pixels, profile.nir), scenery(0)) > 38
    assert psnr(picture(frames["vis"][0].pixels, profile.vis), scenery(1)) > 38


def test_odd_pictures_lose_their_last_row_and_column(tmp_path: Path) -> None:
    for side in ("nir", "rgb"):
        save(tmp_path / f"a_{side}.png", scenery(width=161, height=121))
    profile = replay_profile("twin_day", pictures=tmp_path, pacing="fast")
    assert frames_of(profile, 1)["vis"][0].pixels.shape == (120, 160)


def test_pairs_follow_in_turn_and_begin_again(tmp_path: Path) -> None:
    profile = replay_profile(
        "twin_day", pictures=folder_of(tmp_path, "a_nir", "a_rgb", "b_nir", "b_rgb"), pacing="fast"
    )
    first, second, third = frames_of(profile, 3)["nir"]
    assert np.array_equal(first.pixels, third.pixels)
    assert not np.array_equal(first.pixels, second.pixels)


def test_without_repeat_the_cameras_fall_silent(tmp_path: Path) -> None:
    profile = replay_profile("twin_day", pictures=folder_of(tmp_path, "a_nir", "a_rgb"), pacing="fast", repeat=False)
    cameras = open_backend(profile).open()
    cameras["nir"].arm()
    assert cameras["nir"].next_frame(20.0) is not None
    assert cameras["nir"].next_frame(0.02) is None


def test_noise_is_as_strong_as_asked_and_new_in_every_frame(tmp_path: Path) -> None:
    grey = np.full((120, 160, 3), 128, np.uint8)
    save(tmp_path / "a_nir.png", grey)
    save(tmp_path / "a_rgb.png", grey)
    nir = frames_of(replay_profile("twin_day", pictures=tmp_path, pacing="fast", noise_dn=3.0), 2)["nir"]
    difference = nir[0].pixels.astype(float) - nir[1].pixels
    assert difference.std() / 2**0.5 == pytest.approx(3.0, rel=0.05)


def test_a_deeper_sensor_gets_the_same_picture(tmp_path: Path) -> None:
    deep = {"pixel_format": "BayerRG16", "sensor": {"bit_depth": 12}, "black_level_dn": 64.0}
    base = load_profile("twin_day").edited({"nir": deep, "vis": deep})
    profile = replay_profile(base, pictures=folder_of(tmp_path, "a_nir", "a_rgb"), pacing="fast")
    frame = frames_of(profile, 1)["vis"][0]
    assert frame.pixels.dtype == np.uint16
    assert frame.pixels.max() <= 4095
    assert psnr(picture(frame.pixels, profile.vis), scenery(1)) > 38


def test_the_true_homography_undoes_warp_and_mirror(tmp_path: Path) -> None:
    for side in ("nir", "rgb"):
        save(tmp_path / f"a_{side}.png", scenery())
    profile = replay_profile("twin_day", pictures=tmp_path, pacing="fast", vis_warp=WARP)
    frames = frames_of(profile, 1)
    unmirrored = profile.vis.model_copy(update={"mirror": False})
    raw_vis = picture(frames["vis"][0].pixels, unmirrored)
    back = cv2.warpPerspective(raw_vis, true_homography(profile), (160, 120), flags=cv2.INTER_CUBIC)
    inner = slice(12, -12), slice(12, -12)
    assert psnr(np.ascontiguousarray(back[inner]), scenery()[inner]) > 34
    assert np.linalg.det(true_homography(profile)) < 0


def test_a_replay_profile_has_a_text_that_gives_it_back(tmp_path: Path) -> None:
    profile = replay_profile("twin_day", pictures=folder_of(tmp_path, "a_nir", "a_rgb"), pair="a", vis_warp=WARP)
    assert parse_profile(profile.text) == profile
    assert profile.mode == "day"


def write_video(path: Path, pictures: list[Rgb]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "bgr0"
        for rgb in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def test_videos_are_played_in_step_until_the_shorter_one_ends(tmp_path: Path) -> None:
    write_video(tmp_path / "n.mkv", [scenery(i) for i in range(4)])
    write_video(tmp_path / "v.mkv", [scenery(10 + i) for i in range(3)])
    profile = replay_profile("twin_day", nir_video=tmp_path / "n.mkv", vis_video=tmp_path / "v.mkv", pacing="fast")
    frames = frames_of(profile, 5)
    assert profile.trigger.rate_hz == pytest.approx(10)
    for i, number in enumerate((0, 1, 2, 0, 1)):
        assert psnr(picture(frames["nir"][i].pixels, profile.nir), scenery(number)) > 38
        assert psnr(picture(frames["vis"][i].pixels, profile.vis), scenery(10 + number)) > 38


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "n.mkv").write_bytes(b"no video")
    with pytest.raises(PictureError, match=r"n\.mkv cannot be played"):
        replay_profile("twin_day", nir_video=tmp_path / "n.mkv", vis_video=tmp_path / "n.mkv")


def test_nothing_to_replay_is_told() -> None:
    with pytest.raises(PictureError, match="Nothing to replay"):
        replay_profile("twin_day")


def recorded(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    profile = replay_profile(
        "twin_day", pictures=folder_of(tmp_path, "a_nir", "a_rgb", "b_nir", "b_rgb"), pacing="fast", noise_dn=2.0
    )
    faults = [{"kind": "transfer_drop", "arm": "vis", "at": 9}, {"kind": "missed_trigger", "arm": "vis", "at": 14}]
    return record_clip(profile.edited({"twin": {"faults": faults}}), tmp_path / "clips", pairs=20)


def test_a_clip_is_replayed_with_its_ids_clocks_and_gaps(tmp_path: Path) -> None:
    from nirvis_capture.clip import Clip

    path = recorded(tmp_path)
    profile = replay_profile("twin_day", clip=path, pacing="fast")
    frames = frames_of(profile, 18)
    with Clip.open(path) as clip:
        for arm, track in clip.arms.items():
            assert [frame.frame_id for frame in frames[arm]] == track.frame_id[:18].tolist()
            assert [frame.timestamp_ns for frame in frames[arm]] == track.timestamp_ns[:18].tolist()
            assert np.array_equal(frames[arm][5].pixels, track.frame(5))


def test_a_clip_can_be_recorded_again_with_the_same_pairs(tmp_path: Path) -> None:
    from nirvis_capture.clip import Clip

    path = recorded(tmp_path)
    (tmp_path / "again").mkdir()
    profile = replay_profile("twin_day", clip=path, pacing="fast")
    copy = record_clip(profile, tmp_path / "again", pairs=15)
    with Clip.open(path) as first, Clip.open(copy) as second:
        assert np.array_equal(first.pairs["event"][:15], second.pairs["event"][:15])
        assert np.array_equal(first.pair(7)[1], second.pair(7)[1])


def test_the_truth_of_a_clip_is_not_made_up(tmp_path: Path) -> None:
    profile = replay_profile("twin_day", clip=recorded(tmp_path))
    with pytest.raises(PictureError, match="not known"):
        true_homography(profile)


def test_a_file_that_is_no_clip_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(NirvisError, match="is not a nirvis clip"):
        replay_profile("twin_day", clip=tmp_path / "absent.clip.h5")


REAL = os.environ.get("NIRVIS_REAL_DATA")


@pytest.mark.skipif(REAL is None, reason="NIRVIS_REAL_DATA is not set: vsiad, nirscene and vtest.avi are not replayed")
@pytest.mark.parametrize("folder", ["vsiad", "nirscene"])
def test_real_folders_hold_pairs_that_can_be_read(folder: str) -> None:
    pairs = picture_pairs(Path(REAL or "") / folder)
    assert len(pairs) >= 4
    assert read_side(pairs[0].source).shape == read_side(pairs[0].target).shape


def test_a_certificate_says_that_replayed_pictures_were_stamped_anew(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a_nir", "a_vis")
    profile = replay_profile("twin_day", pictures=folder, pacing="fast")
    with Clip.open(record_clip(profile, tmp_path / "clips", pairs=3)) as clip:
        assert any("stamped anew" in doubt for doubt in clip.certificate.not_proved)
