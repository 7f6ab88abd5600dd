"""The aravis backend against two GigE cameras: real processes, a real protocol, and real losses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gige import flir
from gige.cameras import GigeCamera, gige_profile, model_registers
from nirvis_capture.camera import ARMS, Arm, Camera, Frame, FrameStatus
from nirvis_capture.cameras import aravis_camera
from nirvis_capture.cameras.aravis import AravisBackend, load
from nirvis_capture.client import RecorderClient
from nirvis_capture.clip import Clip
from nirvis_capture.errors import CameraError, CameraNotFound
from nirvis_capture.profile import Profile

NIRVIS = [sys.executable, "-c", "from nirvis.app import main; main()"]
SMALL = {"roi": {"width": 64, "height": 48}, "exposure_us": 500}
WIDTH, HEIGHT, EXPOSURE_US, PIXEL_FORMAT, PERIOD_US = 0x100, 0x104, 0x120, 0x128, 0x138
TRIGGER_MODE, TRIGGER_SOURCE = 0x300, 0x304
BAYER_RG8 = 0x01080009
DEADLINE_S = 30.0

Plug = Callable[..., dict[Arm, GigeCamera]]


@pytest.fixture
def plug() -> Iterator[Plug]:
    """Plugs in both cameras; keywords are options of one arm's."""
    cameras: dict[Arm, GigeCamera] = {}

    def plug_in(**options: list[str]) -> dict[Arm, GigeCamera]:
        for arm in ARMS:
            cameras[arm] = GigeCamera(arm, *options.get(arm, []))
            cameras[arm].start()
        return cameras

    yield plug_in
    for camera in cameras.values():
        camera.kill()


@contextmanager
def opened(profile: Profile) -> Iterator[dict[Arm, Camera]]:
    backend = AravisBackend(profile)
    try:
        yield dict(backend.open())
    finally:
        backend.close()


def small_profile(**edits: Any) -> Profile:
    tables: dict[str, Any] = {"nir": SMALL, "vis": SMALL, "trigger": {"rate_hz": 100}}
    return gige_profile(**{name: {**tables.get(name, {}), **edits.get(name, {})} for name in {*tables, *edits}})


def take(camera: Camera, frames: int) -> list[Frame]:
    taken: list[Frame] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(taken) < frames:
        assert time.monotonic() < deadline, f"only {len(taken)} frames came"
        frame = camera.next_frame(1.0)
        if frame is not None:
            taken.append(frame)
    return taken


class TestFinding:
    def test_cameras_are_found_by_serial_and_usb3_sends_no_broadcast(self, plug: Plug) -> None:
        plug()
        assert sorted(AravisBackend(gige_profile()).serials()) == ["NIR1", "VIS1"]
        usb3 = AravisBackend(gige_profile(aravis={"interface": "usb3"}))
        with pytest.raises(CameraNotFound, match="found none"):
            usb3.open()

    def test_a_camera_that_another_program_controls_is_named(self, plug: Plug) -> None:
        plug()
        with opened(small_profile()), pytest.raises(CameraError, match="NIR1 is controlled by another program"):
            AravisBackend(small_profile()).open()


