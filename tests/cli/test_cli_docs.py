"""The command lines of the pages under docs/ are lines that nirvis understands, and the opening ones really run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from nirvis.app import app
from nirvis.commands.train import parse_changes
from nirvis_training.config import load_config

DOCS = Path(__file__).parents[2] / "docs"
SHORTER = {
    "--seconds 2": "--seconds 0.07",
    "--out streets/pairs": "--out streets/pairs --size 160x120",
    "--out run\n": "--out run --set samples=8 --set validation_pairs=1 --set video_frames=1\n",
    "nirvis export run --out model.onnx\n": "",  # a line of the README too, whose test runs it
}
"""Lengths and sizes only: what is tested is that the lines work, not how well eight crops teach."""


def blocks(page: Path) -> list[str]:
    """What stands between fences without a language."""
    return re.findall(r"^```\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def command_lines() -> Iterator[tuple[str, str]]:
    """Page and words after ``nirvis`` of every command line: in fences, and of training in the text of method pages."""
    for page in sorted(DOCS.rglob("*.md")):
        fenced = "".join(blocks(page)).replace("\\\n", " ")
        found = re.findall(r"(?:^|&& |-m )nirvis ([^#&\n]+)", fenced, re.MULTILINE)
        if page.parent.name == "methods":
            found += re.findall(r"`nirvis (train [^`]*--dataset[^`]*)`", page.read_text(encoding="utf-8"))
        yield from ((str(page.relative_to(DOCS)), line.strip()) for line in found)


LINES = sorted(set(command_lines()))


def test_the_pages_have_command_lines() -> None:
    pages = {page for page, _ in LINES}
    assert {"training.md", "evaluation.md", "twin.md", "cluster.md", "methods/roma.md", "methods/pcsgan.md"} <= pages


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_line_is_understood(page: str, line: str) -> None:
    try:
        command, bound, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        pytest.fail(f"docs/{page}: nirvis {line}: {error}")
    if command.__name__ == "train":
        load_config(bound.arguments["config"], parse_changes(bound.arguments.get("changes", ())))


def run_block(block: str) -> None:
    """The lines of a block, one after another, in the working folder."""
    for line in block.replace("&&", "\n").splitlines():
        nirvis, *words = shlex.split(line, comments=True)
        assert nirvis == "nirvis"
        app(words, result_action="return_value")


def test_the_openings_of_training_and_of_evaluation_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begin = blocks(DOCS / "training.md")[0]
    for long, short in SHORTER.items():
        assert long in begin
        begin = begin.replace(long, short)
    run_block(begin)
    shutil.copytree(tmp_path / "run", tmp_path / "runA")
    shutil.copytree(tmp_path / "run", tmp_path / "runB")
    (tmp_path / "pairs").symlink_to(tmp_path / "streets" / "pairs")
    (tmp_path / "pairs" / "splits.csv").write_text(
        (tmp_path / "pairs" / "splits.csv").read_text().replace(",train", ",test")
    )
    run_block(blocks(DOCS / "evaluation.md")[0])
    for name in ("run/evaluation/report.html", "table/comparison.md", "study.html"):
        assert (tmp_path / name).stat().st_size > 1000
