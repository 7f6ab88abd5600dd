"""The catalogue of a folder: what it says, and that it costs only what changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nirvis_datasets import catalogue as catalogue_module
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.entry import Entry, read_entry
from nirvis_datasets.errors import DatasetError, TableError

WritePairs = Callable[..., Path]
WriteClip = Callable[..., Path]


def built(folder: Path) -> Catalogue:
    """Build and write."""
    catalogue = Catalogue.build(folder)
    catalogue.write()
    return catalogue


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that a build opens from now on."""
    names: list[str] = []

    def noted(folder: Path, name: str) -> Entry:
        names.append(name)
        return read_entry(folder, name)

    monkeypatch.setattr(catalogue_module, "read_entry", noted)
    return names


def test_a_pairs_file_is_described(tmp_path: Path, write_pairs: WritePairs) -> None:
    path = write_pairs(
        tmp_path / "late" / "b.pairs.h5", n=3, recording_id="r1", part=2, mode="night", light="dusk", place="Brücke"
    )
    (entry,) = Catalogue.build(tmp_path).entries
    assert (entry.kind, entry.path, entry.recording_id, entry.part) == ("pairs", "late/b.pairs.h5", "r1", 2)
    assert (entry.mode, entry.light, entry.place, entry.pairs) == ("night", "dusk", "Brücke", 3)
    assert entry.residual_px == pytest.approx(0.2)
    assert entry.inliers is not None
    assert entry.error_px is not None
    assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry.size_bytes == path.stat().st_size


def test_a_clip_is_described(tmp_path: Path, write_clip: WriteClip) -> None:
    path = write_clip(tmp_path, n=4, recording_id="r1", place="Quay")
    (entry,) = Catalogue.build(tmp_path).entries
    assert (entry.kind, entry.path, entry.recording_id, entry.place) == ("clip", path.name, "r1", "Quay")
    assert (entry.mode, entry.pairs, entry.lost) == ("day", 4, 0)
    assert (entry.claim, len(entry.sha256)) == ("synchrony", 64)


def test_the_table_reads_back_as_it_was_written(tmp_path: Path, write_pairs: WritePairs) -> None:
    for name in "ba":
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, place='Corner, "old"')
    catalogue = built(tmp_path)
    assert Catalogue.read(tmp_path / "catalogue.csv") == catalogue
    lines = (tmp_path / "catalogue.csv").read_text().splitlines()
    assert lines[0].startswith("kind,path,recording_id,part,mode,light,place,start_time,pairs,")
    assert [line.split(",")[1] for line in lines[1:]] == ["a.pairs.h5", "b.pairs.h5"]


def test_an_unchanged_folder_is_not_read_again(tmp_path: Path, write_pairs: WritePairs, opened: list[str]) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    built(tmp_path)
    text = (tmp_path / "catalogue.csv").read_bytes()
    opened.clear()
    assert built(tmp_path).changes.kept == 1
    assert opened == []
    assert (tmp_path / "catalogue.csv").read_bytes() == text


def test_only_new_and_changed_files_are_read(tmp_path: Path, write_pairs: WritePairs, opened: list[str]) -> None:
    for name in "abc":
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name)
    built(tmp_path)
    opened.clear()
    (tmp_path / "b.pairs.h5").unlink()
    write_pairs(tmp_path / "b.pairs.h5", recording_id="b", n=5)
    write_pairs(tmp_path / "d.pairs.h5", recording_id="d")
    catalogue = built(tmp_path)
    assert opened == ["b.pairs.h5", "d.pairs.h5"]
    assert [entry.pairs for entry in catalogue.entries] == [2, 5, 2, 2]


def test_a_former_table_with_new_files_is_not_believed(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=2)
    built(tmp_path)
    former = (tmp_path / "catalogue.csv").read_bytes()
    (tmp_path / "a.pairs.h5").unlink()
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=3)
    built(tmp_path)
    (tmp_path / "catalogue.csv").write_bytes(former)
    assert built(tmp_path).entries[0].pairs == 3


@pytest.mark.parametrize("stamps", ["", "[]", '{"a.pairs.h5": 1}', '{"a.pairs.h5": [1]}'])
def test_damaged_stamps_cost_time_and_nothing_else(tmp_path: Path, write_pairs: WritePairs, stamps: str) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    before = built(tmp_path)
    (tmp_path / ".catalogue.json").write_text(stamps)
    after = built(tmp_path)
    assert after == before
    assert after.changes.read == 1


def test_moved_and_missing_files_are_noticed(tmp_path: Path, write_pairs: WritePairs) -> None:
    for name in "abc":
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name)
    built(tmp_path)
    (tmp_path / "summer").mkdir()
    (tmp_path / "a.pairs.h5").rename(tmp_path / "summer" / "a2.pairs.h5")
    (tmp_path / "b.pairs.h5").unlink()
    catalogue = built(tmp_path)
    assert catalogue.changes.lines() == [
        "moved: a.pairs.h5 is now summer/a2.pairs.h5",
        "missing: b.pairs.h5 is gone and was dropped from the catalogue",
    ]
    assert [entry.path for entry in catalogue.entries] == ["c.pairs.h5", "summer/a2.pairs.h5"]


