"""The program behind docs/results.md: its tables, the blocks that it writes, and what it ends with."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nirvis_training.loop import Progress

ROOT = Path(__file__).parents[2]
Asked = Callable[..., Callable[[], None]]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("results")


@pytest.fixture
def checks(results: ModuleType) -> ModuleType:
    return importlib.import_module("results_checks")


@pytest.fixture
def page(results: ModuleType) -> ModuleType:
    return importlib.import_module("results_page")


def test_the_page_of_results_has_a_block_for_every_table(results: ModuleType, page: ModuleType) -> None:
    path = ROOT / "docs" / "results.md"
    for name, samples in results.SAMPLES.items():
        page.require_block(path, name)
        assert f"{samples} crops of 96 px for every method" in path.read_text(encoding="utf-8")


def test_a_block_is_written_and_the_rest_of_the_page_stays(page: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    begin, end = page._marks("one")
    path.write_text(f"by hand\n\n{begin}\nold\n{end}\n\nby hand too\n")
    page.write_block(path, "one", r"new \1 text" + "\n")
    assert path.read_text() == f"by hand\n\n{begin}\nnew \\1 text\n{end}\n\nby hand too\n"
    with pytest.raises(page.NoBlock, match="has no block two"):
        page.write_block(path, "two", "text")
    assert sorted(tmp_path.iterdir()) == [path]


def test_negatives_and_losses_that_do_not_fall_are_complaints(checks: ModuleType) -> None:
    upright, negative, grey = (checks.Likeness(0.9, truth) for truth in (0.8, -0.8, 0.0))
    assert [one.upright for one in (upright, negative, grey)] == [True, False, False]
    assert not checks.Likeness(-0.5, None).upright, "the input is what is left to compare with"
    course = checks.Course(2.0, 3.0)
    assert checks.Checked("cut", upright, checks.Course(3.0, 2.0)).complaints == []
    assert len(checks.Checked("cut", negative, course).complaints) == 2


def test_what_a_method_makes_is_compared_with_input_and_truth(checks: ModuleType, dataset: Path) -> None:
    """Near infrared of this dataset is a mixture of the visible channels, so that the input is upright."""
    as_it_is, turned = (checks.likeness(predict, dataset) for predict in (lambda rgb: rgb, lambda rgb: 1 - rgb))
    assert as_it_is.input == pytest.approx(1)
    assert as_it_is.truth > 0.5
    assert (turned.input, turned.truth) == pytest.approx((-1, -as_it_is.truth))
    assert (as_it_is.upright, turned.upright) == (True, False)


def test_tables_are_written_and_bad_news_is_the_exit_status(
    results: ModuleType, page: ModuleType, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, end = page._marks("unpaired-small")
    other = "\n".join([*page._marks("supervised-small")[:1], "of another call", page._marks("supervised-small")[1]])
    document = tmp_path / "results.md"
    document.write_text(f"{begin}\n{end}\n{other}\n")
    monkeypatch.setitem(results.GROUPS, "unpaired", {"cyclegan": {"method.blocks": 1}})
    tokens = {"method.blocks": 1, "method.token_width": 32, "method.token_grid": 4}
    monkeypatch.setattr(results, "AGAINST_RANDOM_FEATURES", {"cptrans": tokens})
    words = ["--table", f"unpaired-small={dataset}", "--out", str(tmp_path / "out")]
    words += ["--crop", "32", "--width", "4", "--docs", str(document)]
    monkeypatch.setattr(sys, "argv", ["results.py", *words, "--samples", "4"])
    # Of a single step, the first and the last tenth are the same.
    with pytest.raises(SystemExit, match="unpaired-small: the losses of cyclegan did not fall") as ended:
        results.main()
    assert "unpaired-small: the losses of cptrans did not fall" in str(ended.value)
    assert document.read_text().endswith(f"\n{other}\n"), "tables that nobody asked for stay"
    written = document.read_text().removesuffix(f"{other}\n")
    assert "4 crops of 32 px for every method, width 4, seed 42." in written
    for title in ("Mode day", "Steadiness", "Runs", "Losses", "Negatives"):
        assert f"\n{title}" in written
    assert "Across rigs" not in written
    assert "| cyclegan | cycle_… |" in written
    assert written.count("| cptrans |") == 1, "random features make a course of losses, and no figure of a picture"
    assert "| cptrans | similarity |" in written
    assert "**no**" in written
    tables = written.removeprefix(f"{begin}\n").removesuffix(f"{end}\n")
    assert (tmp_path / "out" / "unpaired-small.md").read_text() == f"# unpaired-small\n\n{tables}"
    made = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.safetensors")}
    with pytest.raises(SystemExit, match="did not fall"):
        results.main()
    assert {file: file.stat().st_mtime_ns for file in made} == made, "what is there is not trained again"


SUPERVISED = {"pix2pix": {"method.downs": 4, "learning_rate": 1e-3}}


@pytest.fixture
def asked(results: ModuleType, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """``asked(crop=32, ...)``: what the program asks for, and where its runs are."""

    def ask(pairs: Path = dataset, samples: int = 4, crop: int = 32, width: int = 4, **changes: object) -> Any:
        monkeypatch.setitem(results.GROUPS, "supervised", {"pix2pix": SUPERVISED["pix2pix"] | changes})
        words = ["--table", f"supervised-small={pairs}", "--out", str(tmp_path / "out")]
        words += ["--samples", str(samples), "--crop", str(crop), "--width", str(width)]
        monkeypatch.setattr(sys, "argv", ["results.py", *words])
        return results.main

    return ask


@pytest.mark.parametrize(
    ("otherwise", "complaint"),
    [
        pytest.param({"samples": 8}, "samples is 4 there and 8 here; .*every_samples is 4 there and 8", id="samples"),
        pytest.param({"seed": 7}, "seed is 42 there and 7 here", id="seed"),
        pytest.param({"crop": 48}, "crop is 32 there and 48 here", id="size"),
        pytest.param({"width": 6}, r"method\.width is 4 there and 6 here", id="width"),
        pytest.param({"method.dropout": False}, r"method\.dropout is True there and False here", id="method"),
        pytest.param(
            {"learning_rate": 2e-3, "temporal": {}},
            r"learning_rate is 0\.001 there and 0\.002 here; temporal is not set there and ",
            id="several",
        ),
    ],
)
def test_a_run_of_other_settings_is_refused_before_anything_is_trained(
    asked: Asked, tmp_path: Path, otherwise: dict[str, Any], complaint: str
) -> None:
    asked()()
    run = tmp_path / "out" / "supervised-small" / "pix2pix"
    before = sorted(run.rglob("*"))
    with pytest.raises(SystemExit, match=rf"{run} is another run .*{complaint}.*give another --out, or remove") as told:
        asked(**otherwise)()
    assert str(told.value).count(" there and ") == complaint.count(" there and ")
    assert sorted(run.rglob("*")) == before


def test_a_run_of_other_pairs_is_refused(asked: Asked, videos: Path) -> None:
    asked()()
    with pytest.raises(SystemExit, match=rf"it was trained on other pairs \(.*\) than are in {videos}"):
        asked(pairs=videos)()


def test_whoever_ends_it_ends_all_of_it(asked: Asked, results: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def ending() -> Iterator[Callable[[Progress], None]]:
        yield lambda _: os.kill(os.getpid(), signal.SIGTERM)

    runs = importlib.import_module("results_runs")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "training_bar", ending)
        with pytest.raises(SystemExit, match="pix2pix is interrupted after 0 samples; the same command goes on"):
            asked(batch_size=2)()
    asked(batch_size=2)()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--samples", "0"], "argument --samples: '0' is not a whole number above 0"),
        (["--crop", "-8"], "--crop"),
        (["--methods", "pix2pix", "cyclegan"], "supervised-twin has ssn, compact_demo, zhang, "),
    ],
)
def test_what_cannot_be_made_is_refused(
    results: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", "--table", "supervised-twin=demo/pairs", *words])
    with pytest.raises(SystemExit) as ended:
        results.main()
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("twin=demo/pairs", "is not GROUP-DATASET=FOLDER, such as supervised-twin=demo/pairs"),
        ("supervised-twin", "is not GROUP-DATASET=FOLDER"),
        ("paired-twin=demo/pairs", "there is no group paired; groups are supervised, unpaired"),
    ],
)
def test_a_table_that_is_none_is_refused(
    results: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], table: str, complaint: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", "--table", table])
    with pytest.raises(SystemExit) as ended:
        results.main()
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
