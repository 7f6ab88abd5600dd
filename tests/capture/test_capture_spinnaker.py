"""The spinnaker backend against a stand-in for PySpin, in both dialects: what it sets, reads, gives back and says."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.bench import OpenRig, Waiting, fell_silent, next_frame, opened
from conformance.spinnaker_bench import RATE_HZ, SpinnakerBench, blackfly, grasshopper, small_profile
from nirvis_capture.camera import ARMS, Arm, FrameStatus
from nirvis_capture.cameras import open_backend
from nirvis_capture.cameras.genicam_leftovers import Leftovers
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.doctor import trigger
from nirvis_capture.errors import BackendUnavailable, CameraError, CameraNotFound
from nirvis_capture.profile import load_profile
from nirvis_capture.settings import Changes
from nirvis_capture.verify import verify
from pyspin_stand_in.device import Device

PERIOD_NS = round(1e9 / RATE_HZ)
both_dialects = pytest.mark.parametrize("make", [grasshopper, blackfly])


@pytest.fixture(params=[grasshopper, blackfly])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SpinnakerBench]:
    bench = request.param(tmp_path)
    yield bench
    bench.close()


def other_profile(bench: SpinnakerBench, changes: Changes) -> None:
    bench.profile = bench.profile.edited(changes)


class TestInstallation:
    def test_without_pyspin_the_remedy_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PySpin", None)
        with pytest.raises(BackendUnavailable, match="Install FLIR's Spinnaker SDK"):
            open_backend(load_profile("gs3_day"))

    def test_a_wheel_for_another_numpy_is_told(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "PySpin.py").write_text("raise RuntimeError('module compiled against ABI version 0x1000009')\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(BackendUnavailable, match="RuntimeError: module compiled against"):
            open_backend(load_profile("gs3_day"))

    @pytest.mark.parametrize("name", ["gs3_day", "gs3_night"])
    def test_a_shipped_profile_says_which_serials_there_are(self, tmp_path: Path, name: str) -> None:
        bench = grasshopper(tmp_path)
        backend = open_backend(load_profile(name))
        with pytest.raises(CameraNotFound, match=r"14435622 \(Grasshopper3 GS3-U3-15S4C\), 21188171"):
            backend.open()
        backend.close()
        bench.close()

    def test_another_model_than_the_profile_says_is_refused(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"nir": {"model": "BFS-U3-51S5C"}})
        with pytest.raises(CameraError, match=r"nir.model in the profile is BFS-U3-51S5C"), opened(bench):
            pass


class TestConfiguration:
    def test_what_alters_counts_is_off(self, bench: SpinnakerBench) -> None:
        with opened(bench):
            nodes = bench.devices["nir"].nodes
            gamma = "GammaEnabled" if "GammaEnabled" in nodes.features else "GammaEnable"
            assert nodes[gamma] is False
            assert nodes.at("BalanceRatio", "Red") == nodes.at("BalanceRatio", "Blue") == 1.0
            assert [nodes[f"{name}Auto"] for name in ("Exposure", "Gain", "BalanceWhite")] == ["Off"] * 3
            assert (nodes["ExposureTime"], nodes["Gain"]) == (3000.0, 0.0)
            assert [nodes[name] for name in ("OffsetX", "OffsetY", "Width", "Height")] == [16, 8, 64, 48]

    def test_frames_wait_in_buffers_and_are_never_overwritten(self, bench: SpinnakerBench) -> None:
        with opened(bench):
            stream = bench.devices["nir"].stream
            assert stream["StreamBufferHandlingMode"] == "OldestFirst"
            assert stream["StreamBufferCountManual"] == bench.profile.spinnaker.buffers

    def test_more_buffers_than_there_can_be_are_as_many_as_there_can(
        self, bench: SpinnakerBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        other_profile(bench, {"spinnaker": {"buffers": 1000}})
        with opened(bench):
            assert bench.devices["nir"].stream["StreamBufferCountManual"] == 64
        assert "the driver has 64 buffers instead of 1000" in caplog.text

    @pytest.mark.parametrize(("link_mb_s", "bytes_s"), [(None, 380_000_000), (60.0, 60_000_000), (9e9, 380_000_000)])
    def test_share_of_the_link(self, bench: SpinnakerBench, link_mb_s: float | None, bytes_s: int) -> None:
        other_profile(bench, {"spinnaker": {"link_mb_s": link_mb_s}})
        with opened(bench):
            assert bench.devices["vis"].nodes["DeviceLinkThroughputLimit"] == bytes_s

    def test_a_link_that_cannot_keep_the_rate_is_told(self, tmp_path: Path) -> None:
        bench = blackfly(tmp_path)
        other_profile(bench, {"nir": {"roi": {"width": 2048, "height": 2000}}, "spinnaker": {"link_mb_s": 100.0}})
        with pytest.raises(
            CameraError, match=r"14435622 would run at 24\.4 instead of 100 Hz: raise spinnaker.link_mb_s"
        ):
            bench.connect().open()
        bench.close()

    def test_a_roi_between_the_steps_of_the_sensor_is_told(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"vis": {"roi": {"width": 66}}})
        with pytest.raises(CameraError, match=r"21188171 refuses Width = 66: allowed are \d to \d+ in steps of \d"):
            bench.connect().open()

    @both_dialects
    def test_the_whole_sensor_after_a_part_of_it(self, make: Any, tmp_path: Path) -> None:
        """After power-on the cameras have a part in the middle: any offset leaves no room for all of it."""
        bench = make(tmp_path)
        whole = load_profile("gs3_day" if make is grasshopper else "bfs_day")
        changes = {"roi": whole.nir.roi.model_dump()}
        bench.profile = bench.profile.edited({"nir": changes, "vis": changes, "trigger": {"rate_hz": 20}})
        with opened(bench) as rig:
            assert rig.primary.info.width == whole.nir.sensor.width_px
        bench.close()

    def test_an_exposure_beyond_the_frame_is_told(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"nir": {"exposure_us": 9990}})
        with pytest.raises(CameraError, match=r"14435622 refuses \w+ = \d+: allowed are .* to \d+"):
            bench.connect().open()

    def test_a_trigger_that_another_program_left_on_does_not_silence(self, bench: SpinnakerBench) -> None:
        for device in bench.devices.values():
            for selector in device.nodes.features["TriggerSelector"].entries:
                device.nodes.set_at("TriggerMode", selector, "On")
        bench.found_as = bench.settings()
        with opened(bench) as rig:
            nodes = bench.devices["nir"].nodes
            assert {nodes.at("TriggerMode", entry) for entry in nodes.features["TriggerSelector"].entries} == {"Off"}
            rig.arm()
            rig.take(2)

    def test_the_trigger_is_off_after_disarming(self, bench: SpinnakerBench) -> None:
        with opened(bench) as rig:
            rig.arm()
            assert bench.devices["vis"].nodes.at("TriggerMode", "FrameStart") == "On"
            rig.disarm()
            assert bench.devices["vis"].nodes.at("TriggerMode", "FrameStart") == "Off"


class TestRestoring:
    """`SpinnakerBench.close` compares every setting of both cameras with how they were found."""

    def test_settings_of_a_person_come_back(self, bench: SpinnakerBench) -> None:
        for device in bench.devices.values():
            for name, value in {"ExposureAuto": "Off", "ExposureMode": "Timed", "ExposureTime": 52_000.0}.items():
                device.nodes[name] = value
            # Does not fit while the offset is still that of nirvis.
            device.nodes["OffsetX"] = 8
            device.nodes["Width"] = 2 * device.nodes["Width"] - 8
            device.nodes.set_at("BalanceRatio", "Blue", 2.5)
            device.nodes.set_at("LineMode", "Line2", "Output")
            device.nodes.set_at("TriggerActivation", "FrameStart", "FallingEdge")
        bench.found_as = bench.settings()
        with opened(bench) as rig:
            rig.arm()
            rig.take(2)
            assert bench.settings() != bench.found_as

    def test_a_rate_that_the_camera_itself_lowered_comes_back(self, bench: SpinnakerBench) -> None:
        bench.profile = small_profile(bench.profile.nir.model, "BayerRG12p", 12)
        for device in bench.devices.values():
            for name, value in {"ExposureAuto": "Off", "ExposureMode": "Timed", "ExposureTime": 900.0}.items():
                device.nodes[name] = value
            device.nodes["PixelFormat"] = "BayerRG8"
            if "AcquisitionFrameRateAuto" in device.nodes.features:
                device.nodes["AcquisitionFrameRateAuto"] = "Off"
            device.nodes[device.model.rate_enable] = True
            device.nodes["AcquisitionFrameRate"] = 400.0
        bench.found_as = bench.settings()
        with opened(bench):
            assert bench.devices["nir"].nodes["AcquisitionFrameRate"] == RATE_HZ

    def test_whatever_write_fails(self, bench: SpinnakerBench) -> None:
        for writes in range(25):
            bench.devices["vis"].nodes.fails_after = writes
            with pytest.raises(CameraError, match="-2007"), opened(bench) as rig:
                rig.arm()
            bench.check()

    def test_after_a_kill_by_the_next_program(self, bench: SpinnakerBench) -> None:
        """Nobody cleans up: the cameras are as the killed program had them."""
        with opened(bench) as rig:
            rig.arm()
            leftovers = {device.serial: Leftovers.of(device.serial) for device in bench.devices.values()}
            kept = {serial: file.recall() for serial, file in leftovers.items()}
            settings = {arm: device.nodes.state() for arm, device in bench.devices.items()}
        bench.check()
        for arm, device in bench.devices.items():
            device.nodes.put(settings[arm])
            leftovers[device.serial].keep(kept[device.serial])
        assert bench.settings() != bench.found_as
        with opened(bench) as rig:
            rig.arm()
            rig.take(1)
        bench.check()

    def test_a_camera_that_is_open_elsewhere_is_left_alone(self, bench: SpinnakerBench) -> None:
        bench.devices["vis"].taken_elsewhere = True
        backend = bench.connect()
        with pytest.raises(CameraError, match="21188171 could not open: it is open in another program: close SpinView"):
            backend.open()
        backend.close()
        bench.check()

    def test_a_program_that_keeps_a_reference_does_not_hang(
        self, bench: SpinnakerBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = bench.connect()
        kept: Any = backend.open()["nir"]._pointer  # type: ignore[attr-defined]
        backend.close()
        assert "still holds the camera" in caplog.text
        del kept
        bench.connect().serials()

    def test_a_program_that_ends_without_closing(self) -> None:
        program = """if True:
            import atexit
            from pathlib import Path
            from conformance.spinnaker_bench import grasshopper
            bench = grasshopper(Path())
            atexit.register(bench.check)
            cameras = bench.connect().open()
            cameras["vis"].arm()
            raise SystemExit("on purpose")
        """
        paths = (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stderr == "on purpose\n"

    def test_an_error_that_is_kept_keeps_no_camera(self, bench: SpinnakerBench) -> None:
        bench.world.tells_of_removal = True
        with opened(bench) as rig:
            rig.arm()
            bench.unplug("nir")
            with pytest.raises(CameraError, match="14435622 could not send a frame: it does not answer") as kept:
                fell_silent_loudly(rig)
        assert kept.value.__traceback__ is not None
        bench.plug_in("nir")
        bench.check()

    def test_without_its_plug_one_line_is_logged(self, bench: SpinnakerBench, caplog: pytest.LogCaptureFixture) -> None:
        with opened(bench) as rig:
            rig.arm()
            bench.unplug("vis")
            assert fell_silent(rig.secondary, 0.1)
        assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
        assert "21188171 could not stop: it does not answer" in caplog.text
        bench.plug_in("vis")


def fell_silent_loudly(rig: OpenRig) -> None:
    while rig.primary.next_frame(0.2) is not None:
        pass


class TestTriggering:
    @both_dialects
    @pytest.mark.parametrize("primary", ARMS)
    def test_a_clip_of_both_cameras_proves_synchrony(
        self, make: Callable[[Path], SpinnakerBench], primary: Arm, tmp_path: Path
    ) -> None:
        bench = make(tmp_path)
        profile = bench.profile.edited({"trigger": {"primary": primary}})
        path = record_clip(profile, tmp_path, pairs=20)
        bench.close()
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert clip.certificate.claim == "synchrony"
            # Pairs that the pairing held when the clip had its length are part of it.
            assert len(clip) == clip.certificate.pairs >= 20
            assert np.abs(true_skews_ns(clip, bench.devices)).max() < PERIOD_NS / 20

    def test_the_secondary_starts_with_the_pulse_and_not_after_it(self, bench: SpinnakerBench) -> None:
        """The rising edge is set: after power-on, this generation of cameras listens to the falling one."""
        with opened(bench) as rig:
            rig.arm()
            taken = rig.take(4)
        late_ns = [true_ns(bench.devices["vis"], v) - true_ns(bench.devices["nir"], n) for n, v in pairs(taken)]
        assert max(late_ns) < 500_000

    def test_exposures_are_shifted_by_the_delay(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"trigger": {"delay_us": 1500}})
        with opened(bench) as rig:
            rig.arm()
            taken = rig.take(4)
        late_ns = [true_ns(bench.devices["vis"], v) - true_ns(bench.devices["nir"], n) for n, v in pairs(taken)]
        assert all(1_200_000 < late < 1_800_000 for late in late_ns)

    def test_overlap_lets_the_secondary_follow(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"vis": {"exposure_us": 9000}})
        with opened(bench) as rig:
            rig.arm()
            frames = rig.take(6)["vis"]
        assert np.diff([frame.timestamp_ns for frame in frames]).max() < 1.5 * PERIOD_NS
        assert bench.devices["vis"].missed == 0

    def test_a_cable_on_another_line_gives_silence(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"trigger": {"secondary_line": "Line0"}})
        with opened(bench) as rig:
            rig.arm()
            next_frame(rig.primary)
            assert rig.secondary.next_frame(0.1) is None

    @pytest.mark.parametrize(
        ("make", "cable", "cause"),
        [
            pytest.param(grasshopper, "wired", "none", id="wired"),
            pytest.param(grasshopper, "cut", "not wired", id="cut"),
            pytest.param(blackfly, "cut", "missing pull-up", id="cut-isolated"),
            pytest.param(grasshopper, "turned", "swapped roles", id="turned"),
        ],
    )
    def test_the_doctor_names_what_is_wrong_with_the_cable(
        self, make: Any, cable: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trigger, "WATCH_S", 0.2)
        monkeypatch.setattr(trigger, "PAUSE_S", 0.1)
        bench = make(tmp_path)
        if cable != "wired":
            bench.devices["vis"].source = None
        if cable == "cut":
            bench.devices["nir"].source = None
        assert trigger.diagnose(trigger.observe(bench.profile), bench.profile).cause == cause
        bench.close()

    def test_without_a_trigger_both_run_by_themselves(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"trigger": {"source": "free"}})
        with opened(bench) as rig:
            rig.secondary.arm()
            frames = [next_frame(rig.secondary) for _ in range(4)]
        assert np.diff([frame.timestamp_ns for frame in frames]).min() > 0.9 * PERIOD_NS


def pairs(taken: dict[Arm, list[Any]]) -> list[tuple[Any, Any]]:
    return list(zip(taken["nir"], taken["vis"], strict=True))


def true_ns(device: Device, frame: Any) -> int:
    return int(frame.timestamp_ns) - device.clock_offset_ns


def true_skews_ns(clip: Clip, devices: dict[Arm, Device]) -> np.ndarray:
    """By the true clocks of the cameras, which nothing in nirvis knows."""
    nir, vis = (
        clip.arms[arm].timestamp_ns[clip.complete[:, column]] - devices[arm].clock_offset_ns
        for column, arm in enumerate(ARMS)
    )
    return np.asarray(nir - vis)


class TestImages:
    @pytest.mark.parametrize(
        ("pixel_format", "bit_depth", "unpacked"),
        [("BayerRG8", 8, "BayerRG8"), ("BayerRG16", 16, "BayerRG16"), ("BayerRG12p", 12, "BayerRG12")],
    )
    @both_dialects
    def test_counts_of_every_pixel_format(
        self, make: Any, tmp_path: Path, pixel_format: str, bit_depth: int, unpacked: str
    ) -> None:
        bench = make(tmp_path)
        bench.profile = small_profile(bench.profile.nir.model, pixel_format, bit_depth)
        with opened(bench) as rig:
            rig.arm()
            frame = next_frame(rig.primary)
            assert rig.primary.info.pixel_format == unpacked
        bench.close()
        seen = np.add.outer(np.arange(48), np.arange(64) + frame.frame_id)
        expected = {8: seen % 256, 12: seen % 4096, 16: seen % 4096 << 4}[bit_depth]
        np.testing.assert_array_equal(frame.pixels, expected)

    def test_twelve_bits_at_the_upper_end_of_sixteen_come_down(self, tmp_path: Path) -> None:
        bench = blackfly(tmp_path)
        bench.profile = small_profile("BFS-U3-63S4C", "BayerRG16", 12)
        with opened(bench) as rig:
            rig.arm()
            frame = next_frame(rig.primary)
        bench.close()
        np.testing.assert_array_equal(frame.pixels[0], np.arange(64) + frame.frame_id)

    def test_incomplete_images_are_counted_and_given_back(self, bench: SpinnakerBench) -> None:
        """More of them than there are buffers: one that was kept would stall the camera."""
        other_profile(bench, {"spinnaker": {"buffers": 4}})
        bench.devices["nir"].first_frame_id = 100
        bench.devices["nir"].incomplete = frozenset(range(102, 109))
        bench.plug_in("nir")
        with opened(bench) as rig:
            rig.arm()
            frames = rig.take(12)["nir"]
            assert rig.primary.health()["incomplete"] == 7  # type: ignore[attr-defined]
        assert [frame.frame_id - frames[0].frame_id for frame in frames] == list(range(12))
        assert [frame.status is FrameStatus.INCOMPLETE for frame in frames] == [2 <= n < 9 for n in range(12)]

    def test_frames_that_find_no_buffer_leave_a_gap_and_a_figure(self, bench: SpinnakerBench) -> None:
        other_profile(bench, {"spinnaker": {"buffers": 3}})
        with opened(bench) as rig:
            rig.arm()
            first = next_frame(rig.primary)
            lost = lost_after_waiting(bench.devices["nir"], 3)
            frames = [next_frame(rig.primary) for _ in range(5)]
            assert rig.primary.health()["lost"] >= lost  # type: ignore[attr-defined]
        steps = np.diff([first.frame_id, *(frame.frame_id for frame in frames)])
        assert steps.sum() >= 5 + lost

    def test_the_counter_goes_on_beyond_16_bits(self, bench: SpinnakerBench) -> None:
        bench.devices["nir"].first_frame_id = 65_532
        bench.plug_in("nir")
        with opened(bench) as rig:
            rig.arm()
            frames = rig.take(8)["nir"]
        assert (np.diff([frame.frame_id for frame in frames]) == 1).all()

    def test_what_is_not_in_the_image_is_taken_from_the_profile(
        self, bench: SpinnakerBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        for device in bench.devices.values():
            chunk = device.nodes.features["ChunkSelector"]
            entries = tuple(name for name in chunk.entries if name in ("CRC", "Timestamp"))
            device.nodes.features = {**device.nodes.features, "ChunkSelector": replace(chunk, entries=entries)}
        with opened(bench) as rig:
            rig.arm()
            frames = rig.take(3)["nir"]
        assert [(frame.exposure_us, frame.gain_db) for frame in frames] == [(3000.0, 0.0)] * 3
        assert (np.diff([frame.frame_id for frame in frames]) == 1).all()
        assert "images do not carry ExposureTime, Frame" in caplog.text


def lost_after_waiting(device: Device, frames: int) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with device.changed:
            device.look()
            lost = int(device.stream["StreamLostFrameCount"])
            if lost >= frames:
                return lost
            device.changed.wait(0.01)
    raise AssertionError("the camera lost nothing")


class TestFigures:
    def test_the_latch_is_as_good_as_it_says(self, bench: SpinnakerBench) -> None:
        with opened(bench) as rig:
            for arm, camera in rig.cameras.items():
                latch = camera.latch_clock()
                assert latch is not None
                error_ns = latch.camera_ns - latch.host_ns - bench.devices[arm].clock_offset_ns
                assert abs(error_ns) <= latch.uncertainty_ns
                assert latch.uncertainty_ns >= camera.info.timestamp_resolution_ns

    def test_temperature_while_streaming_and_nothing_after_closing(self, bench: SpinnakerBench) -> None:
        with opened(bench) as rig:
            rig.arm()
            camera: Any = rig.primary
            assert camera.health()["temperature_c"] == 41.5
            camera.close()
            assert camera.health() == {}

    def test_many_starts_and_stops_from_two_threads(self, bench: SpinnakerBench) -> None:
        with opened(bench) as rig:
            for _ in range(10):
                rig.arm()
                reader = Waiting(lambda: fell_silent(rig.secondary, 0.05))
                next_frame(rig.primary)
                rig.disarm()
                assert reader.result()
        assert bench.world.violations == []
