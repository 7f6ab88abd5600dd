"""``nirvis record``: what is typed, what is printed, and that Ctrl-C costs nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

import nirvis_profiles
from nirvis import series
from nirvis.app import app
from nirvis.series import Series, duration_s
from nirvis_capture.camera import Arm, Camera
from nirvis_capture.cameras.simulated import SimulatedBackend
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.errors import NirvisError, ProfileError, RecorderError
from nirvis_capture.exposure import exposures_of, told
from nirvis_capture.profile import load_profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server
from nirvis_capture.verify import verify
from waiting import wait_for

NIRVIS = [sys.executable, "-c", "from nirvis.app import main; main()"]


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small rig of its own that records noise at 100 Hz; its recorder is gone afterwards."""
    runtime = Path(tempfile.mkdtemp(prefix="nv"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    text = nirvis_profiles.text("twin_day")
    for old, new in {
        'rig = "twin"': f'rig = "cli-{os.getpid()}"',
        "roi = { width = 1384, height = 1032 }": "roi = { width = 160, height = 120 }",
        "rate_hz = 45": "rate_hz = 100",
        "min_free_gb = 2": "min_free_gb = 0",
    }.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "rig.toml"
    path.write_text(f'{text}content = "noise"\n')
    yield path
    client = RecorderClient.find(f"cli-{os.getpid()}")
    if client is not None:
        client.shutdown()
    shutil.rmtree(runtime, ignore_errors=True)


def record(*arguments: object) -> None:
    app(["record", *map(str, arguments)], result_action="return_value")


def test_records_for_so_long_and_says_what_it_proves(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record("--profile", profile, "--seconds", 0.5, "--out", tmp_path, "--place", "bridge", "--light", "dusk")
    path, verdict = capsys.readouterr().out.splitlines()
    assert verify(Path(path)).ok
    assert verdict.startswith("proved, 50 pairs")
    assert "nothing lost" in verdict
    with Clip.open(path) as clip:
        assert (clip.place, clip.light, len(clip)) == ("bridge", "dusk", 50)


def test_json_prints_one_status_per_line_and_the_clip_last(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record("--profile", profile, "--seconds", 0.7, "--out", tmp_path, "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["state"] == "recording"
    assert (lines[-1]["state"], lines[-1]["pairs"]) == ("armed", 70)
    assert Path(lines[-1]["clip"]).exists()


def test_a_terminal_shows_a_status_line(profile: Path, tmp_path: Path) -> None:
    shown, terminal = pty.openpty()
    arguments = [*NIRVIS, "record", "--profile", profile, "--seconds", "1.2", "--out", tmp_path]
    with subprocess.Popen([*map(str, arguments)], stdout=PIPE, stderr=terminal) as process:
        os.close(terminal)
        text = b"".join(iter(partial(_read, shown), b"")).decode()
        assert process.wait(30) == 0
    os.close(shown)
    assert re.search(
        r"\r\x1b\[Krecording +\d\.\d s   \d+ pairs   0 dropped   ring +\d+%   \d+ MB/s   disk \d+ min", text
    )


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        # Nobody holds the other end any more.
        return b""


def test_its_recorder_ends_with_it(profile: Path, tmp_path: Path) -> None:
    record("--profile", profile, "--seconds", 0.1, "--out", tmp_path)
    assert RecorderClient.find(f"cli-{os.getpid()}") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupt_ends_the_recording_with_its_clip(profile: Path, tmp_path: Path, number: signal.Signals) -> None:
    arguments = [*NIRVIS, "record", "--profile", str(profile), "--out", str(tmp_path), "--json"]
    with subprocess.Popen(arguments, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["pairs"] < 20:
            pass
        process.send_signal(number)
        last = json.loads(process.stdout.read().splitlines()[-1])
        assert process.wait(30) == 0
    assert verify(Path(last["clip"])).ok


def test_a_second_recording_is_refused_and_stop_ends_the_first(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*NIRVIS, "record", "--profile", str(profile), "--out", str(tmp_path), "--json"]
    with subprocess.Popen(arguments, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["pairs"] < 20:
            pass
        with pytest.raises(RecorderError, match="nirvis record --stop --profile"):
            record("--profile", profile, "--out", tmp_path)
        record("--profile", profile, "--stop")
        assert process.wait(30) == 0
    path, verdict = capsys.readouterr().out.splitlines()
    assert verify(Path(path)).ok
    assert "ended: stopped" in verdict


def test_a_recorder_that_ran_before_goes_on(profile: Path, tmp_path: Path) -> None:
    with RecorderClient.start(load_profile(profile)) as client:
        client.arm()
        record("--profile", profile, "--seconds", 0.1, "--out", tmp_path)
        assert client.status().state == "armed"


def test_an_unplugged_camera_is_an_error_and_its_clip_is_named(
    profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(profile.read_text() + 'faults = [{ kind = "unplug", arm = "vis", at = 30 }]\n')
    with pytest.raises(RecorderError, match="sent no frame"):
        record("--profile", profile, "--out", tmp_path)
    path, verdict = capsys.readouterr().out.splitlines()
    assert verify(Path(path)).ok
    assert "30 pairs" in verdict


class SlowToOpen(SimulatedBackend):
    """A rig whose cameras open when they are let."""

    goes_on = threading.Event()

    def open(self) -> Mapping[Arm, Camera]:
        self.goes_on.wait(60)
        return super().open()


@pytest.fixture
def slow(profile: Path) -> Iterator[Recorder]:
    """The recorder of that rig, in a thread of this process."""
    SlowToOpen.goes_on.clear()
    recorder = Recorder(load_profile(profile).rig, open_backend=SlowToOpen)
    server = Server(socket_path(f"cli-{os.getpid()}"), recorder.answer)
    thread = threading.Thread(target=recorder.run, args=(server,))
    thread.start()
    yield recorder
    SlowToOpen.goes_on.set()
    recorder.terminate()
    thread.join(30)
    server.close()


def test_stop_calls_off_a_recording_whose_cameras_are_still_being_opened(
    profile: Path, slow: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RecorderClient.start(load_profile(profile)) as client, ThreadPoolExecutor(2) as threads:
        begun = threads.submit(client.record, folder=tmp_path / "clips")
        wait_for(lambda: slow.station.status().opening == "recording")
        with pytest.raises(RecorderError, match="it opens its cameras for a recording"):
            record("--profile", profile, "--out", tmp_path)
        stopped = threads.submit(record, "--profile", profile, "--stop")
        wait_for(slow.station._called_off.is_set)
        SlowToOpen.goes_on.set()
        stopped.result(60)
        assert "called off before its first exposure" in capsys.readouterr().out
        with pytest.raises(RecorderError, match="called off before its first exposure"):
            begun.result(60)
    assert not list((tmp_path / "clips").glob("*"))


def test_ctrl_c_calls_it_off_as_well(profile: Path, slow: Recorder, tmp_path: Path) -> None:
    arguments = [*NIRVIS, "record", "--profile", str(profile), "--out", str(tmp_path / "clips")]
    with subprocess.Popen(arguments, stdout=PIPE, stderr=PIPE) as process:
        wait_for(lambda: slow.station.status().opening == "recording")
        process.send_signal(signal.SIGINT)
        wait_for(slow.station._called_off.is_set)
        SlowToOpen.goes_on.set()
        assert process.wait(30) == 0
    assert not list((tmp_path / "clips").glob("*"))


class TestOrphans:
    """The program that launched a recorder is gone; nobody but the operator knows."""

    def test_a_recording_goes_on_is_told_by_doctor_and_ended_by_stop(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = [*NIRVIS, "record", "--profile", str(profile), "--out", str(tmp_path), "--json"]
        with subprocess.Popen(arguments, stdout=PIPE, stderr=PIPE, text=True) as process:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["pairs"] < 20:
                pass
            process.kill()
        found = recorder_finding(capsys)
        assert (found["level"], f"cli-{os.getpid()}: recording for" in found["found"]) == ("warning", True)
        assert "used by no program" in found["found"]
        assert "nirvis record --stop" in found["remedy"]
        record("--profile", profile, "--stop")
        path, verdict = capsys.readouterr().out.splitlines()
        assert verify(Path(path)).ok
        assert "ended: stopped" in verdict
        assert RecorderClient.find(f"cli-{os.getpid()}") is None, "nobody used it, and its cameras are to be free"

    def test_stop_ends_one_that_records_nothing(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with RecorderClient.start(load_profile(profile)) as client:
            client.arm()
            with pytest.raises(RecorderError, match="is used by another program"):
                record("--profile", profile, "--stop")
        record("--profile", profile, "--stop")
        assert "its cameras are free" in capsys.readouterr().out
        assert RecorderClient.find(f"cli-{os.getpid()}") is None

    def test_one_that_hangs_is_told_with_the_way_to_end_it(
        self, profile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nirvis_capture.doctor.recorders._ANSWER_S", 0.1)
        with RecorderClient.start(load_profile(profile)) as client:
            process = client.status().process
            os.kill(process, signal.SIGSTOP)
            try:
                found = recorder_finding(capsys)
            finally:
                os.kill(process, signal.SIGCONT)
        assert f"process {process} has the cameras and does not answer" in found["found"]
        assert f"kill -9 {process}" in found["remedy"]


def recorder_finding(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    with suppress(SystemExit):
        app(["doctor", "--json"], result_action="return_value")
    (found,) = [each for each in json.loads(capsys.readouterr().out) if each["check"] == "recorder"]
    return dict(found)


@pytest.mark.parametrize("option", [[], ["--profile"]])
def test_nothing_to_stop(profile: Path, option: list[str]) -> None:
    with pytest.raises(RecorderError, match="no recorder of it is running"):
        record(*option, profile, "--stop")


def test_unknown_profile() -> None:
    with pytest.raises(ProfileError, match="no shipped profile of that name") as caught:
        record("--profile", "gs3_dawn")
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--seconds", 0], "longer than 0 s", id="no-length"),
        pytest.param(["--seconds", "nan"], "longer than 0 s", id="no-number"),
        pytest.param(["--seconds", "inf"], "longer than 0 s", id="no-end"),
        pytest.param(["--every", "10m"], "needs --seconds", id="series-of-endless-recordings"),
        pytest.param(["--every", "5s", "--seconds", 6], "no longer than the 6 s", id="series-that-overlaps"),
        pytest.param(["--every", "soon", "--seconds", 6], "'soon' is no length of time", id="no-time"),
        pytest.param(["--every", "5m", "--seconds", 6, "--count", 0], "one recording at least", id="empty-series"),
        pytest.param(["--seconds", 6, "--count", 3], "say how often with --every", id="no-series"),
    ],
)
def test_options_that_make_no_sense_are_refused(profile: Path, options: list[object], said: str) -> None:
    with pytest.raises(NirvisError, match=said) as refused:
        record("--profile", profile, *options)
    assert refused.value.exit_status == 2


class TestSeries:
    def test_so_many_recordings_each_a_clip_of_its_own_metered_from_the_exposures_of_the_last(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        metered = load_profile(profile).edited({"twin.content": "even", "metering.before_recording": True})
        profile.write_text(metered.text)
        begun_with, begin = [], RecorderClient.record

        def recording(client: RecorderClient, *arguments: Any) -> str:
            begun_with.append(dict(arguments[-1]))
            return begin(client, *arguments)

        monkeypatch.setattr(RecorderClient, "record", recording)
        record("--profile", profile, "--every", "0.5s", "--seconds", 0.2, "--count", 2, "--out", tmp_path / "clips")
        said = capsys.readouterr()
        paths = said.out.splitlines()[::2]
        assert len(set(paths)) == 2
        assert all(verify(path).synchrony for path in paths)
        assert RecorderClient.find(f"cli-{os.getpid()}") is None
        with Clip.open(paths[0]) as clip:
            used = exposures_of(clip.profile)
        assert used != exposures_of(metered)
        assert begun_with == [{}, used]
        assert f"exposures: {told(used)}\n" in said.err

    def test_none_begins_that_would_leave_too_little(self, profile: Path, tmp_path: Path) -> None:
        with pytest.raises(RecorderError, match=r"Nothing was recorded: .* GB free, .* --until-free-gb 1e\+09"):
            record("--profile", profile, "--every", "9s", "--seconds", 1, "--until-free-gb", 1e9, "--out", tmp_path)
        assert not list(tmp_path.glob("*.clip.h5"))

    def test_one_that_ends_for_the_disk_says_so_and_ends_with_status_0(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        free = iter([9.0, 5.0, 5.0])
        monkeypatch.setattr(series, "free_gb", lambda _: next(free))
        options: list[object] = ["--every", "0.5s", "--seconds", 0.2, "--until-free-gb", 6, "--out", tmp_path]
        record("--profile", profile, *options)
        said = capsys.readouterr().err
        assert "The series ended after 1 recording" in said
        assert "has 5.0 GB free" in said
        assert "--until-free-gb 6 has to stay free" in said

    def test_one_that_fails_does_not_end_it(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        profile.write_text(profile.read_text() + 'faults = [{ kind = "unplug", arm = "vis", at = 30 }]\n')
        with pytest.raises(RecorderError, match="2 recordings of the series"):
            record("--profile", profile, "--every", "2s", "--seconds", 1.5, "--count", 2, "--out", tmp_path)
        assert capsys.readouterr().err.count("sent no frame") == 2
        assert len(list(tmp_path.glob("*.clip.h5"))) == 2

    def test_an_interrupt_ends_it_with_status_0(self, profile: Path, tmp_path: Path) -> None:
        arguments = [*NIRVIS, "record", "--profile", profile, "--every", "1h", "--seconds", "0.2", "--out", tmp_path]
        with subprocess.Popen([*map(str, arguments)], stdout=PIPE, stderr=PIPE, text=True) as process:
            assert process.stdout is not None
            path = Path(process.stdout.readline().strip())
            assert "proved, 20 pairs" in process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert verify(path).synchrony

    def test_the_last_one_is_that_which_still_leaves_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each takes 1 GB, and 2 GB are to stay free."""
        free_gb = iter([10.0, 3.0, 2.9])
        monkeypatch.setattr("nirvis.series.free_gb", lambda _: next(free_gb))
        series = Series(10.0, 5.0, None, 2.0, Path(), 0.2e9)
        assert list(series.starts(lambda _: False)) == [1, 2]

    def test_recordings_that_it_ran_into_are_left_out(self) -> None:
        """The second recording takes until 25 s, so that of 20 s is left out; later ones keep their times."""
        clock = [0.0]
        starts = []

        def wait(seconds: float) -> bool:
            clock.append(clock[-1] + seconds)
            return False

        series = Series(10.0, 5.0, 4, None, Path(), 0.0)
        for number in series.starts(wait, lambda: clock[-1]):
            starts.append(clock[-1])
            wait(15.0 if number == 2 else 5.0)
        assert starts == [0.0, 10.0, 30.0, 40.0]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("20s", 20), ("10m", 600), ("1.5 h", 5400), ("2d", 172_800)])
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


def test_a_split_recording_names_each_part(profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = profile.read_text().replace("ring_seconds = 3", "ring_seconds = 3\npart_minutes = 0.01")
    profile.write_text(text)
    record("--profile", profile, "--seconds", 1.0, "--out", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert Path(lines[-2]).name.endswith("-part002.clip.h5")
    assert "40 pairs" in lines[-1]


def test_an_interrupt_before_anything_was_recorded_says_so(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nirvis.commands.record import _record_once
    from nirvis_capture.profile import load_profile

    def begin(client: RecorderClient) -> str:
        pytest.fail("nothing may begin after an interrupt")

    interrupted = threading.Event()
    interrupted.set()
    _record_once(load_profile(profile), str(profile), begin, None, interrupted, False)
    assert capsys.readouterr().err == "interrupted before the recording began: there is no clip\n"
    # It was asked to end, and lets its cameras go first.
    wait_for(is_gone)


def is_gone() -> bool:
    client = RecorderClient.find(f"cli-{os.getpid()}")
    if client is not None:
        client.close()
    return client is None