class TestSettings:
    def test_another_model_than_the_profile_says_is_refused_as_it_was(self, plug: Plug) -> None:
        cameras = plug()
        cameras["vis"].write({WIDTH: 640, **model_registers("Blackfly S BFS-U3-63S4C")})
        message = r"VIS1 is a Blackfly S BFS-U3-63S4C, but vis.model in the profile is GS3-U3-15S4C"
        with pytest.raises(CameraError, match=message), opened(small_profile(vis={**SMALL, "model": "GS3-U3-15S4C"})):
            pass
        assert cameras["vis"].read(WIDTH) == [640]

    @pytest.mark.parametrize(("link_mb_s", "bytes_s"), [(None, 125_000_000), (60.0, 59_800_000), (0.5, 1_000_000)])
    def test_share_of_the_link_by_the_steps_of_the_camera(
        self, plug: Plug, description: Path, link_mb_s: float | None, bytes_s: int
    ) -> None:
        cameras = plug(vis=["-g", str(description)])
        cameras["vis"].write({flir.LINK: 9_000_000})
        with opened(small_profile(aravis={"link_mb_s": link_mb_s})):
            assert cameras["vis"].read(flir.LINK) == [bytes_s]
        assert cameras["vis"].read(flir.LINK) == [9_000_000]

    def test_settings_reach_the_camera_and_the_old_ones_come_back(self, plug: Plug) -> None:
        cameras = plug()
        registers = (WIDTH, HEIGHT, EXPOSURE_US, PIXEL_FORMAT, PERIOD_US, TRIGGER_MODE)
        cameras["nir"].write({WIDTH: 640, HEIGHT: 480, EXPOSURE_US: 90_000, PERIOD_US: 200_000, TRIGGER_MODE: 1})
        before = cameras["nir"].read(*registers)
        with opened(small_profile()) as rig:
            rig["nir"].arm()
            assert cameras["nir"].read(*registers) == [64, 48, 500, BAYER_RG8, 10_000, 0]
            assert take(rig["nir"], 1)[0].exposure_us == 500
        assert cameras["nir"].read(*registers) == before

    def test_what_a_killed_recorder_left_is_put_back_by_the_next_program(self, plug: Plug, runtime: Path) -> None:
        cameras = plug()
        registers = (WIDTH, HEIGHT, EXPOSURE_US, PIXEL_FORMAT, PERIOD_US, TRIGGER_MODE)
        cameras["nir"].write({WIDTH: 640, HEIGHT: 480, EXPOSURE_US: 90_000, PERIOD_US: 200_000, TRIGGER_MODE: 1})
        before = cameras["nir"].read(*registers)
        with RecorderClient.start(small_profile()) as client:
            client.arm()
            os.kill(client.status().process, signal.SIGKILL)
            assert cameras["nir"].read(*registers) == [64, 48, 500, BAYER_RG8, 10_000, 0]
        deadline = time.monotonic() + DEADLINE_S
        # A GigE camera belongs to the program that was killed until its heartbeat is missed.
        while not _can_be_opened(small_profile()):
            assert time.monotonic() < deadline, "the camera was never free again"
        assert cameras["nir"].read(*registers) == before

    @pytest.mark.parametrize(
        ("edits", "message"),
        [
            pytest.param(
                {"sensor": {"width_px": 4096}, "roi": {"width": 4096}}, r"Width = 4096; it allows 1 to 2048", id="width"
            ),
            pytest.param({"exposure_us": 5}, r"ExposureTimeAbs = 5.0; it allows 10 to 1e\+07", id="exposure"),
            pytest.param(
                {"pixel_format": "BayerRG16", "sensor": {"bit_depth": 16}},
                r"PixelFormat = BayerRG16; it allows .*BayerRG8",
                id="format",
            ),
            pytest.param({"gain_db": 3.0}, r"NIR1 has no Gain", id="no-such-feature"),
        ],
    )
    def test_what_a_camera_cannot_do_is_refused_with_what_it_can(
        self, plug: Plug, edits: dict[str, Any], message: str
    ) -> None:
        cameras = plug()
        before = cameras["nir"].read(WIDTH, HEIGHT, EXPOSURE_US, PIXEL_FORMAT)
        with pytest.raises(CameraError, match=message), opened(small_profile(nir={**SMALL, **edits})):
            pass
        assert cameras["nir"].read(WIDTH, HEIGHT, EXPOSURE_US, PIXEL_FORMAT) == before

    def test_an_error_that_is_kept_keeps_no_camera(self, plug: Plug) -> None:
        plug()
        with pytest.raises(CameraError, match="VIS1 has no Gain") as kept, opened(small_profile(vis={"gain_db": 3.0})):
            pass
        with opened(small_profile()) as rig:
            rig["vis"].arm()
            take(rig["vis"], 1)
        assert kept.value.__traceback__ is not None

    def test_a_wired_rig_by_the_names_of_a_grasshopper(self, plug: Plug, description: Path) -> None:
        cameras = plug(nir=["-g", str(description)], vis=["-g", str(description)])
        old = {flir.EXPOSURE_AUTO: 1, flir.GAMMA: 1, flir.GAIN: 7, flir.LINE_SELECTOR: 1, flir.RATE_ENABLED: 1}
        for camera in cameras.values():
            camera.write(old | {flir.LINK: 9_000_000} | model_registers("Grasshopper3 GS3-U3-15S4C"))
        registers = (
            *old,
            flir.LINK,
            *_at_lines(flir.LINE_MODE),
            *_at_lines(flir.LINE_SOURCE),
            TRIGGER_MODE,
            flir.TRIGGER_OVERLAP,
        )
        before = {arm: camera.read(*registers) for arm, camera in cameras.items()}
        wired = {"model": "GS3-U3-15S4C", "gain_db": 12.5}
        share = {"link_mb_s": 60.1}
        profile = small_profile(nir=wired, vis=wired, trigger={"source": "hardware"}, aravis=share)
        cameras["nir"].write({flir.CLOCK: 123_456, flir.TEMPERATURE: 385})
        with opened(profile) as rig:
            # Line2 of the primary puts out its exposures; Line3 of the secondary starts its own. Both do before one is
            # armed: a line that becomes an output gives an edge.
            assert cameras["nir"].read(*registers) == [0, 0, 125, 0, 1, 59_800_000, 1, 0, 1, 0, 0, 0]
            assert cameras["vis"].read(*registers) == [0, 0, 125, 1, 0, 59_800_000, 0, 0, 0, 0, 1, 1]
            assert cameras["vis"].read(flir.CHUNK_MODE, *_at_lines(flir.CHUNK_ENABLE)) == [1, 1, 1]
            rig["vis"].arm()
            assert rig["nir"].health() == {"temperature_c": 38.5}
            rig["nir"].arm()
            assert rig["nir"].health()["temperature_c"] == 38.5
            latch = rig["nir"].latch_clock()
            assert latch is not None
            assert (latch.camera_ns, cameras["nir"].read(flir.LATCH)) == (123_456, [1])
            frame = take(rig["nir"], 1)[0]
            assert (frame.exposure_us, frame.gain_db) == (500, 12.5)
            assert rig["nir"].info.model == "GS3-U3-15S4C"
            assert rig["vis"].next_frame(0.2) is None
        assert {arm: camera.read(*registers) for arm, camera in cameras.items()} == before


