"""Two videos become pairs of what was seen at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirvis_datasets.errors import DatasetError, ImportRefused
from nirvis_datasets.external.found import Facts
from nirvis_datasets.external.importer import Source, write_imported
from nirvis_datasets.external.videos import gather_videos, nearest_in_time
from nirvis_registration.pair_file import PairsFile

WIDTH, HEIGHT = 48, 32


def picture(seed: int, width: int = WIDTH) -> np.ndarray:
    """A picture of smooth blobs that no other seed has."""
    small = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), np.uint8)
    return cv2.resize(small, (width, HEIGHT))


def write_video(
    path: Path, n: int, width: int = WIDTH, rate_hz: float = 10, shown: Callable[[int], int] = lambda number: number
) -> Path:
    """Frame `number` shows picture ``shown(number)``."""
    codec = cv2.VideoWriter_fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))  # type: ignore[attr-defined]
    writer = cv2.VideoWriter(str(path), codec, rate_hz, (width, HEIGHT))
    for number in range(n):
        writer.write(picture(shown(number), width)[..., ::-1])
    writer.release()
    return path


def test_two_videos_are_paired_frame_by_frame(tmp_path: Path) -> None:
    source, target = write_video(tmp_path / "s.avi", 3), write_video(tmp_path / "t.avi", 5)
    gathered = gather_videos(source, target, Facts("street", "day", place="Quay"))
    assert gathered.left_out == [f"{target}: no partner for its last 2 frames"]
    write_imported(gathered, tmp_path / "out", Source("our strëet", "s and t", "vnir"))
    with PairsFile.open(tmp_path / "out" / "street.pairs.h5") as pairs:
        assert (len(pairs), pairs.place, pairs.profile.trigger.rate_hz) == (3, "Quay", 10)
        assert pairs.table["clip_index"].tolist() == [0, 1, 2]
        assert np.abs(pairs.target(2).astype(int) - picture(2)).mean() < 8


def test_videos_that_cannot_be_paired_are_one_line(tmp_path: Path) -> None:
    good, small = write_video(tmp_path / "s.avi", 2), write_video(tmp_path / "t.avi", 2, width=64)
    (tmp_path / "no.avi").write_text("no video")
    for other, reason in (
        (small, "make them alike"),
        (tmp_path / "no.avi", "is truncated or no video"),
        (tmp_path / "x", "no video"),
    ):
        with pytest.raises(DatasetError, match=reason) as refused:
            gather_videos(good, other, Facts("street", "day"))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["t.avi", "t.mp4"])
def test_a_truncated_video_is_one_line(tmp_path: Path, name: str) -> None:
    source, target = write_video(tmp_path / "s.avi", 9), write_video(tmp_path / name, 9)
    target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    with pytest.raises(ImportRefused) as refused:
        gather_videos(source, target, Facts("street", "day"))
    assert str(refused.value).startswith(f"{target} is truncated or no video (")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("source_hz", "target_hz"), [(10, 30), (30, 10), (25, 10)])
def test_videos_of_two_rates_are_paired_by_time(tmp_path: Path, source_hz: int, target_hz: int) -> None:
    """Both show the same 150 moments of one second and a half, each at its own rate."""
    source, target = (
        write_video(tmp_path / name, 3 * hz // 2, rate_hz=hz, shown=lambda number, hz=hz: number * 150 // hz)  # type: ignore[misc]
        for name, hz in (("s.avi", source_hz), ("t.avi", target_hz))
    )
    gathered = gather_videos(source, target, Facts("street", "day"))
    assert not gathered.left_out
    slow, fast = sorted([(source_hz, "s.avi"), (target_hz, "t.avi")])
    assert gathered.notes[0].startswith(f"street: {slow[1]} has {slow[0]} frames/s and {fast[1]} {fast[0]}: each frame")
    write_imported(gathered, tmp_path / "out", Source("street", "s and t", "vnir"))
    with PairsFile.open(tmp_path / "out" / "street.pairs.h5") as pairs:
        assert (len(pairs), pairs.profile.trigger.rate_hz) == (15, 10)
        assert pairs.table["clip_index"].tolist() == list(range(15))
        moments = [(_moment(pairs.source(i)), _moment(pairs.target(i))) for i in range(15)]
    assert all(abs(first - second) <= 150 / fast[0] / 2 for first, second in moments)
    assert len(set(moments)) == 15


def _moment(shown: np.ndarray) -> int:
    return min(range(225), key=lambda seed: np.abs(shown.astype(int) - picture(seed)).mean())


def test_what_has_no_partner_in_time_is_left_out(tmp_path: Path) -> None:
    source, target = write_video(tmp_path / "s.avi", 20, rate_hz=10), write_video(tmp_path / "t.avi", 25, rate_hz=25)
    gathered = gather_videos(source, target, Facts("street", "day"))
    assert [len(found) for found in gathered.found] == [10]
    assert gathered.left_out == [f"{source}: no partner in time for 10 frames"]
    by_number = gather_videos(source, target, Facts("street", "day"), pair_by="index")
    assert [len(found) for found in by_number.found] == [20]


def test_nearest_in_time() -> None:
    among = np.array([0.0, 0.04, 0.08])
    assert nearest_in_time(np.array([-1, 0.01, 0.03, 0.08, 2]), among).tolist() == [0, 0, 1, 2, 2]
    assert nearest_in_time(np.array([0.0, 5.0]), among[:1]).tolist() == [0, 0]
    assert nearest_in_time(np.array([0.0]), among[:0]).tolist() == []
