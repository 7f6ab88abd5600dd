"""``nirvis catalogue`` and ``nirvis split`` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirvis.app import app
from nirvis_datasets.errors import DatasetError, SplitError, TableError

HEADER = "kind,path,recording_id,part,mode,light,place,start_time,pairs,sha256,size_bytes"


def run(*words: object) -> None:
    app([str(word) for word in words], result_action="return_value")


@pytest.fixture
def season(tmp_path: Path) -> Path:
    """A catalogue of five day recordings at five places, one broken clip beside them."""
    rows = [f"pairs,{i}.pairs.h5,r{i},1,day,day,street {i},2026-06-21T12:0{i}:00+00:00,100,s{i},9" for i in range(5)]
    (tmp_path / "catalogue.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def test_catalogue_names_what_is_missing_and_broken(season: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (season / "x.clip.h5").write_text("no clip")
    with pytest.raises(SystemExit) as ended:
        run("catalogue", season)
    assert ended.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "missing: 0.pairs.h5 is gone and was dropped from the catalogue"
    assert lines[5].startswith("broken: ")
    assert "x.clip.h5" in lines[5]
    assert lines[6] == f"{season / 'catalogue.csv'}: 0 clips, 0 pairs files; 0 read, 0 unchanged"


def test_a_folder_without_recordings_is_taken_for_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is it the right folder"):
        run("catalogue", tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "catalogue.csv").write_text(HEADER + "\n")
    with pytest.raises(SplitError, match="lists no recording"):
        run("split", tmp_path)
    assert not (tmp_path / "splits.csv").exists()


def test_split_says_which_sets_stay_empty(season: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = season / "catalogue.csv"
    csv.write_text("\n".join(csv.read_text().splitlines()[:2]) + "\n")
    run("split", season)
    assert "nothing in val and test: that takes recordings of more places" in capsys.readouterr().out


def test_split_prints_counts_and_writes_the_table(season: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("split", season, "--seed", 3)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[:4] == [
        ["set", "mode", "recordings", "places", "pairs", "unpaired"],
        ["train", "day", "3", "3", "300", "0"],
        ["val", "day", "1", "1", "100", "0"],
        ["test", "day", "1", "1", "100", "0"],
    ]
    assert len((season / "splits.csv").read_text().splitlines()) == 6


def test_split_takes_fractions_and_keeps_what_was(season: Path) -> None:
    run("split", season, "--fractions", "20:20:60")
    before = (season / "splits.csv").read_text()
    assert before.count(",test\n") == 3
    run("split", season, "--keep", "--seed", 5)
    assert (season / "splits.csv").read_text() == before


def test_split_refuses_an_unknown_place_until_told(season: Path) -> None:
    csv = season / "catalogue.csv"
    csv.write_text(csv.read_text().replace("street 2", ""))
    with pytest.raises(SplitError, match="No place is known for r2"):
        run("split", season)
    assert not (season / "splits.csv").exists()
    run("split", season, "--place-unknown-as", "recording")
    assert (season / "splits.csv").exists()


@pytest.mark.parametrize("fractions", ["60-20-20", "60:20", "a:b:c", "1.2.3:1:1", ""])
def test_split_explains_fractions(season: Path, fractions: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("split", season, "--fractions", fractions)
    assert ended.value.code == 2
    assert "60:20:20" in capsys.readouterr().err
    assert not (season / "splits.csv").exists()


def test_split_without_a_catalogue_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="Make it with: nirvis catalogue"):
        run("split", tmp_path)
