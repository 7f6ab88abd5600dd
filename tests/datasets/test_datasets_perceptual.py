"""Pictures of two sets that look alike are found whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis.app import app
from nirvis_datasets import perceptual
from nirvis_datasets.catalogue import Catalogue
from nirvis_datasets.errors import SplitError
from nirvis_datasets.frame_file import FramesHeader, FramesWriter
from nirvis_datasets.perceptual import ALIKE_BITS, BITS, find_leaks, perceptual_hash
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


def season(folder: Path, seeds: dict[str, int]) -> Catalogue:
    """One file of two source frames for each recording, of the scene with that seed."""
    for name, seed in seeds.items():
        start = datetime(2026, 6, 21, tzinfo=timezone.utc)
        header = FramesHeader("source", name, 1, "day", "day", f"at {name}", start, "", "", "", 8)
        with FramesWriter(folder / f"{name}.frames.h5", header, (240, 320), np.arange(2)) as writer:
            writer.write(scene(seed))
            writer.write(scene(seed + 100))
    catalogue = Catalogue.build(folder)
    catalogue.write()
    return catalogue


def test_only_recordings_in_two_sets_leak(tmp_path: Path) -> None:
    catalogue = season(tmp_path, {"a": 1, "b": 2, "c": 1, "d": 1})
    sets = {"a": "train", "b": "train", "c": "test", "d": "train"}
    divided = Split(tuple(SplitRow(recording_id=name, mode="day", set=of) for name, of in sets.items()))  # type: ignore[arg-type]
    found = find_leaks(catalogue, divided)
    assert found.compared == 4
    assert [(leak.first, leak.second, leak.bits) for leak in found.leaks] == [("a", "c", 0), ("c", "d", 0)]


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
    assert "4 files compared: 0 look the same in two sets" in capsys.readouterr().out