def _can_be_opened(profile: Profile) -> bool:
    try:
        with opened(profile):
            return True
    except CameraError:
        return False


def _at_lines(register: int) -> tuple[int, int]:
    return register, register + flir.LINE_STRIDE


@pytest.fixture(scope="session")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    aravis = load().aravis
    for interface in ("GigEVision", "USB3Vision"):
        aravis.disable_interface(interface)
    aravis.enable_interface("Fake")
    aravis.update_device_list()
    text = aravis.Camera.new("Fake_1").get_device().get_genicam_xml()[0]
    path = tmp_path_factory.mktemp("flir") / "grasshopper.xml"
    path.write_text(flir.flir_description(text))
    return path


class TestFrames:
    def test_ids_go_on_where_the_counter_of_the_camera_wraps(self, plug: Plug) -> None:
        plug()
        with opened(small_profile(trigger={"rate_hz": 500})) as rig:
            rig["nir"].arm()
            frames = take(rig["nir"], 250)
        ids = np.array([frame.frame_id for frame in frames])
        assert ids[0] < 65535 < ids[-1]
        steps = np.diff(ids)
        assert (steps >= 1).all()
        assert (steps == 1).mean() > 0.8
        assert steps.max() < 100

    def test_lost_packets_make_incomplete_frames_that_are_counted(self, plug: Plug) -> None:
        plug(nir=["-r", "2"])
        profile = small_profile(nir={"roi": {"width": 640, "height": 480}})
        with opened(profile) as rig:
            rig["nir"].arm()
            deadline = time.monotonic() + DEADLINE_S
            frames: list[Frame] = []
            while rig["nir"].health().get("missing_packets", 0) == 0 or len({f.status for f in frames}) < 2:
                assert time.monotonic() < deadline
                frames += take(rig["nir"], 1)
            health = rig["nir"].health()
        assert {frame.pixels.shape for frame in frames} == {(480, 640)}
        assert {frame.status for frame in frames} == {FrameStatus.COMPLETE, FrameStatus.INCOMPLETE}
        assert health["incomplete"] > 0
        assert health["received_packets"] > health["missing_packets"]
        assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()

    @pytest.mark.parametrize("packet_socket", [True, False])
    def test_both_ways_to_receive(self, plug: Plug, packet_socket: bool) -> None:
        plug()
        how = {"packet_socket": packet_socket, "packet_bytes": 8000, "buffers": 4}
        with opened(small_profile(aravis=how)) as rig:
            rig["vis"].arm()
            assert [frame.status for frame in take(rig["vis"], 5)] == [FrameStatus.COMPLETE] * 5