def test_broken_files_are_named_in_one_line_each(tmp_path: Path, write_pairs: WritePairs) -> None:
    whole = write_pairs(tmp_path / "a.pairs.h5", recording_id="a").read_bytes()
    (tmp_path / "cut.pairs.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.clip.h5").touch()
    (tmp_path / "foreign.clip.h5").write_text("BM6")
    (tmp_path / "link.pairs.h5").symlink_to(tmp_path / "nowhere")
    catalogue = built(tmp_path)
    assert [entry.path for entry in catalogue.entries] == ["a.pairs.h5"]
    assert len(catalogue.changes.broken) == 4
    for name, line in zip(("cut", "empty", "foreign", "link"), catalogue.changes.broken, strict=True):
        assert name in line
        assert "\n" not in line


def test_unfinished_and_hidden_files_are_passed_over(tmp_path: Path, write_pairs: WritePairs) -> None:
    whole = write_pairs(tmp_path / "a.pairs.h5", recording_id="a").read_bytes()
    (tmp_path / ".trash").mkdir()
    for name in ("b.pairs.h5.part", ".b.pairs.h5", ".trash/b.pairs.h5"):
        (tmp_path / name).write_bytes(whole)
    assert len(Catalogue.build(tmp_path).entries) == 1


def test_a_loop_of_linked_folders_ends(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(Catalogue.build(tmp_path).entries) == 1


def test_a_place_written_by_hand_stays(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", place="")
    csv = built(tmp_path).write()
    csv.write_text(csv.read_text().replace(",day,day,,", ",day,day,Old Bridge,"))
    assert built(tmp_path).entries[0].place == "Old Bridge"
    (tmp_path / "a.pairs.h5").unlink()
    write_pairs(tmp_path / "again.pairs.h5", recording_id="a", place="", n=4)
    assert [(e.path, e.place) for e in built(tmp_path).entries] == [("again.pairs.h5", "Old Bridge")]


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    assert built(tmp_path).entries == ()
    assert Catalogue.read(tmp_path / "catalogue.csv").entries == ()


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder"):
        Catalogue.build(tmp_path / "summer")


def test_a_missing_table_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="Make it with: nirvis catalogue"):
        Catalogue.read(tmp_path / "catalogue.csv")


def test_a_table_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "catalogue.csv").write_bytes(b"kind\n\xff\xfe\n")
    with pytest.raises(TableError, match="no table in UTF-8"):
        Catalogue.build(tmp_path)


def test_the_table_belongs_into_its_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has to lie in it"):
        Catalogue(tmp_path, ()).write(tmp_path.parent / "catalogue.csv")


def test_progress_counts_files(tmp_path: Path, write_pairs: WritePairs) -> None:
    for name in "ab":
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name)
    seen: list[tuple[int, int]] = []
    Catalogue.build(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_failed_write_leaves_the_table_as_it_was(
    tmp_path: Path, write_pairs: WritePairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    catalogue = built(tmp_path)
    before = (tmp_path / "catalogue.csv").read_bytes()

    def full(source: object, target: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        catalogue.write()
    assert (tmp_path / "catalogue.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".catalogue.json", "a.pairs.h5", "catalogue.csv"]


def test_times_of_this_machine_are_not_in_the_table(tmp_path: Path, write_pairs: WritePairs) -> None:
    path = write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    text = built(tmp_path).write().read_bytes()
    os.utime(path, ns=(1, 1))
    built(tmp_path)
    assert (tmp_path / "catalogue.csv").read_bytes() == text
    assert json.loads((tmp_path / ".catalogue.json").read_text())["a.pairs.h5"][1] == 1


def test_a_copy_of_a_file_is_said(tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    (tmp_path / "again").mkdir()
    path = write_pairs(tmp_path / "a.pairs.h5", recording_id="a")
    write_pairs(tmp_path / "b.pairs.h5", recording_id="b")
    (tmp_path / "again" / "a.pairs.h5").write_bytes(path.read_bytes())
    said = ["copied: again/a.pairs.h5 is a copy of a.pairs.h5, so that all it holds counts twice: remove one"]
    first = Catalogue.build(tmp_path)
    first.write()
    again = Catalogue.build(tmp_path)
    assert first.changes.lines() == again.changes.lines() == said


def test_a_linked_folder_is_passed_over_aloud(tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    write_pairs(tmp_path / "elsewhere" / "b.pairs.h5", recording_id="b")
    write_pairs(tmp_path / "here" / "a.pairs.h5", recording_id="a")
    (tmp_path / "here" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / ".hidden").symlink_to(tmp_path / "elsewhere")
    found = Catalogue.build(tmp_path / "here")
    assert [entry.path for entry in found.entries] == ["a.pairs.h5"]
    assert found.changes.lines() == [
        "passed over: more is a link to a folder: catalogue what it leads to, or move that here"
    ]
