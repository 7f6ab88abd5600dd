"""Evaluation against numbers worked out by hand on flat pictures, where every metric has a closed form."""

from __future__ import annotations

import csv
import math
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from skimage.color import deltaE_ciede2000, rgb2lab

import nirvis_profiles
from nirvis_capture.profile import Mode
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.pairs import PairDataset
from nirvis_datasets.split import Split, SplitRow, Subset
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_registration.pair_file import PairsHeader, PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_training.baselines import MeanColour
from nirvis_training.config import load_config
from nirvis_training.evaluate import (
    average_clips,
    choose,
    contestants,
    evaluate,
    score_pairs,
    training_mean_colour,
)
from nirvis_training.evaluation import CONTESTANTS, METRICS, Evaluation, EvaluationError, interval, summarise
from nirvis_training.footage import read_picture
from nirvis_training.methods import make_method
from nirvis_training.run_folder import DatasetRecord, RunFolder, RunRecord, Source, create_run

Rgb = tuple[int, int, int]
SIZE = (32, 16)
GEOMETRY = SourceGeometry(frame=SIZE, crop=Rect(x=0, y=0, width=32, height=16), size=SIZE)


def write_pairs(folder: Path, recording: str, mode: Mode, pairs: list[tuple[Rgb, Rgb]]) -> None:
    """Flat pictures; where the mask is 0 the target is white, which nobody may count."""
    header = PairsHeader(
        recording_id=recording,
        part=1,
        mode=mode,
        light="day",
        place=recording,
        start_time=datetime(2026, 6, 21, tzinfo=timezone.utc),
        clip_name=f"{recording}.clip.h5",
        clip_sha256="0" * 64,
        profile_text=nirvis_profiles.text("twin_day"),
        geometry=GEOMETRY,
        homography_vis_to_nir=np.eye(3),
        corner_covariance=np.eye(8),
        inliers=9,
        matches=9,
        error_px=0.5,
        corner_sigma_px=0.1,
        frames_pooled=1,
        bit_depth=8,
        settings="{}",
    )
    valid = np.ones((16, 32), bool)
    valid[:, :4] = False
    with PairsWriter(folder / f"{recording}.pairs.h5", header, valid, len(pairs)) as writer:
        for index, (source, target) in enumerate(pairs):
            picture = np.where(valid[..., None], np.array(target, np.uint8), np.uint8(255))
            writer.write(index, np.full((16, 32, 3), source, np.uint8), picture, PairQuality(0.1, 1.0, 0.0))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """One train clip of mean (60, 80, 100); test clips of two day pairs and one night pair."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    write_pairs(folder, "train", "day", [((9, 9, 9), (40, 80, 120)), ((9, 9, 9), (80, 80, 80))])
    write_pairs(folder, "one", "day", [((100, 100, 100), (110, 110, 110)), ((50, 60, 70), (90, 100, 110))])
    write_pairs(folder, "two", "night", [((120, 30, 30), (60, 80, 100))])
    sets: dict[str, tuple[Mode, Subset]] = {"train": ("day", "train"), "one": ("day", "test"), "two": ("night", "test")}
    Catalogue.build(folder).write()
    rows = tuple(SplitRow(recording_id=r, place=r, mode=m, set=s) for r, (m, s) in sets.items())
    Split(rows).write(folder / "splits.csv")
    return folder


def psnr_db(found: Rgb, target: Rgb) -> float:
    return float(10 * np.log10(255**2 / np.mean((np.array(found) - np.array(target)) ** 2.0)))


def ssim(found: Rgb, target: Rgb) -> float:
    """Flat pictures differ in luminance alone."""
    x, y = np.array(found) / 255, np.array(target) / 255
    return float(np.mean((2 * x * y + 1e-4) / (x**2 + y**2 + 1e-4)))


def ciede2000(found: Rgb, target: Rgb) -> float:
    return float(deltaE_ciede2000(rgb2lab(np.array(found) / 255), rgb2lab(np.array(target) / 255)))


def test_the_mean_colour_is_that_of_valid_training_targets(dataset: Path) -> None:
    np.testing.assert_allclose(training_mean_colour(dataset).rgb, np.array((60, 80, 100)) / 255, atol=1e-6)


def test_every_contestant_has_the_figures_worked_out_by_hand(dataset: Path) -> None:
    pairs = PairDataset(dataset, "test", crop=None)
    mean = MeanColour((60 / 255, 80 / 255, 100 / 255))
    rows = list(score_pairs(pairs, contestants(lambda source: source + 5 / 255, mean)))
    shown: list[tuple[Rgb, dict[str, Rgb]]] = [
        ((110, 110, 110), {"prediction": (105, 105, 105), "input": (100, 100, 100), "grey_world": (100, 100, 100)}),
        ((90, 100, 110), {"prediction": (55, 65, 75), "input": (50, 60, 70), "grey_world": (60, 60, 60)}),
        ((60, 80, 100), {"prediction": (125, 35, 35), "input": (120, 30, 30), "grey_world": (60, 60, 60)}),
    ]
    for row, (target, colours) in zip(rows, shown, strict=True):
        for contestant in ("prediction", "input", "grey_world"):
            scores, found = row.scores[contestant], colours[contestant]
            assert scores["psnr_db"] == pytest.approx(psnr_db(found, target), abs=1e-4)
            assert scores["ssim"] == pytest.approx(ssim(found, target), abs=1e-4)
            assert scores["ciede2000"] == pytest.approx(ciede2000(found, target), abs=1e-3)
    assert rows[2].scores["mean_colour"] == {"psnr_db": 100.0, "ssim": 1.0, "ciede2000": 0.0}


def test_predictions_are_judged_as_eight_bit_pictures(dataset: Path) -> None:
    pairs = PairDataset(dataset, "test", crop=None)
    mean = MeanColour((0.0, 0.0, 0.0))
    row = next(score_pairs(pairs, contestants(lambda source: source + 9.6 / 255, mean)))
    assert row.scores["prediction"]["psnr_db"] == 100.0


def test_clips_count_alike_whatever_their_length(dataset: Path) -> None:
    pairs = PairDataset(dataset, "test", crop=None)
    rows = list(score_pairs(pairs, contestants(lambda source: source, MeanColour((0.0, 0.0, 0.0)))))
    clips = average_clips(rows)
    first = (psnr_db((100,) * 3, (110,) * 3) + psnr_db((50, 60, 70), (90, 100, 110))) / 2
    second = psnr_db((120, 30, 30), (60, 80, 100))
    assert [clip.pairs for clip in clips] == [2, 1]
    assert summarise(clips, 0)["input"].psnr_db.mean == pytest.approx((first + second) / 2, abs=1e-4)


def test_a_subset_of_pairs_is_spread_over_each_clip(dataset: Path) -> None:
    pairs = PairDataset(dataset, "test", crop=None)
    assert choose(pairs, None) == [0, 1, 2]
    assert choose(pairs, 1) == [1, 2]


def test_the_interval_of_two_clips_spans_both_and_of_one_is_a_point() -> None:
    draws = np.random.default_rng(0).integers(0, 2, (2000, 2))
    found = interval(np.array([20.0, 30.0]), draws)
    assert (found.low, found.mean, found.high) == (20.0, 25.0, 30.0)
    alone = interval(np.array([20.0]), np.zeros((2000, 1), np.int64))
    assert (alone.low, alone.mean, alone.high) == (20.0, 20.0, 20.0)


def test_the_interval_has_the_width_of_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(25, 2, 200)
    found = interval(values, np.random.default_rng(2).integers(0, 200, (4000, 200)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(200), rel=0.05)


@pytest.fixture
def run(tmp_path: Path, dataset: Path) -> RunFolder:
    config = load_config("ssn_demo", {"method.width": 4})
    record = RunRecord(
        started=datetime(2026, 6, 21, tzinfo=timezone.utc),
        features="none",
        software={},
        dataset=DatasetRecord(
            folder=dataset,
            sha256="d" * 64,
            train_pairs=2,
            validation_pairs=0,
            sources=(Source(mode="day", rig="twin", geometry=GEOMETRY),),
        ),
        config=config,
    )
    folder = create_run(tmp_path / "run", record, {})
    state = make_method(config).state_dict()
    save_file(state, folder.best_weights)
    return folder


def test_an_evaluation_is_written_and_read_again(run: RunFolder, dataset: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = evaluate(run.path, dataset, progress=lambda *step: steps.append(step))
    assert Evaluation.read(run.path / "evaluation" / "evaluation.json") == made
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert (made.pairs, made.clips, sorted(made.by_mode)) == (3, 2, ["day", "night"])
    assert (made.method, made.features, made.weights_sha256) == ("ssn", "none", run.weights_sha256)
    assert "lpips" in made.not_computed
    with (run.path / "evaluation" / "evaluation.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["clip"] for line in lines] == ["one.pairs.h5", "one.pairs.h5", "two.pairs.h5"]
    assert all(math.isfinite(float(line[f"{c}_{m}"])) for line in lines for c in CONTESTANTS for m in METRICS)
    mean = np.mean([float(line["prediction_psnr_db"]) for line in lines[:2]])
    assert made.by_clip[0].scores["prediction"]["psnr_db"] == pytest.approx(mean, abs=1e-4)


def test_example_pictures_show_each_mode(run: RunFolder, dataset: Path) -> None:
    made = evaluate(run.path, dataset)
    assert {example.mode for example in made.examples} == {"day", "night"}
    (night,) = [example for example in made.examples if example.mode == "night"]
    folder = run.path / "evaluation"
    np.testing.assert_array_equal(read_picture(folder / night.source), np.full((16, 32, 3), (120, 30, 30)))
    np.testing.assert_array_equal(read_picture(folder / night.target)[:, 4:], np.full((16, 28, 3), (60, 80, 100)))
    assert not read_picture(folder / night.error)[:, :4].any(), "what was not seen is no error"


def test_evaluating_twice_gives_the_same_and_leaves_one_folder(run: RunFolder, dataset: Path) -> None:
    assert evaluate(run.path, dataset) == evaluate(run.path, dataset)
    assert not list(run.path.glob("evaluation*.part"))


def test_a_set_without_pairs_is_refused(run: RunFolder, dataset: Path) -> None:
    with pytest.raises(DatasetError, match="val"):
        evaluate(run.path, dataset, "val")
    assert not (run.path / "evaluation").exists()


def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"run": 1}')
    with pytest.raises(EvaluationError, match="not an evaluation"):
        Evaluation.read(tmp_path / "evaluation.json")
