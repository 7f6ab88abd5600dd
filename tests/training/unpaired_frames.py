"""Files of pictures without partners: sources of the night, visible pictures of the day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import nirvis_profiles
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.frame_file import FramesHeader, FramesWriter, Side
from nirvis_datasets.split import SPLITS_NAME, Split, SplitRow, Subset

SIZE = (48, 64)
CYCLEGAN = """
samples = 4
batch_size = 2
crop = 32
learning_rate = 2e-4
validate_every_samples = 2
validation_pairs = 2
checkpoint_every_samples = 4
log_every_samples = 2
best_by = "psnr_db"
workers = 0
threads = 1
[method]
name = "cyclegan"
width = 4
blocks = 1
pool_size = 2
"""
"""Two steps, each with a validation."""


def write_frames(path: Path, side: Side, recording: str, n: int) -> Path:
    """So many consecutive pictures of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = FramesHeader(
        side=side,
        recording_id=recording,
        part=1,
        mode="night" if side == "source" else "day",
        light="",
        place=recording,
        start_time=datetime(2026, 6, 21, 22, tzinfo=timezone.utc),
        origin="",
        origin_sha256="",
        profile_text=nirvis_profiles.text("twin_night"),
        bit_depth=8,
    )
    random = np.random.default_rng(len(recording))
    with FramesWriter(path, header, SIZE, np.arange(n)) as writer:
        for _ in range(n):
            writer.write(random.integers(0, 256, (*SIZE, 3), np.uint8))
    return path


def catalogue_frames(folder: Path, sets: Mapping[str, Subset]) -> None:
    """List the files of a folder, and put each of its recordings into its set."""
    found = Catalogue.build(folder)
    found.write()
    modes = {entry.recording_id: entry.mode for entry in found.frames}
    rows = (SplitRow(recording_id=r, place=r, mode=modes[r], set=subset) for r, subset in sets.items())
    Split(tuple(rows)).write(folder / SPLITS_NAME)
