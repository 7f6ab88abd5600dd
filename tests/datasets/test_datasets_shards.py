"""Shards: every pair of a set once, read front to back, the same again, by our reader and by webdataset."""

from __future__ import annotations

import gc
import os
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.selection import Limits
from nirvis_datasets.shard_dataset import ShardDataset, buffered_order
from nirvis_datasets.shards import INDEX_NAME, write_shards
from nirvis_datasets.split import Split, SplitRow


@pytest.fixture
def folder(tmp_path: Path, write_pairs: Callable[..., Path]) -> Path:
    """Recordings a (6 pairs), b (4) and c (2), 16 bits."""
    place = tmp_path / "dataset"
    place.mkdir()
    for name, n in (("a", 6), ("b", 4), ("c", 2)):
        write_pairs(place / f"{name}.pairs.h5", recording_id=name, n=n, bit_depth=16)
    Catalogue.build(place).write()
    Split(tuple(SplitRow(recording_id=r, place=r, mode="day", set="train") for r in "abc")).write(place / "splits.csv")
    return place


@pytest.fixture
def shards(folder: Path, tmp_path: Path) -> Path:
    """Those twelve pairs in four shards of three."""
    write_shards(folder, "train", tmp_path / "shards", pairs_per_shard=3)
    return tmp_path / "shards"


def all_names(folder: Path) -> list[str]:
    dataset = SampleDataset(folder, "train")
    return [dataset[i]["name"] for i in range(len(dataset))]


def test_a_pass_gives_every_pair_with_its_pixels(folder: Path, shards: Path) -> None:
    dataset = SampleDataset(folder, "train")
    expected = {dataset[i]["name"]: dataset[i] for i in range(len(dataset))}
    samples = list(islice(ShardDataset(shards, batch_size=1), 12))
    assert sorted(sample["name"] for sample in samples) == sorted(expected)
    for sample in samples:
        wanted = expected[sample["name"]]
        assert (sample["mode"], sample["recording_id"]) == (wanted["mode"], wanted["recording_id"])
        for key in ("source", "target", "valid"):
            torch.testing.assert_close(sample[key], wanted[key], rtol=0, atol=0)


def test_equal_calls_write_equal_bytes_and_nothing_unfinished(folder: Path, shards: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    write_shards(folder, "train", tmp_path / "again", pairs_per_shard=3, progress=lambda *at: steps.append(at))
    assert steps == [(done, 12) for done in range(1, 13)]
    names = sorted(os.listdir(shards))
    assert names == [INDEX_NAME, *(f"train-{i:06d}.tar" for i in range(4))]
    assert all((shards / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    with pytest.raises(DatasetError, match="holds shards already"):
        write_shards(folder, "train", shards)


def test_limits_hold_for_shards_too(folder: Path, tmp_path: Path) -> None:
    written = write_shards(folder, "train", tmp_path / "good", 8, limits=Limits(max_residual_px=0.25))
    assert written.shards == {"train-000000.tar": 6}


def test_crops_of_both_sides_agree_and_change_with_every_pass(shards: Path) -> None:
    dataset = ShardDataset(shards, 1, Augmentation(crop=16, flip=True))
    two_passes = list(islice(dataset, 24))
    for sample in two_passes:
        # The target of the fixture is the negative of its source.
        torch.testing.assert_close(sample["source"] + sample["target"], torch.ones(3, 16, 16))
    first, second = ({s["name"]: s["source"] for s in part} for part in (two_passes[:12], two_passes[12:]))
    assert sum(not torch.equal(first[name], second[name]) for name in first) > 6


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [1, 2, 5, 9])
def test_a_resumed_run_sees_what_it_would_have_seen(shards: Path, workers: int, step: int) -> None:
    whole, resumed = (
        list(islice(_loader(shards, workers, start_step), count)) for start_step, count in ((0, step + 3), (step, 3))
    )
    for one, other in zip(whole[step:], resumed, strict=True):
        assert one["name"] == other["name"]
        torch.testing.assert_close(one["source"], other["source"], rtol=0, atol=0)


def _loader(shards: Path, workers: int, start_step: int) -> DataLoader[dict[str, torch.Tensor]]:
    dataset = ShardDataset(shards, 2, Augmentation(crop=16, flip=True), start_step=start_step, buffer=3)
    return DataLoader(dataset, batch_size=2, num_workers=workers)  # type: ignore[arg-type]


def test_ranks_share_the_pairs_of_a_pass(folder: Path, shards: Path) -> None:
    seen = [
        sample["name"]
        for rank in range(2)
        for sample in islice(ShardDataset(shards, batch_size=1, rank=rank, ranks=2), 6)
    ]
    assert sorted(seen) == sorted(all_names(folder))


def test_more_workers_than_shards_are_refused(shards: Path) -> None:
    with pytest.raises(DatasetError, match="has 4 shards for 5 workers of all ranks"):
        next(iter(ShardDataset(shards, batch_size=1, rank=0, ranks=5)))


def test_a_damaged_shard_is_said(shards: Path) -> None:
    shard = shards / "train-000002.tar"
    shard.write_bytes(shard.read_bytes()[:40000])
    with pytest.raises(DatasetError, match=r"train-000002\.tar is no whole shard"):
        list(islice(ShardDataset(shards, batch_size=1), 12))


def test_a_folder_without_shards_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no folder of shards"):
        ShardDataset(tmp_path, batch_size=1)


@pytest.mark.parametrize(("count", "buffer"), [(0, 4), (3, 8), (20, 4), (20, 1)])
def test_a_buffer_gives_everything_once_and_nothing_before_it_was_read(count: int, buffer: int) -> None:
    order = buffered_order(count, buffer, np.random.default_rng(0))
    assert Counter(order) == Counter(range(count))
    assert all(number < at + buffer for at, number in enumerate(order))


def test_the_webdataset_library_reads_them(folder: Path, shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    files = [str(shards / f"train-{i:06d}.tar") for i in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves its files to the garbage collector
        samples = list(webdataset.WebDataset(files, shardshuffle=False).decode())
        gc.collect()
    assert sorted(sample["__key__"] for sample in samples) == sorted(all_names(folder))
    assert samples[0]["source.npy"].shape == (48, 64, 3)
    assert samples[0]["source.npy"].dtype == np.uint16
    assert set(samples[0]["json"]) == {"mode", "recording_id", "place"}
