"""Several runs on the same pictures: tables, paired differences, rigs, unpaired sources, and the page of a study."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import h5py
import pytest
import torch
from safetensors.torch import load_file, save_file

from nirvis_datasets.catalogue import Catalogue
from nirvis_training.backbones.inception import InceptionV3
from nirvis_training.compare import compare, study_of
from nirvis_training.comparison import Comparison, paired_differences
from nirvis_training.evaluate import evaluate
from nirvis_training.evaluation import shown
from nirvis_training.judgement import ClipScores, EvaluationError
from nirvis_training.protocol import Protocol
from nirvis_training.run_folder import BEST_KEY, RunFolder
from unpaired_frames import catalogue_frames, write_frames


@pytest.fixture(scope="module")
def worse(finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with weights that were shaken, as the metadata of the first has it otherwise."""
    folder = tmp_path_factory.mktemp("runs") / "worse"
    shutil.copytree(finished.path, folder)
    weights = load_file(folder / "best.safetensors")
    random = torch.Generator().manual_seed(1)
    shaken = {n: t + 0.1 * torch.randn(t.shape, generator=random) if t.ndim == 4 else t for n, t in weights.items()}
    save_file(shaken, folder / "best.safetensors", {BEST_KEY: finished.best.model_dump_json() if finished.best else ""})
    return folder


@pytest.fixture(scope="module")
def comparison(
    finished: RunFolder, worse: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, Path]:
    out = tmp_path_factory.mktemp("comparison") / "out"
    steps: list[tuple[int, int]] = []
    made = compare([finished.path, worse], [dataset], out, progress=lambda *step: steps.append(step))
    count = made.pairs
    assert steps == [(done, 2 * count) for done in range(1, 2 * count + 1)]
    return made, out


