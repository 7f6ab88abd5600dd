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
    assert verdict.startswith("synchrony certified: 50 pairs")
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


def test_nothing_to_stop(profile: Path) -> None:
    with pytest.raises(RecorderError, match="no recorder of it is running"):
        record("--profile", profile, "--stop")


def test_unknown_profile() -> None:
    with pytest.raises(ProfileError, match="no shipped profile of that name") as caught:
        record("--profile", "gs3_dawn")
    assert caught.value.exit_status == 2


def test_length_must_be_positive(profile: Path) -> None:
    with pytest.raises(RecorderError, match="longer than 0 s"):
        record("--profile", profile, "--seconds", 0)
