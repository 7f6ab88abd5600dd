"""Every command line of the README's table does what the README says, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nirvis.app import COMMANDS

README = Path(__file__).parents[2] / "README.md"
SHORTER = {"--seconds 3": "--seconds 0.2", "max_seconds=60": "samples=16", "--max-seconds 120": "--samples 32"}
"""Lengths only: what is tested is that the lines work, not how well sixteen crops teach."""
ELSEWHERE = {
    "gui": "tests/gui",
    "demo": "tests/cli/test_cli_demo.py",
    "detect-score": "tests/training/test_training_detection.py",  # nirvis brings no detector
    "segment-score": "tests/training/test_training_segmentation.py",
    "preflight": "tests/cli/test_cli_operator.py",  # a slow machine is rightly no-go at line rate
}


def examples() -> dict[str, str]:
    """Command name → the example in its row of the table."""
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| `(nirvis [^`]+)` \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def test_the_table_lists_every_command_once() -> None:
    assert sorted(examples()) == sorted(COMMANDS)
    assert all(line.split()[1] == name for name, line in examples().items())


def test_every_example_works_as_printed_and_in_its_order(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["XDG_RUNTIME_DIR"] = str(tmp_path / "runtime")
    (tmp_path / "runtime").mkdir(mode=0o700)
    for name, line in examples().items():
        if name in ELSEWHERE:
            continue
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "colour.mp4").stat().st_size > 10_000
    assert (tmp_path / "run" / "evaluation" / "evaluation.json").is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from nirvis.app import app

    app([name, "--help"], result_action="return_value")
    assert "Usage: " in capsys.readouterr().out
