"""Batches through shared memory: the right ones, whoever reads them, and nobody's but the caller's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nirvis_datasets import places as places_module
from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.loading import Collated, loaded
from nirvis_datasets.places import Placed, Places
from nirvis_datasets.sampler import Draw, DrawSampler
from nirvis_datasets.samples import SIDES, SampleDataset
from nirvis_datasets.split import Split, SplitRow

WritePairs = Callable[..., Path]
BATCHES = 14
"""More than two workers have places for, so that each place is used again."""

# Python 3.12 warns of any fork beside threads; that it works here is what these tests are for.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


def catalogued(folder: Path) -> Path:
    """All recordings of a folder in train."""
    found = Catalogue.build(folder)
    found.write()
    rows = (SplitRow(recording_id=e.recording_id, place=e.place, mode="day", set="train") for e in found.pairs)
    Split(tuple(rows)).write(folder / "splits.csv")
    return folder


@pytest.fixture
def folder(tmp_path: Path, write_pairs: WritePairs) -> Path:
    for name in ("a", "b"):
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, place=name, n=4)
    return catalogued(tmp_path)


def batches(dataset: SampleDataset, count: int, workers: int = 2, start_method: str | None = None) -> list[Collated]:
    with closing(loaded(dataset, DrawSampler(len(dataset), 3, seed=7), workers, start_method)) as endless:
        return list(islice(endless, count))


def assert_batches(found: list[Collated], dataset: SampleDataset) -> None:
    """They are what the samples of their draws are, read here one by one."""
    for batch, draws in zip(found, DrawSampler(len(dataset), 3, seed=7), strict=False):
        expected = [dataset[draw] for draw in draws]
        assert batch["name"] == [sample["name"] for sample in expected]
        for side in SIDES:
            stacked = torch.stack([sample[side] for sample in expected])  # type: ignore[literal-required]
            torch.testing.assert_close(batch[side], stacked, rtol=0, atol=0)


@pytest.mark.parametrize(("workers", "start_method"), [(0, None), (1, None), (2, "fork"), (2, "spawn")], ids=str)
def test_kept_batches_are_those_of_seed_and_step(folder: Path, workers: int, start_method: str | None) -> None:
    augmentation = Augmentation(crop=16, flip=True)
    counts = SampleDataset(folder, "train", augmentation, seed=3, as_counts=True)
    counts[0]  # a worker by fork inherits this open file and must not read through it
    found = batches(counts, BATCHES, workers, start_method)
    assert len(found) == BATCHES
    assert_batches(found, SampleDataset(folder, "train", augmentation, seed=3))


@pytest.mark.parametrize("how", [{}, {"window": 2}, {"paired": False}, {"source": "grey"}], ids=str)
@pytest.mark.parametrize("as_counts", [False, True])
def test_whatever_a_dataset_gives_arrives(folder: Path, how: dict[str, Any], as_counts: bool) -> None:
    augmentation = Augmentation(crop=16)
    found = batches(SampleDataset(folder, "train", augmentation, as_counts=as_counts, **how), 7)
    assert_batches(found, SampleDataset(folder, "train", augmentation, **how))


def test_what_is_written_into_a_batch_reaches_no_other(folder: Path) -> None:
    floats = SampleDataset(folder, "train", Augmentation(crop=16))
    with closing(loaded(floats, DrawSampler(len(floats), 3, seed=7), 2)) as endless:
        found = []
        for batch in islice(endless, BATCHES):
            found.append({**batch, **{side: batch[side].clone() for side in SIDES}})
            for side in SIDES:
                batch[side].fill_(-1)
    assert_batches(found, floats)


@pytest.mark.parametrize("workers", [0, 2])
def test_eight_and_sixteen_bits_meet_in_a_batch(tmp_path: Path, write_pairs: WritePairs, workers: int) -> None:
    for name, bit_depth in (("a", 8), ("b", 16)):
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, place=name, n=2, bit_depth=bit_depth)
    catalogued(tmp_path)
    found = batches(SampleDataset(tmp_path, "train", as_counts=True), 6, workers)
    assert_batches(found, SampleDataset(tmp_path, "train"))


def test_batches_too_large_for_their_places_arrive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "_PLACE_BYTES", 4096)
    dataset = SampleDataset(folder, "train", as_counts=True)
    assert_batches(batches(dataset, BATCHES), SampleDataset(folder, "train"))


def test_the_last_batch_is_as_small_as_it_comes(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", as_counts=True)
    draws: Iterable[list[Draw]] = [[(0, 0), (0, 1), (0, 2)], [(0, 3)]]
    assert [len(batch["source"]) for batch in loaded(dataset, draws, 2)] == [3, 1]
    assert not list(loaded(dataset, [], 2))


def test_closing_ends_the_workers(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", as_counts=True)
    others = set(multiprocessing.active_children())
    endless = loaded(dataset, DrawSampler(len(dataset), 2), 2)
    next(endless)
    assert len(set(multiprocessing.active_children()) - others) == 2
    endless.close()
    assert set(multiprocessing.active_children()) <= others


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_is_gone_is_said_in_one_line(folder: Path, workers: int) -> None:
    dataset = SampleDataset(folder, "train", as_counts=True)
    (folder / "b.pairs.h5").unlink()
    with pytest.raises(DatasetError, match=r"^.*b\.pairs\.h5 is gone since .*\.$"):
        batches(dataset, 4, workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_of_several_sizes_are_said(tmp_path: Path, write_pairs: WritePairs, workers: int) -> None:
    for name, size in (("a", (64, 48)), ("b", (32, 24))):
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, place=name, n=1, size=size)
    catalogued(tmp_path)
    with pytest.raises(DatasetError, match=r"differ in size: 32×24 px \(b-000000\), 64×48 px \(a-000000\)\. Choose"):
        next(loaded(SampleDataset(tmp_path, "train"), [[(0, 0), (0, 1)]], workers))


def test_a_place_is_the_same_memory_every_time() -> None:
    places = Places(2)
    ones: dict[str, Tensor] = {"source": torch.ones(3, 4, 4)}
    first, again = places.put(1, [ones, ones])["source"], places.put(1, [{"source": torch.zeros(3, 4, 4)}])["source"]
    assert first == Placed(1, 0, (2, 3, 4, 4), torch.float32)
    assert (again.place, again.begin) == (1, 0)
    assert not places.see(first)[0].any()
    assert places.see(first)[1].all()
