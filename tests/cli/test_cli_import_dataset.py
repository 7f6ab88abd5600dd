"""``nirvis import-dataset`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis.app import app
from nirvis_capture.errors import WrongOption
from nirvis_datasets.errors import ImportRefused
from nirvis_registration.pair_file import PairsFile


def run(*words: object) -> None:
    app([str(word) for word in words], result_action="return_value")


@pytest.fixture
def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    """Seven sources, of which six have no target."""
    for path in [*(tmp_path / "s" / f"{i}.png" for i in range(7)), tmp_path / "t" / "3.png"]:
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((32, 48, 3), 90, np.uint8))
    return tmp_path / "s", tmp_path / "t"


def test_what_was_left_out_is_told_and_listed(
    two_folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import-dataset", "folders", *two_folders, "--out", tmp_path / "street", "--place", "Quay")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"left out: {tmp_path / 's' / '0.png'}: this source has no partner"
    listed = tmp_path / "street" / "street.left-out.txt"
    assert lines[5:] == [
        f"left out: 1 more, see {listed}",
        f"{tmp_path / 'street'}: 1 file, 1 pair, 0 unpaired pictures",
    ]
    assert len(listed.read_text().splitlines()) == 6
    assert ",Quay," in (tmp_path / "street" / "catalogue.csv").read_text()


@pytest.mark.parametrize(
    ("words", "message", "error"),
    [
        pytest.param(
            ("kajst", "s"), "No layout is called kajst; known are vsiad, irvi", WrongOption, id="unknown-layout"
        ),
        pytest.param(("folders", "s"), "folders needs two of them", WrongOption, id="one-folder"),
        pytest.param(("kaist", "s", "t"), "kaist is one folder", WrongOption, id="one-too-many"),
        pytest.param(("folders", "s", "x"), "There is no folder", ImportRefused, id="no-folder"),
        pytest.param(("kaist", "s"), "has no picture where kaist has them", ImportRefused, id="other-layout"),
        pytest.param(("folders", "s", "t", "--band", "uv"), "No band is called uv", WrongOption, id="unknown-band"),
        pytest.param(
            ("folders", "s", "t", "--name", "../x"), "cannot be called '../x'", ImportRefused, id="name-is-a-path"
        ),
        pytest.param(("kaist", "s", "--recordings", "30"), "say what its recordings are", WrongOption, id="recordings"),
        pytest.param(("videos", "s", "t", "--recordings", "30"), "a video is one recording", WrongOption, id="video"),
        pytest.param(("videos", "s", "t"), "There is no video", ImportRefused, id="no-video"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_no_file(
    two_folders: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...], message: str, error: type[Exception]
) -> None:
    paths = [tmp_path / word if len(word) == 1 else word for word in words]
    with pytest.raises(error, match=message) as refused:
        run("import-dataset", *paths, "--out", tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_layout_may_be_seen_by_other_cameras(tmp_path: Path) -> None:
    for arm in ("ir", "vi"):
        (tmp_path / "set" / arm).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / arm / "1.png"), np.full((32, 48, 3), 90, np.uint8))
    run("import-dataset", "fusion", tmp_path / "set", "--out", tmp_path / "out", "--band", "vnir", "--mode", "day")
    with PairsFile.open(tmp_path / "out" / "fusion.pairs.h5") as pairs:
        assert (pairs.mode, pairs.profile.nir.filter.name) == ("day", "vnir")
