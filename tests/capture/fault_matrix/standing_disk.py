"""A disk that stands still: a file system of its own, frozen by the kernel, so that whoever writes to it waits."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_matrix.cells import promised
from fault_matrix.process_faults import FLUSHED_FRAMES, ask, check_recovered, flushed_frames
from fault_matrix.trial import (
    DEADLINE_S,
    Trial,
    check_gapless,
    check_sound,
    counts_of,
    profile_of,
    recorder_process,
    trial,
)
from nirvis_capture.client import RecorderClient
from waiting import wait_for

DISK_MB = 400
"""Sparse: the reserve of a clip, and some seconds of pairs."""
TOOLS = ("mkfs.ext4", "mount", "fsfreeze")
LONGEST_S = 3 * DEADLINE_S
"""After that the disk moves again whatever became of the test: nothing that writes to it can even be killed."""
RING_S = 6.0
SEEN_IN_RING = 0.2
"""Share of the ring that only a disk that stands fills: more than a second of pairs."""


@contextlib.contextmanager
def disk_of_its_own(at: Path) -> Iterator[Path]:
    """A folder on an ext4 file system that nobody else has."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"no file system of its own: {', '.join(missing)} is not installed")
    image, disk = at / "disk.img", at / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system of its own: mount said {mounted.stderr.strip()!r} (needs root and a loop device)")
    try:
        clips = disk / "clips"
        clips.mkdir()
        yield clips
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


class Standing:
    """The disk of a folder, while it stands still."""

    def __init__(self, folder: Path) -> None:
        self._disk = str(folder.parent)
        self._frozen = False
        self._rescuer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Standing:
        rescue = ["sh", "-c", f'sleep {LONGEST_S:.0f}; fsfreeze --unfreeze "$0"', self._disk]
        # In a process: this one may wait for the disk itself, with the lock that its other threads need.
        self._rescuer = subprocess.Popen(rescue, stderr=subprocess.DEVNULL, start_new_session=True)
        frozen = subprocess.run(["fsfreeze", "--freeze", self._disk], capture_output=True, text=True)
        if frozen.returncode:
            self._call_off_the_rescue()
            pytest.skip(f"the disk cannot be halted: fsfreeze said {frozen.stderr.strip()!r} (needs root)")
        self._frozen = True
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the disk move again."""
        if self._frozen:
            self._frozen = False
            try:
                subprocess.run(["fsfreeze", "--unfreeze", self._disk], check=True)
            finally:
                self._call_off_the_rescue()

    def _call_off_the_rescue(self) -> None:
        if self._rescuer is not None:
            os.killpg(self._rescuer.pid, signal.SIGKILL)
            self._rescuer.wait()
            self._rescuer = None


def check_nothing_lost(rig: Trial) -> None:
    """Both arms have every pulse of the recording, and the recorder counts what the clip has."""
    status, path = rig.client.status(), rig.clip()
    assert (status.dropped, status.lost_rows) == ({}, 0)
    check_sound(path)
    check_gapless(path, first=0)
    assert counts_of(path) == {"pair": status.pairs}


@promised(
    "standing disk",
    "arming",
    "the cameras begin, and pairs wait in the ring; the clip has every pair once the disk moves",
)
def _standing_while_arming(folder: Path) -> None:
    with disk_of_its_own(folder) as disk, trial(profile_of("real", ring_seconds=RING_S), disk) as rig:
        with Standing(disk):
            rig.record()
            wait_for(lambda: rig.client.status().ring_fill > SEEN_IN_RING)
            assert not list(disk.glob("*.clip.h5*")), "the disk does not stand"
        rig.wait_for_pairs(rig.client.status().pairs + 30)
        assert rig.client.stop() is not None
        check_nothing_lost(rig)


@promised("standing disk", "previewing", "the pictures go on, without a gap; a clip that begins later is whole")
def _standing_while_previewing(folder: Path) -> None:
    with disk_of_its_own(folder) as disk, trial(profile_of("real"), disk) as rig:
        rig.client.arm()
        with Standing(disk):
            status = rig.wait_for_pairs(rig.client.status().pairs + 60)
            assert (status.state, status.dropped, status.message) == ("armed", {}, "")
        rig.record(40)
        rig.wait_for_state("recording")
        rig.wait_for_state("armed")
        path = rig.clip()
        check_sound(path)
        check_gapless(path)


@promised(
    "standing disk",
    "recording",
    "the recorder answers, and frames go into the ring: nothing is lost as long as they fit; at 100 % the recording "
    "ends, and once the disk moves its certified clip has every pair until then; killed meanwhile, `nirvis recover` "
    "gives a certified clip with every frame that was flushed",
)
def _standing_while_recording(folder: Path) -> None:
    for trial_of in (_shorter_than_the_ring, _longer_than_the_ring, _killed_while_it_stands):
        place = folder / trial_of.__name__
        place.mkdir()
        with disk_of_its_own(place) as disk:
            trial_of(disk)


def _shorter_than_the_ring(disk: Path) -> None:
    with trial(profile_of("real", ring_seconds=RING_S), disk) as rig:
        rig.record()
        rig.wait_for_pairs(30)
        with Standing(disk):
            wait_for(lambda: rig.client.status().ring_fill > SEEN_IN_RING)
            assert rig.client.status().state == "recording"
        wait_for(lambda: rig.client.status().ring_fill < SEEN_IN_RING / 2)
        assert rig.client.stop() is not None
        assert rig.client.status().message == ""
        check_nothing_lost(rig)


def _longer_than_the_ring(disk: Path) -> None:
    with trial(profile_of("real", ring_seconds=1), disk) as rig:
        rig.record()
        rig.wait_for_pairs(30)
        with Standing(disk):
            wait_for(lambda: rig.client.status().state == "finalising")
            status = rig.client.status()
            assert (status.ring_alarm, status.clip) == ("full", None)
        status = rig.wait_for_state("armed")
        assert "too slow" in status.message
        check_nothing_lost(rig)


def _killed_while_it_stands(disk: Path) -> None:
    with recorder_process(profile_of("real", rate_hz=150), disk) as recorder:
        rig = recorder.attach()
        rig.record()
        wait_for(lambda: min(flushed_frames(disk)) > FLUSHED_FRAMES)
        with Standing(disk):
            wait_for(lambda: rig.client.status().ring_fill > SEEN_IN_RING)
            recorder.process.kill()
        recorder.process.wait(DEADLINE_S)
        rig.client.close()
    check_recovered(disk)


@promised(
    "standing disk",
    "stopping",
    "the stop waits for the disk, and the recorder answers meanwhile; the clip has every pair until the stop",
)
def _standing_while_stopping(folder: Path) -> None:
    with disk_of_its_own(folder) as disk, trial(profile_of("real", ring_seconds=RING_S), disk) as rig:
        rig.record()
        rig.wait_for_pairs(60)
        with Standing(disk):
            wait_for(lambda: rig.client.status().ring_fill > SEEN_IN_RING)
            stop = stop_in_a_thread(rig)
            wait_for(lambda: rig.client.status().state == "finalising")
            assert (stop.is_alive(), list(disk.glob("*.clip.h5"))) == (True, [])
        rig.wait_for_state("armed")
        stop.join(DEADLINE_S)
        assert not stop.is_alive()
        check_nothing_lost(rig)


def stop_in_a_thread(rig: Trial) -> threading.Thread:
    """Another client asks for the end, and waits for it."""
    other = RecorderClient.find(rig.profile.rig)
    assert other is not None
    return ask("stop", Trial(other, rig.profile, rig.folder))