class TestReception:
    def test_the_doctor_tells_the_arm_whose_packets_are_missing_and_what_to_do(
        self, plug: Plug, tmp_path: Path
    ) -> None:
        plug(nir=["-r", "50"])
        profile = tmp_path / "rig.toml"
        profile.write_text(small_profile(nir={"roi": {"width": 640, "height": 480}}).text)
        asked = [*NIRVIS, "doctor", "--trigger", "--json", str(profile)]
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        nir, vis = (finding for finding in json.loads(said.stdout) if finding["check"] == "reception")
        assert nir["level"] == "warning"
        assert re.fullmatch(r"nir: [1-9]\d* packets? missing, 0 resent beside [1-9]\d* received", nir["found"])
        assert "net.core.rmem_max" in nir["remedy"]
        assert (vis["level"], vis["remedy"]) == ("ok", "")
        assert re.fullmatch(r"vis: \d+ frames, \d+ packets, none missing or resent", vis["found"])


class TestLoss:
    def test_closing_a_dead_camera_keeps_nobody_waiting(self, plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aravis_camera, "GOODBYE_S", 0.05)
        cameras = plug()
        backend = AravisBackend(small_profile())
        camera = backend.open()["vis"]
        camera.arm()
        take(camera, 1)
        cameras["vis"].kill()
        camera.disarm()
        backend.close()
        goodbye = aravis_camera._goodbyes["VIS1"]
        assert goodbye.is_alive(), "the driver gave up sooner than it used to: is there still something to test?"
        cameras["vis"].start()
        goodbye.join(DEADLINE_S)
        with opened(small_profile()) as rig:
            rig["vis"].arm()
            take(rig["vis"], 2)

    def test_a_camera_killed_while_recording_leaves_a_clip_that_accounts_for_it(
        self, plug: Plug, tmp_path: Path, runtime: Path
    ) -> None:
        cameras = plug()
        profile = tmp_path / "rig.toml"
        profile.write_text(gige_profile(recording={"min_free_gb": 0}).text)
        record = [*NIRVIS, "record", "--profile", str(profile), "--out", str(tmp_path), "--json"]
        with subprocess.Popen(record, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            status = json.loads(process.stdout.readline())
            while status["seconds"] < 1:
                assert status["message"] == ""
                status = json.loads(process.stdout.readline())
            cameras["vis"].kill()
            last = json.loads(process.stdout.read().splitlines()[-1])
            assert "VIS1 sent no frame for" in process.stderr.read()
            assert process.wait(DEADLINE_S) == 1
        assert status["health"]["nir"]["frames"] > 0
        assert last["clip"], "".join(log.read_text() for log in runtime.rglob("*.log"))
        verified = subprocess.run([*NIRVIS, "verify", last["clip"]], capture_output=True, text=True, check=False)
        assert (verified.returncode, "integrity only" in verified.stdout) == (0, True), verified.stdout
        with Clip.open(Path(last["clip"])) as clip:
            _check_account(clip)


def _check_account(clip: Clip) -> None:
    certificate = clip.certificate
    assert (certificate.claim, certificate.pairs) == ("integrity", 0)
    assert any("run by themselves" in statement for statement in certificate.not_proved)
    told = re.search(r"VIS1 sent no frame for (\d+\.\d) s", certificate.ended)
    assert told is not None
    assert 1.0 <= float(told[1]) < 3, "the loss is told after one second without a frame"
    nir, vis = clip.arms["nir"], clip.arms["vis"]
    assert certificate.frames == {"nir": len(nir), "vis": len(vis)}
    assert nir.shape[-2:] == vis.shape[-2:] == (1032, 1384)
    assert nir.host_ns[-1] > vis.host_ns[-1], "the other arm is recorded until the loss is told"
    for track in (nir, vis):
        assert (np.diff(track.frame_id) >= 1).all()
