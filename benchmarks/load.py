"""Training batches from registered pairs, beside folders of PNG and of BMP files that hold the same pixels.

    python benchmarks/load.py [--json FILE] [--workers N] [--rounds N]

Every contestant has as many workers, and gives the same float batches: the same crops, mirrored alike, in the same
order (checked before anything is timed). Folders are read as their users do it, with PIL and torch's loader; nirvis as
its training reads. Contestants take turns, in reversed order in every second round; a ratio is the median over the
rounds, and every file lies in the page cache.

The limit is what copying the tensors of a sample once takes on the same machine: no loader that fills new batches can
be quicker.

The published protocol is that of VSIAD's loader, which makes more of a pair (`load_peers.PublishedFolder`); nirvis is
told to do the same, with its own filters. Both work in one process, without workers, so that all of it is counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import torch
from bars import Bar, report
from load_material import catalogue, pictures, write_clip, write_small_clips
from load_peers import PictureFolder, PublishedFolder
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from nirvis_datasets.augmentation import Augmentation, ColourJitter
from nirvis_datasets.loading import loaded
from nirvis_datasets.sampler import DrawSampler
from nirvis_datasets.samples import SampleDataset, floats
from nirvis_datasets.selection import Limits
from nirvis_training.colour import normalise_lab, rgb_to_lab

CROP, BATCH = 256, 16
SEED = 5
CLIPS, PAIRS_PER_CLIP = 8, 8
MANY_CLIPS = 500


def write_material(folder: Path) -> dict[str, Dataset[Any]]:
    """The same pixels three times over."""
    for suffix in ("png", "bmp"):
        for side in ("source", "target"):
            (folder / suffix / side).mkdir(parents=True)
    for clip in range(CLIPS):
        pairs = [pictures(clip * PAIRS_PER_CLIP + i) for i in range(PAIRS_PER_CLIP)]
        write_clip(folder / "nirvis" / f"r{clip:04d}.pairs.h5", clip, pairs)
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
        "png": PictureFolder(folder / "png", ".png", CROP, SEED),
        "bmp": PictureFolder(folder / "bmp", ".bmp", CROP, SEED),
    }


def check_equal(contestants: dict[str, Dataset[Any]]) -> None:
    for draw in ((0, 0), (0, 17), (3, 9), (4, 9)):
        samples = [floats(dataset[draw]) for dataset in contestants.values()]
        for side in ("source", "target"):
            if any(not torch.equal(samples[0][side], sample[side]) for sample in samples[1:]):
                raise SystemExit(f"the contestants do not read the same {side}, so that there is nothing to compare")


def endless(dataset: Dataset[Any], n: int, workers: int) -> Generator[dict[str, Any], None, None]:
    """Batches of floats, as the users of each contestant get them."""
    sampler = DrawSampler(n, BATCH, SEED)
    if isinstance(dataset, SampleDataset):
        yield from loaded(dataset, sampler, workers)
    else:
        yield from DataLoader(dataset, batch_sampler=sampler, num_workers=workers)


def samples_per_s(batches: Generator[dict[str, Any], None, None], skipped: int, count: int) -> float:
    """Once all workers give batches."""
    with closing(batches):
        for _ in range(skipped):
            next(batches)
        began = time.perf_counter()
        for batch in islice(batches, count):
            batch["source"].sum()
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
    counts = {"nirvis": 120, "png": 10, "bmp": 30}
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(rounds):
        for name in contestants if i % 2 else reversed(contestants):
            batches = endless(contestants[name], CLIPS * PAIRS_PER_CLIP, workers)
            figures[name].append(samples_per_s(batches, 4 * workers, counts[name]))
        print(", ".join(f"{name} {figures[name][-1]:.0f}" for name in contestants), "samples/s", flush=True)
    ours, limit = median(figures["nirvis"]), copy_limit()
    return [
        Bar("load.vs_png_folder", ratio(figures["nirvis"], figures["png"]), "ratio"),
        Bar("load.vs_bmp_folder", ratio(figures["nirvis"], figures["bmp"]), "ratio"),
        Bar("load.samples_per_s_per_worker", ours / workers, "1/s"),
        Bar("load.copy_limit_samples_per_s", limit, "1/s"),
        Bar("load.share_of_copy_limit", ours / workers / limit, "share"),
    ]


def ratio(ours: list[float], theirs: list[float]) -> float:
    return median(mine / its for mine, its in zip(ours, theirs, strict=True))


def published_bars(folder: Path, rounds: int) -> list[Bar]:
    """What VSIAD's loader gives, and what nirvis gives, of the same work in one process."""
    published = PublishedFolder(folder / "png", SEED)
    same = {"resize": published.size, "crop": published.crop, "flip": True, "flip_vertical": True}
    check_alike(SampleDataset(folder / "nirvis", "train", Augmentation(**same), seed=SEED), folder / "png")
    ours = SampleDataset(
        folder / "nirvis", "train", Augmentation(**same, jitter=ColourJitter()), seed=SEED, as_counts=True
    )
    figures: dict[str, list[float]] = {"nirvis": [], "published": []}
    for _ in range(rounds):
        figures["published"].append(samples_per_s(endless(published, len(ours), 0), 1, 4))
        figures["nirvis"].append(samples_per_s(in_lab(endless(ours, len(ours), 0)), 1, 12))
    print("published protocol: " + ", ".join(f"{name} {median(one):.0f}" for name, one in figures.items()), "samples/s")
    return [
        Bar("load.published_samples_per_s", median(figures["published"]), "1/s"),
        Bar("load.vs_published_loader", ratio(figures["nirvis"], figures["published"]), "ratio"),
    ]


def in_lab(batches: Generator[dict[str, Any], None, None]) -> Generator[dict[str, Any], None, None]:
    for batch in batches:
        # one picture at a time: what it goes through stays in the cache of the processor
        yield batch | {"target": torch.cat([normalise_lab(rgb_to_lab(one)) for one in batch["target"].split(1)])}


def check_alike(ours: SampleDataset, folder: Path) -> None:
    """Both resize by filters of their own, to counts that are one apart at most."""
    plain = PublishedFolder(folder, SEED, jitter=False)
    for draw in ((0, 0), (0, 17), (3, 9), (4, 9)):
        apart = (ours[draw]["source"] - plain[draw]["source"]).abs().max().item()
        if apart > 1.01 / 255:
            raise SystemExit(f"the published protocol is not followed: its source and ours are {apart:.3f} apart")


def first_batch_s(open_dataset: Callable[[], SampleDataset], workers: int) -> float:
    """From nothing but the folder to a batch in this process."""
    began = time.perf_counter()
    dataset = open_dataset()
    with closing(endless(dataset, len(dataset), workers)) as batches:
        next(batches)
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
    write_small_clips(folder, MANY_CLIPS)
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
        bars += published_bars(Path(folder), arguments.rounds)
        large = SampleDataset(Path(folder) / "nirvis", "train", Augmentation(crop=CROP))
        bars += catalogue_bars(Path(folder) / "many", arguments.workers, arguments.rounds, large)
    report(bars, arguments.json)


if __name__ == "__main__":
    main()
