"""The whole way in short form: on the simulated rig, on the pictures that come with nirvis, on somebody's folder."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from nirvis.commands.demo import demo
from nirvis.demo.takes import known_warp
from nirvis.demo.way import MARKER, DemoError, prepare
from nirvis_capture.errors import PictureError
from nirvis_capture.verify import verify
from nirvis_datasets.split import SPLITS_NAME, Split
from nirvis_registration.geometry import corner_distances
from nirvis_registration.pair_file import PairsFile
from nirvis_training.evaluation import Evaluation
from nirvis_training.run_folder import RunFolder


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.captions: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.captions += [value or "" for name, value in attrs if tag == "img" and name == "alt"]


def the_way_is_complete(root: Path, clips: int) -> Evaluation:
    """Check every station that a demo leaves behind."""
    recorded = sorted((root / "clips").glob("*.clip.h5"))
    assert len(recorded) == clips
    assert all(verify(clip).ok for clip in recorded)
    pairs = sorted((root / "pairs").glob("*.pairs.h5"))
    assert len(pairs) == clips
    assert set(Split.read(root / "pairs" / SPLITS_NAME).sets.values()) >= {"train", "test"}
    assert RunFolder(root / "run").status.state == "finished"
    assert RunFolder(root / "run").features == "none"
    with av.open(str(root / "colour.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 0
    page = _Pictures()
    page.feed((root / "report.html").read_text(encoding="utf-8"))
    assert {"input", "prediction", "truth"} <= set(page.captions)
    assert (root / "model.onnx").is_file()
    assert not list(root.rglob("*.part"))
    return Evaluation.read(root / "run" / "evaluation" / "evaluation.json")


def test_demo_goes_the_whole_way_on_the_simulated_rig_and_works_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / MARKER).write_text("{}")
    (tmp_path / "demo" / "left_by_the_last_run").touch()

    demo(out=tmp_path / "demo", streets=2, seconds=0.4, train_seconds=4)

    assert not (tmp_path / "demo" / "left_by_the_last_run").exists()
    evaluation = the_way_is_complete(tmp_path / "demo", clips=4)
    assert {clip.mode for clip in evaluation.by_clip} == {"day", "night"}
    said = capsys.readouterr().out
    assert str(tmp_path / "demo" / "report.html") in said
    assert f"{evaluation.overall['prediction']['psnr_rgb_db'].mean:.2f}" in said


def test_demo_goes_the_whole_way_on_the_real_pictures_that_come_with_nirvis(tmp_path: Path) -> None:
    demo(out=tmp_path / "demo", real=True, seconds=0.4, train_seconds=4)
    the_way_is_complete(tmp_path / "demo", clips=4)


def test_demo_registers_a_folder_of_real_pictures_close_to_the_known_transform(real_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("country_0006", "country_0010", "urban_0001"):
        for file in (real_data / "nirscene").glob(f"{name}_*.jpg"):
            shutil.copy(file, folder)
    demo(out=tmp_path / "demo", input=folder, seconds=0.4, train_seconds=4)
    the_way_is_complete(tmp_path / "demo", clips=3)


def test_demo_names_pictures_that_do_not_match(tmp_path: Path) -> None:
    (tmp_path / "street_nir.png").touch()
    (tmp_path / "square_vis.png").touch()
    with pytest.raises(PictureError, match=r"street_nir\.png|square_vis\.png"):
        demo(out=tmp_path / "demo", input=tmp_path)
    assert not (tmp_path / "demo").exists()


def test_demo_refuses_a_folder_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match="not empty"):
        prepare(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_known_warps_are_small_and_differ_with_the_seed() -> None:
    size = (640, 480)
    moved = [corner_distances(known_warp(*size, seed), np.eye(3), size) for seed in range(20)]
    assert np.min([d.max() for d in moved]) > 1
    assert np.max(moved) < 30
    assert len({float(d.sum()) for d in moved}) == 20


def test_registered_real_pictures_are_near_the_known_transform(tmp_path: Path) -> None:
    """The pictures themselves are registered to 0.2 px (VNIR) and 0.9 px (NIR) only, as their authors left them."""
    from importlib.resources import as_file, files

    from nirvis.demo.takes import picture_takes
    from nirvis.demo.way import Way, prove, record, register
    from nirvis_registration.settings import RegistrationSettings

    way = Way(tmp_path)
    way.clips.mkdir()
    with as_file(files("nirvis") / "pictures" / "vsiad") as folder:
        recorded = prove(record(way, picture_takes(folder, "night", 0.3, seed=3)))
        registered = register(way, [clip.path for clip in recorded], RegistrationSettings(frames=2))
    assert len(registered) == 4
    assert max(clip.corner_error_px for clip in registered) < 2
    with PairsFile.open(registered[0].pairs) as pairs:
        assert pairs.source(0).shape == pairs.target(0).shape == (480, 640, 3)
