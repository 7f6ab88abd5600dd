"""A clip that plays the part of the two cameras: frames, ids, clocks and gaps as they were recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from nirvis_capture.camera import ARMS, Arm, CameraInfo, Frame, FrameStatus
from nirvis_capture.clip import Clip, Track
from nirvis_capture.errors import CameraClosed, PictureError
from nirvis_capture.profile import Profile

_FAST_LEAD_PERIODS = 32


class Playback:
    """Where both arms are in the clip; guards the file as well, which two threads read."""

    def __init__(self, pacing: Literal["real", "fast"], period_ns: int) -> None:
        self.changed = threading.Condition()
        self.running = False
        self.at_ns: dict[Arm, int] = {}
        """Recorded time of the next frame of each arm that is armed and not at its end, since the first pair."""
        self._fast = pacing == "fast"
        self._lead_ns = _FAST_LEAD_PERIODS * period_ns
        self._started_ns = 0

    def start(self) -> None:
        self.running = True
        self._started_ns = time.monotonic_ns()

    def wait_ns(self, at_ns: int) -> int:
        """How long until a frame of that recorded time is due; 0 when it is, -1 when only the other arm knows."""
        if not self.running:
            return -1
        if self._fast:
            return 0 if at_ns <= min(self.at_ns.values(), default=at_ns) + self._lead_ns else -1
        return max(0, self._started_ns + at_ns - time.monotonic_ns())


class RecordedCamera:
    """One arm of a clip. It begins with the first complete pair and falls silent after the last frame."""

    def __init__(self, arm: Arm, primary: bool, track: Track, first: int, zero_ns: int, playback: Playback) -> None:
        self._arm: Arm = arm
        self._primary = primary
        self._track = track
        self._first = first
        self._zero_ns = zero_ns
        self._playback = playback
        self._next = first
        self._armed = False
        self._closed = False

    @property
    def info(self) -> CameraInfo:
        track = self._track
        return CameraInfo(
            serial=track.serial,
            model=track.model,
            pixel_format=track.pixel_format,
            width=track.shape[1],
            height=track.shape[0],
            bit_depth=track.bit_depth,
            black_level_dn=track.black_level_dn,
            timestamp_resolution_ns=track.timestamp_resolution_ns,
        )

    def arm(self) -> None:
        with self._playback.changed:
            if self._closed:
                raise CameraClosed(self._track.serial)
            if self._armed:
                return
            self._armed = True
            self._move_to(self._first)
            if self._primary:
                self._playback.start()
            self._playback.changed.notify_all()

    def next_frame(self, timeout_s: float) -> Frame | None:
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        with self._playback.changed:
            while self._armed:
                due_ns = self._due_ns()
                if due_ns == 0:
                    return self._take()
                remaining_ns = deadline_ns - time.monotonic_ns()
                if remaining_ns <= 0:
                    return None
                self._playback.changed.wait(1e-9 * (remaining_ns if due_ns < 0 else min(due_ns, remaining_ns)))
        return None

    def latch_clock(self) -> None:
        """The clock of the recording is gone."""
        return

    def disarm(self) -> None:
        with self._playback.changed:
            self._armed = False
            self._playback.at_ns.pop(self._arm, None)
            if self._primary:
                self._playback.running = False
            self._playback.changed.notify_all()

    def close(self) -> None:
        self.disarm()
        self._closed = True

    def _due_ns(self) -> int:
        return self._playback.wait_ns(self._recorded_ns(self._next)) if self._next < len(self._track) else -1

    def _recorded_ns(self, index: int) -> int:
        return int(self._track.host_ns[index]) - self._zero_ns

    def _move_to(self, index: int) -> None:
        self._next = index
        if index < len(self._track):
            self._playback.at_ns[self._arm] = self._recorded_ns(index)
        else:
            self._playback.at_ns.pop(self._arm, None)
        self._playback.changed.notify_all()

    def _take(self) -> Frame:
        index, track = self._next, self._track
        frame = Frame(
            pixels=track.frame(index),
            frame_id=int(track.frame_id[index]),
            timestamp_ns=int(track.timestamp_ns[index]),
            host_ns=int(track.host_ns[index]),
            exposure_us=float(track.exposure_us[index]),
            gain_db=float(track.gain_db[index]),
            status=FrameStatus(int(track.status[index])),
        )
        self._move_to(index + 1)
        return frame


class RecordedBackend:
    """The driver of one clip."""

    def __init__(self, profile: Profile, path: Path, pacing: Literal["real", "fast"]) -> None:
        self._profile = profile
        self._path = path
        self._pacing = pacing
        self._clip: Clip | None = None
        self._cameras: dict[Arm, RecordedCamera] = {}

    def serials(self) -> list[str]:
        return [self._profile.arm(arm).serial for arm in ARMS]

    def open(self) -> Mapping[Arm, RecordedCamera]:
        """Open the clip. Raises `ClipError` when it cannot be read, `PictureError` when it holds no pair."""
        self.close()
        self._clip = Clip.open(self._path)
        if len(self._clip) == 0:
            self.close()
            raise PictureError(f"{self._path} holds no complete pair, so there is nothing to replay.")
        playback = Playback(self._pacing, self._profile.trigger.period_ns)
        first = dict(zip(ARMS, map(int, self._clip.complete[0]), strict=True))
        zero_ns = min(int(self._clip.arms[arm].host_ns[first[arm]]) for arm in ARMS)
        for arm, track in self._clip.arms.items():
            primary = arm == self._profile.trigger.primary
            self._cameras[arm] = RecordedCamera(arm, primary, track, first[arm], zero_ns, playback)
        return dict(self._cameras)

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        self._cameras = {}
        if self._clip is not None:
            self._clip.close()
            self._clip = None
