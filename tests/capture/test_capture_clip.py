"""The raw clip: written, read, refused, and laid out as viewers expect it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
import pytest

from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame
from nirvis_capture.certificate import digest
from nirvis_capture.clip import Clip
from nirvis_capture.clip_layout import FRAME_TABLES, PAIR_TABLES
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.errors import ClipNotWritten, DamagedClip, NewerClip, NotAClip
from nirvis_capture.pairing import Anchor, Event, PairRow
from nirvis_capture.profile import Profile

WriteClip = Callable[..., Path]
HEADER = ClipHeader("0123456789ab", 1, "", "day", "", "", datetime(2026, 5, 17, tzinfo=timezone.utc))
ANCHOR = Anchor(0, 0, "pause", "", 0, 0)


def cameras(width: int = 160, bit_depth: int = 8) -> dict[Arm, CameraInfo]:
    pixel_format = "BayerRG8" if bit_depth == 8 else "BayerRG16"
    return {arm: CameraInfo(f"SN-{arm}", "GS3", pixel_format, width, 120, bit_depth, 4.0, 1000) for arm in ARMS}


def pair(index: int, pixels: np.ndarray) -> PairRow[Frame]:
    at_ns = index * 16_666_667
    frame = Frame(pixels, index, at_ns, at_ns + 4_000_000, 6000.0, 0.0)
    return PairRow(frame, dataclasses.replace(frame), 0, Event.PAIR)


def test_what_was_written_is_read_back(write_clip: WriteClip) -> None:
    rng = np.random.default_rng(7)
    with Clip.open(write_clip()) as clip:
        assert (clip.recording_id, clip.part, clip.mode, clip.place, clip.light) == (
            "0123456789ab",
            1,
            "day",
            "Köln, Domplatte",
            "day",
        )
        assert clip.start_time.isoformat() == "2026-05-17T09:30:00+00:00"
        assert clip.end_time.tzinfo is not None
        assert clip.profile.nir.roi.width == 160
        assert (len(clip), len(clip.arms["nir"]), len(clip.arms["vis"])) == (11, 12, 11)
        assert (clip.arms["vis"].shape, clip.arms["vis"].cfa, clip.arms["vis"].mirror) == ((120, 160), "RGGB", True)
        assert clip.arms["nir"].timestamp_ns[1] == 16_666_667 + 37 + 1_000
        assert clip.arms["nir"].gain_db.tolist() == [1.5] * 12
        nir, vis = clip.pair(0)
        assert (nir == rng.integers(0, 256, (120, 160), dtype=np.uint8)).all()
        assert (vis == rng.integers(0, 256, (120, 160), dtype=np.uint8)).all()


def test_the_pair_table_never_shifts(write_clip: WriteClip) -> None:
    with Clip.open(write_clip(dropped=5)) as clip:
        rows = clip.pairs[["nir_index", "vis_index", "event"]].tolist()
    assert rows[4:7] == [(4, 4, Event.PAIR), (5, -1, Event.TRANSFER_DROP), (6, 5, Event.PAIR)]


def test_pulses_are_counted_through_lost_exposures(write_clip: WriteClip) -> None:
    with Clip.open(write_clip(dropped=5)) as clip:
        assert clip.trigger_index.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    with Clip.open(write_clip("none.clip.h5", pulses=0, dropped=None)) as clip:
        assert clip.trigger_index.tolist() == []


def test_the_certificate_says_what_is_not_proved(write_clip: WriteClip) -> None:
    with Clip.open(write_clip()) as clip:
        certificate = clip.certificate
    assert certificate.claim == "synchrony"
    assert certificate.pairing.counts["TRANSFER_DROP"] == 1
    assert "absolute skew: not measured" in certificate.not_proved
    assert certificate.sha256 == digest(certificate.model_dump_json())


def test_an_unanchored_clip_claims_integrity_only(write_clip: WriteClip) -> None:
    with Clip.open(write_clip(anchored=False)) as clip:
        assert clip.certificate.claim == "integrity"
        assert len(clip) == 0
        assert set(clip.pairs["event"].tolist()) == {Event.UNANCHORED}


@pytest.mark.parametrize("bit_depth", [8, 12, 16])
def test_every_bit_of_a_count_is_kept(tmp_path: Path, small_profile: Callable[..., Profile], bit_depth: int) -> None:
    deepest = np.full((120, 160), (1 << bit_depth) - 1, np.uint8 if bit_depth == 8 else np.uint16)
    with ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(bit_depth=bit_depth), ANCHOR) as writer:
        writer.write(pair(0, deepest))
    with Clip.open(tmp_path / "a.clip.h5") as clip:
        assert (clip.pair(0)[0] == deepest).all()
        assert clip.arms["nir"].bit_depth == bit_depth


def test_a_clip_without_a_frame_closes(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    ClipWriter(tmp_path / "none.clip.h5", HEADER, small_profile(), cameras(), ANCHOR).close(ended="no frame came")
    with Clip.open(tmp_path / "none.clip.h5") as clip:
        assert (len(clip), clip.certificate.ended) == (0, "no frame came")


def test_only_a_closed_clip_has_its_final_name(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    writer = ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR)
    writer.write(pair(0, np.zeros((120, 160), np.uint8)))
    assert [p.name for p in tmp_path.iterdir()] == ["a.clip.h5.part"]
    writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a.clip.h5"]


def test_a_killed_writer_leaves_all_that_was_flushed(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    writer = ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR)
    for index in range(5):
        writer.write(pair(index, np.full((120, 160), index, np.uint8)))
    writer.flush()
    # What a killed process leaves is what the operating system has of the file now.
    shutil.copyfile(tmp_path / "a.clip.h5.part", tmp_path / "killed.h5")
    with h5py.File(tmp_path / "killed.h5", "r", swmr=True) as file:
        assert file["entry/instrument/vis/data"][4, 0, 0] == 4
        assert file["entry/pairs/vis_index"][:].tolist() == [0, 1, 2, 3, 4]
    writer.abort()
    assert (tmp_path / "a.clip.h5.part").exists()


def test_an_aborted_clip_without_a_frame_leaves_nothing(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR).abort()
    assert not list(tmp_path.iterdir())


def test_a_clip_is_never_overwritten(write_clip: WriteClip) -> None:
    write_clip("a.clip.h5")
    with pytest.raises(ClipNotWritten, match="exists already"):
        write_clip("a.clip.h5")


def test_a_full_disk_is_said_and_keeps_what_was_flushed(
    tmp_path: Path, small_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR)
    writer.write(pair(0, np.zeros((120, 160), np.uint8)))
    writer.flush()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(writer._file), "flush", full)
    with pytest.raises(ClipNotWritten, match=r"No space left on device.*kept in a.clip.h5.part"):
        writer.flush()
    monkeypatch.undo()
    writer.abort()
    assert [p.name for p in tmp_path.iterdir()] == ["a.clip.h5.part"]


def test_a_frame_of_another_size_is_refused(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    writer = ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR)
    with pytest.raises(ValueError, match=r"\(10, 10\)"):
        writer.write(pair(0, np.zeros((10, 10), np.uint8)))
    writer.abort()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotAClip, match="no such file"):
        Clip.open(tmp_path / "gone.clip.h5")


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "notes.clip.h5").write_text("not a clip")
    with pytest.raises(NotAClip, match="no HDF5 file"):
        Clip.open(tmp_path / "notes.clip.h5")


def test_hdf5_of_another_format(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "nirvis-pairs"
    with pytest.raises(NotAClip, match="another format"):
        Clip.open(tmp_path / "other.h5")


def test_newer_version(write_clip: WriteClip) -> None:
    path = write_clip()
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2
    with pytest.raises(NewerClip, match="version 2"):
        Clip.open(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated_file(write_clip: WriteClip, share: float) -> None:
    path = write_clip()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DamagedClip) as refused:
        Clip.open(path)
    assert "\n" not in str(refused.value)


def test_unfinished_clip(tmp_path: Path, small_profile: Callable[..., Profile]) -> None:
    writer = ClipWriter(tmp_path / "a.clip.h5", HEADER, small_profile(), cameras(), ANCHOR)
    writer.write(pair(0, np.zeros((120, 160), np.uint8)))
    writer.abort()
    with pytest.raises(DamagedClip, match="never closed"):
        Clip.open(tmp_path / "a.clip.h5.part")
    (tmp_path / "a.clip.h5.part").rename(tmp_path / "a.clip.h5")
    with pytest.raises(DamagedClip):
        Clip.open(tmp_path / "a.clip.h5")


def test_nexus_viewers_find_the_pictures(write_clip: WriteClip) -> None:
    with h5py.File(write_clip(), "r") as file:
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        plot = entry[entry.attrs["default"]]
        assert (plot.attrs["NX_class"], plot.attrs["signal"], plot.attrs["axes"].tolist()) == (
            "NXdata",
            "data",
            ["timestamp_ns", ".", "."],
        )
        assert plot["data"] == file["entry/instrument/nir/data"]
        assert plot["data"].attrs["interpretation"] == "image"
        preview = entry["preview/image"]
        assert (preview.attrs["CLASS"], preview.attrs["interpretation"]) == (b"IMAGE", b"rgb-image")
        assert preview.shape == (60, 160, 3)
        assert preview[...].std() > 1


def test_every_table_is_fixed_before_the_first_frame(write_clip: WriteClip) -> None:
    """Nothing may be created once single-writer-multiple-reader mode runs: an empty clip has all a full one has."""
    names: list[list[str]] = []
    for path in (write_clip("full.clip.h5"), write_clip("empty.clip.h5", pulses=0)):
        found: list[str] = []
        with h5py.File(path, "r") as file:
            file.visit(found.append)
            assert all(file[f"entry/instrument/nir/{name}"].dtype == dtype for name, dtype in FRAME_TABLES.items())
            assert all(file[f"entry/pairs/{name}"].dtype == dtype for name, dtype in PAIR_TABLES.items())
        names.append(found)
    assert names[0] == names[1]
