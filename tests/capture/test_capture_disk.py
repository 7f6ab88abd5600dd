"""How much recording fits on a disk, and when none is begun."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nirvis_capture import disk
from nirvis_capture.disk import BackgroundSync, free_gb, line_rate_bytes_s, minutes_left, prepare_folder
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Profile

SmallProfile = Callable[..., Profile]


def test_line_rate_is_both_arms_at_the_trigger_rate(small_profile: SmallProfile) -> None:
    assert line_rate_bytes_s(small_profile(rate_hz=50)) == 2 * 160 * 120 * 50


def test_minutes_left_stop_at_what_has_to_stay_free(
    small_profile: SmallProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_gb", lambda _: 2.5)
    profile = small_profile(rate_hz=50, min_free_gb=2)
    assert minutes_left(profile, tmp_path) == pytest.approx(0.5e9 / (2 * 160 * 120 * 50) / 60)
    assert minutes_left(small_profile(min_free_gb=3), tmp_path) == 0


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_gb(tmp_path / "a" / "b") > 0
    assert not (tmp_path / "a").exists()


def test_a_nearly_full_disk_is_refused(small_profile: SmallProfile, tmp_path: Path) -> None:
    with pytest.raises(RecorderError, match="nothing was recorded"):
        prepare_folder(small_profile(min_free_gb=1e9), tmp_path)


def test_a_folder_that_is_there_is_not_made(
    small_profile: SmallProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that stands still the kernel lets that wait, although it would change nothing."""
    prepare_folder(small_profile(min_free_gb=0), tmp_path / "clips")
    assert (tmp_path / "clips").is_dir()
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("it waits for the disk"))
    prepare_folder(small_profile(min_free_gb=0), tmp_path / "clips")


def test_a_file_is_brought_to_the_disk_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is still busy with the last second is not asked again, and closing waits for it."""
    asked: list[int] = []
    busy = threading.Event()

    def slow(descriptor: int) -> None:
        asked.append(descriptor)
        assert busy.wait(30)

    monkeypatch.setattr(os, "fdatasync", slow)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    sync = BackgroundSync(descriptor)
    for _ in range(5):
        sync.begin()
    busy.set()
    sync.close()
    sync.close()
    assert asked == [descriptor]
