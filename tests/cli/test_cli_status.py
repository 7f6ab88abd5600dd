"""Exit statuses of all commands: 2 for what was typed or set wrongly, and nothing was begun; 1 for what failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nirvis.app import COMMANDS, main


def status_of(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_2(command: str) -> None:
    sub = ["render"] if command == "twin" else []
    assert status_of(command, *sub, "--no-such-option") == 2


WRONG = [
    "nothing-of-that-name",
    "record --profile no-such-profile",
    "record --profile twin_day --seconds 0",
    "record --profile twin_day --seconds soon",
    "record --profile twin_day --count 3",
    "doctor --trigger",
    "expose twin_day --bright 7",
    "expose twin_day --write profile.txt",
    "calibrate bright twin_day",
    "calibrate dark twin_day --frames 0",
    "preflight twin_day --seconds 0",
    "register . --out pairs --size 640",
    "split . --fractions 60:40",
    "export-dataset . --out exported --format floppy",
    "export-dataset . --out exported --format mp4 --every 0",
    "import-dataset no-such-layout . --out imported",
    "import-dataset folders . --out imported",
    "weights run.txt --out weights.doc",
    "train no-such-method --dataset .",
    "train ssn_demo",
    "train ssn_demo --dataset . --set method.no_such=3",
    "twin render --out streets --seconds 0",
    "twin lapse --out lapse.avi",
    "twin score --run run",
    "gui --profile no-such-profile",
]


@pytest.mark.parametrize("words", WRONG)
def test_what_is_typed_or_set_wrongly_is_2_and_leaves_nothing(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(*words.split()) == 2
    assert not list(tmp_path.iterdir())


FAILS = [
    "verify nothing.clip.h5",
    "verify .",
    "recover nothing.clip.h5.part",
    "register nothing.clip.h5 --out pairs",
    "register . --out pairs",
    "register nowhere --out pairs --scheduler tcp://127.0.0.1:1",
    "catalogue nowhere",
    "split .",
    "check .",
    "check . --sheet out/sheet.html",
    "export-dataset . --out exported --format mp4",
    "export-dataset . --out exported --format shards",
    "import-dataset folders nowhere nowhere --out imported",
    "import-dataset videos nothing.mp4 nothing.mp4 --out imported",
    "import-dataset vsiad . --out imported",
    "train --dataset nowhere --out run",
    "train --session nowhere --out run",
    "resume nowhere",
    "evaluate nowhere --dataset .",
    "compare nowhere --dataset . --out out",
    "compare nowhere --dataset . --study out/study.html",
    "export nowhere --out out/model.onnx",
    "weights nothing.pth --out out/model.onnx",
    "colorize nothing.onnx . --out out/colour.mp4",
    "fuse nothing.mp4 --translated nothing.mp4 --out out/fused.mp4",
    "detect-score nothing.onnx a.pairs.h5 --model nothing.onnx --labels labels",
    "segment-score nothing.onnx a.pairs.h5 --model nothing.onnx --labels masks",
    "twin score nothing.clip.h5 --pairs nothing.pairs.h5",
    "demo --input nowhere",
    "record --profile twin_day --stop",
    "gui --profile twin_day --model nowhere.onnx",
]


@pytest.mark.parametrize("words", FAILS)
def test_what_is_not_there_or_does_not_hold_is_1_and_leaves_nothing(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime, here = tmp_path / "runtime", tmp_path / "here"
    runtime.mkdir(mode=0o700)
    here.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.chdir(here)
    assert status_of(*words.split()) == 1
    assert not list(here.iterdir())


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    command = [sys.executable, "-m", "nirvis", "doctor", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_the_shell_sees_it_as_well() -> None:
    command = [sys.executable, "-m", "nirvis", "record", "--profile", "no-such-profile"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert ended.returncode == 2
    assert "no shipped profile of that name" in ended.stderr
    assert "Traceback" not in ended.stderr
