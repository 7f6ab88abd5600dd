"""Training batches from registered pairs, beside folders of PNG and of BMP files that hold the same pixels.

    python benchmarks/load.py [--json FILE] [--workers N] [--rounds N]

Every contestant has as many workers of torch's loader, and gives the same float batches: the same crops, mirrored
alike, in the same order (checked before anything is timed). Folders are read as their users do it, with PIL.
Contestants take turns, in reversed order in every second round; a ratio is the median over the rounds, and every file
lies in the page cache.

The limit is what copying the tensors of a sample once takes on the same machine: no loader that fills new batches can
be quicker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from bars import Bar, report
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import nirvis_profiles
from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_datasets.samples import Sample, SampleDataset, floats
from nirvis_datasets.selection import Limits
from nirvis_datasets.split import SPLITS_NAME, Split, SplitRow
from nirvis_datasets.transforms import random_cut
from nirvis_registration.geometry import Rect, SourceGeometry
from nirvis_registration.pair_file import PairsHeader, PairsWriter
from nirvis_registration.quality import PairQuality

WIDTH, HEIGHT, CROP, BATCH = 640, 480, 256, 16
SEED = 5
CLIPS, PAIRS_PER_CLIP = 8, 8
MANY_CLIPS = 500


class FolderOfPictures(Dataset[dict[str, Tensor]]):
    """What a user of a folder writes: PIL, one crop, one flip, [0, 1]."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.sources = sorted((folder / "source").glob(f"*{suffix}"))
        self.targets = sorted((folder / "target").glob(f"*{suffix}"))

    def __getitem__(self, item: Draw) -> dict[str, Tensor]:
        random = np.random.default_rng([SEED, *item])
        cut = random_cut(random, (HEIGHT, WIDTH), CROP, flip=True)
        box = (cut.left, cut.top, cut.left + CROP, cut.top + CROP)
        sides = {}
        for side, files in (("source", self.sources), ("target", self.targets)):
            with Image.open(files[item[1]]) as picture:
                part = picture.convert("RGB").crop(box)
            if cut.flipped:
                part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            planes = torch.from_numpy(np.array(part)).permute(2, 0, 1).contiguous()
            sides[side] = planes.to(torch.float32).div_(255)
        return sides | {"valid": torch.ones(1, CROP, CROP)}


