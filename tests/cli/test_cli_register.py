from __future__ import annotations

from pathlib import Path

import pytest

import nirvis_profiles
from nirvis.app import app
from nirvis.commands.register import table
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import parse_profile
from nirvis_registration.batch import Outcome
from nirvis_registration.pair_file import PairsFile

ROI = "roi = { width = 800, height = 600, offset_x = 292, offset_y = 216 }"
SMALL = ["--size", "320x240", "--frames", "1"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs of the middle of the simulated street."""
    text = nirvis_profiles.text("twin_day").replace("min_free_gb = 2", "min_free_gb = 0")
    text = text.replace("scene_seed = 1", 'scene_seed = 1\npacing = "fast"')
    text = text.replace("roi = { width = 1384, height = 1032 }", ROI)
    return record_clip(parse_profile(text), tmp_path_factory.mktemp("clips"), pairs=4)


def run(*arguments: str) -> int:
    """Exit status of ``nirvis register``."""
    try:
        app(["register", *arguments], result_action="return_value")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_clip_becomes_pairs_and_a_second_run_does_nothing(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (str(clip.parent), "--out", str(tmp_path), *SMALL, "--crop", "600x450", "--every", "2")
    assert run(*arguments, "--export-json") == 0
    assert "1 registered" in capsys.readouterr().out
    with PairsFile.open(next(tmp_path.glob("*.pairs.h5"))) as pairs:
        assert pairs.source(0).shape == (240, 320, 3)
        assert (pairs.crop.width, pairs.crop.height) == (600, 450)
        assert pairs.table["clip_index"].tolist() == [0, 2]
    name = clip.name.removesuffix(".clip.h5")
    suffixes = (".pairs.h5", ".registration.json", ".registration.html")
    written = {path.name for path in tmp_path.iterdir()}
    assert written >= {f"{name}{suffix}" for suffix in suffixes} | {"registration.html"}
    assert run(*arguments) == 0
    assert "1 up to date" in capsys.readouterr().out
    assert run(*arguments, "--no-calibration") == 0
    assert "1 up to date" in capsys.readouterr().out  # the first clip began at no calibration


def test_a_refused_clip_ends_with_status_1_and_its_reason(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.clip.h5"
    broken.write_bytes(clip.read_bytes()[:4096])
    assert run(str(broken), "--out", str(tmp_path / "out"), *SMALL) == 1
    printed = capsys.readouterr().out
    assert "failed: " in printed
    assert "Traceback" not in printed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["registration.html"]
    assert "failed: " in (tmp_path / "out" / "registration.html").read_text()


@pytest.mark.parametrize("size", ["640", "0x0", "axb", "640x480x3"])
def test_a_size_that_is_none_is_refused_before_anything_is_done(
    size: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(clip), "--out", str(tmp_path / "out"), "--size", size) != 0
    assert "640x480" in "".join(capsys.readouterr())
    assert not (tmp_path / "out").exists()


def test_the_table_has_a_line_for_every_clip() -> None:
    lines = table(
        [
            Outcome(Path("a.clip.h5"), "registered", path=Path("a.pairs.h5"), pairs=90, inliers=1234, error_px=0.2),
            Outcome(Path("long-name.clip.h5"), "refused", "the vis arm is black"),
        ]
    )
    assert [line.split()[0] for line in lines] == ["clip", "a", "long-name", "1"]
    assert lines[2].endswith("refused: the vis arm is black")
    assert lines[-1] == "1 registered, 1 refused"
    assert lines[0].index("status") == lines[1].index("registered") == lines[2].index("refused")
