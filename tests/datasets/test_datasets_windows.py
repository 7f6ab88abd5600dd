"""Windows of consecutive pairs, unpaired samples, and pairs on the grid of the sensor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError
from nirvis_datasets.sampler import DrawSampler
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.selection import Limits, window_starts
from nirvis_datasets.split import Split, SplitRow
from nirvis_datasets.transforms import Cut, in_unit_range, random_cut, to_grey, to_planes
from nirvis_registration.errors import DamagedPairsFile

WritePairs = Callable[..., Path]


def catalogued(folder: Path) -> Path:
    found = Catalogue.build(folder)
    found.write()
    recordings = sorted({entry.recording_id for entry in found.pairs})
    rows = (SplitRow(recording_id=r, place=r, mode="day", set="train") for r in recordings)
    Split(tuple(rows)).write(folder / "splits.csv")
    return folder


@pytest.fixture
def folder(tmp_path: Path, write_pairs: WritePairs) -> Path:
    """Recordings a (6 pairs), b (2, by night) and c (3)."""
    for name, n, mode in (("a", 6, "day"), ("b", 2, "night"), ("c", 3, "day")):
        write_pairs(tmp_path / f"{name}.pairs.h5", recording_id=name, n=n, mode=mode)
    return catalogued(tmp_path)


def names(dataset: SampleDataset) -> list[str]:
    return [dataset[i]["name"] for i in range(len(dataset))]


def test_a_window_holds_consecutive_pairs_under_one_draw(folder: Path) -> None:
    whole = SampleDataset(folder, "train")
    windows = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), window=3, seed=2)
    assert names(windows) == ["a-000000", "a-000001", "a-000002", "a-000003", "c-000000"]
    for draw in range(6):
        sample = windows[draw, 1]
        assert sample["source"].shape == sample["target"].shape == (3, 3, 16, 16)
        cut = random_cut(np.random.default_rng([2, draw, 1]), (48, 64), 16, flip=True)
        for side in ("source", "target"):
            part = torch.stack([whole[i][side] for i in (1, 2, 3)])
            part = part[..., cut.top : cut.top + 16, cut.left : cut.left + 16]
            torch.testing.assert_close(sample[side], part.flip(-1) if cut.flipped else part, rtol=0, atol=0)
        valid = whole[1]["valid"][:, cut.top : cut.top + 16, cut.left : cut.left + 16]
        torch.testing.assert_close(sample["valid"], valid.flip(-1) if cut.flipped else valid)


def test_windows_with_a_stride_take_every_second_pair(folder: Path) -> None:
    windows = SampleDataset(folder, "train", window=3, stride=2)
    whole = SampleDataset(folder, "train")
    assert names(windows) == ["a-000000", "a-000001"]
    torch.testing.assert_close(windows[1]["source"], torch.stack([whole[i]["source"] for i in (1, 3, 5)]))


def test_windows_stop_at_gaps_and_at_pairs_beyond_the_limits(folder: Path) -> None:
    with h5py.File(folder / "a.pairs.h5", "r+") as file:
        file["pairs/trigger_index"][:] = [0, 1, 2, 5, 6, 7]
    assert names(SampleDataset(folder, "train", window=3)) == ["a-000000", "a-000003", "c-000000"]
    # Residuals are 0.1, 0.2, 0.3 px …
    limited = SampleDataset(folder, "train", window=2, limits=Limits(max_residual_px=0.25))
    assert names(limited) == ["a-000000", "b-000000", "c-000000"]
    with pytest.raises(DatasetError, match=r"No recording of set train in .* has a run of 9 pairs, 1 apart"):
        SampleDataset(folder, "train", Augmentation(crop=256), window=9)


def test_an_unpaired_target_comes_from_another_recording(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), paired=False)
    targets = {dataset[draw, 0]["target_name"] for draw in range(40)}
    assert targets == {"b-000000", "b-000001", "c-000000", "c-000001", "c-000002"}
    again = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), paired=False)[3, 0]
    for key in ("source", "target", "valid"):
        torch.testing.assert_close(dataset[3, 0][key], again[key], rtol=0, atol=0)


def test_sources_of_the_night_meet_targets_of_the_day(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", paired=False, source_mode="night", target_mode="day")
    assert [dataset[i]["name"] for i in range(len(dataset))] == ["b-000000", "b-000001"]
    paired = SampleDataset(folder, "train")
    by_name = {paired[i]["name"]: paired[i] for i in range(len(paired))}
    for draw in range(20):
        sample = dataset[draw, 1]
        assert sample["target_name"][0] in "ac"
        torch.testing.assert_close(sample["source"], by_name["b-000001"]["source"])
        torch.testing.assert_close(sample["target"], by_name[sample["target_name"]]["target"])


def test_one_recording_alone_gives_its_own_targets(tmp_path: Path, write_pairs: WritePairs) -> None:
    write_pairs(tmp_path / "a.pairs.h5", recording_id="a", n=3)
    dataset = SampleDataset(catalogued(tmp_path), "train", paired=False)
    assert {dataset[draw, 0]["target_name"] for draw in range(20)} == {"a-000000", "a-000001", "a-000002"}


def test_a_grey_source_has_one_channel_of_luma(folder: Path) -> None:
    grey, colour = (SampleDataset(folder, "train", Augmentation(crop=32), source=kind)[1] for kind in ("grey", "rgb"))
    assert grey["source"].shape == (1, 32, 32)
    luma = (colour["source"] * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)
    torch.testing.assert_close(grey["source"][0], luma, rtol=0, atol=0.51 / 255)
    torch.testing.assert_close(grey["target"], colour["target"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luma_of_grey_pixels_is_their_value(dtype: type) -> None:
    values = np.array([0, 1, 128, np.iinfo(dtype).max], dtype)
    assert to_grey(np.repeat(values[None, :, None], 3, axis=2))[0, :, 0].tolist() == values.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("flipped", [False, True])
def test_tensors_are_counts_over_full_scale(dtype: type, flipped: bool) -> None:
    whole = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (9, 11, 3), dtype, endpoint=True)
    part = whole[:, 2:9]
    expected = torch.from_numpy(part.astype(np.float64) / np.iinfo(dtype).max).permute(2, 0, 1).float()
    made = in_unit_range(to_planes(part, Cut(0, 0, 9, 7, flipped)))
    assert made.is_contiguous()
    torch.testing.assert_close(made, expected.flip(-1) if flipped else expected, rtol=1e-6, atol=0)


def test_compressed_pictures_are_read_alike(folder: Path) -> None:
    plain = SampleDataset(folder, "train", Augmentation(crop=16, flip=True))
    expected = [plain[draw, 2] for draw in range(4)]
    with h5py.File(folder / "a.pairs.h5", "r+") as file:
        for side in ("source", "target"):
            pictures, attributes = file[side][:], dict(file[side].attrs)
            del file[side]
            file.create_dataset(side, data=pictures, chunks=(1, *pictures.shape[1:]), compression="gzip")
            file[side].attrs.update(attributes)
    packed = SampleDataset(folder, "train", Augmentation(crop=16, flip=True))
    for draw, sample in enumerate(expected):
        for key in ("source", "target", "valid"):
            torch.testing.assert_close(packed[draw, 2][key], sample[key], rtol=0, atol=0)


def test_a_picture_is_read_without_those_beside_it(folder: Path) -> None:
    """Of two pictures in one file, the one that is broken is never met by who reads the other."""
    with h5py.File(folder / "a.pairs.h5", "r+") as file:
        pictures = file["source"][:]
        del file["source"]
        file.create_dataset("source", data=pictures, chunks=(1, *pictures.shape[1:]), compression="gzip")
        broken = file["source"].id.get_chunk_info(0)
    with (folder / "a.pairs.h5").open("r+b") as raw:
        raw.seek(broken.byte_offset)
        raw.write(bytes(broken.size))
    dataset = SampleDataset(folder, "train")
    np.testing.assert_allclose(dataset[2]["source"].permute(1, 2, 0), pictures[2] / 255, rtol=1e-6)
    with pytest.raises(DamagedPairsFile, match="its pictures cannot be read"):
        dataset[0]


def test_a_file_that_ends_early_is_said(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16))
    dataset[0]
    with (folder / "a.pairs.h5").open("r+b") as file:
        file.truncate(9000)
    with pytest.raises(DamagedPairsFile, match="ends in the middle of the source of pair 5"):
        dataset[5]


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_workers_give_the_windows_and_strangers_of_one_process(folder: Path, context: str) -> None:
    windows = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), window=2)
    strangers = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), paired=False, source="grey")
    both: tuple[Dataset[dict[str, torch.Tensor]], ...] = (windows, strangers)  # type: ignore[assignment]
    for dataset in both:
        dataset[0, 0]
        sampler = DrawSampler(len(dataset), batch_size=2)  # type: ignore[arg-type]
        loader = DataLoader(dataset, batch_sampler=sampler, num_workers=1, multiprocessing_context=context)
        for step, batch in enumerate(islice(loader, 3)):
            expected = [dataset[item] for item in sampler.batch(step)]
            for key in ("source", "target", "valid"):
                torch.testing.assert_close(batch[key], torch.stack([e[key] for e in expected]), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("index", "every", "expected"),
    [
        pytest.param([0, 1, 3, 4, 5], 1, [0, 2, 3], id="a lost exposure"),
        pytest.param([0, 3], 1, [], id="only a gap"),
        pytest.param([0, 3, 6, 10, 13], 3, [0, 1, 3], id="every third pair"),
        pytest.param([19, 39, 59, 99], None, [0, 1], id="thinned out by its authors"),
        pytest.param([-1, -1, -1], None, [], id="single pictures"),
        pytest.param([4], 1, [], id="one picture"),
    ],
)
def test_windows_of_two_need_consecutive_exposures(index: list[int], every: int | None, expected: list[int]) -> None:
    numbers = np.array(index)
    assert window_starts(numbers, np.ones(len(index), bool), 2, every=every).tolist() == expected


def test_an_unpaired_window_shows_two_recordings(folder: Path) -> None:
    dataset = SampleDataset(folder, "train", Augmentation(crop=16, flip=True), paired=False, window=2)
    whole = SampleDataset(folder, "train")
    by_name = {whole[i]["name"]: i for i in range(len(whole))}
    assert len(dataset) == 5 + 1 + 2
    seen = set()
    for draw in range(12):
        sample = dataset[draw, 0]
        assert sample["source"].shape == sample["target"].shape == (2, 3, 16, 16)
        assert sample["valid"].shape == (1, 16, 16)
        source, target = by_name[sample["name"]], by_name[sample["target_name"]]
        assert shown_alike(sample["source"], [whole[source + i]["source"] for i in (0, 1)])
        assert shown_alike(sample["target"], [whole[target + i]["target"] for i in (0, 1)])
        seen.add(sample["target_name"])
    assert seen == {"b-000000", "c-000000", "c-000001"}


def shown_alike(window: torch.Tensor, frames: list[torch.Tensor]) -> bool:
    """Whether a window shows the same place of all frames, by trying every place."""
    for wanted in (window, window.flip(-1)):
        places = [frame.unfold(1, 16, 1).unfold(2, 16, 1) for frame in frames]
        here = [(place == crop[:, None, None]).all(dim=(0, 3, 4)) for place, crop in zip(places, wanted, strict=True)]
        if torch.stack(here).all(0).any():
            return True
    return False


@pytest.mark.parametrize(
    "options", [{"window": 0}, {"stride": 0}, {"target_mode": "day"}, {"source": "bayer", "resize": True}]
)
def test_options_that_mean_nothing_are_refused(folder: Path, options: dict[str, Any]) -> None:
    resize = (20, 30) if options.pop("resize", False) else None
    with pytest.raises(ValueError, match=r"begin at 1|target of a pair|Bayer cells"):
        SampleDataset(folder, "train", Augmentation(resize=resize), **options)
