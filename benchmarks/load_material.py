"""Registered pairs that benchmarks read: pictures as noisy as those of a camera."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import nirvis_profiles
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.split import SPLITS_NAME, Split, SplitRow
from nirvis_registration.aligned_pairs import aligned_header
from nirvis_registration.pair_writer import PairsWriter
from nirvis_registration.quality import PairQuality

WIDTH, HEIGHT = 640, 480


def pictures(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A source and a target as noisy, and so as hard to compress, as those of a camera."""
    random = np.random.default_rng(seed)
    smooth = cv2.resize(random.integers(20, 236, (12, 16, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noisy = [np.clip(smooth + random.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    return noisy[0], noisy[1]


def write_clip(path: Path, number: int, pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> None:
    """A pairs file of a recording and a place of its own; its target was not seen everywhere."""
    size = pairs[0][0].shape[1::-1]
    header = aligned_header(
        f"r{number:04d}",
        size,
        nirvis_profiles.text("twin_day"),
        mode="day",
        start_time=datetime(2026, 6, 21, 12, tzinfo=timezone.utc),
        light="day",
        place=f"place {number}",
    )
    valid = np.ones((size[1], size[0]), bool)
    valid[:, : size[0] // 20] = False
    with PairsWriter(path, header, valid, len(pairs)) as writer:
        for i, (source, target) in enumerate(pairs):
            writer.write(i, source, target, PairQuality(0.2, 2.0, 0.0))


def catalogue(folder: Path) -> None:
    """Make the tables of a folder, all of it to train on."""
    found = Catalogue.build(folder)
    found.write()
    rows = (SplitRow(recording_id=e.recording_id, place=e.place, mode="day", set="train") for e in found.pairs)
    Split(tuple(rows)).write(folder / SPLITS_NAME)


def write_small_clips(folder: Path, number: int) -> None:
    """Clips of four small pairs each, catalogued."""
    random = np.random.default_rng(number)
    for clip in range(number):
        picture = random.integers(0, 256, (48, 64, 3), np.uint8)
        write_clip(folder / f"r{clip:04d}.pairs.h5", clip, [(picture, picture)] * 4)
    catalogue(folder)
