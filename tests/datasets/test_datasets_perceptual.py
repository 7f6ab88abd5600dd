"""Pictures of two sets that look alike are found whatever they are called."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis.app import app
from nirvis_datasets import leakage, perceptual
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import SplitError
from nirvis_datasets.frame_file import FramesHeader, FramesWriter
from nirvis_datasets.leakage import find_alike, find_leaks
from nirvis_datasets.perceptual import ALIKE_BITS, BITS, STEP, hash_files, hash_side, perceptual_hash
from nirvis_datasets.split import Split, SplitRow, split


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """Buildings of light and shade under a sky."""
    random = np.random.default_rng(seed)
    picture = np.full((size[1], size[0], 3), 180, np.uint8)
    for _ in range(40):
        x, y, w, h = random.integers(0, [size[0], size[1], 90, 90]).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), random.integers(0, 255, 3).tolist(), -1)
    return picture


def distance(first: np.ndarray, second: np.ndarray) -> int:
    hashes = [perceptual_hash(picture) for picture in (first, second)]
    assert hashes[0] is not None
    assert hashes[1] is not None
    return int(np.unpackbits(hashes[0] ^ hashes[1]).sum())


def jpeg(picture: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(jpeg, id="jpeg"),
        pytest.param(lambda p: cv2.resize(p, (160, 120), interpolation=cv2.INTER_AREA), id="half-size"),
        pytest.param(lambda p: cv2.convertScaleAbs(p, alpha=0.7, beta=10), id="darker"),
        pytest.param(lambda p: p.astype(np.uint16) * 257, id="16-bit"),
        pytest.param(
            lambda p: np.clip(p + np.random.default_rng(1).normal(0, 8, p.shape), 0, 255).astype(np.uint8), id="noise"
        ),
    ],
)
def test_the_same_picture_stays_alike(change: Callable[[np.ndarray], np.ndarray]) -> None:
    for seed in range(5):
        assert distance(scene(seed), change(scene(seed))) <= ALIKE_BITS


def test_other_scenes_are_far_apart() -> None:
    apart = [distance(scene(first), scene(second)) for first in range(12) for second in range(first)]
    assert min(apart) > 2 * ALIKE_BITS
    assert abs(np.mean(apart) - BITS / 2) < 20


def test_a_black_picture_is_like_no_other() -> None:
    assert perceptual_hash(np.zeros((48, 64, 3), np.uint8)) is None


def write_frames(folder: Path, name: str, pictures: Sequence[np.ndarray], index: Sequence[int] | None = None) -> None:
    """A file of sources; single pictures where no index is given."""
    start = datetime(2026, 6, 21, tzinfo=timezone.utc)
    header = FramesHeader("source", name, 1, "day", "day", f"at {name}", start, "", "", "", 8)
    numbers = np.full(len(pictures), -1) if index is None else np.asarray(index)
    with FramesWriter(folder / f"{name}.frames.h5", header, pictures[0].shape[:2], numbers) as writer:
        for picture in pictures:
            writer.write(picture)


def season(folder: Path, seeds: dict[str, int]) -> Catalogue:
    """One file of two source frames for each recording, of the scene with that seed."""
    for name, seed in seeds.items():
        write_frames(folder, name, [scene(seed), scene(seed + 100)])
    catalogue = Catalogue.build(folder)
    catalogue.write()
    return catalogue


def divided_as(**sets: str) -> Split:
    return Split(tuple(SplitRow(recording_id=name, mode="day", set=of) for name, of in sets.items()))  # type: ignore[arg-type]


def test_only_recordings_in_two_sets_leak(tmp_path: Path) -> None:
    catalogue = season(tmp_path, {"a": 1, "b": 2, "c": 1, "d": 1})
    found = find_leaks(catalogue, divided_as(a="train", b="train", c="test", d="train"))
    assert (found.compared, found.pictures) == (4, 8)
    assert [(leak.first, leak.second, leak.bits) for leak in found.leaks] == [("a", "c", 0), ("c", "d", 0)]


@pytest.mark.parametrize(
    "index", [pytest.param(None, id="single-pictures"), pytest.param(range(20), id="numbered-like-a-video")]
)
def test_one_copied_picture_among_others_is_found_and_named(tmp_path: Path, index: Sequence[int] | None) -> None:
    write_frames(tmp_path, "seen", [scene(seed) for seed in range(20)], index)
    unseen = [scene(seed) for seed in range(50, 70)]
    unseen[13] = jpeg(scene(6))
    write_frames(tmp_path, "unseen", unseen, index)
    (leak,) = find_leaks(Catalogue.build(tmp_path), divided_as(seen="train", unseen="test")).leaks
    assert str(leak).endswith(": seen.frames.h5 picture 6 and unseen.frames.h5 picture 13")


def test_a_scene_that_a_video_passes_through_is_found(tmp_path: Path) -> None:
    """Both videos begin and end elsewhere: only their middles show the same street."""
    for name, other in (("a", 30), ("b", 40)):
        shots = [scene(other)] * 41 + [jpeg(scene(1)) if name == "a" else scene(1)] * 3 + [scene(other + 1)] * 40
        write_frames(tmp_path, name, shots, range(84))
    (leak,) = find_leaks(Catalogue.build(tmp_path), divided_as(a="train", b="val")).leaks
    assert leak.bits <= ALIKE_BITS


def test_of_a_video_that_stands_still_one_in_some_frames_is_read() -> None:
    read: list[int] = []

    def still(row: int) -> np.ndarray:
        read.append(row)
        return scene(1)

    found = hash_side(still, [range(100)])
    assert sorted(read) == sorted(set(read)) == [*range(0, 99, STEP), 99] == found.rows.tolist()


def test_pictures_without_contrast_leave_no_hash_and_hide_none() -> None:
    shots = [np.zeros((48, 64, 3), np.uint8)] * 17
    shots[5] = scene(1)
    shots[16] = scene(2)
    assert hash_side(shots.__getitem__, [range(17)]).rows.tolist() == [16]
    assert hash_side(shots.__getitem__, [range(i, i + 1) for i in range(17)]).rows.tolist() == [5, 16]


def test_blocks_find_what_comparing_one_by_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [1, 2, 3, 1, 4, 2, 5, 1]
    for number, seed in enumerate(seeds):
        write_frames(tmp_path, f"r{number}", [scene(seed), scene(100 + number), scene(seed + 20)])
    catalogue = Catalogue.build(tmp_path)
    sets = {f"r{number}": ("train", "val", "test")[number % 3] for number in range(len(seeds))}
    expected = {
        (f"r{i}", f"r{j}")
        for j in range(len(seeds))
        for i in range(j)
        if seeds[i] == seeds[j] and sets[f"r{i}"] != sets[f"r{j}"]
    }
    for block in (1, 2, 5, 1000):
        monkeypatch.setattr(leakage, "_BLOCK", block)
        leaks = find_alike(catalogue, sets).leaks
        assert {(leak.first, leak.second) for leak in leaks} == expected
        assert all((leak.first_set, leak.second_set) == (sets[leak.first], sets[leak.second]) for leak in leaks)


def test_memory_of_a_comparison_does_not_grow_with_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6000 hashes: all products at once take 144 MB, a block of rows against all 6 MB."""
    catalogue = season(tmp_path, {"a": 1, "b": 2})
    hashes = np.random.default_rng(0).integers(0, 256, (3000, BITS // 8), np.uint8)
    hashed, _ = hash_files(catalogue, catalogue.entries)
    many = {
        path: {"source": perceptual.SideHashes(np.arange(3000), hashes ^ np.uint8(255 * number))}
        for number, path in enumerate(hashed)
    }
    monkeypatch.setattr(leakage, "hash_files", lambda *_: (many, []))
    monkeypatch.setattr(leakage, "_BLOCK", 256)
    tracemalloc.start()
    assert find_leaks(catalogue, divided_as(a="train", b="test")).leaks == ()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = season(tmp_path, {"a": 1, "b": 2})
    divided = Split((SplitRow(recording_id="a", mode="day", set="train"),))
    find_leaks(catalogue, divided)
    monkeypatch.setattr(perceptual, "perceptual_hash", None)
    assert find_leaks(catalogue, divided).compared == 1
    (tmp_path / perceptual.HASHES_NAME).write_text("{")
    (tmp_path / "a.frames.h5").write_text("damaged")
    assert find_leaks(catalogue, divided).unread == ("a.frames.h5",)


def test_split_refuses_alike_pictures_until_the_place_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    season(tmp_path, {"a": 1, "b": 2, "c": 3, "d": 1})
    catalogue = Catalogue.read(tmp_path / "catalogue.csv")
    seed = next(seed for seed in range(100) if (drawn := split(catalogue, seed))["a"] != drawn["d"])
    with pytest.raises(SplitError, match=r"recording a .* and recording d .* show the same picture"):
        app(["split", str(tmp_path), "--seed", str(seed)], result_action="return_value")
    assert not (tmp_path / "splits.csv").exists()
    csv = tmp_path / "catalogue.csv"
    csv.write_text(csv.read_text().replace("at d", "at a"))
    app(["split", str(tmp_path), "--seed", str(seed)], result_action="return_value")
    assert "4 files compared by 8 pictures: 0 look the same in two sets" in capsys.readouterr().out
