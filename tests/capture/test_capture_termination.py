"""SIGTERM and SIGHUP end commands that hold cameras themselves; the cameras are as they were, and no trial is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.bench import Bench
from conformance.spinnaker_bench import SpinnakerBench, grasshopper
from nirvis.app import main
from nirvis.termination import Terminated, ending_by_signal
from nirvis_capture import patience
from nirvis_capture.camera import Frame
from nirvis_capture.cameras import spinnaker_camera
from nirvis_capture.cameras.borrowed import Borrowed
from nirvis_capture.cameras.genicam_configuration import configure
from nirvis_capture.cameras.spinnaker_camera import SpinnakerCamera
from nirvis_capture.cameras.spinnaker_images import ImageReader
from nirvis_capture.client import RecorderClient
from nirvis_capture.errors import RecorderError
from nirvis_capture.preflight import preflight
from nirvis_capture.profile import load_profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server
from waiting import wait_for

COMMANDS = ["preflight", "expose", "calibrate dark", "doctor --trigger"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = grasshopper(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def rig(bench: SpinnakerBench, tmp_path: Path) -> Path:
    """The file of its profile; clips go to an empty folder beside it."""
    (tmp_path / "clips").mkdir()
    path = tmp_path / "rig.toml"
    path.write_text(bench.profile.edited({"recording.folder": str(tmp_path / "clips")}).text)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["sigterm", "sighup"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_ended_gives_its_cameras_back_as_they_were(
    bench: SpinnakerBench, rig: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, command: str
) -> None:
    """The signal comes while a camera is read, with its settings changed."""
    next_frame, changed = SpinnakerCamera.next_frame, []

    def reading(camera: SpinnakerCamera, timeout_s: float) -> Frame | None:
        if not changed:
            changed.append(bench.settings() != bench.found_as)
            os.kill(os.getpid(), number)
        return next_frame(camera, timeout_s)

    monkeypatch.setattr(SpinnakerCamera, "next_frame", reading)
    with pytest.raises(SystemExit) as end:
        main([*command.split(), str(rig)])
    assert (end.value.code, changed) == (128 + number, [True])
    bench.check()
    assert list((rig.parent / "clips").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "number"),
    [
        pytest.param("preflight", signal.SIGINT, id="preflight-ctrl-c"),
        pytest.param("expose", signal.SIGTERM, id="expose-sigterm"),
        pytest.param("calibrate dark", signal.SIGHUP, id="calibrate-sighup"),
        pytest.param("doctor --trigger", signal.SIGINT, id="doctor-ctrl-c"),
    ],
)
def test_one_that_is_ended_while_it_opens_its_cameras_changes_nothing(
    bench: SpinnakerBench, rig: Path, monkeypatch: pytest.MonkeyPatch, command: str, number: signal.Signals
) -> None:
    """The first camera gets its settings when the command already wants to be gone."""
    closing = announced(monkeypatch, Borrowed, "close")
    configured = []

    def slow(*arguments: Any) -> frozenset[str]:
        os.kill(os.getpid(), number)
        assert closing.wait(30)
        configured.append(arguments)
        return configure(*arguments)

    monkeypatch.setattr(spinnaker_camera, "configure", slow)
    with pytest.raises(SystemExit) as end:
        main([*command.split(), str(rig)])
    assert end.value.code == 128 + number
    assert configured
    bench.check()


def test_one_that_is_ended_while_it_arms_them_leaves_none_streaming(
    bench: SpinnakerBench, rig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = announced(monkeypatch, Borrowed, "close")
    begin = ImageReader.__init__

    def slow(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert closing.wait(30)
        begin(*arguments)

    monkeypatch.setattr(ImageReader, "__init__", slow)
    monkeypatch.setattr(patience.within_patience, "__defaults__", (0.2,))
    with pytest.raises(SystemExit):
        main(["expose", str(rig)])
    assert closing.is_set()
    wait_for(lambda: not bench.world.held)
    bench.check()


def test_a_recorder_that_is_ended_while_it_opens_its_cameras_changes_nothing(
    bench: SpinnakerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(bench.profile.rig)
    configured = []

    def slow(*arguments: Any) -> frozenset[str]:
        if not configured:
            recorder.terminate()
        configured.append(arguments)
        return configure(*arguments)

    monkeypatch.setattr(spinnaker_camera, "configure", slow)
    server = Server(socket_path(bench.profile.rig), recorder.answer)
    thread = threading.Thread(target=recorder.run, args=(server,))
    thread.start()
    with RecorderClient.start(bench.profile) as client, pytest.raises(RecorderError, match="called off"):
        client.record(folder=Path("nowhere"))
    thread.join(30)
    assert configured
    bench.check()


def test_what_ends_something_is_done_without_a_thread_where_none_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    ended = []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not patience.within_patience("end it", lambda: ended.append(True)).is_alive()
    assert ended


def announced(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> threading.Event:
    """An event that is set when that method begins."""
    begun, method = threading.Event(), getattr(owner, name)

    def announcing(*arguments: Any) -> Any:
        begun.set()
        return method(*arguments)

    monkeypatch.setattr(owner, name, announcing)
    return begun


def test_only_the_first_signal_ends_and_what_was_there_before_is_there_again() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    @ending_by_signal()
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            cleaned.append(True)

    with pytest.raises(Terminated, match="SIGTERM"):
        work()
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_by_signal():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_forked_process_dies_of_the_signal_itself() -> None:
    with ending_by_signal():
        child = os.fork()
        if child == 0:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM


SMALL = {"width": 160, "height": 120}
HELD = "import sys, pathlib, nirvis_capture.preflight as p\nwith p._trial_folder(pathlib.Path(sys.argv[1])):\n"


def trial_elsewhere(folder: Path) -> subprocess.Popen[str]:
    """Another process that is in the middle of a trial until its input ends."""
    code = f"{HELD} print('held', flush=True); sys.stdin.read()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_trial_that_was_killed_is_swept_by_the_next_and_one_that_runs_is_left(tmp_path: Path) -> None:
    small = load_profile("twin_day").edited(
        {"nir.roi": SMALL, "vis.roi": SMALL, "twin": {"content": "noise", "pacing": "fast"}, "recording.min_free_gb": 0}
    )
    with trial_elsewhere(tmp_path) as killed:
        killed.kill()
    with trial_elsewhere(tmp_path) as running:
        preflight(small, tmp_path, seconds=0.1)
        assert len(list(tmp_path.iterdir())) == 1
        running.communicate()
    assert list(tmp_path.iterdir()) == []
