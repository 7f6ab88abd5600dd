"""Faults of processes: a recorder that is killed or told to end, a client that dies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from fault_matrix.cells import promised
from fault_matrix.recorder_process import FLUSHED, HELD
from fault_matrix.trial import (
    DEADLINE_S,
    RecorderProcess,
    Trial,
    check_gapless,
    check_sound,
    counts_of,
    profile_of,
    recorder_process,
    run_module,
    trial,
)
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.errors import RecorderError
from nirvis_capture.recover import recover
from waiting import wait_for

RATE_HZ = 150
FLUSHED_FRAMES = 20
"""More than the pairing keeps back, and more than one flush."""


@contextlib.contextmanager
def recorder(folder: Path, *options: str) -> Iterator[RecorderProcess]:
    with recorder_process(profile_of("real", rate_hz=RATE_HZ), folder, *options) as process:
        yield process


def ask(command: str, rig: Trial) -> threading.Thread:
    """Ask for something whose answer may never come, and hang up."""

    def run() -> None:
        with rig.client, contextlib.suppress(RecorderError):
            getattr(rig.client, command)()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def check_succeeded(folder: Path) -> None:
    """A new recorder takes over and records."""
    (folder / "next").mkdir()
    with recorder(folder / "next") as successor:
        rig = successor.attach()
        rig.record()
        rig.wait_for_pairs(20)
        rig.client.stop()
        rig.client.close()
    check_sound(rig.clip())


def flushed_frames(folder: Path) -> list[int]:
    """How many frames of each arm were flushed at least."""
    note = folder / FLUSHED
    return [int(frames) for frames in note.read_text().split()] if note.exists() else [0]


def check_recovered(folder: Path) -> None:
    """`recover` gives a clip with every frame that was flushed, in the right pairs."""
    flushed = flushed_frames(folder)
    (part,) = folder.glob("*.clip.h5.part")
    path = recover(part).path
    check_sound(path)
    check_gapless(path)
    with Clip.open(path) as clip:
        recovered = [len(track) for track in clip.arms.values()]
    assert min(flushed) > FLUSHED_FRAMES
    assert all(found >= least for found, least in zip(recovered, flushed, strict=True))


@promised("kill -9", "arming", "nothing is left behind; a new recorder takes over and records")
def _killed_while_arming(folder: Path) -> None:
    with recorder(folder, "hold-open") as process:
        rig = process.attach()
        ask("arm", rig)
        wait_for((folder / HELD).exists)
        process.kill()
    check_succeeded(folder)


@promised("kill -9", "previewing", "nothing is left behind; a new recorder takes over and records")
def _killed_while_previewing(folder: Path) -> None:
    with recorder(folder) as process:
        rig = process.attach()
        rig.client.arm()
        rig.wait_for_pairs(20)
        process.kill()
        rig.client.close()
    check_succeeded(folder)


@promised("kill -9", "recording", "`nirvis recover` gives a certified clip with every frame that was flushed")
def _killed_while_recording(folder: Path) -> None:
    with recorder(folder) as process:
        rig = process.attach()
        rig.record()
        wait_for(lambda: min(flushed_frames(folder)) > FLUSHED_FRAMES)
        process.kill()
        rig.client.close()
    check_recovered(folder)


@promised("kill -9", "stopping", "`nirvis recover` gives a certified clip with every frame that was flushed")
def _killed_while_stopping(folder: Path) -> None:
    with recorder(folder, "hold-close") as process:
        rig = process.attach()
        rig.record()
        rig.wait_for_pairs(80)
        ask("stop", rig)
        wait_for((folder / HELD).exists)
        process.kill()
    check_recovered(folder)


ENDS = "the cameras are released, the process ends with status 0"


@promised("SIGTERM", "arming", ENDS)
def _terminated_while_arming(folder: Path) -> None:
    with recorder(folder, "hold-open") as process:
        rig = process.attach()
        ask("arm", rig)
        wait_for((folder / HELD).exists)
        process.process.terminate()
        (folder / "go").touch()
        assert process.process.wait(DEADLINE_S) == 0
    assert RecorderClient.find(process.profile.rig) is None


@promised("SIGTERM", "previewing", ENDS)
def _terminated_while_previewing(folder: Path) -> None:
    with recorder(folder) as process:
        rig = process.attach()
        rig.client.arm()
        rig.wait_for_pairs(20)
        assert process.terminate() == 0
        rig.client.close()


@promised("SIGTERM", "recording", f"the clip is certified, {ENDS}")
def _terminated_while_recording(folder: Path) -> None:
    with recorder(folder) as process:
        rig = process.attach()
        rig.record()
        pairs = rig.wait_for_pairs(60).pairs
        assert process.terminate() == 0
        rig.client.close()
    check_sound(rig.clip())
    check_gapless(rig.clip(), first=0)
    assert counts_of(rig.clip())["pair"] >= pairs


@promised("SIGTERM", "stopping", f"the clip is certified, {ENDS}")
def _terminated_while_stopping(folder: Path) -> None:
    with recorder(folder, "hold-close") as process:
        rig = process.attach()
        rig.record()
        pairs = rig.wait_for_pairs(60).pairs
        ask("stop", rig)
        wait_for((folder / HELD).exists)
        process.process.terminate()
        (folder / "go").touch()
        assert process.process.wait(DEADLINE_S) == 0
    check_sound(rig.clip())
    assert counts_of(rig.clip())["pair"] >= pairs


def kill_client(rig: Trial, command: str) -> None:
    """Another client asks for something, and is killed before the answer."""
    text = rig.folder / "rig.toml"
    text.write_text(rig.profile.text)
    assert run_module("fault_matrix.client_process", str(text), str(rig.folder), command).wait(DEADLINE_S) == -9


@promised("killed client", "arming", "the recorder goes on, and arms the cameras")
def _orphaned_while_arming(folder: Path) -> None:
    with trial(profile_of("real", rate_hz=RATE_HZ), folder) as rig:
        kill_client(rig, "arm")
        assert rig.wait_for_state("armed").message == ""


@promised("killed client", "previewing", "the pictures go on; another client sees them, without a gap")
def _orphaned_while_previewing(folder: Path) -> None:
    with trial(profile_of("real", rate_hz=RATE_HZ), folder) as rig:
        rig.client.arm()
        kill_client(rig, "arm")
        status = rig.wait_for_pairs(rig.client.status().pairs + 30)
        assert (status.state, status.dropped) == ("armed", {})
        assert rig.client.preview.newest() is not None


@promised("killed client", "recording", "the recording goes on, and costs not one frame")
def _orphaned_while_recording(folder: Path) -> None:
    with trial(profile_of("real", rate_hz=RATE_HZ), folder) as rig:
        kill_client(rig, "record")
        rig.wait_for_pairs(60)
        path = rig.client.stop()
    assert path is not None
    check_sound(path)
    check_gapless(path, first=0)


@promised("killed client", "stopping", "the clip is certified")
def _orphaned_while_stopping(folder: Path) -> None:
    with trial(profile_of("real", rate_hz=RATE_HZ), folder) as rig:
        rig.record()
        rig.wait_for_pairs(60)
        kill_client(rig, "stop")
        rig.wait_for_state("armed")
    check_sound(rig.clip())
    check_gapless(rig.clip(), first=0)
