"""Files of frames: pictures of one side without partners."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
import pytest
from torch.utils.data import DataLoader

from nirvis_datasets.augmentation import Augmentation
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import DatasetError, FramesFileError
from nirvis_datasets.frame_file import FramesFile, FramesHeader, FramesWriter, Side
from nirvis_datasets.frame_pictures import StoredFrames
from nirvis_datasets.samples import SampleDataset
from nirvis_datasets.split import split
from nirvis_datasets.transforms import Cut

START = datetime(2026, 6, 21, tzinfo=timezone.utc)


def header(name: str = "a", side: Side = "source", place: str = "", bit_depth: int = 8) -> FramesHeader:
    return FramesHeader(side, name, 1, "night", "day", place or name, START, "irvi", "0" * 64, "", bit_depth)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)


def write(path: Path, of: FramesHeader, n: int = 3) -> Path:
    with FramesWriter(path, of, (24, 32), np.array([0, 1, 5])[:n]) as writer:
        for seed in range(n):
            writer.write(picture(seed))
    return path


def test_frames_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.source.frames.h5", header())
    with FramesFile.open(path) as frames:
        assert frames.header == header()
        assert frames.frame_index.tolist() == [0, 1, 5]
        assert np.array_equal(frames.frame(2), picture(2))
    (entry,) = Catalogue.build(tmp_path).entries
    assert (entry.kind, entry.side, entry.pairs, entry.frames) == ("frames", "source", 0, 3)
    assert (entry.width, entry.height, entry.start_time) == (32, 24, START)


def test_an_unfinished_file_gets_no_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 frames were written into a file for 2"):
        FramesWriter(tmp_path / "a.frames.h5", header(), (24, 32), np.arange(2)).__exit__(None)
    with pytest.raises(KeyError), FramesWriter(tmp_path / "a.frames.h5", header(), (24, 32), np.arange(2)):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def _foreign(path: Path) -> None:
    path.write_text("no HDF5")


def _newer(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2


def _without_index(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["frame_index"]


@pytest.mark.parametrize("spoil", [_truncate, _foreign, _newer, _without_index, Path.unlink])
def test_what_is_no_file_of_frames_is_one_line(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = write(tmp_path / "a.frames.h5", header())
    spoil(path)
    with pytest.raises(FramesFileError, match=str(path)) as refused:
        FramesFile.open(path)
    assert "\n" not in str(refused.value)


def test_sides_of_one_recording_stay_in_one_set(tmp_path: Path) -> None:
    for name in "abcde":
        write(tmp_path / f"{name}.source.frames.h5", header(name))
        write(tmp_path / f"{name}.target.frames.h5", header(name, "target"), n=2)
    divided = split(Catalogue.build(tmp_path))
    assert len(divided.rows) == 5
    assert sorted(divided.sets.values()) == ["test", "train", "train", "train", "val"]


@pytest.mark.parametrize("workers", [0, 1])
def test_sets_without_pairs_are_trained_on(tmp_path: Path, workers: int) -> None:
    write(tmp_path / "a.source.frames.h5", header())
    write(tmp_path / "a.target.frames.h5", header(side="target"), n=2)
    Catalogue.build(tmp_path).write()
    (tmp_path / "splits.csv").write_text("recording_id,place,mode,set\na,a,night,train\n")
    unpaired = SampleDataset(tmp_path, "train", Augmentation(crop=8), paired=False)
    assert len(unpaired) == 3
    (batch,) = DataLoader(unpaired, batch_size=3, num_workers=workers)
    assert batch["source"].shape == batch["target"].shape == (3, 3, 8, 8)
    assert batch["valid"].all()
    with pytest.raises(DatasetError, match=r"has no pairs of set train: .* 2 files of frames"):
        SampleDataset(tmp_path, "train")


def test_parts_of_frames_are_read_as_parts_of_pairs_are(tmp_path: Path) -> None:
    write(tmp_path / "a.frames.h5", header())
    (entry,) = Catalogue.build(tmp_path).entries
    frames = StoredFrames(tmp_path, entry)
    assert frames.size == (24, 32)
    assert np.array_equal(frames.source(1, Cut(2, 3, 8, 9)), picture(1)[2:10, 3:12])
    assert frames.valid(Cut(2, 3, 8, 9)).all()
    with pytest.raises(DatasetError, match="holds source pictures only"):
        frames.target(1, Cut(0, 0, 4, 4))
    frames.close()
    write(tmp_path / "a.frames.h5", header(), n=2)
    with pytest.raises(DatasetError, match="it changed since"):
        StoredFrames(tmp_path, entry)
