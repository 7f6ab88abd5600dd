"""Recordings that begin before the button was pressed, and recordings of many clips: nothing is lost at any seam."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fault_matrix.stamped import StampedBackend, true_pulses, unaccounted_frames, wrong_pairs
from fault_matrix.trial import check_sound
from nirvis_capture.camera import Arm
from nirvis_capture.clip import Clip
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.errors import RecorderError
from nirvis_capture.naming import clip_path
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Profile
from nirvis_capture.recording import UNLIMITED, Limits, Recording, new_header
from nirvis_capture.recover import recover
from nirvis_capture.rig import Rig
from nirvis_capture.verify import verify
from waiting import wait_for

SmallProfile = Callable[..., Profile]


def rig_of(profile: Profile) -> Rig:
    rig = Rig(profile, lambda _: None, StampedBackend(profile))
    rig.open()
    return rig


def new_recording(rig: Rig, folder: Path, limits: Limits = UNLIMITED, **options: Any) -> Recording:
    header = new_header("", "day", "", "")
    path = clip_path(rig.profile, folder, header.start_time, "", header.recording_id)
    return Recording(path, header, rig.profile, rig.infos, limits, **options)


def pulses_of(paths: list[Path], arm: Arm) -> list[int]:
    pulses: list[int] = []
    for path in paths:
        with Clip.open(path) as clip:
            pulses += true_pulses(clip, arm).tolist()
    return pulses


class TestPreTrigger:
    def test_a_recording_begins_with_what_was_kept(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        rig = rig_of(small_profile("real", rate_hz=200).edited({"recording.pre_trigger_seconds": 0.25}))
        rig.arm()
        wait_for(lambda: rig.counts.get(Event.PAIR, 0) >= 80)
        recording = new_recording(rig, tmp_path, Limits(pulses=40))
        asked_at = recording.header.start_time
        rig.stream.begin(recording)
        path = recording.result()
        rig.close()
        assert verify(path).synchrony
        assert wrong_pairs(path) == unaccounted_frames(path) == 0
        assert recording.seconds_before == 0.25
        with Clip.open(path) as clip:
            assert len(clip) == 50 + 40
            assert clip.arms["nir"].frame_id[0] > 1
            assert (asked_at - clip.start_time).total_seconds() == pytest.approx(0.25)

    def test_memory_is_bounded_and_handed_over(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        """The ring has room for what was kept on top of its own, and that room is no alarm."""
        goes_on = threading.Event()

        class Waiting(ClipWriter):
            def write(self, row: Any) -> None:
                goes_on.wait(30)
                super().write(row)

        profile = small_profile("real", rate_hz=200, ring_seconds=1)
        rig = rig_of(profile.edited({"recording.pre_trigger_seconds": 0.5}))
        rig.arm()
        wait_for(lambda: rig.counts.get(Event.PAIR, 0) >= 120)
        kept_bytes = rig.stream._pre_trigger._bytes
        recording = new_recording(rig, tmp_path, open_writer=Waiting)
        rig.stream.begin(recording)
        fill = recording.ring.fill
        assert kept_bytes == 100 * 2 * 160 * 120
        assert rig.stream._pre_trigger._bytes == 0
        assert fill < 0.1
        goes_on.set()
        rig.close()
        assert verify(recording.result()).ok

    @pytest.mark.parametrize(
        ("fault", "counted"),
        [
            pytest.param('kind = "transfer_drop", arm = "vis", at = 40, count = 2', "TRANSFER_DROP", id="drop"),
            pytest.param('kind = "missed_trigger", arm = "vis", at = 40, count = 2', "MISSED_TRIGGER", id="missed"),
        ],
    )
    def test_losses_before_the_button_are_in_the_clip(
        self, small_profile: SmallProfile, tmp_path: Path, fault: str, counted: str
    ) -> None:
        profile = small_profile("real", rate_hz=200, faults=f"{{ {fault} }}")
        rig = rig_of(profile.edited({"recording.pre_trigger_seconds": 1}))
        rig.arm()
        wait_for(lambda: rig.counts.get(Event.PAIR, 0) >= 60)
        recording = new_recording(rig, tmp_path, Limits(pulses=20))
        rig.stream.begin(recording)
        path = recording.result()
        rig.close()
        assert verify(path).synchrony
        assert wrong_pairs(path) == unaccounted_frames(path) == 0
        with Clip.open(path) as clip:
            assert clip.certificate.pairing.counts[counted] == 2
            assert true_pulses(clip, "nir")[0] == 0

    def test_without_an_anchor_it_claims_none(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        profile = small_profile("real", rate_hz=200).edited(
            {"recording.pre_trigger_seconds": 0.2, "trigger.source": "free"}
        )
        rig = rig_of(profile)
        rig.arm()
        wait_for(lambda: rig.counts.get(Event.UNANCHORED, 0) >= 120)
        recording = new_recording(rig, tmp_path, Limits(pulses=20))
        rig.stream.begin(recording)
        path = recording.result()
        rig.close()
        assert verify(path).ok
        # The memory is for 80 frames of both arms; which arm has more of them is up to two cameras without a cable.
        assert recording.pulses_before == pytest.approx(40, abs=20)
        with Clip.open(path) as clip:
            assert clip.certificate.claim == "integrity"


class TestParts:
    @pytest.mark.parametrize("pacing", ["fast", "real"])
    def test_no_frame_is_lost_or_doubled_at_a_seam(
        self, small_profile: SmallProfile, tmp_path: Path, pacing: str
    ) -> None:
        profile = small_profile(pacing, rate_hz=300).edited({"recording.part_minutes": 40 / 300 / 60})
        rig = rig_of(profile)
        recording = new_recording(rig, tmp_path, Limits(pulses=150))
        rig.arm(recording)
        last = recording.result()
        rig.close()
        paths = sorted(tmp_path.glob("*.clip.h5"))
        assert [path.name[-16:-8] for path in paths] == ["-part001", "-part002", "-part003", "-part004"]
        assert last == paths[-1]
        assert all(verify(path).synchrony for path in paths)
        assert pulses_of(paths, "nir") == pulses_of(paths, "vis") == list(range(150))

    def test_parts_are_one_recording(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        profile = small_profile("fast", rate_hz=50).edited({"recording.part_minutes": 0.01})
        rig = rig_of(profile)
        recording = new_recording(rig, tmp_path, Limits(pulses=70))
        rig.arm(recording)
        recording.result()
        rig.close()
        with ExitStack() as clips:
            first, second, third = (clips.enter_context(Clip.open(path)) for path in sorted(tmp_path.glob("*.clip.h5")))
            assert first.recording_id == second.recording_id == third.recording_id
            assert [clip.part for clip in (first, second, third)] == [1, 2, 3]
            assert (second.start_time - first.start_time).total_seconds() == pytest.approx(0.6)
            assert [len(clip) for clip in (first, second, third)] == [30, 30, 10]
            assert "goes on in part 2" in first.certificate.ended
            assert "its length was reached" in third.certificate.ended
            assert (second.certificate.previous, third.certificate.previous) == (first.sha256, second.sha256)

    @pytest.mark.parametrize(
        ("kind", "at"),
        [
            ("transfer_drop", 38),
            ("transfer_drop", 39),
            ("transfer_drop", 40),
            ("missed_trigger", 39),
            ("incomplete", 39),
        ],
    )
    def test_a_fault_at_a_seam_is_accounted_for_once(
        self, small_profile: SmallProfile, tmp_path: Path, kind: str, at: int
    ) -> None:
        faults = f'{{ kind = "{kind}", arm = "vis", at = {at}, count = 2 }}'
        profile = small_profile("fast", rate_hz=60, faults=faults).edited({"recording.part_minutes": 40 / 60 / 60})
        rig = rig_of(profile)
        recording = new_recording(rig, tmp_path, Limits(pulses=80))
        rig.arm(recording)
        recording.result()
        rig.close()
        paths = sorted(tmp_path.glob("*.clip.h5"))
        assert all(verify(path).synchrony for path in paths)
        assert sum(map(wrong_pairs, paths)) == 0
        assert recording.counts is not None
        assert {event.name.lower(): n for event, n in recording.counts.items() if n} == {"pair": 78, kind: 2}
        lost = set() if kind == "incomplete" else {at, at + 1}
        assert pulses_of(paths, "nir") == list(range(80))
        assert pulses_of(paths, "vis") == sorted(set(range(80)) - lost)

    def test_a_slow_certificate_does_not_hold_up_the_next_part(
        self, small_profile: SmallProfile, tmp_path: Path
    ) -> None:
        goes_on, numbers = threading.Event(), itertools.count(1)

        class SlowToClose(ClipWriter):
            def close(self, *arguments: Any, **options: Any) -> Path:
                if next(numbers) == 1:
                    goes_on.wait()
                return super().close(*arguments, **options)

        profile = small_profile("fast", rate_hz=200).edited({"recording.part_minutes": 0.2 / 60})
        rig = rig_of(profile)
        recording = new_recording(rig, tmp_path, Limits(pulses=80), open_writer=SlowToClose)
        rig.arm(recording)
        wait_for(lambda: recording.counts is not None)
        wait_for(lambda: recording._parts.rows == 80)
        goes_on.set()
        recording.result()
        rig.close()
        assert recording.message == ""
        assert len(list(tmp_path.glob("*.clip.h5"))) == 2

    def test_a_certificate_that_fails_ends_the_recording(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        numbers = itertools.count(1)

        class FailsOnce(ClipWriter):
            def close(self, *arguments: Any, **options: Any) -> Path:
                if next(numbers) == 1:
                    raise OSError(5, "Input/output error")
                return super().close(*arguments, **options)

        profile = small_profile("real", rate_hz=200).edited({"recording.part_minutes": 0.1 / 60})
        rig = rig_of(profile)
        recording = new_recording(rig, tmp_path, open_writer=FailsOnce)
        rig.arm(recording)
        assert recording.wait(60)
        rig.close()
        with pytest.raises(RecorderError, match="Input/output error"):
            recording.result()
        assert recording.lost_rows == recording._offered - recording._parts.rows
        rescued = recover(next(tmp_path.glob("*-part001.clip.h5.part"))).path
        check_sound(rescued)
        assert pulses_of([rescued], "nir") == list(range(20))

    def test_what_the_pre_trigger_kept_may_span_parts(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        profile = small_profile("real", rate_hz=200).edited(
            {"recording.pre_trigger_seconds": 0.5, "recording.part_minutes": 0.2 / 60}
        )
        rig = rig_of(profile)
        rig.arm()
        wait_for(lambda: rig.counts.get(Event.PAIR, 0) >= 110)
        recording = new_recording(rig, tmp_path, Limits(pulses=50))
        rig.stream.begin(recording)
        recording.result()
        rig.close()
        paths = sorted(tmp_path.glob("*.clip.h5"))
        assert all(verify(path).synchrony for path in paths)
        nir = pulses_of(paths, "nir")
        assert nir == pulses_of(paths, "vis") == list(range(nir[0], nir[0] + 150))
