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
from nirvis_capture.picture_file import read_picture
from nirvis_capture.profile import Mode
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.split import Split, SplitRow, Subset
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_training.backbones.cache import Backbones
from nirvis_training.baselines import MeanColour
from nirvis_training.conclusion import average_clips
from nirvis_training.config import load_config
from nirvis_training.evaluate import evaluate, training_mean_colour, untrained
from nirvis_training.evaluation import Evaluation, EvaluationError
from nirvis_training.judged_pictures import JudgedPictures
from nirvis_training.judgement import interval, summarise
from nirvis_training.methods import make_method
from nirvis_training.protocol import Protocol, Quantise
from nirvis_training.run_folder import DatasetRecord, RunFolder, RunRecord, Source, create_run
from nirvis_training.scoring import PictureScores, Predict, Scorer

Rgb = tuple[int, int, int]
SIZE = (32, 16)
GEOMETRY = SourceGeometry(frame=SIZE, crop=Rect(x=0, y=0, width=32, height=16), size=SIZE)


def write_pairs(folder: Path, recording: str, mode: Mode, pairs: list[tuple[Rgb, Rgb]]) -> None:
    """Flat pictures; where the mask is 0 the target is white, which nobody may count."""
    header = aligned_header(
        recording,
        SIZE,
        nirvis_profiles.text("twin_day"),
        mode=mode,
        start_time=datetime(2026, 6, 21, tzinfo=timezone.utc),
        light="day",
        place=recording,
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


def looked_at(
    dataset: Path, predict: Predict, mean: Rgb = (0, 0, 0), quantise: Quantise = "round"
) -> list[PictureScores]:
    colour = MeanColour((mean[0] / 255, mean[1] / 255, mean[2] / 255))
    scorer = Scorer(Protocol(quantise=quantise), Backbones())
    return scorer.look(JudgedPictures(dataset, "test"), {"prediction": predict, **untrained(colour)}).rows


def test_every_contestant_has_the_figures_worked_out_by_hand(dataset: Path) -> None:
    rows = looked_at(dataset, lambda source: source + 5 / 255, mean=(60, 80, 100))
    shown: list[tuple[Rgb, dict[str, Rgb]]] = [
        ((110, 110, 110), {"prediction": (105, 105, 105), "input": (100, 100, 100), "grey_world": (100, 100, 100)}),
        ((90, 100, 110), {"prediction": (55, 65, 75), "input": (50, 60, 70), "grey_world": (60, 60, 60)}),
        ((60, 80, 100), {"prediction": (125, 35, 35), "input": (120, 30, 30), "grey_world": (60, 60, 60)}),
    ]
    for row, (target, colours) in zip(rows, shown, strict=True):
        for contestant in ("prediction", "input", "grey_world"):
            scores, found = row.scores[contestant], colours[contestant]
            assert scores["psnr_rgb_db"] == pytest.approx(psnr_db(found, target), abs=1e-4)
            assert scores["ssim_rgb"] == pytest.approx(ssim(found, target), abs=1e-4)
            assert scores["ciede2000"] == pytest.approx(ciede2000(found, target), abs=1e-3)
    assert rows[2].scores["mean_colour"] == {
        "psnr_rgb_db": 100.0,
        "psnr_lab_db": 100.0,
        "ssim_rgb": 1.0,
        "ciede2000": 0.0,
    }


@pytest.mark.parametrize(
    ("quantise", "left"),
    [
        pytest.param("round", 0.0, id="round"),
        pytest.param("trunc", 1.0, id="trunc"),
        pytest.param("none", 0.4, id="none"),
    ],
)
def test_predictions_are_judged_as_the_pictures_that_they_become(
    dataset: Path, quantise: Quantise, left: float
) -> None:
    row = looked_at(dataset, lambda source: source + 9.6 / 255, quantise=quantise)[0]
    expected = 100.0 if left == 0 else 20 * math.log10(255 / left)
    assert row.scores["prediction"]["psnr_rgb_db"] == pytest.approx(expected, abs=1e-3)


def test_clips_count_alike_whatever_their_length(dataset: Path) -> None:
    clips = average_clips(looked_at(dataset, lambda source: source))
    first = (psnr_db((100,) * 3, (110,) * 3) + psnr_db((50, 60, 70), (90, 100, 110))) / 2
    second = psnr_db((120, 30, 30), (60, 80, 100))
    assert [clip.pairs for clip in clips] == [2, 1]
    assert summarise(clips, 0)["input"]["psnr_rgb_db"].mean == pytest.approx((first + second) / 2, abs=1e-4)


def test_flicker_and_warp_error_of_flat_pictures_have_the_values_worked_out_by_hand(dataset: Path) -> None:
    """Sources change by (-50, -40, -30), targets by (-20, -10, 0); what is added to both cancels."""
    _, second, other_clip = looked_at(dataset, lambda source: source + 5 / 255)
    change = np.mean(np.square(np.array([50, 40, 30]) / 255))
    assert second.scores["prediction"]["flicker_dn"] == 0
    assert second.scores["target"]["flicker_dn"] == 30
    assert second.scores["prediction"]["warp_error"] == pytest.approx(change, rel=1e-5)
    assert second.scores["target"]["warp_error"] == pytest.approx(np.mean(np.square([20, 10, 0])) / 255**2, rel=1e-5)
    assert "flicker_dn" not in other_clip.scores["prediction"], "the first of a clip follows nothing"


def test_a_subset_of_pairs_is_spread_over_each_clip_with_a_neighbour_for_steadiness(dataset: Path) -> None:
    def looked(per_clip: int | None) -> list[tuple[str, bool, bool]]:
        return [(one.name, one.scored, one.follows) for one in JudgedPictures(dataset, "test", per_clip)]

    every = [("one-000000", True, False), ("one-000001", True, True), ("two-000000", True, False)]
    assert looked(None) == every
    assert looked(1) == [("one-000000", False, False), every[1], every[2]], "the middle of two is the second"


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
    assert (made.pairs, made.clips, sorted(made.groups["mode"])) == (3, 2, ["day", "night"])
    assert (sorted(made.groups["place"]), list(made.groups["hour"])) == (["one", "two"], ["00"])
    assert list(made.groups["rig"]) == ["twin"]
    assert (made.method, made.features, made.weights_sha256) == ("ssn", "none", run.weights_sha256)
    assert made.trained_on_rigs == ["twin"]
    assert {"lpips_alex_v0_1", "fid, kid", "ms_ssim_rgb"} <= made.not_computed.keys()
    with (run.path / "evaluation" / "evaluation.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["clip"] for line in lines] == ["one.pairs.h5", "one.pairs.h5", "two.pairs.h5"]
    values = [float(line[f"prediction_{metric}"]) for line in lines[:2] for metric in ("psnr_rgb_db", "ciede2000")]
    assert all(math.isfinite(value) for value in values)
    assert [line["prediction_flicker_dn"] == "" for line in lines] == [True, False, True]
    assert made.by_clip[0].scores["prediction"]["psnr_rgb_db"] == pytest.approx(np.mean(values[::2]), abs=1e-4)


def test_example_pictures_show_each_mode(run: RunFolder, dataset: Path) -> None:
    made = evaluate(run.path, dataset)
    assert {example.mode for example in made.examples} == {"day", "night"}
    (night,) = [example for example in made.examples if example.mode == "night"]
    folder = run.path / "evaluation"
    np.testing.assert_array_equal(read_picture(folder / night.source), np.full((16, 32, 3), (120, 30, 30)))
    assert night.target is not None
    np.testing.assert_array_equal(read_picture(folder / night.target)[:, 4:], np.full((16, 28, 3), (60, 80, 100)))
    assert night.error is not None
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
