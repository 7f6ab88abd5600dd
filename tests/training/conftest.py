"""A small catalogued folder of registered pairs whose colours can be learnt from their near infrared."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

import nirvis_profiles
from nirvis_capture.profile import Mode
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.frame_file import Side
from nirvis_datasets.split import SPLITS_NAME, Subset, split
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality
from nirvis_registration.warp import Picture
from nirvis_training.config import TrainingConfig, parse_config
from nirvis_training.loop import train
from nirvis_training.run_folder import RunFolder
from unpaired_frames import catalogue_frames, write_frames

WIDTH, HEIGHT = 96, 64
SMALL = """
samples = 32
batch_size = 2
crop = 32
learning_rate = 2e-3
validate_every_samples = 16
validation_pairs = 2
checkpoint_every_samples = 8
log_every_samples = 4
workers = 0
threads = 1

[method]
name = "ssn"
width = 4
lightness_weight = 1.0
perceptual_weight = 0.0
"""


@pytest.fixture(scope="session")
def small_config() -> Callable[..., TrainingConfig]:
    """``small_config(**{"samples": 8, "method.width": 8})``: sixteen steps of a very narrow network."""

    def make(**changes: str | float | bool) -> TrainingConfig:
        return parse_config(SMALL, changes=changes)

    return make


@pytest.fixture(scope="session")
def small_text() -> str:
    """The same as what a file holds."""
    return SMALL


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six recordings of two pairs, day and night, each with a place of its own, catalogued and split."""
    return _recordings(tmp_path_factory.mktemp("dataset"), n=2)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six recordings of four consecutive pairs, catalogued and split, for methods that see windows."""
    return _recordings(tmp_path_factory.mktemp("videos"), n=4)


@pytest.fixture(scope="session")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources and visible pictures of different places, both of a training and a validation set: no pairs anywhere."""
    folder = tmp_path_factory.mktemp("walks")
    sets: dict[str, Subset] = {"night walk": "train", "day walk": "train", "night drive": "val", "day drive": "val"}
    for recording in sets:
        side: Side = "source" if recording.startswith("night") else "target"
        write_frames(folder / f"{recording}.frames.h5", side, recording, n=len(recording) - 6)
    catalogue_frames(folder, sets)
    return folder


@pytest.fixture(scope="session")
def finished(
    small_config: Callable[..., TrainingConfig], dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """A run that was trained to its end; for reading only."""
    return train(small_config(), dataset, tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of that run, to do anything with."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture(scope="session")
def write_recordings() -> Callable[..., Path]:
    """``write_recordings(folder, n=2)``: six recordings of n pairs, two of them to train on."""
    return _recordings


def _recordings(folder: Path, n: int) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(6):
        write_pairs(folder / f"clip{number}.pairs.h5", number, "day" if number % 2 else "night", n)
    catalogue(folder)
    return folder


def catalogue(folder: Path) -> None:
    found = Catalogue.build(folder)
    found.write()
    split(found).write(folder / SPLITS_NAME)


def write_pairs(path: Path, seed: int, mode: Mode, n: int) -> Path:
    """Smooth patches of colour; their near infrared is a mixture of the channels with some noise."""
    header = aligned_header(
        path.name.split(".")[0],
        (WIDTH, HEIGHT),
        nirvis_profiles.text(f"twin_{mode}"),
        mode=mode,
        start_time=datetime(2026, 6, 21, 12, tzinfo=timezone.utc),
        light="day",
        place=f"place {seed}",
    )
    with PairsWriter(path, header, np.ones((HEIGHT, WIDTH), bool), n) as writer:
        for i in range(n):
            source, target = _pictures(100 * seed + i)
            writer.write(i, source, target, PairQuality(0.2, 2.0, 0.0))
    return path


def _pictures(seed: int) -> tuple[Picture, Picture]:
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 236, (5, 7, 3), np.uint8)
    target = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    mixture = target.astype(np.float64) @ np.array([[0.6, 0.4, 0.2], [0.3, 0.3, 0.3], [0.1, 0.3, 0.5]])
    source = np.clip(mixture + random.normal(0, 1, mixture.shape), 0, 255).astype(np.uint8)
    return source, target
