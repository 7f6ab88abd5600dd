"""The recorder survives its clients, ends every recording with a certified clip, and says why."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirvis_capture import client as client_module
from nirvis_capture import opening, recorder_lock
from nirvis_capture import recording as recording_module
from nirvis_capture.cameras.simulated import SimulatedBackend
from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.clip import Clip
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.errors import CameraNotFound, RecorderError
from nirvis_capture.profile import Profile
from nirvis_capture.recorder import Recorder
from nirvis_capture.recorder_lock import hold_lock, rigs_held
from nirvis_capture.runtime import socket_path
from nirvis_capture.server import Server
from nirvis_capture.verify import verify
from recorders import recorder_of, running
from waiting import wait_for

SmallProfile = Callable[..., Profile]


def wait_for_state(client: RecorderClient, *states: str) -> RecorderStatus:
    wait_for(lambda: client.status().state in states)
    return client.status()


@pytest.fixture
def real(small_profile: SmallProfile, runtime: Path) -> Profile:
    return small_profile("real", rate_hz=150)


class TestRecording:
    def test_record_and_stop(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            assert client.status().state == "idle"
            recording_id = client.record(place="bridge", folder=tmp_path)
            wait_for(lambda: client.status().pairs > 30)
            path = client.stop()
            status = client.status()
        assert path is not None
        assert path == status.clip
        assert status.state == "armed"
        assert verify(path).ok
        with Clip.open(path) as clip:
            assert (clip.recording_id, clip.place, len(clip)) == (recording_id, "bridge", status.pairs)

    def test_a_length_in_seconds_ends_by_itself(
        self, small_profile: SmallProfile, runtime: Path, tmp_path: Path
    ) -> None:
        with recorder_of(small_profile("fast", rate_hz=50)) as client:
            client.record(folder=tmp_path, seconds=2)
            status = wait_for_state(client, "armed")
            assert client.stop() == status.clip
        assert (status.pairs, status.seconds, status.message) == (100, 2.0, "")

    def test_drops_are_counted_live_and_after(self, small_profile: SmallProfile, runtime: Path, tmp_path: Path) -> None:
        faults = '{ kind = "transfer_drop", arm = "vis", at = 20 }, { kind = "missed_trigger", arm = "vis", at = 30 }'
        with recorder_of(small_profile("fast", faults=faults)) as client:
            client.record(folder=tmp_path, seconds=1)
            status = wait_for_state(client, "armed")
        assert status.dropped == {"transfer_drop": 1, "missed_trigger": 1}
        assert status.pairs == 58

    def test_every_class_of_event_is_in_the_status(
        self, small_profile: SmallProfile, runtime: Path, tmp_path: Path
    ) -> None:
        kinds = {"transfer_drop": 20, "missed_trigger": 30, "extra_frame": 50, "incomplete": 60, "clock_jump": 80}
        faults = ", ".join(f'{{ kind = "{kind}", arm = "vis", at = {at} }}' for kind, at in kinds.items())
        with recorder_of(small_profile("fast", faults=faults)) as client:
            client.record(folder=tmp_path, seconds=2)
            status = wait_for_state(client, "armed")
        assert status.dropped == dict.fromkeys(kinds, 1)

    def test_two_recordings_of_one_arming(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            paths = []
            for _ in range(2):
                client.record(folder=tmp_path)
                wait_for(lambda: client.status().pairs > 10)
                paths.append(client.stop())
        assert paths[0] != paths[1]
        assert all(path is not None and verify(path).ok for path in paths)

    def test_disarming_finishes_the_recording(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            client.record(folder=tmp_path)
            wait_for(lambda: client.status().pairs > 10)
            client.disarm()
            status = client.status()
        assert status.state == "idle"
        assert status.clip is not None
        assert verify(status.clip).ok

    def test_terminating_finishes_the_recording(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            client.record(folder=tmp_path)
            wait_for(lambda: client.status().pairs > 10)
        (path,) = tmp_path.glob("*.clip.h5")
        assert verify(path).ok


class TestPreview:
    def test_shows_raw_counts_and_what_is_needed_to_read_them(self, real: Profile) -> None:
        with recorder_of(real) as client:
            client.arm()
            # Pictures come before the clocks of both cameras are known, and pairs with that.
            wait_for(lambda: (newest := client.preview.newest()) is not None and newest.meta["pairs"] >= 1)
            snapshot = client.preview.newest()
            assert snapshot is not None
            assert {name: (a.shape, a.dtype) for name, a in snapshot.arrays.items()} == {
                "nir": ((120, 160), np.uint8),
                "vis": ((120, 160), np.uint8),
            }
            assert snapshot.meta["vis"]["cfa"] == "RGGB"
            assert snapshot.meta["vis"]["mirror"] is True
            assert snapshot.meta["nir"]["bit_depth"] == 8

    def test_picture_of_an_earlier_arming_is_not_shown_as_live(self, real: Profile) -> None:
        with recorder_of(real) as client:
            client.arm()
            wait_for(lambda: client.preview.newest() is not None)
            earlier = client.preview.newest()
            assert earlier is not None
            client.disarm()
            assert client.preview.newest() is None
            client.arm()
            wait_for(lambda: client.preview.newest(after=earlier.sequence) is not None)

    def test_there_is_none_before_arming(self, real: Profile) -> None:
        with recorder_of(real) as client, pytest.raises(RecorderError, match="arm the cameras first"):
            _ = client.preview


class TestTrouble:
    def test_a_slow_disk_ends_the_recording_with_a_certified_clip(
        self, small_profile: SmallProfile, runtime: Path, tmp_path: Path
    ) -> None:
        goes_on = threading.Event()

        class SlowWriter(ClipWriter):
            def write(self, row: Any) -> None:
                if self.rows == 20:
                    goes_on.wait(30)
                super().write(row)

        with recorder_of(small_profile("real", rate_hz=150, ring_seconds=1), open_writer=SlowWriter) as client:
            client.record(folder=tmp_path)
            wait_for_state(client, "finalising")
            goes_on.set()
            status = wait_for_state(client, "armed")
        assert "too slow" in status.message
        assert status.clip is not None
        assert verify(status.clip).ok
        with Clip.open(status.clip) as clip:
            # The writer waited with 20 rows, and the ring has room for 150 pairs. Late frames have rows of their own.
            assert len(clip.pairs) >= 20 + 150
            assert "too slow" in clip.certificate.ended

    def test_a_disk_that_fails_is_said_and_the_losses_are_counted(self, real: Profile, tmp_path: Path) -> None:
        class BrokenWriter(ClipWriter):
            def write(self, row: Any) -> None:
                if self.rows == 20:
                    raise OSError(28, "No space left on device")
                super().write(row)

        with recorder_of(real, open_writer=BrokenWriter) as client:
            client.record(folder=tmp_path)
            status = wait_for_state(client, "failed")
            assert "No space left" in status.message
            assert status.lost_rows >= 1
            assert not list(tmp_path.glob("*.clip.h5"))
            client.arm()
            assert client.status().state == "armed"

    def test_a_nearly_full_disk_ends_the_recording(
        self, real: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording_module, "_GUARD_EVERY_S", 0.05)
        with recorder_of(real) as client:
            client.record(folder=tmp_path)
            wait_for(lambda: client.status().pairs > 10)
            monkeypatch.setattr(recording_module, "free_gb", lambda _: -1.0)
            status = wait_for_state(client, "armed")
        assert "Disk nearly full" in status.message
        assert status.clip is not None
        assert verify(status.clip).ok

    def test_an_unplugged_camera_ends_the_recording_and_can_come_back(
        self, small_profile: SmallProfile, runtime: Path, tmp_path: Path
    ) -> None:
        faults = '{ kind = "unplug", arm = "vis", at = 60 }'
        with recorder_of(small_profile("real", rate_hz=150, faults=faults)) as client:
            client.record(folder=tmp_path)
            status = wait_for_state(client, "failed")
            assert "TWIN-VIS sent no frame" in status.message
            assert status.clip is not None
            assert verify(status.clip).ok
            with Clip.open(status.clip) as clip:
                assert len(clip) == 60
            client.arm()
            assert client.status().state == "armed"

    def test_a_folder_that_cannot_be_made(self, real: Profile, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with recorder_of(real) as client, pytest.raises(RecorderError, match="Cannot make the folder"):
            client.record(folder=tmp_path / "file" / "clips")


class TestArming:
    """Whatever a driver does, the recorder answers, says what is wrong, and can be asked again."""

    class Backend(SimulatedBackend):
        """Fails or hangs once, when it is opened."""

        def __init__(self, profile: Profile, trouble: Callable[[], object]) -> None:
            super().__init__(profile)
            self.trouble: list[Callable[[], object]] = [trouble]

        def open(self) -> Any:
            if self.trouble:
                self.trouble.pop()()
            return super().open()

    def test_a_camera_that_is_not_there(self, real: Profile) -> None:
        def missing() -> None:
            raise CameraNotFound("TWIN-VIS", ["TWIN-NIR"])

        backend = self.Backend(real, missing)
        with recorder_of(real, open_backend=lambda _: backend) as client:
            with pytest.raises(RecorderError, match="No camera with serial TWIN-VIS"):
                client.arm()
            status = client.status()
            assert status.state == "failed"
            assert "No camera with serial TWIN-VIS" in status.message
            client.arm()
            assert (client.status().state, client.status().message) == ("armed", "")

    def test_a_driver_that_never_answers(self, real: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
        goes_on = threading.Event()
        backends = iter([self.Backend(real, lambda: goes_on.wait(30)), SimulatedBackend(real)])
        with recorder_of(real, open_backend=lambda _: next(backends)) as client:
            with monkeypatch.context() as hasty:
                hasty.setattr(opening, "PAINTING_PATIENCE_S", 0.05)
                with pytest.raises(RecorderError, match=r"did not answer within 0.05 s"):
                    client.arm()
            assert client.status().state == "failed"
            client.arm()
            assert client.status().state == "armed"
            goes_on.set()


class TestCallingOff:
    """A recording that still waits for its cameras is ended before its first exposure, whoever asks for it."""

    class Backend(SimulatedBackend):
        """Takes its time to open, until it is let go."""

        def __init__(self, profile: Profile) -> None:
            super().__init__(profile)
            self.goes_on = threading.Event()

        def open(self) -> Any:
            self.goes_on.wait(30)
            return super().open()

    @pytest.mark.parametrize("ask", [RecorderClient.stop, RecorderClient.disarm])
    def test_by_another_client(self, real: Profile, tmp_path: Path, ask: Callable[[RecorderClient], object]) -> None:
        backend = self.Backend(real)
        recorder = Recorder(real.rig, open_backend=lambda _: backend)
        with (
            running(recorder, real) as client,
            RecorderClient.start(real) as watching,
            RecorderClient.start(real) as other,
            ThreadPoolExecutor(2) as threads,
        ):
            begun = threads.submit(client.record, folder=tmp_path)
            wait_for(lambda: watching.status().opening == "recording")
            assert (watching.status().state, watching.status().holds_cameras) == ("idle", True)
            asked = threads.submit(ask, other)
            wait_for(recorder.station._called_off.is_set)
            backend.goes_on.set()
            with pytest.raises(RecorderError, match="called off before its first exposure"):
                begun.result(30)
            assert asked.result(30) is None
            assert watching.status().opening == ""
        assert not list(tmp_path.iterdir())

    def test_by_the_end_of_the_recorder(self, real: Profile, tmp_path: Path) -> None:
        backend = self.Backend(real)
        recorder = Recorder(real.rig, open_backend=lambda _: backend)
        with running(recorder, real) as client, ThreadPoolExecutor(1) as threads:
            begun = threads.submit(client.record, folder=tmp_path)
            wait_for(lambda: recorder.station.status().opening == "recording")
            recorder.terminate()
            backend.goes_on.set()
            with pytest.raises(RecorderError, match="called off before its first exposure"):
                begun.result(30)
        assert not list(tmp_path.iterdir())

    def test_the_next_recording_is_made(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            client.arm()
            client.stop()
            client.record(folder=tmp_path, seconds=0.2)
            assert wait_for_state(client, "armed").clip is not None


class TestClients:
    def test_a_second_recording_is_refused(self, real: Profile, tmp_path: Path) -> None:
        with recorder_of(real) as client:
            client.record(folder=tmp_path)
            with pytest.raises(RecorderError, match="already recording"):
                client.record(folder=tmp_path)

    def test_another_mode_is_taken_while_idle_and_refused_while_recording(
        self, small_profile: SmallProfile, runtime: Path, tmp_path: Path
    ) -> None:
        day, night = (small_profile("real", rate_hz=150, mode=mode) for mode in ("day", "night"))
        with recorder_of(day) as client:
            client.arm()
            with RecorderClient.start(night) as second:
                assert (second.status().mode, second.status().state) == ("night", "idle")
                second.record(folder=tmp_path)
            with pytest.raises(RecorderError, match="with another profile"):
                RecorderClient.start(day)
            assert client.status().state == "recording"

    def test_nonsense_is_answered_and_changes_nothing(self, real: Profile) -> None:
        with recorder_of(real) as client:
            client._connection.sendall(b'{"command": "explode"}\n')
            assert b"does not understand" in client._lines.readline()
            assert client.status().state == "idle"

    def test_profile_of_another_rig_is_refused(self, real: Profile) -> None:
        with recorder_of(real) as client:
            text = real.text.replace(real.rig, "other-rig")
            with pytest.raises(RecorderError, match="is of rig other-rig"):
                client._ask(client_module.UseProfile(text=text))

    def test_there_is_no_recorder_to_find(self, runtime: Path) -> None:
        assert RecorderClient.find("nobody") is None

    def test_a_lonely_recorder_releases_the_cameras_and_ends(self, real: Profile) -> None:
        recorder = Recorder(real.rig, idle_s=0.0)
        server = Server(socket_path(real.rig), recorder.answer)
        thread = threading.Thread(target=recorder.run, args=(server,))
        with RecorderClient.start(real) if thread.start() is None else contextlib.nullcontext() as client:
            client.arm()
        thread.join(30)
        server.close()
        assert not thread.is_alive()
        assert RecorderClient.find(real.rig) is None

    def test_the_lock_is_held_by_one(self, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recorder_lock, "_PATIENCE_S", 0.01)
        lock = hold_lock("rig")
        assert lock is not None
        assert hold_lock("rig") is None
        assert rigs_held() == {"rig": os.getpid()}
        lock.close()
        assert rigs_held() == {}
        again = hold_lock("rig")
        assert again is not None
        again.close()
