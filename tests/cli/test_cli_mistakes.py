"""Mistakes on the command line: one line each, that says what is wrong and where to look."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from nirvis.app import main


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit status of a command line, and its only line on stderr."""
    monkeypatch.setattr(sys, "argv", ["nirvis", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert isinstance(ended.value.code, int)
    return ended.value.code, line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param(["recrod"], r'"recrod"\. Did you mean "record"\?.* See: nirvis --help', id="command"),
        pytest.param(["record"], r"--profile requires an argument\. See: nirvis record --help", id="missing"),
        pytest.param(["twin", "render"], r"--out requires an argument\. See: nirvis twin render --help", id="of-twin"),
        pytest.param(["record", "twin_day", "--second", 1], "Did you mean --seconds", id="option"),
        pytest.param(["twin", "render", "--out", "o", "--seconds", "inf"], "have to be above 0", id="no-end"),
        pytest.param(["preflight", "twin_day", "--seconds", "inf"], "Must be <= 3600", id="no-end-of-trial"),
        pytest.param(["record", "twin_day", "--light", "noon"], 'Invalid value "noon" for --light', id="choice"),
        pytest.param(
            ["evaluate", "run", "--dataset", "pairs", "--pairs-per-clip", 0],
            "Invalid value '0' for --pairs-per-clip. Input should be greater than or equal to 1. See",
            id="setting",
        ),
    ],
)
def test_what_was_mistyped_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[object], line: str
) -> None:
    status, said = told(monkeypatch, capsys, *words)
    assert status == 2
    assert said.startswith("error: ")
    assert re.search(line, said)


def test_a_file_that_the_system_refuses_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    row = "pairs,a.pairs.h5,a,1,day,day,bridge,2026-06-21T12:00:00+00:00,9,s,9"
    header = "kind,path,recording_id,part,mode,light,place,start_time,pairs,sha256,size_bytes"
    (tmp_path / "catalogue.csv").write_text(f"{header}\n{row}\n")
    (tmp_path / "splits.csv").mkdir()
    status, said = told(monkeypatch, capsys, "split", tmp_path)
    assert status == 1
    assert said == f"error: {tmp_path / 'splits.csv'}: Is a directory"


def test_an_interrupted_command_says_so(tmp_path: Path) -> None:
    """The picture is a pipe: once the command opens it, it is at work, and stays so until the signal was sent."""
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        os.mkfifo(tmp_path / side / "1.png")
    words = ["import-dataset", "folders", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out"]
    with subprocess.Popen(
        [sys.executable, "-m", "nirvis", *map(str, words)], stderr=subprocess.PIPE, text=True
    ) as process:
        pipe = None
        while pipe is None and process.poll() is None:
            with suppress(OSError):  # nobody reads yet
                pipe = os.open(tmp_path / "a" / "1.png", os.O_WRONLY | os.O_NONBLOCK)
        assert pipe is not None
        process.send_signal(signal.SIGINT)
        os.close(pipe)
        assert process.stderr is not None
        assert process.stderr.read() == "interrupted\n"
    assert process.returncode == 130
