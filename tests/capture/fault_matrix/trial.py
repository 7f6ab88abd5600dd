"""A recorder with everything that a cell of the fault matrix needs: a stamped rig, a client, a folder, a deadline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fault_matrix.stamped import StampedBackend, true_pulses, unaccounted_frames, wrong_pairs
from nirvis_capture.camera import ARMS
from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.clip import Clip
from nirvis_capture.profile import Profile, load_profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server
from nirvis_capture.verify import verify
from waiting import wait_for

DEADLINE_S = 60.0
"""A cell that waits longer hangs."""
_WORKPLACE = Path(__file__).parent.parent


def profile_of(
    pacing: str, rate_hz: float = 60, faults: list[dict[str, Any]] | None = None, **recording: Any
) -> Profile:
    """A small rig of noise; `recording` replaces what stands in that table."""
    small = {"roi": {"width": 160, "height": 120}, "exposure_us": min(6000.0, 5e5 / rate_hz)}
    return load_profile("twin_day").edited(
        {
            "rig": f"matrix-{os.getpid()}",
            "nir": small,
            "vis": small,
            "trigger.rate_hz": rate_hz,
            "recording": {"min_free_gb": 0, **recording},
            "twin": {"content": "noise", "pacing": pacing, "faults": faults or []},
        }
    )


class Trial:
    """One recorder, one client of it, and what it leaves in its folder."""

    def __init__(self, client: RecorderClient, profile: Profile, folder: Path) -> None:
        self.client = client
        self.profile = profile
        self.folder = folder

    def wait_for_pairs(self, pairs: int) -> RecorderStatus:
        wait_for(lambda: self.client.status().pairs >= pairs)
        return self.client.status()

    def wait_for_state(self, *states: str) -> RecorderStatus:
        wait_for(lambda: self.client.status().state in states)
        return self.client.status()

    def record(self, pulses: int | None = None) -> None:
        self.client.record(
            folder=self.folder, seconds=None if pulses is None else pulses / self.profile.trigger.rate_hz
        )

    def clip(self) -> Path:
        """The only clip; nothing unfinished is beside it."""
        (path,) = self.folder.glob("*.clip.h5*")
        assert path.name.endswith(".clip.h5")
        return path


@contextlib.contextmanager
def trial(profile: Profile, folder: Path, **options: Any) -> Iterator[Trial]:
    """A recorder in a thread of this process; it has to end by itself afterwards."""
    backend = StampedBackend(profile)
    recorder = Recorder(profile.rig, open_backend=lambda _: backend, **options)
    server = Server(socket_path(profile.rig), recorder.answer)
    thread = threading.Thread(target=recorder.run, args=(server,), daemon=True)
    thread.start()
    try:
        with RecorderClient.start(profile) as client:
            yield Trial(client, profile, folder)
    finally:
        recorder.terminate()
        thread.join(DEADLINE_S)
        server.close()
    assert not thread.is_alive(), "the recorder hangs"


class RecorderProcess:
    """A recorder in a process of its own; see `fault_matrix.recorder_process`."""

    def __init__(self, profile: Profile, folder: Path, *options: str) -> None:
        self.profile = profile
        self.folder = folder
        self.process = run_module("fault_matrix.recorder_process", profile.rig, str(folder), *options)

    def attach(self) -> Trial:
        wait_for(lambda: listens(self.profile.rig))
        return Trial(RecorderClient.start(self.profile), self.profile, self.folder)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@contextlib.contextmanager
def recorder_process(profile: Profile, folder: Path, *options: str) -> Iterator[RecorderProcess]:
    recorder = RecorderProcess(profile, folder, *options)
    try:
        yield recorder
    finally:
        recorder.kill()


def listens(rig: str) -> bool:
    """Whether a recorder of that rig can be reached."""
    client = RecorderClient.find(rig)
    if client is not None:
        client.close()
    return client is not None


def run_module(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    paths = [str(_WORKPLACE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment)


def check_sound(path: Path, claim: str = "synchrony") -> None:
    """Proved again from its file, no pair wrong by the truth, and every lost frame counted."""
    verdict = verify(path)
    assert not verdict.findings, "; ".join(verdict.findings)
    assert verdict.certificate.claim == claim
    assert wrong_pairs(path) == 0
    if claim == "synchrony":
        assert unaccounted_frames(path) == 0


def check_gapless(path: Path, first: int | None = None, last: int | None = None) -> None:
    """Both arms have every pulse from the first to the last."""
    with Clip.open(path) as clip:
        nir, vis = (true_pulses(clip, arm).tolist() for arm in ARMS)
    assert nir == vis == list(range(nir[0] if first is None else first, (nir[-1] if last is None else last) + 1))


def counts_of(path: Path) -> dict[str, int]:
    """What the certificate counts, by lower-case name; only what happened."""
    with Clip.open(path) as clip:
        return {name.lower(): count for name, count in clip.certificate.pairing.counts.items() if count}
