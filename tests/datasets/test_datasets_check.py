"""``nirvis check`` names what is wrong with a dataset and tells a script by its exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirvis.app import app
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.check import Verdict, check
from nirvis_datasets.errors import DatasetError
from nirvis_registration.pair_file import PairsFile
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality

WritePairs = Callable[..., Path]


@pytest.fixture
def write_random_pairs(tmp_path: Path, write_pairs: WritePairs) -> WritePairs:
    """Pairs files with pictures of blobs, of given qualities."""

    def write(
        name: str, seed: int, qualities: tuple[PairQuality, ...] = (PairQuality(0.2, 2.0, 0.0),) * 3, **options: object
    ) -> Path:
        path = write_pairs(tmp_path / f"{name}.pairs.h5", 1, recording_id=name, **{"place": name, **options})
        with PairsFile.open(path) as pairs:
            header, valid = pairs.header, pairs.valid
        with PairsWriter(path, header, valid, len(qualities)) as writer:
            for i, quality in enumerate(qualities):
                random = np.random.default_rng((seed, i))
                blobs = np.kron(random.integers(0, 255, (12, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
                picture = blobs[: valid.shape[0], : valid.shape[1]]
                if header.bit_depth > 8:
                    picture = picture.astype(np.uint16) * 257
                writer.write(i, picture, picture[::-1], quality)
        return path

    return write


def findings(verdict: Verdict, level: str) -> list[str]:
    return [finding.text for finding in verdict.findings if finding.level == level]


def test_a_good_dataset_has_no_finding(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    for seed, (name, mode) in enumerate({"a": "day", "b": "night"}.items()):
        write_random_pairs(name, seed, mode=mode)
    verdict = check(tmp_path)
    assert verdict.findings == []
    figures = {name: value for value, name in verdict.figures}
    assert (figures["registered pairs"], figures["places"], figures["sizes"]) == ("6", "2", "64×48")
    assert (figures["bit depths"], figures["by mode"]) == ("8 bit", "day 3, night 3")
    assert figures["median residual misalignment"] == "0.20 px"


@pytest.mark.parametrize(
    ("qualities", "warning"),
    [
        pytest.param(
            [(3.0, 2.0, 0.0)] * 3,
            "100% of the pairs whose misalignment is known are more than 1.5 px apart",
            id="misaligned",
        ),
        pytest.param([(np.nan, 2.0, 0.0), (0.1, 2.0, 0.0)], "50% of the pairs have too little structure", id="flat"),
        pytest.param([(0.1, 2.0, 0.5)] * 2, "100% of the pairs are saturated in more than 20%", id="saturated"),
        pytest.param(
            [(0.1, 2.0, 0.0)] * 3 + [(0.1, 0.3, 0.0)], "25% of the pairs are blurred against the others", id="blurred"
        ),
    ],
)
def test_poor_pictures_are_odd(
    tmp_path: Path, write_random_pairs: WritePairs, qualities: list[tuple[float, ...]], warning: str
) -> None:
    write_random_pairs("a", 1, tuple(PairQuality(*values) for values in qualities))
    verdict = check(tmp_path)
    assert [text for text in findings(verdict, "warning") if text.startswith(warning)]
    assert not findings(verdict, "error")


@pytest.mark.parametrize(
    ("poor", "warning"),
    [
        pytest.param(
            PairQuality(12.0, 2.0, 0.0),
            "3% of the pairs whose misalignment is known are more than 1.5 px apart, most of 1 file; "
            "the worst file is clip17.pairs.h5 (2 of 2)",
            id="misregistered",
        ),
        pytest.param(
            PairQuality(np.nan, 2.0, 0.0),
            "3% of the pairs have too little structure to measure their misalignment, most of 1 file; "
            "the worst file is clip17.pairs.h5 (2 of 2)",
            id="so-far-out-that-nothing-is-measured",
        ),
        pytest.param(
            PairQuality(0.2, 0.4, 0.0),
            "3% of the pairs are blurred against the others, most of 1 file; "
            "the worst file is clip17.pairs.h5 (2 of 2)",
            id="blurred",
        ),
        pytest.param(
            PairQuality(0.2, 2.0, 0.9),
            "3% of the pairs are saturated in more than 20% of their pixels, most of 1 file; "
            "the worst file is clip17.pairs.h5 (2 of 2)",
            id="saturated",
        ),
    ],
)
def test_one_bad_file_among_thirty_is_named(
    tmp_path: Path, write_random_pairs: WritePairs, poor: PairQuality, warning: str
) -> None:
    for number in range(30):
        quality = poor if number == 17 else PairQuality(0.2, 2.0, 0.0)
        write_random_pairs(f"clip{number}", number, (quality,) * 2)
    assert findings(check(tmp_path), "warning") == [warning]


def test_many_poor_pairs_name_the_file_that_has_most(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    fine, poor = PairQuality(0.2, 2.0, 0.0), PairQuality(3.0, 2.0, 0.0)
    write_random_pairs("a", 1, (fine,) * 8 + (poor,) * 2)
    write_random_pairs("b", 2, (fine,) * 9 + (poor,))
    (warning,) = findings(check(tmp_path), "warning")
    assert warning.endswith(
        "15% of the pairs whose misalignment is known are more than 1.5 px apart; "
        "the worst file is a.pairs.h5 (2 of 10)"
    )


def test_repeated_frames_are_odd(tmp_path: Path, write_pairs: WritePairs) -> None:
    path = write_pairs(tmp_path / "a.pairs.h5", 1)
    with PairsFile.open(path) as pairs:
        header, valid, still = pairs.header, pairs.valid, pairs.source(0)
    with PairsWriter(path, header, valid, 4) as writer:
        for i in range(4):
            writer.write(i, still, still, PairQuality(0.1, 2.0, 0.0))
    assert "100% of the frames repeat the one before" in findings(check(tmp_path), "warning")


def test_mixed_sizes_and_false_depths_are_odd(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    write_random_pairs("a", 1)
    write_random_pairs("b", 2, bit_depth=16)
    write_random_pairs("c", 3, place="", size=(32, 24))
    warnings = findings(check(tmp_path), "warning")
    assert "pictures have 2 bit depths: 8 bit in 2 files, 16 bit in 1 file" in warnings
    assert "pictures have 2 sizes: 64×48 in 2 files, 32×24 in 1 file" in warnings
    assert "pictures of 8 bit in 1 file of 16, the first b.pairs.h5" in warnings
    assert "no place is known for 1 recording, the first c" in warnings


def test_files_that_are_gone_moved_or_broken_are_named(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    for seed, name in enumerate("abcd"):
        write_random_pairs(name, seed)
    Catalogue.build(tmp_path).write()
    (tmp_path / "a.pairs.h5").unlink()
    (tmp_path / "b.pairs.h5").rename(tmp_path / "z.pairs.h5")
    content = (tmp_path / "c.pairs.h5").read_bytes()
    (tmp_path / "c.pairs.h5").write_bytes(content[: len(content) // 2])
    verdict = check(tmp_path)
    assert "a.pairs.h5 is in the catalogue and gone from the folder" in findings(verdict, "error")
    assert "b.pairs.h5 was moved to z.pairs.h5 since the folder was catalogued" in findings(verdict, "warning")
    assert [text for text in findings(verdict, "error") if "c.pairs.h5 is damaged" in text]


def test_copies_and_links_are_odd(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    path = write_random_pairs("a", 1)
    (tmp_path / "b.pairs.h5").write_bytes(path.read_bytes())
    (tmp_path / "more").symlink_to(tmp_path)
    warnings = findings(check(tmp_path), "warning")
    assert warnings[0] == "b.pairs.h5 is a copy of a.pairs.h5, so that all it holds counts twice: remove one"
    assert warnings[1].startswith("more is a link to a folder")


def test_pictures_left_out_of_an_import_are_recalled(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    write_random_pairs("a", 1)
    (tmp_path / "kaist.left-out.txt").write_text("x.png: this source has no partner\n")
    (warning,) = findings(check(tmp_path), "warning")
    assert warning.endswith("left out when it was imported: 1 picture, the first x.png: this source has no partner")


def test_modes_out_of_balance_are_odd(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    write_random_pairs("a", 1, (PairQuality(0.2, 2.0, 0.0),) * 5)
    write_random_pairs("b", 2, (PairQuality(0.2, 2.0, 0.0),), mode="night")
    assert "modes are out of balance: day 5, night 1 pairs" in findings(check(tmp_path), "warning")


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        pytest.param("a,x,day,train\nb,x,day,test\n", "place x is in train", id="place"),
        pytest.param(
            "a,x,day,train\nb,y,day,test\n", "recording a (train) and recording b (test) show the same", id="look"
        ),
    ],
)
def test_leakage_is_wrong_and_ends_with_status_1(
    tmp_path: Path, write_random_pairs: WritePairs, capsys: pytest.CaptureFixture[str], rows: str, error: str
) -> None:
    write_random_pairs("a", 1)
    write_random_pairs("b", 1)
    (tmp_path / "splits.csv").write_text(f"recording_id,place,mode,set\n{rows}")
    with pytest.raises(SystemExit) as status:
        app(["check", str(tmp_path)], result_action="return_value")
    assert status.value.code == 1
    assert f"error: {error}" in capsys.readouterr().out


@pytest.mark.parametrize("sets", ["", "a,a,day,train\nb,b,day,train\nc,c,day,train\n"])
def test_near_duplicates_of_two_places_are_odd(tmp_path: Path, write_random_pairs: WritePairs, sets: str) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        write_random_pairs(name, seed)
    if sets:
        (tmp_path / "splits.csv").write_text(f"recording_id,place,mode,set\n{sets}")
    verdict = check(tmp_path)
    assert findings(verdict, "warning") == [
        "recordings of two places show the same picture 1 time, the first time a and c"
    ]
    assert not findings(verdict, "error")


def test_the_same_picture_at_one_place_is_no_wonder(tmp_path: Path, write_random_pairs: WritePairs) -> None:
    for name in "ab":
        write_random_pairs(name, 1, place="Quay")
    assert check(tmp_path).findings == []


@pytest.mark.parametrize(("words", "status"), [((), 0), (("--strict",), 1)])
def test_odd_things_end_with_status_1_only_when_strict(
    tmp_path: Path, write_random_pairs: WritePairs, words: tuple[str, ...], status: int
) -> None:
    write_random_pairs("a", 1, place="")
    try:
        app(["check", str(tmp_path), *words], result_action="return_value")
        ended = 0
    except SystemExit as end:
        ended = int(end.code or 0)
    assert ended == status
    page = (tmp_path / "contact-sheet.html").read_text()
    assert page.count('<img src="data:image/jpeg') == 3
    assert "no place is known for 1 recording" in page


def test_nothing_to_check_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no clip, pairs or frames file"):
        check(tmp_path)