def test_a_comparison_has_the_figures_of_its_evaluations(
    comparison: tuple[Comparison, Path], finished: RunFolder, dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    alone = evaluate(tmp_path / "run", dataset)
    made, _ = comparison
    assert made.contestants == ("input", "grey_world", "mean_colour", "run", "worse", "target")
    assert made.overall["run"] == alone.overall["prediction"]
    for untrained in ("input", "grey_world", "mean_colour", "target"):
        assert made.overall[untrained] == alone.overall[untrained]
    assert made.overall["worse"]["psnr_rgb_db"].mean < made.overall["run"]["psnr_rgb_db"].mean


def test_differences_are_taken_clip_by_clip() -> None:
    """Clips differ by 10 dB, the methods by 1 dB on every one: the difference has no spread."""
    clips = [
        ClipScores(
            clip=str(i),
            recording_id=str(i),
            mode="day",
            pairs=1,
            scores={"first": {"psnr_rgb_db": 20.0 + 10 * i}, "second": {"psnr_rgb_db": 21.0 + 10 * i}},
        )
        for i in range(5)
    ]
    found = paired_differences(clips, ["first", "second"])["second"]["psnr_rgb_db"]
    assert (found.low, found.mean, found.high) == (1.0, 1.0, 1.0)


def test_the_files_of_a_comparison_say_the_same(comparison: tuple[Comparison, Path]) -> None:
    made, out = comparison
    assert Comparison.read(out / "comparison.json") == made
    assert (out / "comparison.md").read_text(encoding="utf-8") == made.markdown()
    with (out / "comparison.csv").open(newline="", encoding="utf-8") as file:
        rows = {(r["contestant"], r["group"], r["value"], r["metric"]): r for r in csv.DictReader(file)}
    psnr = made.overall["run"]["psnr_rgb_db"]
    assert float(rows["run", "all", "all", "psnr_rgb_db"]["mean"]) == psnr.mean
    assert float(rows["worse", "difference", "run", "psnr_rgb_db"]["mean"]) < 0
    text = made.markdown()
    assert f"| run | {shown(made.overall['run'], 'psnr_rgb_db')} |" in text
    assert [title for title, _, _ in made.tables()] == [
        *("Mode day", "Mode night", "All modes", "Steadiness", "Difference to run on the same clips"),
        *("Across rigs, PSNR dB", "Runs"),
    ]
    page = (out / "comparison.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert shown(made.overall["run"], "psnr_rgb_db") in page
    assert "<script" not in page


def test_names_that_tell_nothing_apart_are_refused(finished: RunFolder, dataset: Path, tmp_path: Path) -> None:
    for names in (["same", "same"], ["only one"], ["input", "other"]):
        with pytest.raises(EvaluationError, match="name"):
            compare([finished.path, finished.path], [dataset], tmp_path / "out", names=names)
    with pytest.raises(EvaluationError, match="no run to compare"):
        compare([], [dataset], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_across_rigs_a_dataset_of_another_sensor_is_a_column_of_its_own(
    finished: RunFolder, dataset: Path, tmp_path: Path, write_pairs_of_another_rig: Callable[[Path], Path]
) -> None:
    other = write_pairs_of_another_rig(tmp_path / "other")
    made = compare([finished.path], [dataset, other], tmp_path / "out")
    assert sorted(made.groups["rig"]) == ["other_rig", "twin"]
    title, header, rows = next(table for table in made.tables() if table[0].startswith("Across rigs"))
    assert title == "Across rigs, PSNR dB"
    assert header == ["run", "trained on", "tested on other_rig", "tested on twin"]
    assert rows[0][:2] == ["ssn", "twin"]
    assert made.clips == sum("twin" in c.rig or "other" in c.rig for c in made.by_clip)


@pytest.fixture
def write_pairs_of_another_rig(dataset: Path) -> Callable[[Path], Path]:
    """A copy of the dataset whose files say that another_rig saw them."""

    def write(folder: Path) -> Path:
        shutil.copytree(dataset, folder)
        for path in folder.glob("*.pairs.h5"):
            with h5py.File(path, "r+") as file:
                text = re.sub(r"^rig = .*$", 'rig = "other_rig"', str(file.attrs["profile_text"]), flags=re.MULTILINE)
                file.attrs["profile_text"] = text
        found = Catalogue.build(folder)
        found.write()
        return folder

    return write


@pytest.fixture
def unpaired(tmp_path: Path) -> Path:
    """A test recording of three sources that follow each other, and one of visible pictures of another place."""
    folder = tmp_path / "unpaired"
    write_frames(folder / "source.frames.h5", "source", "night walk", n=3)
    write_frames(folder / "target.frames.h5", "target", "day walk", n=3)
    catalogue_frames(folder, {"night walk": "test", "day walk": "test"})
    return folder


def test_sources_without_partners_are_judged_by_steadiness_and_collections(
    finished: RunFolder, unpaired: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    torch.manual_seed(0)
    torch.save(InceptionV3().state_dict(), tmp_path / "inception.pth")
    made = evaluate(tmp_path / "run", unpaired, protocol=Protocol(inception=tmp_path / "inception.pth"))
    assert set(made.overall["prediction"]) == {"flicker_dn", "warp_error"}
    assert "target" not in made.overall
    assert made.groups["hour"].keys() == {"22"}
    found = made.distances["all"]["all"]["prediction"]
    assert (found.pictures, found.reference_pictures) == (3, 3)
    assert found.values["fid_over_100"] == found.values["fid"] / 100 > 0
    assert {"kid_deg3", "kid_deg21"} < found.values.keys()
    assert not made.backbones["inception"].published
    assert made.not_computed["psnr_rgb_db"] == "no picture has a partner with a valid pixel"
    assert made.examples[0].target is None
    assert "not the weights of published figures" in (tmp_path / "run/evaluation/report.html").read_text(
        encoding="utf-8"
    )


def test_a_set_without_visible_pictures_points_to_the_training_set(
    finished: RunFolder, unpaired: Path, tmp_path: Path
) -> None:
    (unpaired / "target.frames.h5").unlink()
    Catalogue.build(unpaired).write()
    shutil.copytree(finished.path, tmp_path / "run")
    torch.save(InceptionV3().state_dict(), tmp_path / "inception.pth")
    made = evaluate(tmp_path / "run", unpaired, protocol=Protocol(inception=tmp_path / "inception.pth"))
    assert made.distances == {}
    assert "--reference training" in made.not_computed["fid, kid"]


def test_a_study_holds_every_clip_once_for_two_methods_and_names_nobody(
    finished: RunFolder, worse: Path, dataset: Path, tmp_path: Path
) -> None:
    page = study_of([finished.path, worse], dataset, tmp_path / "study.html", names=["SSN full", "SSN shaken"])
    text = page.read_text(encoding="utf-8")
    assert "SSN full" not in text, "raters must not read names by accident"
    match = re.search(r'<script id="content" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    content = json.loads(match[1])
    assert len(content["questions"]) == 2
    assert len({question["clip"] for question in content["questions"]}) == 2
    for question in content["questions"]:
        names = {base64.b64decode(one["name"]).decode() for one in question["pair"]}
        assert names == {"SSN full", "SSN shaken"}
    (tmp_path / "first.mp4").write_bytes(base64.b64decode(content["videos"][0]))
    with av.open(str(tmp_path / "first.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 2


def test_a_study_of_one_run_is_refused(finished: RunFolder, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="two runs at least"):
        study_of([finished.path], dataset, tmp_path / "study.html")
