"""What each fault of the simulated rig does to the frames."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from nirvis_capture import rig as rig_module
from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.cameras import open_backend
from nirvis_capture.errors import CameraError, CameraLost, CameraNotFound
from nirvis_capture.profile import Profile
from nirvis_capture.rig import Rig
from nirvis_capture.twin.electronics.ledger import DRIVER_BUFFERS, Flag, events
from small_rig import (
    FIRST_ID,
    LONG_S,
    PERIOD_NS,
    SHORT_S,
    fault,
    ids_of,
    opened,
    play,
    profile,
    sent_ids,
    steps,
    take,
)

TICK_NS = 5000
"""Timestamps of the simulated rig come in µs, and its clocks drift."""


def intervals(frames: list[Any]) -> list[float]:
    """Between exposures, in periods."""
    return [step / PERIOD_NS for step in steps([frame.timestamp_ns for frame in frames])]


class TestExtraFrame:
    @pytest.mark.parametrize("arm", ARMS)
    def test_it_comes_in_between_with_an_id_of_its_own_and_no_partner(self, arm: Arm) -> None:
        frames = play(profile(faults=[fault("extra_frame", arm)]), 30)
        other: Arm = "vis" if arm == "nir" else "nir"
        assert (len(frames[arm]), len(frames[other])) == (31, 30)
        assert intervals(frames[arm])[10:12] == pytest.approx([0.5, 0.5], abs=0.001)
        assert ids_of(frames[arm]) == list(range(FIRST_ID[arm], FIRST_ID[arm] + 31))
        assert min(steps([frame.host_ns for frame in frames[arm]])) > 0


class TestCounterWrap:
    @pytest.mark.parametrize(
        ("model", "raw"),
        [pytest.param("GS3-U3-15S4C", 1, id="16-bit-skips-0"), pytest.param("BFS-U3-63S4C", 0, id="to-0")],
    )
    def test_ids_rise_over_the_wrap_at_that_pulse(self, model: str, raw: int) -> None:
        settings = profile(faults=[fault("counter_wrap", "vis", at=7)]).edited({"vis": {"model": model}})
        frames = play(settings, 20)["vis"]
        assert set(steps(ids_of(frames))) == {1}
        assert frames[7].frame_id == 2**16
        assert [row.pulse for row in events(settings, 20) if Flag.COUNTER_WRAP in row.vis_flags] == [7]
        assert frames[7].frame_id % (2**16 - raw) == raw

    def test_a_frame_lost_at_the_wrap_leaves_its_gap(self) -> None:
        faults = [fault("counter_wrap", "nir", at=7), fault("transfer_drop", "nir", at=7)]
        assert steps(ids_of(play(profile(faults=faults), 20)["nir"])) == [1] * 6 + [2] + [1] * 11

    def test_frames_lost_before_the_first_one_do_not_hide_the_wrap(self) -> None:
        faults = [fault("counter_wrap", "nir", at=2), fault("transfer_drop", "nir", at=0, count=4)]
        settings = profile(faults=faults)
        assert ids_of(play(settings, 20)["nir"]) == sent_ids(events(settings, 20), "nir")


class TestCable:
    def test_without_cable_the_secondary_gets_no_pulse(self) -> None:
        frames = play(profile(faults=[fault("trigger_cable_off", "vis", at=0, count=10**6)]), 40)
        assert (len(frames["nir"]), len(frames["vis"])) == (40, 0)

    def test_a_cable_that_comes_loose_for_a_while_costs_no_ids(self) -> None:
        vis = play(profile(faults=[fault("trigger_cable_off", "vis", count=5)]), 30)["vis"]
        assert intervals(vis)[9] == pytest.approx(6, abs=0.001)
        assert set(steps(ids_of(vis))) == {1}


class TestRolesSwapped:
    def test_the_secondary_runs_by_itself_and_the_primary_waits(self) -> None:
        with opened(profile(faults=[fault("roles_swapped", "vis")])) as cameras:
            cameras["vis"].arm()
            assert len(take(cameras["vis"], 40)) == 40
            cameras["nir"].arm()
            assert cameras["nir"].next_frame(SHORT_S) is None

    def test_the_rig_says_that_the_secondary_runs_freely(self) -> None:
        lost: list[CameraError] = []
        rig = Rig(profile(pacing="real", rate_hz=200, faults=[fault("roles_swapped", "vis")]), lost.append)
        rig.open()
        rig.arm()
        rig.close()
        assert "runs freely" in rig.warning

    def test_a_profile_that_agrees_with_the_cable_is_the_remedy(self) -> None:
        frames = play(profile("vis", faults=[fault("roles_swapped", "vis")]), 20)
        assert [len(frames[arm]) for arm in ARMS] == [20, 20]

    def test_free_cameras_need_no_cable(self) -> None:
        settings = profile().edited({"trigger": {"source": "free"}})
        with opened(settings) as cameras:
            cameras["vis"].arm()
            assert len(take(cameras["vis"], 5)) == 5
            cameras["nir"].arm()
            assert len(take(cameras["nir"], 40)) == 40


def exposed_for(exposure_us: float, **trigger: Any) -> Profile:
    """A rig before a street, with so few rows that readout takes 0.3 ms."""
    return profile(content="street").edited({"vis": {"exposure_us": exposure_us}, "trigger": trigger})


class TestHalfRate:
    def test_every_second_pulse_is_ignored_for_a_while(self) -> None:
        vis = play(profile(faults=[fault("half_rate", "vis", at=10, count=10)]), 40)["vis"]
        assert intervals(vis)[9:] == pytest.approx([1.0] + [2.0] * 5 + [1.0] * 19, abs=0.001)
        assert set(steps(ids_of(vis))) == {1}

    @pytest.mark.parametrize(
        ("exposure_us", "trigger", "periods"),
        [
            pytest.param(21_900, {}, 1, id="with-overlap-it-fits"),
            pytest.param(22_200, {}, 2, id="exposure-fills-the-period"),
            pytest.param(21_800, {"overlap": "Off"}, 1, id="exposure-and-readout-fit"),
            pytest.param(21_900, {"overlap": "Off"}, 2, id="readout-too-late"),
            pytest.param(21_900, {"delay_us": 300.0}, 2, id="delayed-too-long"),
        ],
    )
    def test_it_emerges_from_an_exposure_that_is_too_long(
        self, exposure_us: float, trigger: dict[str, Any], periods: int
    ) -> None:
        frames = play(exposed_for(exposure_us, **trigger), 12)
        assert intervals(frames["vis"]) == pytest.approx([periods] * (12 // periods - 1), abs=0.001)
        assert len(frames["nir"]) == 12

    def test_a_sensor_that_is_too_slow_answers_every_third_pulse(self) -> None:
        # 1032 rows take 21 ms to read: at 100 Hz two pulses of three find the camera busy
        tall = {"sensor": {"height_px": 1032}, "roi": {"height": 1032}}
        settings = profile(rate_hz=100, content="street").edited({"vis": tall})
        rows = events(settings, 9)
        assert [row.vis_frame_id for row in rows] == [2, -1, -1, 3, -1, -1, 4, -1, -1]
        assert rows[1].vis_flags == Flag.BUSY


class TestSlowHost:
    def test_frames_wait_in_the_driver_and_none_is_lost(self) -> None:
        frames = play(profile(faults=[fault("slow_host", "vis", count=30)]), 60)["vis"]
        assert ids_of(frames) == list(range(FIRST_ID["vis"], FIRST_ID["vis"] + 60))
        hosts = [frame.host_ns for frame in frames]
        assert hosts[10] - hosts[9] > 28 * PERIOD_NS
        assert hosts[39] - hosts[10] < PERIOD_NS
        assert set(np.round(intervals(frames), 3)) == {1.0}

    def test_beyond_the_buffers_of_the_driver_the_newest_are_lost(self) -> None:
        settings = profile(faults=[fault("slow_host", "vis", count=DRIVER_BUFFERS + 7)])
        frames = play(settings, 100)["vis"]
        assert len(frames) == 93
        assert steps(ids_of(frames))[9 + DRIVER_BUFFERS] == 8
        lost = [row.pulse for row in events(settings, 100) if Flag.OVERFLOW in row.vis_flags]
        assert lost == list(range(10 + DRIVER_BUFFERS, 17 + DRIVER_BUFFERS))

    def test_in_real_time_they_come_when_the_host_is_back(self) -> None:
        settings = profile(pacing="real", rate_hz=200, faults=[fault("slow_host", "nir", at=3, count=20)])
        with opened(settings) as cameras:
            cameras["nir"].arm()
            frames = take(cameras["nir"], 30)
            assert frames[3].host_ns <= time.monotonic_ns()
        assert frames[3].host_ns - frames[2].host_ns > 15 * settings.trigger.period_ns
        assert frames[22].host_ns - frames[3].host_ns < settings.trigger.period_ns

    def test_the_cameras_account_for_what_a_late_consumer_costs(self) -> None:
        settings = profile(pacing="real", rate_hz=1000)
        backend = open_backend(settings)
        try:
            camera: Any = backend.open()["nir"]
            camera.arm()
            behind_ns = take(camera, 1)[0].host_ns + 120 * settings.trigger.period_ns
            while time.monotonic_ns() < behind_ns:
                time.sleep(0.005)
            ids = [1, *ids_of(take(camera, DRIVER_BUFFERS + 1))]
            lost = list(camera.overflowed)
        finally:
            backend.close()
        assert [n for n in lost if n < ids[-1]] == [n for n in range(1, ids[-1]) if n not in ids]
        assert sent_ids(events(settings, ids[-1], {"nir": lost}), "nir") == ids


class TestUnplug:
    """What the frames show of it is in test_capture_simulated; here the camera comes back."""

    @pytest.mark.parametrize("arm", ARMS)
    @pytest.mark.parametrize("pacing", ["fast", "real"])
    def test_opened_again_it_sends_frames_on_a_clock_begun_anew(self, arm: Arm, pacing: str) -> None:
        clocks = {"nir_clock": {"offset_ms": 100_000}, "vis_clock": {"offset_ms": 100_000}}
        backend = open_backend(profile(pacing=pacing, rate_hz=200, faults=[fault("unplug", arm)], **clocks))
        try:
            first = dict(backend.open())
            take_in_turn(first, 10)
            assert first[arm].next_frame(SHORT_S) is None
            with pytest.raises(CameraError, match="was unplugged; open the cameras"):
                first[arm].arm()
            assert first[arm].latch_clock() is None
            backend.close()
            second = dict(backend.open())
            frames = take_in_turn(second, 25)
        finally:
            backend.close()
        other: Arm = "vis" if arm == "nir" else "nir"
        assert ids_of(frames[arm])[:25] == list(range(FIRST_ID[arm], FIRST_ID[arm] + 25))
        assert frames[arm][0].timestamp_ns < 60_000_000_000 < 100_000_000_000 < frames[other][0].timestamp_ns

    @pytest.mark.parametrize("arm", ARMS)
    def test_while_it_is_away_it_is_not_found(self, arm: Arm) -> None:
        backend = open_backend(profile(pacing="real", rate_hz=200, faults=[fault("unplug", arm, count=10**6)]))
        try:
            cameras = dict(backend.open())
            take_in_turn(cameras, 10)
            assert cameras[arm].next_frame(SHORT_S) is None
            with pytest.raises(CameraNotFound, match=f"TWIN-{arm.upper()}; found TWIN-"):
                backend.open()
            assert f"TWIN-{arm.upper()}" not in backend.serials()
        finally:
            backend.close()

    def test_the_rig_loses_the_camera_and_finds_it_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rig_module, "LOST_AFTER_S", 0.1)
        lost: list[CameraError] = []
        gone = threading.Event()

        def on_lost(error: CameraError) -> None:
            lost.append(error)
            gone.set()

        rig = Rig(profile(pacing="real", rate_hz=200, faults=[fault("unplug", "vis")]), on_lost)
        rig.open()
        try:
            rig.arm()
            assert gone.wait(LONG_S)
            assert isinstance(lost[0], CameraLost)
            monkeypatch.undo()
            rig.disarm()
            rig.open()
            rig.arm()
            deadline = time.monotonic() + LONG_S
            while sum(rig.counts.values()) < 20 and time.monotonic() < deadline:
                time.sleep(0.005)
            assert sum(rig.counts.values()) >= 20
            assert rig.warning == ""
        finally:
            rig.close()


def take_in_turn(cameras: dict[Arm, Any], count: int) -> dict[Arm, list[Any]]:
    """Arm both cameras and take `count` frames of each."""
    cameras["vis"].arm()
    cameras["nir"].arm()
    frames: dict[Arm, list[Any]] = {"nir": [], "vis": []}
    for _ in range(count):
        for arm in ARMS:
            frames[arm] += take(cameras[arm], 1)
    return frames
