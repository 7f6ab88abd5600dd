"""The life of a camera, case by case, for every backend: what the rig relies on, whoever made the driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from conformance.bench import DEADLINE_S, Bench, OpenRig, Waiting, fell_silent, next_frame, opened
from conformance.benches import BENCHES
from nirvis_capture.camera import ARMS, Arm, Camera, FrameStatus, Ranged
from nirvis_capture.errors import CameraError, CameraNotFound

QUIET_S = 0.2
"""Longer than the period of any bench."""
SILENT_S = 0.4
STALL_S = 0.4
"""Longer than the buffers of most benches last."""


@pytest.fixture(scope="module", params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = BENCHES[request.param](tmp_path_factory.mktemp(request.param))
    yield bench
    bench.close()


@pytest.fixture
def rig(bench: Bench) -> Iterator[OpenRig]:
    with opened(bench) as rig:
        yield rig


class TestFinding:
    def test_two_cameras(self, rig: OpenRig) -> None:
        assert rig.cameras["nir"].info.serial != rig.cameras["vis"].info.serial

    def test_serials_before_opening(self, bench: Bench) -> None:
        backend = bench.connect()
        try:
            found = backend.serials()
            opened_serials = {camera.info.serial for camera in backend.open().values()}
            assert opened_serials <= set(found)
        finally:
            backend.close()

    def test_a_camera_that_is_not_there_is_told_with_those_that_are(self, bench: Bench) -> None:
        bench.needs("serials")
        backend = bench.connect(vis_serial="NOT-THERE")
        try:
            found = backend.serials()
            with pytest.raises(CameraNotFound, match="NOT-THERE") as caught:
                backend.open()
            assert found
            assert all(serial in str(caught.value) for serial in found)
        finally:
            backend.close()

    def test_not_finding_one_leaves_the_other_free(self, bench: Bench) -> None:
        bench.needs("serials")
        backend = bench.connect(vis_serial="NOT-THERE")
        with pytest.raises(CameraNotFound):
            backend.open()
        with opened(bench) as rig:
            rig.arm()
            rig.take(1)
        backend.close()

    def test_a_camera_is_open_once(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("exclusive")
        backend = bench.connect()
        with pytest.raises(CameraError):
            backend.open()
        backend.close()
        rig.arm()
        rig.take(3)


class TestStarting:
    def test_repeat_start(self, rig: OpenRig) -> None:
        for _ in range(4):
            rig.arm()
            rig.take(2)
            rig.disarm()

    def test_repeat_start_without_stop(self, rig: OpenRig) -> None:
        rig.arm()
        before = rig.take(3)
        rig.secondary.arm()
        rig.primary.arm()
        after = rig.take(3)
        for arm in ARMS:
            assert after[arm][0].frame_id > before[arm][-1].frame_id

    def test_each_start_begins_without_frames_of_the_last(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("host_times")
        rig.arm()
        rig.take(2)
        rig.disarm()
        stopped_ns = time.monotonic_ns()
        rig.arm()
        again = rig.take(1)
        assert all(again[arm][0].host_ns > stopped_ns for arm in ARMS)

    def test_reopening_after_shutdown(self, bench: Bench) -> None:
        backend = bench.connect()
        try:
            for _ in range(2):
                rig = OpenRig(backend, bench.primary)
                rig.arm()
                rig.take(2)
                backend.close()
        finally:
            backend.close()

    def test_arming_after_close_is_refused(self, rig: OpenRig) -> None:
        rig.secondary.close()
        with pytest.raises(CameraError, match="closed"):
            rig.secondary.arm()

    def test_arming_after_shutdown_is_refused(self, rig: OpenRig) -> None:
        rig.backend.close()
        for camera in rig.cameras.values():
            with pytest.raises(CameraError, match="closed"):
                camera.arm()


class TestStopping:
    def test_stop_without_start(self, rig: OpenRig) -> None:
        rig.disarm()
        rig.disarm()
        rig.arm()
        rig.take(1)

    def test_stop_twice(self, rig: OpenRig) -> None:
        rig.arm()
        rig.take(1)
        rig.disarm()
        rig.disarm()

    def test_no_frames_before_the_start_nor_after_the_stop(self, rig: OpenRig) -> None:
        assert Waiting(lambda: rig.primary.next_frame(0.01)).result() is None
        rig.arm()
        rig.take(2)
        rig.disarm()
        for camera in rig.cameras.values():
            assert camera.next_frame(0.01) is None

    def test_abort_while_waiting_for_a_trigger(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("trigger")
        rig.secondary.arm()
        waiting = Waiting(lambda: rig.secondary.next_frame(10 * DEADLINE_S))
        assert rig.secondary.next_frame(0.02) is None
        rig.secondary.disarm()
        assert waiting.result() is None

    def test_stop_while_a_thread_reads(self, rig: OpenRig) -> None:
        rig.arm()
        readers = [Waiting(lambda c=camera: _read_until_silent(c)) for camera in rig.cameras.values()]
        rig.disarm()
        for reader in readers:
            reader.result()
            assert reader.error is None

    def test_close_during_streaming(self, rig: OpenRig) -> None:
        rig.arm()
        rig.take(2)
        readers = [Waiting(lambda c=camera: _read_until_silent(c)) for camera in rig.cameras.values()]
        rig.backend.close()
        for reader in readers:
            reader.result()

    def test_close_twice(self, rig: OpenRig) -> None:
        for camera in rig.cameras.values():
            camera.close()
            camera.close()
        rig.backend.close()
        rig.backend.close()

    def test_a_closed_camera_stops_and_latches_nothing(self, rig: OpenRig) -> None:
        rig.secondary.close()
        rig.secondary.disarm()
        assert rig.secondary.next_frame(0.01) is None

    def test_no_thread_is_left_behind(self, bench: Bench) -> None:
        with opened(bench) as rig:
            rig.arm()
            rig.take(1)
        before = threading.active_count()
        with opened(bench) as rig:
            rig.arm()
            rig.take(1)
        assert threading.active_count() <= before


class TestTrigger:
    def test_the_secondary_waits_for_the_primary(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("trigger")
        rig.secondary.arm()
        assert rig.secondary.next_frame(QUIET_S) is None
        rig.primary.arm()
        next_frame(rig.secondary)

    def test_the_secondary_falls_silent_with_the_primary(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("trigger")
        rig.arm()
        rig.take(2)
        rig.primary.disarm()
        assert fell_silent(rig.secondary, QUIET_S)

    def test_the_secondary_has_a_frame_for_each_of_the_primary(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("trigger", "clock")
        rig.arm()
        taken = rig.take(12)
        nir, vis = (np.diff([frame.timestamp_ns for frame in taken[arm]]) for arm in ARMS)
        assert np.abs(nir - vis).max() < nir.mean() / 4


class TestFrames:
    def test_frames_are_what_the_camera_says(self, rig: OpenRig) -> None:
        rig.arm()
        for arm, frames in rig.take(3).items():
            info = rig.cameras[arm].info
            for frame in frames:
                assert frame.pixels.shape == (info.height, info.width)
                assert frame.pixels.dtype == info.dtype
                assert frame.status is FrameStatus.COMPLETE
                assert frame.exposure_us > 0

    def test_frames_own_their_pixels(self, rig: OpenRig) -> None:
        rig.arm()
        first = rig.take(1)
        kept = {arm: frames[0].pixels.copy() for arm, frames in first.items()}
        rig.take(12)
        rig.backend.close()
        for arm in ARMS:
            np.testing.assert_array_equal(first[arm][0].pixels, kept[arm])

    def test_ids_and_times_rise(self, bench: Bench, rig: OpenRig) -> None:
        rig.arm()
        for frames in rig.take(8).values():
            assert (np.diff([frame.frame_id for frame in frames]) >= 1).all()
            assert (np.diff([frame.host_ns for frame in frames]) > 0).all()
            if "clock" not in bench.lacks:
                assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()

    def test_no_abort_when_nobody_reads_for_a_while(self, rig: OpenRig) -> None:
        rig.arm()
        before = rig.take(2)
        threading.Event().wait(STALL_S)
        after = rig.take(4)
        for arm in ARMS:
            assert (np.diff([frame.frame_id for frame in before[arm] + after[arm]]) >= 1).all()

    def test_info_is_constant_while_armed(self, rig: OpenRig) -> None:
        before = {arm: camera.info for arm, camera in rig.cameras.items()}
        rig.arm()
        rig.take(2)
        assert {arm: camera.info for arm, camera in rig.cameras.items()} == before
        rig.disarm()
        assert {arm: camera.info for arm, camera in rig.cameras.items()} == before


class TestRanges:
    def test_a_camera_was_set_within_the_ranges_that_it_tells(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("ranges")
        for camera in rig.cameras.values():
            assert isinstance(camera, Ranged)
            for setting, value in (("roi.width", camera.info.width), ("roi.height", camera.info.height)):
                low, high = camera.ranges[setting]
                assert 0 < low <= value <= high
            least_us, most_us = camera.ranges["exposure_us"]
            assert 0 < least_us < most_us


class TestClock:
    def test_latches_follow_each_other_or_are_none(self, bench: Bench, rig: OpenRig) -> None:
        for camera in rig.cameras.values():
            latches = [camera.latch_clock() for _ in range(3)]
            if "latch" in bench.lacks:
                assert latches == [None] * 3
                continue
            assert all(latch is not None and latch.uncertainty_ns > 0 for latch in latches)
            read = [latch for latch in latches if latch is not None]
            assert sorted(latch.host_ns for latch in read) == [latch.host_ns for latch in read]

    def test_a_latch_agrees_with_the_frames(self, bench: Bench, rig: OpenRig) -> None:
        bench.needs("latch", "clock")
        rig.arm()
        for arm, (frame,) in rig.take(1).items():
            latch = rig.cameras[arm].latch_clock()
            assert latch is not None
            exposed_host_ns = frame.timestamp_ns - latch.camera_ns + latch.host_ns
            assert exposed_host_ns - latch.uncertainty_ns - 1_000_000 < frame.host_ns


class TestPlug:
    @pytest.mark.parametrize("arm", ARMS)
    def test_unplug_is_noticed_and_closes(self, bench: Bench, arm: Arm) -> None:
        bench.needs("unplug")
        with opened(bench, plug=arm) as rig:
            rig.arm()
            rig.take(2)
            bench.unplug(arm)
            try:
                assert fell_silent(rig.cameras[arm], SILENT_S)
            finally:
                Waiting(rig.backend.close).result()
                bench.plug_in(arm)

    def test_unplug_and_return(self, bench: Bench) -> None:
        bench.needs("unplug")
        with opened(bench, plug="vis") as rig:
            rig.arm()
            rig.take(2)
            bench.unplug("vis")
            try:
                assert fell_silent(rig.cameras["vis"], SILENT_S)
            finally:
                rig.backend.close()
                bench.plug_in("vis")
        with opened(bench) as rig:
            rig.arm()
            rig.take(3)


def _read_until_silent(camera: Camera) -> int:
    frames = 0
    while camera.next_frame(QUIET_S) is not None:
        frames += 1
    return frames
