"""Both cameras are armed and stopped in the right order, and what they send becomes one provable clip."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from nirvis_capture import patience
from nirvis_capture import rig as rig_module
from nirvis_capture.anchor import Anchor
from nirvis_capture.camera import ARMS, Arm, CameraInfo, ClockLatch, Frame
from nirvis_capture.clip import Clip
from nirvis_capture.clip_recording import record_clip
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.errors import CameraError, CameraLost, RecorderError
from nirvis_capture.naming import clip_path
from nirvis_capture.pair_stream import PairStream, Then
from nirvis_capture.pairing import Event
from nirvis_capture.profile import Profile
from nirvis_capture.recording import UNLIMITED, Limits, Recording, new_header
from nirvis_capture.rig import Rig
from nirvis_capture.row import Row, frames_of
from nirvis_capture.verify import verify
from waiting import wait_for

SmallProfile = Callable[..., Profile]


def new_recording(rig: Rig, folder: Path, limits: Limits = UNLIMITED, **options: Any) -> Recording:
    header = new_header("", "day", "", "")
    path = clip_path(rig.profile, folder, header.start_time, "", header.recording_id)
    return Recording(path, header, rig.profile, rig.infos, limits, **options)


@pytest.fixture
def armed(small_profile: SmallProfile) -> Iterator[Rig]:
    rig = Rig(small_profile("real", rate_hz=200), on_lost=lambda _: None)
    rig.open()
    rig.arm()
    yield rig
    rig.close()


class TestRecordClip:
    def test_a_clip_has_the_pairs_that_were_asked_for_and_verifies(
        self, small_profile: SmallProfile, tmp_path: Path
    ) -> None:
        path = record_clip(small_profile(), tmp_path, pairs=70, place="bridge", light="dusk", operator="me")
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert len(clip) == 70
            assert [len(track) for track in clip.arms.values()] == [70, 70]
            assert (clip.place, clip.light, clip.operator) == ("bridge", "dusk", "me")
            assert clip.certificate.claim == "synchrony"

    def test_seconds_count_pulses_whatever_the_pacing(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        with Clip.open(record_clip(small_profile(rate_hz=50), tmp_path, seconds=1.5)) as clip:
            assert len(clip) == 75

    def test_fast_cameras_wait_for_a_small_ring(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        path = record_clip(small_profile(ring_seconds=0.02), tmp_path, pairs=200)
        with Clip.open(path) as clip:
            assert len(clip) == len(clip.pairs) == 200

    def test_a_disk_that_stalls_is_no_lost_camera(
        self, small_profile: SmallProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cameras that can be slowed down wait for the disk, and are not taken for unplugged meanwhile."""
        monkeypatch.setattr(rig_module, "LOST_AFTER_S", 0.05)

        class Stalling(ClipWriter):
            def write(self, row: Row) -> None:
                if self.rows == 40:
                    time.sleep(0.6)
                super().write(row)

        lost: list[CameraError] = []
        rig = Rig(small_profile(rate_hz=200), lost.append)
        rig.open()
        recording = new_recording(rig, tmp_path, Limits(pulses=120), open_writer=Stalling)
        rig.arm(recording)
        assert recording.wait(30)
        rig.close()
        assert not lost
        path = recording.result()
        with Clip.open(path) as clip:
            assert len(clip) == 120

    def test_real_pacing_gives_the_same_length(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        path = record_clip(small_profile("real", rate_hz=200), tmp_path, pairs=60)
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert len(clip) == 60

    def test_progress_ends_with_the_total(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        record_clip(small_profile(), tmp_path, pairs=20, progress=lambda done, total: told.append((done, total)))
        assert told[-1] == (20, 20)

    @pytest.mark.parametrize(
        ("fault", "events", "pairs"),
        [
            pytest.param('kind = "transfer_drop", arm = "vis", at = 40', {Event.TRANSFER_DROP: 1}, 99, id="drop"),
            pytest.param('kind = "transfer_drop", arm = "nir", at = 40', {Event.TRANSFER_DROP: 1}, 99, id="drop-nir"),
            pytest.param('kind = "missed_trigger", arm = "vis", at = 40', {Event.MISSED_TRIGGER: 1}, 99, id="missed"),
            pytest.param('kind = "incomplete", arm = "vis", at = 40', {Event.INCOMPLETE: 1}, 99, id="incomplete"),
            pytest.param(
                'kind = "transfer_drop", arm = "vis", at = 40, count = 3', {Event.TRANSFER_DROP: 3}, 97, id="burst"
            ),
        ],
    )
    def test_faults_are_counted_and_no_pair_is_wrong(
        self, small_profile: SmallProfile, tmp_path: Path, fault: str, events: dict[Event, int], pairs: int
    ) -> None:
        path = record_clip(small_profile(faults=f"{{ {fault} }}"), tmp_path, seconds=100 / 60)
        assert verify(path).ok
        with Clip.open(path) as clip:
            found = {Event(e): int(n) for e, n in zip(*np.unique(clip.pairs["event"], return_counts=True), strict=True)}
            assert found == {Event.PAIR: pairs, **events}
            assert wrong_pairs(clip) == 0

    def test_a_lost_first_frame_shifts_nothing(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        profile = small_profile(faults='{ kind = "transfer_drop", arm = "vis", at = 0, count = 2 }')
        path = record_clip(profile, tmp_path, pairs=50)
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert wrong_pairs(clip) == 0
            assert clip.certificate.claim == "synchrony"

    def test_an_unplugged_camera_ends_the_clip_and_is_said(self, small_profile: SmallProfile, tmp_path: Path) -> None:
        profile = small_profile("real", rate_hz=200, faults='{ kind = "unplug", arm = "vis", at = 100 }')
        with pytest.raises(CameraLost, match="TWIN-VIS sent no frame"):
            record_clip(profile, tmp_path, seconds=60)
        (path,) = tmp_path.glob("*.clip.h5")
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert len(clip) == 100
            assert "TWIN-VIS" in clip.certificate.ended

    def test_a_full_disk_is_refused_before_anything_is_recorded(
        self, small_profile: SmallProfile, tmp_path: Path
    ) -> None:
        with pytest.raises(RecorderError, match="nothing was recorded"):
            record_clip(small_profile(min_free_gb=1e9), tmp_path, pairs=1)
        assert not list(tmp_path.iterdir())


def wrong_pairs(clip: Clip) -> int:
    """Pairs whose frames are not of one pulse, by the clocks that the twin really has."""
    twin = clip.profile.twin
    nir, vis = (
        (clip.arms[arm].timestamp_ns[clip.complete[:, column]] - clock.offset_ms * 1e6) / (1 + clock.drift_ppm * 1e-6)
        for column, (arm, clock) in enumerate((("nir", twin.nir_clock), ("vis", twin.vis_clock)))
    )
    return int(np.count_nonzero(np.abs(nir - vis) > clip.profile.trigger.period_ns / 4))


class TestRecordingWhileArmed:
    def test_a_clip_that_begins_in_the_middle_verifies(self, armed: Rig, tmp_path: Path) -> None:
        wait_for(lambda: armed.counts.get(Event.PAIR, 0) > 30)
        recording = new_recording(armed, tmp_path, Limits(pairs=50))
        armed.stream.begin(recording)
        path = recording.result()
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert len(clip) == 50
            assert clip.certificate.claim == "synchrony"
            assert clip.arms["nir"].frame_id[0] > 0

    def test_clips_that_follow_each_other_leave_no_gap(self, armed: Rig, tmp_path: Path) -> None:
        first, second = (
            new_recording(armed, tmp_path, Limits(pairs=40)),
            new_recording(armed, tmp_path, Limits(pairs=40)),
        )
        first.on_end = lambda: armed.stream.begin(second)
        armed.stream.begin(first)
        paths = [first.result(), second.result()]
        assert all(verify(path).ok for path in paths)
        with Clip.open(paths[0]) as one, Clip.open(paths[1]) as two:
            for arm in ("nir", "vis"):
                assert two.arms[arm].frame_id[0] == one.arms[arm].frame_id[-1] + 1
                assert len(one.arms[arm]) == len(two.arms[arm]) == 40

    def test_stopping_ends_with_a_whole_pair(self, armed: Rig, tmp_path: Path) -> None:
        recording = new_recording(armed, tmp_path)
        armed.stream.begin(recording)
        wait_for(lambda: recording.pairs > 20)
        armed.stream.end(timeout_s=5)
        with Clip.open(recording.result()) as clip:
            assert len(clip) == len(clip.pairs)

    def test_disarming_completes_the_clip(self, armed: Rig, tmp_path: Path) -> None:
        recording = new_recording(armed, tmp_path)
        armed.stream.begin(recording)
        wait_for(lambda: recording.pairs > 20)
        armed.disarm()
        assert verify(recording.result()).ok

    def test_armed_again_and_again(self, small_profile: SmallProfile) -> None:
        rig = Rig(small_profile(rate_hz=500), on_lost=lambda error: pytest.fail(str(error)))
        rig.open()
        threads = threading.active_count()
        for _ in range(5):
            rig.arm()
            wait_for(lambda: rig.counts.get(Event.PAIR, 0) > 3)
            rig.disarm()
        rig.close()
        assert threading.active_count() == threads


@dataclass
class StubCamera:
    """A camera that sends what it is told to, and writes down what is asked of it."""

    arm_name: Arm
    calls: list[str]
    sends: Callable[[], bool] = lambda: True
    refuses: bool = False
    hangs: threading.Event = field(default_factory=threading.Event)
    """Set: `disarm` comes back."""
    armed: bool = False
    sent: int = 0

    info = CameraInfo("STUB", "stub", "BayerRG8", 160, 120, 8, 0.0, 1000)

    def arm(self) -> None:
        self.calls.append(f"arm {self.arm_name}")
        if self.refuses:
            raise CameraError("exposure_us is out of range")
        self.armed = True

    def next_frame(self, timeout_s: float) -> Frame | None:
        time.sleep(0.005)
        if not self.armed or not self.sends():
            return None
        self.sent += 1
        now = time.monotonic_ns()
        return Frame(np.zeros((120, 160), np.uint8), self.sent, now, now, 6000, 0.0)

    def latch_clock(self) -> ClockLatch | None:
        return None

    def disarm(self) -> None:
        self.calls.append(f"disarm {self.arm_name}")
        self.armed = False
        self.hangs.wait(30)

    def close(self) -> None:
        self.disarm()


@dataclass
class StubBackend:
    cameras: dict[Arm, StubCamera]

    def serials(self) -> list[str]:
        return ["STUB"]

    def open(self) -> Mapping[Arm, StubCamera]:
        return self.cameras

    def close(self) -> None:
        self.cameras["nir"].calls.append("close")


class Stub:
    """A rig of stub cameras; the primary is nir."""

    def __init__(self, profile: Profile) -> None:
        self.calls: list[str] = []
        self.lost: list[CameraError] = []
        self.nir, self.vis = StubCamera("nir", self.calls), StubCamera("vis", self.calls)
        self.vis.sends = lambda: self.nir.armed
        for camera in (self.nir, self.vis):
            camera.hangs.set()
        self.rig = Rig(profile, self.lost.append, StubBackend({"nir": self.nir, "vis": self.vis}))
        self.rig.open()

    def name_serials(self) -> None:
        for camera in (self.nir, self.vis):
            camera.info = replace(camera.info, serial=f"STUB-{camera.arm_name.upper()}")


@pytest.fixture
def stub(small_profile: SmallProfile) -> Iterator[Stub]:
    stub = Stub(small_profile("real"))
    yield stub
    stub.nir.hangs.set()
    stub.vis.hangs.set()
    stub.rig.close()


class RangedCamera(StubCamera):
    """It tells what its exposure may be."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"exposure_us": (4.0, 32_000.0)}


def test_ranges_are_those_of_the_cameras_that_tell_them(small_profile: SmallProfile) -> None:
    calls: list[str] = []
    cameras: dict[Arm, StubCamera] = {"nir": RangedCamera("nir", calls), "vis": StubCamera("vis", calls)}
    rig = Rig(small_profile("real"), on_lost=lambda _: None, backend=StubBackend(cameras))
    assert rig.ranges == {}
    rig.open()
    assert rig.ranges == {"nir": {"exposure_us": (4.0, 32_000.0)}}
    rig.close()


class Rows:
    """A recording without a disk."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.counts: Mapping[Event, int] | None = None

    def begin(self, anchor: Anchor | None, kept: Sequence[Row] = ()) -> None:
        pass

    def take(self, row: Row) -> Then:
        self.rows.append(row)
        return "go on"

    def end(self, counts: Mapping[Event, int]) -> None:
        self.counts = counts


@pytest.mark.parametrize("silent", ["nir", "vis"])
@pytest.mark.parametrize("sent", [0, 1, 3])
def test_every_frame_is_in_a_row_when_the_other_arm_stays_silent(silent: Arm, sent: int) -> None:
    """Not only until as many of both arms are paired: what waits is recorded alone."""
    period_ns, frames = 20_000_000, 50

    def anchored(nir: Sequence[Frame], vis: Sequence[Frame]) -> Anchor:
        return Anchor(nir[0].timestamp_ns, vis[0].timestamp_ns, "pause", "", nir[0].frame_id, vis[0].frame_id)

    stream, rows = PairStream("nir", period_ns, anchored, listening_frames=5), Rows()
    stream.begin(rows)
    for pulse in range(frames):
        for arm in ARMS:
            if arm != silent or pulse < sent:
                at_ns = pulse * period_ns
                stream.feed(arm, Frame(np.zeros((2, 2), np.uint8), pulse, at_ns, at_ns + 5_000_000, 100, 0))
    stream.end(timeout_s=0)
    assert sum(len(list(frames_of(row))) for row in rows.rows) == frames + sent
    assert rows.counts is not None
    assert sum(rows.counts.values()) == len(rows.rows)


class TestOrder:
    def test_secondary_first_up_and_last_down(self, stub: Stub) -> None:
        stub.rig.arm()
        wait_for(lambda: stub.vis.sent > 3)
        stub.rig.disarm()
        assert stub.calls == ["arm vis", "arm nir", "disarm nir", "disarm vis"]
        assert not stub.lost

    def test_a_silent_pause_anchors(self, stub: Stub) -> None:
        stub.rig.arm()
        assert stub.rig.warning == ""

    def test_a_secondary_that_runs_freely_is_named_and_its_clip_claims_no_synchrony(
        self, stub: Stub, tmp_path: Path
    ) -> None:
        stub.vis.sends = lambda: True
        recording = new_recording(stub.rig, tmp_path, Limits(pulses=20))
        stub.rig.arm(recording)
        assert "runs freely" in stub.rig.warning
        path = recording.result()
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert clip.certificate.claim == "integrity"
            assert set(clip.pairs["event"]) == {Event.UNANCHORED}
            assert len(clip) == 0

    def test_cameras_that_run_freely_by_their_profile_are_no_reason_for_a_warning(
        self, small_profile: SmallProfile, tmp_path: Path
    ) -> None:
        stub = Stub(small_profile("real").edited({"trigger": {"source": "free"}}))
        stub.vis.sends = lambda: True
        recording = new_recording(stub.rig, tmp_path, Limits(pulses=20))
        stub.rig.arm(recording)
        assert stub.rig.warning == ""
        path = recording.result()
        stub.rig.close()
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert clip.certificate.claim == "integrity"
            assert any("run by themselves, as the profile has it" in text for text in clip.certificate.not_proved)

    def test_one_stray_frame_after_arming_is_forgiven(self, stub: Stub) -> None:
        stub.vis.sends = lambda: stub.nir.armed or stub.vis.sent == 0
        stub.rig.arm()
        assert stub.rig.warning == ""

    def test_a_camera_that_refuses_leaves_none_armed(self, stub: Stub) -> None:
        stub.nir.refuses = True
        with pytest.raises(CameraError, match="out of range"):
            stub.rig.arm()
        assert not stub.vis.armed

    def test_a_driver_that_hangs_is_left_behind(self, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patience.within_patience, "__defaults__", (0.05,))
        stub.rig.arm()
        stub.nir.hangs.clear()
        stub.rig.disarm()
        assert stub.calls[-1] == "disarm vis"

    @pytest.mark.parametrize("silent", ["nir", "vis"])
    def test_a_camera_that_falls_silent_is_lost(self, stub: Stub, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rig_module, "LOST_AFTER_S", 0.05)
        stub.rig.arm()
        wait_for(lambda: stub.vis.sent > 3)
        getattr(stub, silent).sends = lambda: False
        wait_for(lambda: bool(stub.lost))
        assert isinstance(stub.lost[0], CameraLost)

    @pytest.mark.parametrize("notices", ["nir", "vis"])
    def test_where_the_pulses_end_the_primary_is_named_whoever_notices_first(self, stub: Stub, notices: Arm) -> None:
        stub.name_serials()
        stub.rig._heard_s = {"nir": 100.0, "vis": 100.02}
        said = str(stub.rig._silence(notices, 1.0))
        assert said.startswith("Camera STUB-NIR sent no frame")
        assert "It is the primary: without its pulses STUB-VIS is silent, too" in said

    def test_a_secondary_that_is_silent_alone_is_named_itself(self, stub: Stub) -> None:
        stub.name_serials()
        stub.rig._heard_s = {"nir": 100.9, "vis": 100.0}
        said = str(stub.rig._silence("vis", 1.0))
        assert said.startswith("Camera STUB-VIS sent no frame")
        assert "primary" not in said

    @pytest.mark.parametrize(("rate_hz", "told_after_s"), [(200, 1.0), (10, 1.0), (1, 3.0)])
    def test_silence_is_told_after_a_second_or_three_periods(
        self, small_profile: SmallProfile, monkeypatch: pytest.MonkeyPatch, rate_hz: float, told_after_s: float
    ) -> None:
        """On a clock that only the waiting for frames moves."""
        stub, now_s = Stub(small_profile("real", rate_hz=rate_hz)), [100.0]

        def wait_in_vain(timeout_s: float) -> None:
            now_s[0] += timeout_s

        monkeypatch.setattr(rig_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
        monkeypatch.setattr(stub.vis, "next_frame", wait_in_vain)
        stub.rig._heard_s = {"nir": 100.0 + told_after_s, "vis": 100.0}
        lost = stub.rig._feed("vis", stub.vis, PairStream("nir", 1, lambda *_: Anchor(0, 0, "none")))
        assert isinstance(lost, CameraLost)
        assert -1e-6 < now_s[0] - 100 - told_after_s < rig_module._LOOK_S + 1e-6

    def test_a_driver_that_fails_while_reading_is_lost(self, stub: Stub) -> None:
        def fail() -> bool:
            raise CameraError("USB error -1010")

        stub.rig.arm()
        stub.vis.sends = fail
        wait_for(lambda: bool(stub.lost))
        assert str(stub.lost[0]) == "USB error -1010"
