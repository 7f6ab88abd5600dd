"""Preflight records with the true rig, forecasts from what it measured, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nirvis_capture.preflight import Trial, forecast, preflight
from nirvis_capture.profile import Profile, load_profile

SmallProfile = Callable[..., Profile]
GOOD = Trial(pairs=225, lost={}, rate_hz=45.0, write_max_ms=9.0, writer_mb_s=900.0, disk_mb_s=500.0)
"""Of twin_day, whose line rate is 128.5 MB/s."""


@pytest.fixture(scope="module")
def twin_day() -> Profile:
    return load_profile("twin_day")


def machine(root: Path, available_gb: float = 8.0) -> Path:
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {available_gb * 1e9 / 1024:.0f} kB\n")
    return root


def test_a_trial_of_the_twin_goes_and_leaves_the_folder_as_it_was(small_profile: SmallProfile, tmp_path: Path) -> None:
    profile = small_profile("real", rate_hz=40)
    (tmp_path / "older.clip.h5").write_bytes(b"kept")
    steps: list[tuple[int, int]] = []
    trial, found = preflight(profile, tmp_path, seconds=0.4, progress=lambda done, total: steps.append((done, total)))
    assert (trial.pairs, trial.lost, trial.doubts) == (16, {}, ())
    assert trial.rate_hz == pytest.approx(40, rel=0.01)
    assert found.go
    assert found.longest_stall_s == 3
    assert found.highest_safe_rate_hz > 40
    assert steps[-1] == (16, 16)
    assert [path.name for path in tmp_path.iterdir()] == ["older.clip.h5"]


def test_a_folder_that_was_not_there_is_gone_again(small_profile: SmallProfile, tmp_path: Path) -> None:
    preflight(small_profile(), tmp_path / "new", seconds=0.1)
    assert not (tmp_path / "new").exists()


def test_losses_of_the_cameras_are_a_no_go_with_their_names(small_profile: SmallProfile, tmp_path: Path) -> None:
    faults = '{ kind = "missed_trigger", arm = "vis", at = 9 }, { kind = "transfer_drop", arm = "nir", at = 14 }'
    _, found = preflight(small_profile(faults=faults), tmp_path, seconds=0.5)
    assert not found.go
    assert any("1 × missed trigger" in reason for reason in found.reasons)
    assert any("1 × transfer drop" in reason for reason in found.reasons)


def test_what_workers_compress_is_not_held_against_the_time_of_the_writer(
    small_profile: SmallProfile, tmp_path: Path
) -> None:
    """A write that hands frames over takes no time, or waits for workers: neither says what the disk takes."""
    profile = small_profile("real", rate_hz=100).edited({"recording.compression": "bitshuffle-lz4"})
    trial, found = preflight(profile, tmp_path, seconds=0.6)
    assert (trial.pairs, trial.lost, trial.writer_mb_s) == (60, {}, None)
    assert trial.processor_s > 0
    assert found.go
    assert found.bound_by != "writer"


class TestForecast:
    def test_processor_time_bounds_the_rate_where_it_is_scarcest(self, twin_day: Profile, tmp_path: Path) -> None:
        cores = len(os.sched_getaffinity(0))
        busy = replace(GOOD, writer_mb_s=None, processor_s=0.8 * cores / 50)
        fast = twin_day.edited({"vis.exposure_us": 1000, "twin.content": "noise", "trigger.rate_hz": 60})
        found = forecast(fast, busy, minutes=90, root=machine(tmp_path))
        assert (found.bound_by, round(found.highest_safe_rate_hz)) == ("processor", 50)
        assert any("60 Hz is above the safe 50 Hz, for its processor" in warning for warning in found.warnings)

    def test_a_good_trial_goes(self, twin_day: Profile, tmp_path: Path) -> None:
        found = forecast(twin_day, GOOD, minutes=90, root=machine(tmp_path))
        assert (found.go, found.warnings) == (True, ())
        assert found.line_rate_mb_s == pytest.approx(128.55, abs=0.01)
        assert found.recovery_s == pytest.approx(3 * 128.55 / (500 - 128.55), abs=0.01)

    def test_the_exposure_bounds_the_rate_before_the_disk_does(self, twin_day: Profile, tmp_path: Path) -> None:
        found = forecast(twin_day, GOOD, minutes=90, root=machine(tmp_path))
        assert found.bound_by == "exposure and readout of vis"
        assert 45 <= found.highest_safe_rate_hz < 50

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            pytest.param({"disk_mb_s": 100.0}, "the disk takes 100 MB/s", id="slow-disk"),
            pytest.param({"writer_mb_s": 100.0}, "the writer takes 100 MB/s", id="slow-processor"),
            pytest.param({"rate_hz": 22.5}, "nir gives 22.5 of 45 Hz", id="half-rate"),
            pytest.param({"doubts": ("synchrony: not anchored",)}, "synchrony: not anchored", id="not-anchored"),
            pytest.param({"lost": {"incomplete": 3}}, "3 × incomplete in 225 pairs", id="incomplete-frames"),
        ],
    )
    def test_what_would_lose_frames_is_a_no_go(
        self, change: dict[str, object], reason: str, twin_day: Profile, tmp_path: Path
    ) -> None:
        found = forecast(twin_day, replace(GOOD, **change), minutes=90, root=machine(tmp_path))  # type: ignore[arg-type]
        assert not found.go
        assert any(reason in told for told in found.reasons)

    def test_a_full_disk_and_a_ring_beyond_the_memory_are_no_gos(self, twin_day: Profile, tmp_path: Path) -> None:
        found = forecast(twin_day, GOOD, minutes=0.5, root=machine(tmp_path, available_gb=0.2))
        assert [reason.split(":")[0] for reason in found.reasons] == [
            "the ring does not fit into memory",
            "the disk has room for 0.5 min; free some space",
        ]

    def test_margins_that_shrink_are_warnings(self, twin_day: Profile, tmp_path: Path) -> None:
        trial = replace(GOOD, disk_mb_s=140.0, write_max_ms=2000.0)
        found = forecast(twin_day, trial, minutes=5, root=machine(tmp_path))
        assert found.go
        assert [warning.split()[0] for warning in found.warnings] == ["45", "a", "the"]

    def test_two_free_running_cameras_are_judged_without_synchrony(self, twin_day: Profile, tmp_path: Path) -> None:
        free = twin_day.edited({"trigger.source": "free"})
        trial = replace(GOOD, pairs=0, lost={"unanchored": 450}, doubts=("synchrony: not anchored",))
        assert forecast(free, trial, minutes=90, root=machine(tmp_path)).go
