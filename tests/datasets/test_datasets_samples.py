"""Pairs as torch samples: the right pixels, the same crop for both sides, the same in every worker."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from nirvis_datasets import pictures as pictures_module
from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError, TableError
from nirvis_datasets.sampler import DrawSampler
from nirvis_datasets.samples import Sample, SampleDataset, floats
from nirvis_datasets.selection import Limits
from nirvis_datasets.split import Split, SplitRow, Subset, split
from nirvis_datasets.transforms import random_cut
from nirvis_registration.pair_file import TABLE, PairsFile

WritePairs = Callable[..., Path]
WIDTH, HEIGHT = 64, 48


def catalogued(folder: Path, **sets: Subset) -> Path:
    """Catalogue and split a folder, recording → set."""
    Catalogue.build(folder).write()
    rows = tuple(SplitRow(recording_id=r, place=f"street {r}", mode="day", set=s) for r, s in sets.items())
    Split(rows).write(folder / "splits.csv")
    return folder


@pytest.fixture
def folder(tmp_path: Path, write_pairs: WritePairs) -> Path:
    """Recordings a (3 pairs) and c (2) in train, b (2) in test."""
    for name, n in (("a", 3), ("b", 2), ("c", 2)):
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, n=n, size=(WIDTH, HEIGHT))
    return catalogued(tmp_path, a="train", b="test", c="train")


def assert_same(first: Sample, second: Sample) -> None:
    assert first["name"] == second["name"]
    for key in ("source", "target", "valid"):
        torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)


def test_a_sample_has_the_pixels_of_its_file(folder: Path) -> None:
    dataset = SampleDataset(folder, "test")
    with PairsFile.open(folder / "b.pairs.h5") as file:
        source, target, valid = file.source(1), file.target(1), file.valid
    sample = dataset[1]
    assert sample["source"].dtype == sample["target"].dtype == sample["valid"].dtype == torch.float32
    np.testing.assert_allclose(sample["source"].permute(1, 2, 0), source / 255, rtol=1e-6)
    np.testing.assert_allclose(sample["target"].permute(1, 2, 0), target / 255, rtol=1e-6)
    np.testing.assert_array_equal(sample["valid"][0], valid)
    assert (sample["name"], sample["mode"], sample["recording_id"]) == ("b-000001", "day", "b")


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_counts_become_the_same_floats(tmp_path: Path, write_pairs: WritePairs, bit_depth: int) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", bit_depth=bit_depth)
    catalogued(tmp_path, a="train")
    counts = SampleDataset(tmp_path, "train", Augmentation(crop=16, flip=True), as_counts=True)
    direct = SampleDataset(tmp_path, "train", Augmentation(crop=16, flip=True))
    assert counts[0]["source"].dtype == (torch.uint8 if bit_depth == 8 else torch.uint16)
    batch = next(iter(DataLoader(counts, batch_size=2)))
    for draw in range(4):
        assert_same(floats(counts[draw, 1]), direct[draw, 1])
    together = floats(batch)
    for key in ("source", "target", "valid"):
        torch.testing.assert_close(together[key], torch.stack([direct[i][key] for i in (0, 1)]), rtol=0, atol=0)


def test_a_set_has_the_pairs_of_its_recordings(folder: Path) -> None:
    dataset = SampleDataset(folder, "train")
    assert [dataset[i]["name"] for i in range(len(dataset))] == [
        "a-000000",
        "a-000001",
        "a-000002",
        "c-000000",
        "c-000001",
    ]
    assert [dataset.entry(i).recording_id for i in range(5)] == ["a", "a", "a", "c", "c"]


@pytest.mark.parametrize("index", [-1, 5])
def test_there_is_nothing_beyond_the_ends(folder: Path, index: int) -> None:
    with pytest.raises(IndexError):
        SampleDataset(folder, "train")[index]


def test_sixteen_bits_keep_their_precision(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", bit_depth=16, size=(WIDTH, HEIGHT))
    sample = SampleDataset(catalogued(tmp_path, a="train"), "train")[0]
    with PairsFile.open(tmp_path / "a.pairs.h5") as file:
        source = file.source(0)
    assert source.dtype == np.uint16
    np.testing.assert_allclose(sample["source"].permute(1, 2, 0), source / 65535, rtol=1e-6)


def test_both_sides_and_the_mask_are_cropped_alike(folder: Path) -> None:
    # The fixture gives each pixel of the source a colour of its own, and the target the negative of it.
    dataset = SampleDataset(folder, "train", Augmentation(crop=16, flip=True))
    whole = SampleDataset(folder, "train")[1]
    for draw in range(8):
        sample = dataset[draw, 1]
        assert sample["source"].shape == (3, 16, 16)
        torch.testing.assert_close(sample["source"] + sample["target"], torch.ones(3, 16, 16))
        top, left, flipped = located(sample["source"], whole["source"])
        valid = whole["valid"][:, top : top + 16, left : left + 16]
        torch.testing.assert_close(sample["valid"], valid.flip(2) if flipped else valid)


def located(crop: torch.Tensor, whole: torch.Tensor) -> tuple[int, int, bool]:
    """Where a crop comes from, by trying every place."""
    for flipped in (False, True):
        wanted = crop.flip(2) if flipped else crop
        windows = whole.unfold(1, 16, 1).unfold(2, 16, 1)
        found = (windows == wanted[:, None, None]).all(dim=(0, 3, 4)).nonzero()
        if len(found):
            return int(found[0, 0]), int(found[0, 1]), flipped
    pytest.fail("this crop is nowhere in the picture")


def test_seed_draw_and_index_decide_the_crop(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16), seed=1)
    assert_same(dataset[5, 2], SampleDataset(folder, "train", Augmentation(crop=16), seed=1)[5, 2])
    assert_same(dataset[2], dataset[0, 2])
    whole = SampleDataset(folder, "train")
    other_seed = SampleDataset(folder, "train", Augmentation(crop=16), seed=2)
    places = {
        located(sample["source"], whole[2]["source"])
        for sample in (dataset[0, 2], dataset[1, 2], dataset[2, 2], other_seed[0, 2])
    }
    assert len(places) == 4


def test_crops_reach_every_edge_and_half_are_flipped(folder: Path) -> None:
    random = np.random.default_rng(0)
    cuts = [random_cut(random, (HEIGHT, WIDTH), HEIGHT - 1, flip=True) for _ in range(400)]
    assert {cut.top for cut in cuts} == {0, 1}
    assert {cut.left for cut in cuts} == set(range(WIDTH - HEIGHT + 2))
    assert {(cut.height, cut.width) for cut in cuts} == {(HEIGHT - 1, HEIGHT - 1)}
    assert 150 < sum(cut.flipped for cut in cuts) < 250


def test_a_crop_as_large_as_the_picture_is_the_picture(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", size=(32, 32))
    catalogued(tmp_path, a="train")
    cropped, whole = SampleDataset(tmp_path, "train", Augmentation(crop=32)), SampleDataset(tmp_path, "train")
    assert_same(cropped[3, 0], whole[0])


def test_the_loader_of_torch_gives_what_one_process_gives(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), seed=3)
    dataset[0]  # a worker by fork inherits this open file and must not read through it
    sampler = DrawSampler(len(dataset), batch_size=2, seed=3)
    loader = DataLoader(dataset, batch_sampler=sampler, num_workers=2)
    for step, batch in enumerate(islice(loader, 6)):
        expected = [dataset[item] for item in sampler.batch(step)]
        assert batch["name"] == [sample["name"] for sample in expected]
        for key in ("source", "target", "valid"):
            torch.testing.assert_close(batch[key], torch.stack([sample[key] for sample in expected]), rtol=0, atol=0)


def test_a_dataset_travels_without_its_open_files(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16))
    sample = dataset[1, 4]
    assert_same(pickle.loads(pickle.dumps(dataset))[1, 4], sample)


def test_few_files_stay_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "_OPEN_WEIGHT", 1)
    dataset = SampleDataset(folder, "train")
    names = [dataset[index]["name"] for index in (0, 4, 1, 3)]
    assert names == ["a-000000", "c-000001", "a-000001", "c-000000"]
    assert len(dataset._files._open) == 1


def test_nothing_is_opened_before_the_first_sample(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(PairsFile, "open")
    assert len(SampleDataset(folder, "train")) == 5


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        # Residuals of the fixture are 0.1, 0.2, 0.3 px …, saturation 0.01, sharpness 2.
        pytest.param(Limits(max_residual_px=0.25), ["a-000000", "a-000001", "c-000000", "c-000001"], id="residual"),
        pytest.param(Limits(max_residual_px=0.15, max_saturation=0.02), ["a-000000", "c-000000"], id="both"),
        pytest.param(Limits(max_residual_px=0.15, min_sharpness=1.5), ["a-000000", "c-000000"], id="sharp enough"),
    ],
)
def test_pairs_beyond_the_limits_are_left_out(folder: Path, limits: Limits, kept: list[str]) -> None:
    dataset = SampleDataset(folder, "train", limits=limits)
    assert [dataset[i]["name"] for i in range(len(dataset))] == kept


@pytest.mark.parametrize(
    "limits", [Limits(max_residual_px=0.01), Limits(max_saturation=0.001), Limits(min_sharpness=3)]
)
def test_limits_that_no_pair_keeps_are_said(folder: Path, limits: Limits) -> None:
    with pytest.raises(DatasetError, match=f"No pair of set train in .* keeps {limits}. Allow more"):
        SampleDataset(folder, "train", limits=limits)


def test_a_pair_without_a_figure_keeps_no_limit_on_it() -> None:
    table = np.zeros(2, TABLE)
    table["residual_px"] = [np.nan, 0.1]
    assert Limits(max_residual_px=1).kept(table).tolist() == [False, True]
    assert Limits(max_saturation=1).kept(table).tolist() == [True, True]


def test_a_crop_that_does_not_fit_is_said(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"crop of 50×50 px does not fit .*a\.pairs\.h5, 64×48 px"):
        SampleDataset(folder, "train", Augmentation(crop=50))[0]


def test_an_empty_set_is_said(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"no pairs of set val: .* lists 3 pairs files, .* test 1, train 2"):
        SampleDataset(folder, "val")


@pytest.mark.parametrize(("name", "command"), [("catalogue.csv", "nirvis catalogue"), ("splits.csv", "nirvis split")])
def test_a_missing_table_names_its_command(folder: Path, name: str, command: str) -> None:
    (folder / name).unlink()
    with pytest.raises(TableError, match=f"Make it with: {command}"):
        SampleDataset(folder, "train")


def test_a_file_that_changed_since_is_said(folder: Path, write_pairs: WritePairs) -> None:
    dataset = SampleDataset(folder, "test")
    (folder / "b.pairs.h5").unlink()
    with pytest.raises(DatasetError, match="is gone since"):
        dataset[0]
    write_pairs(folder / "b.pairs.h5", recording_id="b", n=5)
    with pytest.raises(DatasetError, match="has 5 pairs, the catalogue says 2"):
        dataset[0]


def test_from_a_folder_to_a_batch(tmp_path: Path, write_pairs: WritePairs) -> None:
    for i in range(5):
        write_pairs(tmp_path / f"{i}.pairs.h5", recording_id=f"r{i}", place=f"street {i}", size=(WIDTH, HEIGHT))
    catalogue = Catalogue.build(tmp_path)
    catalogue.write()
    split(catalogue).write(tmp_path / "splits.csv")
    subsets: tuple[Subset, ...] = ("train", "val", "test")
    assert [len(SampleDataset(tmp_path, subset)) for subset in subsets] == [6, 2, 2]
    (batch,) = islice(
        DataLoader(SampleDataset(tmp_path, "train", Augmentation(crop=32)), batch_sampler=DrawSampler(6, 4)), 1
    )
    assert batch["source"].shape == batch["target"].shape == (4, 3, 32, 32)
    assert batch["valid"].shape == (4, 1, 32, 32)
    assert len(batch["recording_id"]) == 4
