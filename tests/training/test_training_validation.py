"""What validation leaves of a run: scores, pictures and a film, as `nirvis colorize` would show the same pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nirvis_datasets.samples import SampleDataset
from nirvis_training.colorize_files import colorize_to
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.export import contract_of, export
from nirvis_training.footage import read_picture
from nirvis_training.loop import train
from nirvis_training.methods import load_method
from nirvis_training.run_folder import RunFolder
from nirvis_training.scoring import EQUAL_PSNR_DB
from nirvis_training.validation import scored
from unpaired_frames import CYCLEGAN, SIZE

MakeConfig = Callable[..., TrainingConfig]
PIX2PIX = """
samples = 4
batch_size = 2
crop = 32
learning_rate = 2e-4
validate_every_samples = 4
validation_pairs = 8
checkpoint_every_samples = 4
log_every_samples = 2
workers = 0
threads = 1
[method]
name = "pix2pix"
width = 4
downs = 4
"""


@pytest.fixture(scope="module")
def validated(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that looks at all eight pictures of its validation set, two recordings of four."""
    return train(parse_config(PIX2PIX), videos, tmp_path_factory.mktemp("validated") / "run")


@pytest.fixture(scope="module")
def unpartnered(walks: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that is validated on sources without partners."""
    return train(parse_config(CYCLEGAN), walks, tmp_path_factory.mktemp("unpartnered") / "run")


def test_pictures_and_film_are_what_nirvis_colorize_makes_of_the_same_pairs(
    validated: RunFolder, videos: Path, tmp_path: Path
) -> None:
    first = SampleDataset(videos, "val").entry(0)
    model = export(validated.path, tmp_path / "model.onnx")
    colour = partial(colorize_to, model, videos / first.path, side_by_side=True, precision="f32", threads=1)

    pictures = colour(tmp_path / "pictures")
    assert len(validated.pictures) == 4
    for shown in validated.pictures:
        stem, number = shown.stem.removeprefix("000000004-").rsplit("-", 1)
        assert stem == first.stem
        _alike(read_picture(shown), read_picture(pictures / f"{number}.png"), at_most=1)

    # Sixteen frames are asked for; the film ends with the recording that it begins in.
    film, expected = _frames(validated.validation_video), _frames(colour(tmp_path / "film.mp4", rate_hz=10))
    assert len(film) == len(expected) == 4
    for one, other in zip(film, expected, strict=True):
        _alike(one, other, at_most=4)  # lossy, of pictures that are rounded otherwise here and there


def test_pictures_that_are_equal_have_a_finite_score_and_those_that_nobody_saw_none() -> None:
    picture, everywhere = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    assert scored(picture, picture, everywhere)["psnr_db"] == EQUAL_PSNR_DB
    assert all(math.isnan(value) for value in scored(picture, 1 - picture, 0 * everywhere).values())
    assert all(math.isnan(value) for value in scored(picture * math.nan, picture, everywhere).values())


def test_a_run_without_video_frames_leaves_no_film(small_config: MakeConfig, dataset: Path, tmp_path: Path) -> None:
    run = train(small_config(samples=4, video_frames=0), dataset, tmp_path / "run")
    assert run.pictures
    assert not run.validation_video.exists()


def test_sources_without_partners_are_shown_and_not_scored(unpartnered: RunFolder) -> None:
    lines = list(unpartnered.metrics())
    assert [line["samples"] for line in lines] == [2, 4]
    shown = {name for line in lines for name in line if name.startswith("val_")}
    assert shown == {"val_luma_correlation"}, "what needs no partner: how light and dark compare with the input's"
    height, width = SIZE
    assert [read_picture(path).shape for path in unpartnered.pictures] == [(height, 2 * width, 3)] * 4
    assert [picture.shape for picture in _frames(unpartnered.validation_video)] == [(height, 2 * width, 3)] * 4


def test_without_partners_the_newest_weights_count_as_best(unpartnered: RunFolder) -> None:
    assert unpartnered.best is not None
    assert unpartnered.best.samples == 4
    assert unpartnered.best.val_psnr_db is None
    assert unpartnered.best.val_luma_correlation == list(unpartnered.metrics())[-1]["val_luma_correlation"]
    best, last = (load_method(unpartnered, weights) for weights in ("best", "last"))
    source = torch.rand(1, 3, 32, 32)
    assert torch.equal(best.predict(source), last.predict(source))


def test_a_run_without_pairs_says_what_its_sources_were(unpartnered: RunFolder) -> None:
    height, width = SIZE
    assert (unpartnered.modes, unpartnered.rigs) == (("night",), ("twin",))
    assert unpartnered.dataset.train_pairs == 4
    geometry = contract_of(unpartnered, 4).source_geometry["night"]
    assert geometry.frame == geometry.size == (width, height)


def _frames(video: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)]


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8], at_most: int) -> None:
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other.astype(int)).max() <= at_most
