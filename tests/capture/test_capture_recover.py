"""``nirvis recover``: what a cut-off recording had flushed comes back, proved, and nothing else is touched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
import pytest

from nirvis.commands.recover import recover as recover_command
from nirvis_capture.camera import ARMS, CameraInfo, Frame
from nirvis_capture.clip import Clip
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.errors import NotRecovered
from nirvis_capture.pairing import Anchor, Event, PairRow
from nirvis_capture.part_lock import is_being_written
from nirvis_capture.profile import Profile
from nirvis_capture.recover import recover
from nirvis_capture.superblock import lookup3
from nirvis_capture.unclosed import open_unclosed
from nirvis_capture.verify import verify
from waiting import wait_for

SmallProfile = Callable[..., Profile]

RECORD = """
import sys
from pathlib import Path
from nirvis_capture import clip_writer
from nirvis_capture.profile import load_profile
from nirvis_capture.clip_recording import record_clip
clip_writer.FLUSH_EVERY_S = 0.1
record_clip(load_profile(sys.argv[1]), Path(sys.argv[2]))
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def flushed(part_path: Path) -> dict[str, int]:
    """Frames of each arm that a reader finds in an unfinished clip: what was flushed until now."""
    with h5py.File(part_path, "r", swmr=True, locking=False) as file:
        return {arm: int(file[f"entry/instrument/{arm}/frame_id"].shape[0]) for arm in ARMS}


