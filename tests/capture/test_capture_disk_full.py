"""A disk that is really full: the clip closes with its certificate all the same, and what was lost is counted."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from nirvis_capture import clip_writer
from nirvis_capture.camera import ARMS, CameraInfo, Frame
from nirvis_capture.clip import Clip
from nirvis_capture.clip_writer import ClipHeader, ClipWriter
from nirvis_capture.disk import RESERVE_BYTES, Reserve, is_full
from nirvis_capture.errors import ClipNotWritten, DiskFull
from nirvis_capture.pairing import Anchor, Event, PairRow
from nirvis_capture.profile import Profile
from nirvis_capture.recording import Recording, new_header
from nirvis_capture.recover import recover
from nirvis_capture.rig import Rig
from nirvis_capture.verify import verify

SmallProfile = Callable[..., Profile]
DISK_BYTES = RESERVE_BYTES + (8 << 20)
HEADER = ClipHeader("0123456789ab", 1, "", "day", "", "", datetime(2026, 5, 17, tzinfo=timezone.utc))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for the reserve and 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a disk can be mounted by root only: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_free(folder: Path, nbytes: int) -> Path:
    """Fill a disk but for so many bytes."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - nbytes))
    return filler


def open_writer(folder: Path, profile: Profile) -> ClipWriter:
    cameras = {arm: CameraInfo(f"SN-{arm}", "GS3", "BayerRG8", 160, 120, 8, 4.0, 1000) for arm in ARMS}
    return ClipWriter(folder / "a.clip.h5", HEADER, profile, cameras, Anchor(0, 0, "pause", "", 0, 0))


def write_until_full(writer: ClipWriter, profile: Profile) -> int:
    """The number of rows that were taken."""
    noise = np.random.default_rng(7).integers(0, 256, (7, 120, 160), dtype=np.uint8)
    for pulse in range(10_000):
        at_ns = pulse * profile.trigger.period_ns
        frame = Frame(noise[pulse % 7], pulse, at_ns, at_ns + 4_000_000, 6000.0, 1.5)
        try:
            writer.write(PairRow(frame, replace(frame), 0, Event.PAIR))
        except DiskFull:
            return pulse
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("compression", ["none", "bitshuffle-lz4"])
@pytest.mark.parametrize("flush_every_s", [pytest.param(0.0, id="flushing"), pytest.param(60.0, id="writing")])
def test_a_clip_on_a_full_disk_closes_and_verifies(
    small_disk: Path,
    small_profile: SmallProfile,
    monkeypatch: pytest.MonkeyPatch,
    compression: str,
    flush_every_s: float,
) -> None:
    monkeypatch.setattr(clip_writer, "FLUSH_EVERY_S", flush_every_s)
    profile = small_profile().edited({"recording.compression": compression})
    for page in range(0, 12, 2):
        writer = open_writer(small_disk, profile)
        filler = leave_free(small_disk, 300_000 + page * 4096)
        rows = write_until_full(writer, profile)
        path = writer.close("the disk is full")
        assert verify(path).findings == ()
        with Clip.open(path) as clip:
            assert len(clip) == len(clip.pairs) == rows
        path.unlink()
        filler.unlink()
    assert not list(small_disk.iterdir())


def test_a_recording_that_fills_the_disk_ends_with_its_clip_and_counts_what_is_lost(
    small_disk: Path, small_profile: SmallProfile
) -> None:
    profile = small_profile("real", rate_hz=200)
    rig = Rig(profile, on_lost=lambda _: None)
    rig.open()
    recording = Recording(small_disk / "a.clip.h5", new_header("", "day", "", ""), profile, rig.infos)
    rig.arm(recording)
    assert recording.wait(60)
    rig.close()
    path = recording.result()
    assert verify(path).ok
    assert "is full" in recording.message
    assert recording.counts is not None
    with Clip.open(path) as clip:
        assert "is full" in clip.certificate.ended
        # Each row brought two frames. What they are called at a sudden end depends on when they arrived; see
        # test_frames_that_are_late_when_it_ends_are_claimed_by_no_pair.
        assert recording.counts[Event.PAIR] == sum(recording.counts.values())
        assert len(clip.arms["nir"]) == len(clip.arms["vis"]) == recording.counts[Event.PAIR] - recording.lost_rows
        assert len(clip) > 50


def test_no_clip_begins_where_not_even_the_reserve_fits(small_disk: Path, small_profile: SmallProfile) -> None:
    filler = leave_free(small_disk, RESERVE_BYTES // 2)
    with pytest.raises(ClipNotWritten, match="No space left"):
        open_writer(small_disk, small_profile())
    assert list(small_disk.iterdir()) == [filler]


def test_whoever_takes_the_reserve_too_leaves_a_clip_that_can_be_recovered(
    small_disk: Path, tmp_path: Path, small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program fills the disk faster than the clip closes: then `nirvis recover` has to do it."""
    profile = small_profile()
    writer = open_writer(small_disk, profile)
    monkeypatch.setattr(clip_writer, "FLUSH_EVERY_S", 0.0)
    leave_free(small_disk, 600_000)
    monkeypatch.setattr(clip_writer, "CLOSING_BYTES", 0)
    monkeypatch.setattr(clip_writer, "is_full", lambda _: False)
    with pytest.raises(ClipNotWritten, match="No space left"):
        write_until_full(writer, profile)
    writer.abort()
    monkeypatch.undo()
    part_path = shutil.copy(small_disk / "a.clip.h5.part", tmp_path)
    assert verify(recover(Path(part_path)).path).ok


def test_a_reserve_takes_its_space_and_gives_it_back(small_disk: Path) -> None:
    before = shutil.disk_usage(small_disk).free
    reserve = Reserve(small_disk)
    assert before - shutil.disk_usage(small_disk).free >= RESERVE_BYTES
    assert not list(small_disk.iterdir())
    assert reserve.release()
    assert not reserve.release()
    assert shutil.disk_usage(small_disk).free == before


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(28, "No space left on device"), True),
        (RuntimeError("file write failed: errno = 28, error message = 'x'"), True),
        (OSError(122, os.strerror(122)), True),
        (OSError(5, "Input/output error"), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error: Exception, full: bool) -> None:
    assert is_full(error) is full
