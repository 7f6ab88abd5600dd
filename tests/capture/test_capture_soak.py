"""Again and again, and for a long time: nothing hangs, nothing grows. ``--soak`` runs the long ones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_matrix.trial import Trial, check_gapless, listens, profile_of, run_module, trial
from nirvis_capture import rig as rig_module
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.disk import line_rate_bytes_s
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.verify import verify
from waiting import wait_for

WARM_CYCLES = 10
GROWTH_MB = 24
"""What the allocator may keep; one leaked ring, clip or thread in a few cycles is more."""
WARM_LOOKS = 30
CALM_LOOKS = 60
"""Among so many looks at the recorder the ring is empty at least once."""
FIRST_ID = 1
"""A GS3 counts from 1."""


def resident_mb(process_id: int) -> float:
    """Memory of a process that is not shared with the files that it maps, in MB (10⁶)."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024e-6


def cycle(rig: Trial) -> None:
    """Arm, record 30 pulses, release."""
    rig.client.arm()
    rig.record(30)
    rig.wait_for_state("armed")
    rig.client.disarm()
    path = rig.clip()
    check_gapless(path)
    path.unlink()


@pytest.mark.parametrize("cycles", [50, pytest.param(1000, marks=pytest.mark.soak)])
def test_start_and_stop_again_and_again(
    cycles: int, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig_module, "MIN_PAUSE_S", 0.01)

    def held() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with trial(profile_of("fast", rate_hz=500), tmp_path) as rig:
        for _ in range(WARM_CYCLES):
            cycle(rig)
        before, before_mb = held(), resident_mb(os.getpid())
        for _ in range(cycles - WARM_CYCLES):
            cycle(rig)
        wait_for(lambda: held() <= before)
        assert resident_mb(os.getpid()) - before_mb < GROWTH_MB


@pytest.fixture
def line_rate() -> Profile:
    """Full-size noise at the trigger rate of the rig, in clips of 15 s."""
    changes = {"rig": f"soak-{os.getpid()}", "twin.content": "noise", "recording.part_minutes": 0.25}
    return load_profile("twin_day").edited(changes)


@pytest.fixture
def recorder(line_rate: Profile, runtime: Path) -> Iterator[tuple[RecorderClient, int]]:
    """A real recorder process, and its id."""
    with run_module("nirvis_capture.recorder", line_rate.rig) as process:
        wait_for(lambda: listens(line_rate.rig))
        with RecorderClient.start(line_rate) as client:
            yield client, process.pid
            client.shutdown()


@pytest.mark.soak
def test_line_rate(
    recorder: tuple[RecorderClient, int], line_rate: Profile, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every clip is proved as soon as it is complete, and removed: the parts fill no disk."""
    client, process_id = recorder
    client.record(folder=tmp_path)
    ring_mb = line_rate.recording.ring_seconds * line_rate_bytes_s(line_rate) * 1e-6
    ends = time.monotonic() + 60 * request.config.getoption("--soak-minutes")
    memory_mb: list[float] = []
    pulses = 0
    while time.monotonic() < ends:
        time.sleep(1)
        status = client.status()
        assert (status.state, status.dropped) == ("recording", {})
        assert client.preview.newest() is not None
        pulses = take_clips(tmp_path, pulses)
        memory_mb.append(resident_mb(process_id))
        assert memory_mb[-1] < max(memory_mb[:WARM_LOOKS]) + client.status().ring_peak * ring_mb + 64
        if len(memory_mb) % CALM_LOOKS == 0:
            print(f"{status.seconds:.0f} s: {status.pairs} pairs, ring {status.ring_peak:.0%}, {memory_mb[-1]:.0f} MB")
    client.stop()
    status = client.status()
    assert take_clips(tmp_path, pulses) == status.pairs
    assert status.lost_rows == 0
    assert min(memory_mb[-CALM_LOOKS:]) < min(memory_mb[WARM_LOOKS : WARM_LOOKS + CALM_LOOKS]) + GROWTH_MB


def take_clips(folder: Path, pulses: int) -> int:
    """Prove and remove the clips that are complete; gives the pulses until the end of the last one."""
    for path in sorted(folder.glob("*.clip.h5")):
        assert verify(path).synchrony
        with Clip.open(path) as clip:
            ids = clip.arms["nir"].frame_id
            assert (ids[0], ids[-1]) == (FIRST_ID + pulses, FIRST_ID + pulses + len(clip) - 1)
            pulses += len(clip)
        path.unlink()
    return pulses
