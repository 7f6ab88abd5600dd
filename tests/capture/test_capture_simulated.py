"""Electronics of the simulated rig: pulses, clocks, counters, faults and waiting."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from nirvis_capture.camera import Arm, FrameStatus
from nirvis_capture.cameras import open_backend
from nirvis_capture.errors import CameraNotFound
from nirvis_capture.twin.electronics.ledger import DRIVER_BUFFERS
from nirvis_capture.twin.electronics.timing import FAST_LEAD
from small_rig import FIRST_ID, LONG_S, PERIOD_NS, SHORT_S, fault, opened, profile, record, steps, take


def test_a_secondary_is_silent_until_the_primary_is_armed() -> None:
    with opened(profile()) as cameras:
        cameras["vis"].arm()
        assert cameras["vis"].next_frame(SHORT_S) is None
        cameras["nir"].arm()
        assert cameras["nir"].next_frame(LONG_S) is not None
        assert cameras["vis"].next_frame(LONG_S) is not None


@pytest.mark.parametrize("primary", ["nir", "vis"])
def test_one_pulse_exposes_both_arms(primary: Arm) -> None:
    frames = record(profile(primary), 40)
    for arm in ("nir", "vis"):
        assert [frame.frame_id for frame in frames[arm]][:40] == list(range(FIRST_ID[arm], FIRST_ID[arm] + 40))
    assert len(frames[primary]) >= 40


def test_the_same_rig_gives_the_same_frames_to_the_nanosecond() -> None:
    first, second = record(profile(), 20), record(profile(), 20)
    for arm in ("nir", "vis"):
        for a, b in zip(first[arm][:20], second[arm][:20], strict=True):
            assert (a.timestamp_ns, a.host_ns, a.frame_id) == (b.timestamp_ns, b.host_ns, b.frame_id)
            assert np.array_equal(a.pixels, b.pixels)


def test_frames_own_their_pixels() -> None:
    with opened(profile()) as cameras:
        cameras["nir"].arm()
        frames = take(cameras["nir"], 9)
    assert all(frame.pixels.flags.writeable for frame in frames)
    assert not any(np.shares_memory(a.pixels, b.pixels) for a, b in itertools.combinations(frames, 2))
    frames[0].pixels[:] = 0
    assert frames[8].pixels.any()


def test_camera_clocks_drift_against_each_other_by_what_was_set() -> None:
    clocks = {"nir_clock": {"offset_ms": 3, "drift_ppm": -50}, "vis_clock": {"offset_ms": 900, "drift_ppm": 150}}
    frames = record(profile(**clocks), 200)
    ways = {arm: frames[arm][199].timestamp_ns - frames[arm][0].timestamp_ns for arm in ("nir", "vis")}
    assert ways["vis"] / ways["nir"] == pytest.approx(1 + 200e-6, abs=2e-6)


def test_timestamps_come_in_whole_ticks() -> None:
    frames = record(profile(vis_clock={"resolution_ns": 125_000}), 20)
    assert all(frame.timestamp_ns % 125_000 == 0 for frame in frames["vis"])


def test_a_latched_clock_agrees_with_the_frames() -> None:
    with opened(profile()) as cameras:
        cameras["vis"].arm()
        cameras["nir"].arm()
        (nir,), (vis,) = take(cameras["nir"], 1), take(cameras["vis"], 1)
        latches = {arm: cameras[arm].latch_clock() for arm in ("nir", "vis")}
    starts = []
    for arm, frame in (("nir", nir), ("vis", vis)):
        latch = latches[arm]
        assert latch is not None
        starts.append(frame.timestamp_ns - latch.camera_ns + latch.host_ns)
    assert abs(starts[0] - starts[1]) < 2 * 50_000 + 10_000


def test_host_times_rise_and_follow_the_exposure() -> None:
    frames = record(profile(), 300)
    hosts = [frame.host_ns for frame in frames["vis"]]
    assert min(steps(hosts)) > 0
    assert np.mean(steps(hosts)) == pytest.approx(PERIOD_NS, rel=0.01)


def test_a_transfer_drop_consumes_a_frame_id() -> None:
    vis = record(profile(faults=[fault("transfer_drop", "vis", count=2)]), 30)["vis"]
    assert steps([frame.frame_id for frame in vis])[9] == 3
    assert steps([frame.timestamp_ns for frame in vis])[9] == pytest.approx(3 * PERIOD_NS, abs=5000)


def test_a_missed_trigger_consumes_no_frame_id() -> None:
    frames = record(profile(faults=[fault("missed_trigger", "vis")]), 30)
    assert steps([frame.frame_id for frame in frames["vis"]])[9] == 1
    assert steps([frame.timestamp_ns for frame in frames["vis"]])[9] == pytest.approx(2 * PERIOD_NS, abs=5000)
    assert set(steps([frame.frame_id for frame in frames["nir"]])) == {1}


def test_an_exposure_that_the_primary_misses_sends_no_pulse() -> None:
    frames = record(profile(faults=[fault("missed_trigger", "nir")]), 30)
    for arm in ("nir", "vis"):
        gap = steps([frame.timestamp_ns for frame in frames[arm]])[9]
        assert gap == pytest.approx(2 * PERIOD_NS, abs=5000)


def test_an_incomplete_frame_lacks_its_lower_part() -> None:
    vis = record(profile(faults=[fault("incomplete", "vis")]), 12)["vis"]
    assert [frame.status for frame in vis].index(FrameStatus.INCOMPLETE) == 10
    assert not vis[10].pixels[-4:].any()


def test_a_clock_jump_stays() -> None:
    frames = record(profile(faults=[fault("clock_jump", "nir", jump_ms=70.0)]), 20)["nir"]
    jumps = np.array(steps([frame.timestamp_ns for frame in frames[:20]])) - PERIOD_NS
    assert jumps[9] == pytest.approx(70_000_000, abs=5000)
    assert np.abs(np.delete(jumps, 9)).max() < 5000


def test_an_unplugged_secondary_leaves_the_primary_running() -> None:
    with opened(profile(faults=[fault("unplug", "vis")])) as cameras:
        cameras["vis"].arm()
        cameras["nir"].arm()
        assert len(take(cameras["nir"], 10)) == 10
        assert len(take(cameras["vis"], 10)) == 10
        assert len(take(cameras["nir"], 3 * FAST_LEAD)) == 3 * FAST_LEAD
        assert cameras["vis"].next_frame(SHORT_S) is None


def test_an_unplugged_primary_sends_no_pulses() -> None:
    with opened(profile(faults=[fault("unplug", "nir")])) as cameras:
        cameras["vis"].arm()
        cameras["nir"].arm()
        assert len(take(cameras["nir"], 10)) == 10
        assert cameras["nir"].next_frame(SHORT_S) is None
        assert len(take(cameras["vis"], 10)) == 10
        assert cameras["vis"].next_frame(SHORT_S) is None


def test_a_fast_primary_waits_for_its_secondary() -> None:
    with opened(profile()) as cameras:
        cameras["vis"].arm()
        cameras["nir"].arm()
        assert len(take(cameras["nir"], FAST_LEAD)) == FAST_LEAD
        assert cameras["nir"].next_frame(SHORT_S) is None
        assert len(take(cameras["vis"], 1)) == 1
        assert cameras["nir"].next_frame(LONG_S) is not None


def test_pulses_already_sent_can_be_read_after_the_primary_stopped() -> None:
    with opened(profile()) as cameras:
        cameras["vis"].arm()
        cameras["nir"].arm()
        take(cameras["nir"], 7)
        cameras["nir"].disarm()
        assert len(take(cameras["vis"], 7)) == 7
        assert cameras["vis"].next_frame(SHORT_S) is None


def test_a_secondary_armed_late_sees_later_pulses_only() -> None:
    with opened(profile()) as cameras:
        cameras["nir"].arm()
        nir = take(cameras["nir"], 5)
        cameras["vis"].arm()
        nir += take(cameras["nir"], 1)
        (vis,) = take(cameras["vis"], 1)
    assert vis.frame_id == FIRST_ID["vis"]
    assert vis.host_ns - nir[5].host_ns == pytest.approx(0, abs=PERIOD_NS * 0.9)


@pytest.mark.parametrize("pacing", ["fast", "real"])
def test_disarming_wakes_whoever_waits(pacing: str) -> None:
    with opened(profile(pacing=pacing)) as cameras:
        cameras["vis"].arm()
        waiting = threading.Thread(target=cameras["vis"].next_frame, args=(LONG_S,))
        waiting.start()
        cameras["vis"].disarm()
        waiting.join(LONG_S / 2)
        assert not waiting.is_alive()
        cameras["vis"].disarm()


def test_arming_again_starts_the_counters_again() -> None:
    with opened(profile()) as cameras:
        for _ in range(2):
            cameras["vis"].arm()
            cameras["nir"].arm()
            (nir,), (vis,) = take(cameras["nir"], 1), take(cameras["vis"], 1)
            assert (nir.frame_id, vis.frame_id) == (FIRST_ID["nir"], FIRST_ID["vis"])
            assert nir.pixels is not vis.pixels
            cameras["nir"].disarm()
            cameras["vis"].disarm()


def test_real_frames_do_not_come_before_their_time() -> None:
    with opened(profile(pacing="real", rate_hz=200)) as cameras:
        cameras["nir"].arm()
        began_ns = time.monotonic_ns()
        for frame in take(cameras["nir"], 20):
            assert began_ns < frame.host_ns <= time.monotonic_ns()


def test_a_late_consumer_finds_full_buffers_and_a_gap_in_the_ids() -> None:
    settings = profile(pacing="real", rate_hz=1000, nir_clock={"offset_ms": 0})
    with opened(settings) as cameras:
        cameras["nir"].arm()
        first = take(cameras["nir"], 1)[0]
        behind_ns = first.host_ns + 120 * settings.trigger.period_ns
        while time.monotonic_ns() < behind_ns:
            time.sleep(0.005)
        ids = [frame.frame_id for frame in take(cameras["nir"], DRIVER_BUFFERS + 1)]
    # the consumer comes late: a full queue of the oldest, then what arrived after the queue had room again
    assert steps(ids[:DRIVER_BUFFERS]) == [1] * (DRIVER_BUFFERS - 1)
    assert ids[DRIVER_BUFFERS] - ids[DRIVER_BUFFERS - 1] > 1


def test_another_serial_is_not_found_and_the_message_says_what_was() -> None:
    settings = profile().edited({"nir": {"serial": "15322345"}})
    with pytest.raises(CameraNotFound, match=r"15322345; found TWIN-NIR, TWIN-VIS"):
        open_backend(settings).open()


def test_info_follows_the_profile() -> None:
    with opened(profile()) as cameras:
        info = cameras["vis"].info
    assert (info.serial, info.width, info.height, info.bit_depth) == ("TWIN-VIS", 32, 16, 8)
    assert info.timestamp_resolution_ns == 1000
