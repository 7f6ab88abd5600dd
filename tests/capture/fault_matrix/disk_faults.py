"""Faults of the disk and of files on it: a throttled writer, a file system that is really full, altered bytes."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fault_matrix.cells import promised, without_meaning
from fault_matrix.trial import check_gapless, check_sound, counts_of, profile_of, recorder_process, trial
from nirvis_capture.clip_layout import arm_path
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.disk import RESERVE_BYTES
from nirvis_capture.errors import ClipError, RecorderError
from nirvis_capture.messages import RecorderStatus
from nirvis_capture.unclosed import open_unclosed
from nirvis_capture.verify import verify
from waiting import wait_for

NOTHING_IS_WRITTEN = "nothing is written yet"
SPARE_BYTES = 4 << 20
"""Beside the reserve of a clip: a hundred pairs."""

without_meaning("slow disk", ("arming", "previewing"), NOTHING_IS_WRITTEN)
without_meaning("full disk", ("previewing",), NOTHING_IS_WRITTEN)
without_meaning("corrupted file", ("arming", "previewing"), "no file is open")


def throttled(row_s: float) -> type[ClipWriter]:
    """A writer for a disk that takes so long for each row."""

    class Throttled(ClipWriter):
        def write(self, row: Any) -> None:
            time.sleep(row_s)
            super().write(row)

    return Throttled


@promised(
    "slow disk",
    "recording",
    "alarm at 75 % of the ring; at 100 % the recording ends, and its certified clip has every pair until then",
)
def _slow_while_recording(folder: Path) -> None:
    profile = profile_of("real", rate_hz=150, ring_seconds=0.4)
    with trial(profile, folder, open_writer=throttled(0.025)) as rig:
        rig.record()
        seen: list[RecorderStatus] = []

        def is_filling() -> bool:
            seen.append(rig.client.status())
            return seen[-1].ring_alarm == "filling"

        wait_for(is_filling)
        assert "falls behind" in seen[-1].message
        status = rig.wait_for_state("armed")
        assert status.ring_alarm == "full"
        assert "too slow" in status.message
        assert status.lost_rows == 0
    path = rig.clip()
    check_sound(path)
    check_gapless(path)
    assert counts_of(path) == {"pair": status.pairs}


@promised("slow disk", "stopping", "the stop waits until the ring is empty: the clip has every pair until the stop")
def _slow_while_stopping(folder: Path) -> None:
    with trial(profile_of("real", rate_hz=150), folder, open_writer=throttled(0.01)) as rig:
        rig.record()
        seen = rig.wait_for_pairs(100)
        path = rig.client.stop()
        status = rig.client.status()
    assert path is not None
    check_sound(path)
    check_gapless(path)
    assert counts_of(path) == {"pair": status.pairs}
    assert status.pairs >= seen.pairs


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of its own that has room for little more than the reserve of a clip."""
    disk = at / "disk"
    disk.mkdir()
    size = f"size={RESERVE_BYTES + SPARE_BYTES}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system of its own: mount said {mounted.stderr.strip()!r} (needs root)")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), open(disk / "other", "wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    with contextlib.suppress(OSError), open(disk / "rest", "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@promised("full disk", "arming", "refused with a reason; no file is left behind")
def _full_while_arming(folder: Path) -> None:
    with small_disk(folder) as disk:
        fill(disk)
        with trial(profile_of("fast", min_free_gb=0.001), disk) as rig:
            with pytest.raises(RecorderError, match="nothing was recorded"):
                rig.record()
            assert rig.client.status().state == "idle"
        with trial(profile_of("fast"), disk) as rig:
            rig.record()
            status = rig.wait_for_state("failed")
            assert "No space left" in status.message
            assert status.lost_rows >= 1
        assert sorted(path.name for path in disk.iterdir()) == ["other", "rest"]


@promised(
    "full disk", "recording", "the clip is certified with the help of the reserve; pairs that did not fit are counted"
)
def _full_while_recording(folder: Path) -> None:
    with small_disk(folder) as disk, trial(profile_of("fast", rate_hz=500), disk) as rig:
        rig.record()
        status = rig.wait_for_state("armed", "failed")
        assert "full" in status.message
        path = rig.clip()
        check_sound(path)
        written = counts_of(path)
        assert written["pair"] > 20
        # The clip may end with one frame of the pair that did not fit.
        assert written["pair"] + status.lost_rows == status.pairs + sum(status.dropped.values())
        assert status.lost_rows >= 1


@promised("full disk", "stopping", "the clip is certified with the help of the reserve; it has every pair")
def _full_while_stopping(folder: Path) -> None:
    with small_disk(folder) as disk:

        class FilledAtTheEnd(ClipWriter):
            def close(self, *arguments: Any, **named: Any) -> Path:
                fill(disk)
                return super().close(*arguments, **named)

        with trial(profile_of("fast"), disk, open_writer=FilledAtTheEnd) as rig:
            rig.record(40)
            status = rig.wait_for_state("armed", "failed")
            (path,) = disk.glob("*.clip.h5")
            check_sound(path)
            check_gapless(path, 0, 39)
            assert counts_of(path) == {"pair": status.pairs}


def alter_a_frame(path: Path) -> None:
    """Change one stored byte of the first frame."""
    with open_unclosed(path) as clip:
        at = clip[f"{arm_path('nir')}/data"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as file:
        file.seek(at)
        (value,) = file.read(1)
        file.seek(at)
        file.write(bytes([value ^ 1]))


def has_a_frame(part: Path) -> bool:
    """Whether a frame has reached the file, with the row that says where."""
    try:
        with open_unclosed(part) as clip:
            return len(clip[f"{arm_path('nir')}/frame_id"]) > 0
    except OSError:
        # Its structure is not there yet.
        return False


def check_refused(path: Path) -> None:
    with contextlib.suppress(ClipError):
        assert not verify(path).ok


@promised("corrupted file", "recording", "`nirvis verify` refuses the clip; the recording itself goes on")
def _altered_while_recording(folder: Path) -> None:
    with recorder_process(profile_of("fast", rate_hz=150), folder) as recorder:
        rig = recorder.attach()
        rig.record()
        wait_for(lambda: any(map(has_a_frame, folder.glob("*.clip.h5.part"))))
        (part,) = folder.glob("*.clip.h5.part")
        alter_a_frame(part)
        pairs = rig.wait_for_pairs(rig.client.status().pairs + 30).pairs
        path = rig.client.stop()
        assert path is not None
        assert rig.client.status().message == ""
        rig.client.close()
    check_refused(path)
    assert counts_of(path)["pair"] >= pairs


@promised("corrupted file", "stopping", "`nirvis verify` refuses the clip")
def _altered_while_stopping(folder: Path) -> None:
    holds, goes_on = threading.Event(), threading.Event()

    class Held(ClipWriter):
        def close(self, *arguments: Any, **named: Any) -> Path:
            self.flush()
            holds.set()
            goes_on.wait(60)
            return super().close(*arguments, **named)

    with trial(profile_of("fast"), folder, open_writer=Held) as rig:
        rig.record(40)
        wait_for(holds.is_set)
        (part,) = folder.glob("*.clip.h5.part")
        alter_a_frame(part)
        goes_on.set()
        rig.wait_for_state("armed")
    check_refused(rig.clip())
