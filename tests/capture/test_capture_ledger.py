"""The truth about every pulse of the simulated rig, and that its frames agree with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from nirvis_capture.camera import ARMS
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.profile import load_profile
from nirvis_capture.twin.electronics.ledger import Flag, events
from nirvis_capture.twin.settings import RandomFault
from small_rig import fault, ids_of, opened, play, profile, record, sent_ids, take


class TestRandomFaults:
    MIX = (
        {"kind": "transfer_drop", "arm": "nir", "probability": 0.05},
        {"kind": "missed_trigger", "arm": "nir", "probability": 0.02},
        {"kind": "transfer_drop", "arm": "vis", "probability": 0.05, "count": 3},
        {"kind": "missed_trigger", "arm": "vis", "probability": 0.05},
        {"kind": "incomplete", "arm": "vis", "probability": 0.05},
        {"kind": "extra_frame", "arm": "vis", "probability": 0.03},
        {"kind": "clock_jump", "arm": "nir", "probability": 0.01, "jump_ms": 35.0},
        {"kind": "slow_host", "arm": "vis", "probability": 0.005, "count": 60},
    )

    @pytest.mark.parametrize("seed", range(3))
    def test_the_frames_are_what_the_truth_says(self, seed: int) -> None:
        settings = profile(rig_seed=seed, random_faults=list(self.MIX))
        rows, frames = events(settings, 400), play(settings, 400)
        for arm in ARMS:
            assert ids_of(frames[arm]) == sent_ids(rows, arm)
        damaged = {row.vis_frame_id for row in rows if Flag.INCOMPLETE in row.vis_flags}
        assert {frame.frame_id for frame in frames["vis"] if frame.status} == damaged & set(ids_of(frames["vis"]))
        assert damaged

    def test_a_seed_hits_the_same_pulses_whenever_it_is_asked(self) -> None:
        first, again, another = (profile(rig_seed=seed, random_faults=list(self.MIX)) for seed in (1, 1, 2))
        assert events(first, 3000) == events(again, 3000)
        assert events(first, 3000)[:500] == events(first, 500)
        assert events(first, 3000) != events(another, 3000)

    def test_they_are_as_frequent_as_was_set(self) -> None:
        drops = profile(random_faults=[{"kind": "transfer_drop", "arm": "nir", "probability": 0.01}])
        count = sum(row.nir_flags.lost for row in events(drops, 20_000))
        assert count == pytest.approx(200, abs=60)

    def test_an_unplugged_cable_is_no_matter_of_chance(self) -> None:
        with pytest.raises(ValidationError):
            RandomFault.model_validate({"kind": "unplug", "arm": "vis", "probability": 0.1})


class TestTruth:
    def test_each_pulse_has_one_row_with_ids_and_reasons(self) -> None:
        faults = [
            fault("missed_trigger", "nir", at=1),
            fault("missed_trigger", "vis", at=2),
            fault("transfer_drop", "vis", at=3),
            fault("extra_frame", "nir", at=4),
            fault("clock_jump", "vis", at=5),
            fault("trigger_cable_off", "vis", at=6),
            fault("incomplete", "nir", at=7),
            fault("unplug", "vis", at=8),
        ]
        assert [row[1:] for row in events(profile(faults=faults), 9)] == [
            (1, 2, -1, -1, Flag.NONE, Flag.NONE),
            (-1, -1, -1, -1, Flag.MISSED_TRIGGER, Flag.NO_PULSE),
            (2, -1, -1, -1, Flag.NONE, Flag.MISSED_TRIGGER),
            (3, 3, -1, -1, Flag.NONE, Flag.TRANSFER_DROP),
            (4, 4, 5, -1, Flag.EXTRA_FRAME, Flag.NONE),
            (6, 5, -1, -1, Flag.NONE, Flag.CLOCK_JUMP),
            (7, -1, -1, -1, Flag.NONE, Flag.CABLE_OFF),
            (8, 6, -1, -1, Flag.INCOMPLETE, Flag.NONE),
            (9, -1, -1, -1, Flag.NONE, Flag.UNPLUGGED),
        ]

    def test_an_unplugged_primary_pulls_no_trigger(self) -> None:
        rows = events(profile(faults=[fault("unplug", "nir", at=2)]), 4)
        assert [row.nir_flags for row in rows] == [Flag.NONE, Flag.NONE, Flag.UNPLUGGED, Flag.UNPLUGGED]
        assert [row.vis_flags for row in rows] == [Flag.NONE, Flag.NONE, Flag.NO_PULSE, Flag.NO_PULSE]

    def test_a_camera_that_has_come_back_stays(self) -> None:
        settings = profile(faults=[fault("unplug", "nir", at=2)])
        assert [row.vis_flags for row in events(settings, 4, returned=["nir"])] == [Flag.NONE] * 4

    def test_swapped_roles_leave_the_primary_without_frames(self) -> None:
        rows = events(profile(faults=[fault("roles_swapped", "vis")]), 3)
        assert [(row.nir_frame_id, row.nir_flags) for row in rows] == [(-1, Flag.NO_PULSE)] * 3
        assert [(row.vis_frame_id, row.vis_flags) for row in rows] == [(n, Flag.FREE_RUNNING) for n in (2, 3, 4)]

    def test_frames_know_nothing_of_it(self) -> None:
        (frame, *_) = record(profile(faults=[fault("missed_trigger", "vis")]), 1)["vis"]
        assert set(frame.__slots__) == {
            "pixels", "frame_id", "timestamp_ns", "host_ns", "exposure_us", "gain_db", "status",
        }  # fmt: skip


class TestShippedProfiles:
    def test_the_faulty_twin_has_every_recoverable_fault_within_a_minute(self) -> None:
        rows = events(load_profile("twin_faults"), 60 * 45)
        seen = Flag.NONE
        for row in rows:
            seen |= row.nir_flags | row.vis_flags
        for flag in (
            Flag.TRANSFER_DROP, Flag.MISSED_TRIGGER, Flag.INCOMPLETE, Flag.EXTRA_FRAME, Flag.COUNTER_WRAP, Flag.LATE,
        ):  # fmt: skip
            assert flag in seen
        assert not seen & (Flag.OVERFLOW | Flag.UNPLUGGED | Flag.CABLE_OFF | Flag.BUSY | Flag.FREE_RUNNING)
        assert sum(bool((row.nir_flags | row.vis_flags) & ~Flag.LATE) for row in rows) < 0.03 * len(rows)

    def test_a_clip_of_the_faulty_twin_has_no_wrong_pair(self, tmp_path: Path) -> None:
        small = {"sensor": {"width_px": 32, "height_px": 16}, "roi": {"width": 32, "height": 16}}
        changes = {"nir": small, "vis": small, "recording.min_free_gb": 0}
        settings = load_profile("twin_faults").edited({**changes, "twin": {"content": "noise", "pacing": "fast"}})
        rows = events(settings, 800)
        nir = {row.nir_frame_id: row.pulse for row in rows}
        vis = {row.vis_frame_id: row.pulse for row in rows}
        with Clip.open(record_clip(settings, tmp_path, pairs=600)) as clip:
            ids = {arm: clip.arms[arm].frame_id[clip.complete[:, column]] for column, arm in enumerate(ARMS)}
        assert [nir[i] for i in ids["nir"].tolist()] == [vis[i] for i in ids["vis"].tolist()]
        assert len(ids["nir"]) == 600

    def test_the_blackfly_twin_counts_nanoseconds_and_frames_from_zero(self) -> None:
        small = {"sensor": {"width_px": 32, "height_px": 16}, "roi": {"width": 32, "height": 16}}
        settings = load_profile("twin_bfs").edited(
            {"nir": small, "vis": small, "twin": {"content": "noise", "pacing": "fast"}}
        )
        with opened(settings) as cameras:
            assert cameras["nir"].info.timestamp_resolution_ns == 1
            cameras["nir"].arm()
            frames = take(cameras["nir"], 5)
        assert ids_of(frames) == [0, 1, 2, 3, 4]
        assert any(frame.timestamp_ns % 1000 for frame in frames)