@contextlib.contextmanager
def recorder_process(profile: Profile, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that records the simulated rig into the folder until it is killed."""
    settings = folder / "rig.toml"
    settings.write_text(profile.text)
    process = subprocess.Popen([sys.executable, "-c", RECORD, str(settings), str(folder)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def the_part(folder: Path) -> Path | None:
    return next(iter(folder.glob("*.part")), None)


class Cut:
    """A clip that was flushed after `pulses` pulses and whose writer never closed it."""

    def __init__(self, folder: Path, profile: Profile, pulses: int = 40, dropped: tuple[int, ...] = ()) -> None:
        self.path = folder / "street.clip.h5"
        self.part_path = folder / "street.clip.h5.part"
        cameras = {arm: CameraInfo(f"SN-{arm}", "GS3", "BayerRG8", 160, 120, 8, 4.0, 1000) for arm in ARMS}
        began = datetime(2026, 5, 17, tzinfo=timezone.utc)
        header = ClipHeader("0123456789ab", 3, "bridge", "dusk", "rain", "me", began)
        writer = ClipWriter(folder / "writing.clip.h5", header, profile, cameras, Anchor(0, 0, "pause", "", 0, 0))
        self.pixels = np.random.default_rng(7).integers(0, 256, (pulses, 120, 160), dtype=np.uint8)
        for pulse in range(pulses):
            at_ns = pulse * profile.trigger.period_ns
            frame = Frame(self.pixels[pulse], pulse, at_ns, at_ns + 4_000_000, 6000.0, 1.5)
            vis = None if pulse in dropped else replace(frame)
            writer.write(PairRow(frame, vis, 0, Event.PAIR if vis else Event.TRANSFER_DROP))
        writer.flush()
        # What a killed process leaves is what the operating system has of the file now.
        self.part_path.write_bytes(writer.part_path.read_bytes())
        writer.abort()
        writer.part_path.unlink()


@pytest.fixture
def cut(tmp_path: Path, small_profile: SmallProfile) -> Cut:
    return Cut(tmp_path, small_profile(), dropped=(11,))


@pytest.mark.parametrize(
    ("pairs", "compression"),
    [pytest.param(20, "none", id="early"), pytest.param(250, "none", id="late"), (120, "bitshuffle-lz4")],
)
def test_every_flushed_frame_of_a_killed_recorder_is_recovered(
    small_profile: SmallProfile, tmp_path: Path, pairs: int, compression: str
) -> None:
    profile = small_profile("real", rate_hz=150).edited({"recording.compression": compression})
    with recorder_process(profile, tmp_path) as recorder:
        wait_for(lambda: (part := the_part(tmp_path)) is not None and _reached(part, pairs))
        part_path = next(tmp_path.glob("*.part"))
        assert is_being_written(part_path)
        with pytest.raises(NotRecovered, match="its recording still runs"):
            recover(part_path)
        surely = flushed(part_path)
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
    left = digest(part_path)
    rescue = recover(part_path)
    assert digest(part_path) == left
    assert all(rescue.frames[arm] >= surely[arm] >= pairs for arm in ARMS)
    assert not any(rescue.lost.values())
    assert verify(rescue.path).synchrony
    with Clip.open(rescue.path) as clip:
        assert len(clip) >= pairs
        for track in clip.arms.values():
            assert (np.diff(track.frame_id) == 1).all()


def _reached(part_path: Path, pairs: int) -> bool:
    try:
        return min(flushed(part_path).values()) >= pairs
    except OSError:
        return False


def test_what_is_recovered_is_what_was_recorded_and_says_that_it_was_recovered(cut: Cut) -> None:
    before = digest(cut.part_path)
    rescue = recover(cut.part_path)
    assert (rescue.path, rescue.frames, rescue.lost) == (cut.path, {"nir": 40, "vis": 39}, {"nir": 0, "vis": 0})
    assert digest(cut.part_path) == before
    assert verify(cut.path).ok
    with Clip.open(cut.path) as clip:
        assert (clip.recording_id, clip.part, clip.place, clip.light, clip.notes) == (
            "0123456789ab", 3, "bridge", "dusk", "rain",
        )  # fmt: skip
        assert (clip.arms["vis"].serial, clip.arms["nir"].gain_db.tolist()) == ("SN-vis", [1.5] * 40)
        assert all((clip.pair(k)[0] == cut.pixels[k + (k >= 11)]).all() for k in range(len(clip)))
        certificate = clip.certificate
    assert certificate.recovered.startswith("from street.clip.h5.part, recorded by nirvis")
    assert certificate.pairing.counts["TRANSFER_DROP"] == 1
    assert (certificate.claim, certificate.pairs) == ("synchrony", 39)
    assert any("recovered, not while it was recorded" in note for note in certificate.not_proved)


def test_frames_beyond_the_cut_are_counted_as_lost(tmp_path: Path, small_profile: SmallProfile) -> None:
    """Tables that lie before the cut name frames behind it: those are lost, and no others."""
    profile = small_profile()
    cameras = {arm: CameraInfo(f"SN-{arm}", "GS3", "BayerRG8", 160, 120, 8, 4.0, 1000) for arm in ARMS}
    header = ClipHeader("0123456789ab", 1, "", "day", "", "", datetime(2026, 5, 17, tzinfo=timezone.utc))
    writer = ClipWriter(tmp_path / "a.clip.h5", header, profile, cameras, Anchor(0, 0, "pause", "", 0, 0))
    for pulse in range(30):
        at_ns = pulse * profile.trigger.period_ns
        frame = Frame(np.full((120, 160), pulse, np.uint8), pulse, at_ns, at_ns + 4_000_000, 6000.0, 1.5)
        writer.write(PairRow(frame, replace(frame), 0, Event.PAIR))
        if pulse in (9, 29):
            writer.flush()
    part_path = tmp_path / "b.clip.h5.part"
    part_path.write_bytes(writer.part_path.read_bytes())
    writer.abort()
    with open_unclosed(part_path) as file:
        last = file["entry/instrument/nir/data"].id.get_chunk_info(25).byte_offset
    os.truncate(part_path, last + 5)
    rescue = recover(part_path)
    assert rescue.frames == {"nir": 25, "vis": 25}
    assert rescue.lost == {"nir": 5, "vis": 5}
    with Clip.open(rescue.path) as clip:
        assert "5 of nir and 5 of vis could not be read" in clip.certificate.recovered
        assert (clip.pair(24)[1] == 24).all()


@pytest.mark.parametrize("size", [0, 20, 92, 3_000, 60_000])
def test_a_file_with_too_little_in_it_is_refused_at_once(cut: Cut, size: int) -> None:
    os.truncate(cut.part_path, size)
    with pytest.raises(NotRecovered) as refused:
        recover(cut.part_path)
    assert "\n" not in str(refused.value)
    assert [path.name for path in cut.part_path.parent.iterdir()] == [cut.part_path.name]


def test_a_header_with_a_flipped_byte_ends_in_words(cut: Cut) -> None:
    """HDF5 would wait for ages beside a writer that it believes in; what is torn has to be told at once."""
    content = bytearray(cut.part_path.read_bytes())
    for at in range(48, 4_000, 37):
        content[at] ^= 0xFF
    cut.part_path.write_bytes(content)
    with pytest.raises(NotRecovered):
        recover(cut.part_path)


def test_a_finished_clip_is_not_touched(cut: Cut) -> None:
    recover(cut.part_path)
    before = digest(cut.path)
    with pytest.raises(NotRecovered, match="exists already"):
        recover(cut.part_path)
    with pytest.raises(NotRecovered, match="no other is touched"):
        recover(cut.path)
    assert digest(cut.path) == before


def test_a_rescue_that_fails_leaves_only_the_part_behind(
    tmp_path: Path, small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    part_path = Cut(tmp_path, small_profile()).part_path
    monkeypatch.setattr("nirvis_capture.clip_writer.ClipWriter._certify", _fail)
    with pytest.raises(NotRecovered, match="the disk is gone"):
        recover(part_path)
    assert [path.name for path in tmp_path.iterdir()] == [part_path.name]
    monkeypatch.undo()
    assert verify(recover(part_path).path).ok


def _fail(*_: object) -> None:
    raise OSError("the disk is gone")


def test_the_checksum_is_that_of_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file["a"] = 1
    superblock = (tmp_path / "a.h5").read_bytes()[:48]
    assert lookup3(superblock[:44]) == int.from_bytes(superblock[44:], "little")


def test_command_keeps_the_part_unless_it_is_told_to_delete_it(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cut.path.parent
    recover_command(folder)
    told = capsys.readouterr().out
    assert f"{cut.path}: recovered from street.clip.h5.part" in told
    assert "proved, 39 pairs" in told
    assert cut.part_path.exists()
    cut.path.unlink()
    recover_command(cut.part_path, delete_part=True)
    assert not cut.part_path.exists()
    assert verify(cut.path).ok


def test_command_says_where_nothing_is_to_be_recovered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recover_command(tmp_path)
    assert "nothing to recover" in capsys.readouterr().out


def test_command_goes_on_after_a_file_that_cannot_be_recovered(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    (cut.part_path.parent / "a.clip.h5.part").write_bytes(b"nothing")
    with pytest.raises(SystemExit):
        recover_command(cut.part_path.parent)
    assert "a.clip.h5.part was not recovered" in capsys.readouterr().err
    assert cut.path.exists()
