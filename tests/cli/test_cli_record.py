"""``nirvis record``: what is typed, what is printed, and that Ctrl-C costs nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

import nirvis_profiles
from nirvis.app import app
from nirvis.series import Series, duration_s
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.errors import ProfileError, RecorderError
from nirvis_capture.verify import verify

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
    from nirvis_capture.profile import load_profile

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
    with pytest.raises(RecorderError, match=said) as refused:
        record("--profile", profile, *options)
    assert refused.value.exit_status == 2


class TestSeries:
    def test_so_many_recordings_each_a_clip_of_its_own(
        self, profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        record("--profile", profile, "--every", "0.5s", "--seconds", 0.2, "--count", 2, "--out", tmp_path / "clips")
        paths = capsys.readouterr().out.splitlines()[::2]
        assert len(set(paths)) == 2
        assert all(verify(path).synchrony for path in paths)
        assert RecorderClient.find(f"cli-{os.getpid()}") is None

    def test_none_begins_that_would_leave_too_little(self, profile: Path, tmp_path: Path) -> None:
        with pytest.raises(RecorderError, match=r"Nothing was recorded: .* GB free, .* --until-free-gb 1e\+09"):
            record("--profile", profile, "--every", "9s", "--seconds", 1, "--until-free-gb", 1e9, "--out", tmp_path)
        assert not list(tmp_path.glob("*.clip.h5"))

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