def pictures(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A source and a target as noisy, and so as hard to compress, as those of a camera."""
    random = np.random.default_rng(seed)
    smooth = cv2.resize(random.integers(20, 236, (12, 16, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noisy = [np.clip(smooth + random.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    return noisy[0], noisy[1]


def write_clip(path: Path, number: int, size: tuple[int, int], pairs: list[tuple[Any, Any]]) -> None:
    header = PairsHeader(
        recording_id=f"r{number:04d}",
        part=1,
        mode="day",
        light="day",
        place=f"place {number}",
        start_time=datetime(2026, 6, 21, 12, tzinfo=timezone.utc),
        clip_name=f"r{number:04d}.clip.h5",
        clip_sha256="0" * 64,
        profile_text=nirvis_profiles.text("twin_day"),
        geometry=SourceGeometry(frame=size, crop=Rect(x=0, y=0, width=size[0], height=size[1]), size=size),
        homography_vis_to_nir=np.eye(3),
        corner_covariance=np.eye(8),
        inliers=100,
        matches=150,
        error_px=0.5,
        corner_sigma_px=0.1,
        frames_pooled=3,
        bit_depth=8,
        settings="{}",
    )
    valid = np.ones((size[1], size[0]), bool)
    valid[:, : size[0] // 20] = False
    with PairsWriter(path, header, valid, len(pairs)) as writer:
        for i, (source, target) in enumerate(pairs):
            writer.write(i, source, target, PairQuality(0.2, 2.0, 0.0))


def catalogue(folder: Path) -> None:
    found = Catalogue.build(folder)
    found.write()
    rows = (SplitRow(recording_id=e.recording_id, place=e.place, mode="day", set="train") for e in found.pairs)
    Split(tuple(rows)).write(folder / SPLITS_NAME)


def write_material(folder: Path) -> dict[str, Dataset[Any]]:
    """The same pixels three times over."""
    for suffix in ("png", "bmp"):
        for side in ("source", "target"):
            (folder / suffix / side).mkdir(parents=True)
    for clip in range(CLIPS):
        pairs = [pictures(clip * PAIRS_PER_CLIP + i) for i in range(PAIRS_PER_CLIP)]
        write_clip(folder / "nirvis" / f"r{clip:04d}.pairs.h5", clip, (WIDTH, HEIGHT), pairs)
        for i, pair in enumerate(pairs):
            for side, picture in zip(("source", "target"), pair, strict=True):
                for suffix in ("png", "bmp"):
                    name = f"{clip:04d}-{i:06d}.{suffix}"
                    Image.fromarray(picture).save(folder / suffix / side / name)
    catalogue(folder / "nirvis")
    return {
        "nirvis": SampleDataset(
            folder / "nirvis", "train", Augmentation(crop=CROP, flip=True), seed=SEED, as_counts=True
        ),
        "png": FolderOfPictures(folder / "png", ".png"),
        "bmp": FolderOfPictures(folder / "bmp", ".bmp"),
    }


def check_equal(contestants: dict[str, Dataset[Any]]) -> None:
    for draw in ((0, 0), (0, 17), (3, 9), (4, 9)):
        samples = [floats(dataset[draw]) for dataset in contestants.values()]
        for side in ("source", "target"):
            if any(not torch.equal(samples[0][side], sample[side]) for sample in samples[1:]):
                raise SystemExit(f"the contestants do not read the same {side}, so that there is nothing to compare")


@contextmanager
def batches(dataset: Dataset[Any], n: int, workers: int) -> Iterator[Iterator[Sample]]:
    sampler = DrawSampler(n, BATCH, SEED)
    loader = DataLoader(dataset, batch_sampler=sampler, num_workers=workers)
    endless = iter(loader)
    try:
        yield endless
    finally:
        del endless


def samples_per_s(dataset: Dataset[Any], workers: int, count: int) -> float:
    """Once all workers give batches."""
    with batches(dataset, CLIPS * PAIRS_PER_CLIP, workers) as endless:
        for _ in range(4 * workers):
            next(endless)
        began = time.perf_counter()
        for batch in islice(endless, count):
            floats(batch)["source"].sum()
        return count * BATCH / (time.perf_counter() - began)


def copy_limit() -> float:
    """Samples per second of one process that only copies the tensors of a sample."""
    samples = torch.rand(BATCH, 7, CROP, CROP)
    batch = torch.empty_like(samples)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        batch.copy_(samples)
        times.append(time.perf_counter() - began)
    return BATCH / median(times)


def speed_bars(folder: Path, workers: int, rounds: int) -> list[Bar]:
    contestants = write_material(folder)
    check_equal(contestants)
    counts = {"nirvis": 60, "png": 10, "bmp": 30}
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(rounds):
        for name in contestants if i % 2 else reversed(contestants):
            figures[name].append(samples_per_s(contestants[name], workers, counts[name]))
        print(", ".join(f"{name} {figures[name][-1]:.0f}" for name in contestants), "samples/s", flush=True)
    ours, limit = median(figures["nirvis"]), copy_limit()
    ratios = {
        name: median(mine / theirs for mine, theirs in zip(figures["nirvis"], figures[name], strict=True))
        for name in ("png", "bmp")
    }
    return [
        Bar("load.vs_png_folder", ratios["png"], "ratio"),
        Bar("load.vs_bmp_folder", ratios["bmp"], "ratio"),
        Bar("load.samples_per_s_per_worker", ours / workers, "1/s"),
        Bar("load.copy_limit_samples_per_s", limit, "1/s"),
        Bar("load.share_of_copy_limit", ours / workers / limit, "share"),
    ]


def many_clips(folder: Path) -> None:
    random = np.random.default_rng(SEED)
    for clip in range(MANY_CLIPS):
        picture = random.integers(0, 256, (48, 64, 3), np.uint8)
        write_clip(folder / f"r{clip:04d}.pairs.h5", clip, (64, 48), [(picture, picture)] * 4)
    catalogue(folder)


def first_batch_s(open_dataset: Callable[[], SampleDataset], workers: int) -> float:
    """From nothing but the folder to a batch in this process."""
    began = time.perf_counter()
    dataset = open_dataset()
    with batches(dataset, len(dataset), workers) as endless:
        next(endless)
        return time.perf_counter() - began


def worker_mb(datasets: list[SampleDataset]) -> float:
    """Memory of its own that a worker gains by reading every pair of all of these, in MB."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=_read_all, args=(datasets, sending))
    worker.start()
    gained_mb = float(receiving.recv())
    worker.join()
    return gained_mb


def _read_all(datasets: list[SampleDataset], sending: Connection) -> None:
    torch.set_num_threads(1)
    before = _own_mb()
    for dataset in datasets:
        for index in range(len(dataset)):
            dataset[0, index]
    sending.send(_own_mb() - before)


def _own_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def catalogue_bars(folder: Path, workers: int, rounds: int, large: SampleDataset) -> list[Bar]:
    many_clips(folder)
    plain, limited = (
        median(
            first_batch_s(lambda: SampleDataset(folder, "train", Augmentation(crop=32), limits=limits), workers)  # noqa: B023
            for _ in range(rounds)
        )
        for limits in (None, Limits(max_residual_px=0.5))
    )
    return [
        Bar("load.first_batch_s", plain, "s"),
        Bar("load.first_batch_with_limits_s", limited, "s"),
        Bar("load.worker_mb", worker_mb([large, SampleDataset(folder, "train", Augmentation(crop=32))]), "MB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # before any picture: OpenCV's pool of threads does not survive the fork of a worker
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        bars = speed_bars(Path(folder), arguments.workers, arguments.rounds)
        large = SampleDataset(Path(folder) / "nirvis", "train", Augmentation(crop=CROP))
        bars += catalogue_bars(Path(folder) / "many", arguments.workers, arguments.rounds, large)
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
