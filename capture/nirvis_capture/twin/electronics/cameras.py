"""The simulated camera: everything of it that is not light.

The primary camera sends a pulse with each of its exposures; the secondary exposes on a pulse and is silent without.
What becomes of a pulse is decided in `ledger`; here it becomes frames with ids, times and a way to the host. The
simulated cameras and the replayed ones share this; they differ in the `Imager` that makes the counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from typing import Protocol

from nirvis_capture.camera import Arm, CameraInfo, ClockLatch, Frame, FrameStatus, Raw
from nirvis_capture.errors import CameraClosed, CameraError
from nirvis_capture.profile import Profile
from nirvis_capture.raw import unpacked_format
from nirvis_capture.twin.electronics.ledger import DRIVER_BUFFERS, ArmCourse, drives
from nirvis_capture.twin.electronics.stamps import Exposure, ExposureTimes, latch_errors
from nirvis_capture.twin.electronics.timing import CameraClock, TriggerLine

_UNTIL_WOKEN_NS = 60_000_000_000


class Imager(Protocol):
    """What makes the counts of one arm."""

    def capture(self, pulse: int) -> Raw | None:
        """Counts of the exposure at that pulse, ``(H, W)``, owned by the caller; None when the show is over."""
        ...


class TwinCamera:
    """A camera with everything but optics; its counts come from an `Imager`.

    returned
        Arms that were unplugged and have come back.
    """

    def __init__(
        self,
        arm: Arm,
        profile: Profile,
        imager: Imager,
        line: TriggerLine,
        clock: CameraClock,
        returned: Collection[Arm] = (),
    ) -> None:
        settings = profile.arm(arm)
        self._arm = arm
        self._profile = profile
        self._info = camera_info(profile, arm)
        self._imager = imager
        self._line = line
        self._clock = clock
        self._returned = frozenset(returned)
        self._drives = drives(profile, arm)
        self._exposure_us = settings.exposure_us
        self._gain_db = settings.gain_db
        self._latch_errors = latch_errors(profile, arm)
        self._armed = False
        self._closed = False
        self.unplugged_ns: int | None = None
        """Host time at which its plug was pulled out; it stays silent until it is opened anew."""
        self.overflowed: list[int] = []
        """Ids of the frames of this arming that were lost because the driver had no buffer left."""
        self._coming: deque[Exposure] = deque()
        self._queue: deque[Exposure] = deque()
        self._begin_session(0)

    @property
    def info(self) -> CameraInfo:
        return self._info

    def arm(self) -> None:
        with self._line.changed:
            if self._closed:
                raise CameraClosed(self._info.serial)
            if self.unplugged_ns is not None:
                raise CameraError(f"Camera {self._info.serial} was unplugged; open the cameras of the rig again.")
            if self._armed:
                return
            self._armed = True
            self.overflowed = []
            if self._drives:
                self._line.start()
            self._begin_session(0 if self._drives else self._line.pulses(), arrived_ns=self._times.last_arrival_ns)

    def next_frame(self, timeout_s: float) -> Frame | None:
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        exposure = self._wait(deadline_ns)
        return None if exposure is None else self._read_out(exposure, deadline_ns)

    def latch_clock(self) -> ClockLatch | None:
        with self._line.changed:
            if self._unplugged():
                return None
            host_ns = self._line.now_ns()
            return self._clock.latch(host_ns, self._latch_errors, self._course.jump_ns)

    def disarm(self) -> None:
        with self._line.changed:
            if not self._armed:
                return
            self._unplugged()
            self._armed = False
            self._coming.clear()
            self._queue.clear()
            if self._drives:
                self._line.stop()
            else:
                self._line.secondary_at = None
            self._line.changed.notify_all()

    def close(self) -> None:
        self.disarm()
        self._closed = True

    def _begin_session(self, pulse: int, counted: int = 0, arrived_ns: int = 0) -> None:
        """Count pulses from here; the counter goes on where the camera stayed armed, and no frame overtakes another."""
        self._session = self._line.sessions
        self._course = ArmCourse(self._profile, self._arm, pulse, counted, self._returned)
        self._times = ExposureTimes(
            self._profile, self._arm, self._course, self._clock, self._line.pulse_ns, arrived_ns
        )
        if self._armed:
            self._show_position()

    def _show_position(self) -> None:
        """Fast pacing: tell the line, so that neither arm runs away from the other."""
        if not self._line.fast:
            return
        if self._drives:
            self._line.made = self._course.pulse
        else:
            self._line.secondary_at = None if self._unplugged() else self._course.pulse
        self._line.changed.notify_all()

    def _wait(self, deadline_ns: int) -> Exposure | None:
        with self._line.changed:
            while self._armed:
                self._admit()
                if self._queue:
                    return self._queue.popleft()
                remaining_ns = deadline_ns - time.monotonic_ns()
                if remaining_ns <= 0:
                    return None
                self._line.changed.wait(min(remaining_ns, self._pause_ns()) * 1e-9)
        return None

    def _pause_ns(self) -> int:
        """How long to sleep before it makes sense to look again, unless woken."""
        if self._coming:
            return max(0, self._coming[0].host_ns - self._line.now_ns())
        pulse = self._course.pulse
        if self._line.fast or self._unplugged() or not self._line.has_sent_or_will(pulse):
            return _UNTIL_WOKEN_NS
        return max(0, self._times.arrival_ns(pulse) - self._line.now_ns())

    def _admit(self) -> None:
        """Follow the pulses until now; take over every frame that has arrived, lose those without a buffer."""
        if self._session != self._line.sessions:
            self._begin_session(0, self._course.counted, self._times.last_arrival_ns)
        while self._may_follow():
            self._follow()
        while self._coming and (self._line.fast or self._coming[0].host_ns <= self._line.now_ns()):
            exposure = self._coming.popleft()
            if len(self._queue) < DRIVER_BUFFERS:
                self._queue.append(exposure)
            else:
                self.overflowed.append(exposure.frame_id)

    def _may_follow(self) -> bool:
        if self._unplugged():
            return False
        if not self._line.fast:
            return self._course.pulse < self._line.pulses()
        if self._coming or self._queue:
            return False
        return self._line.primary_may_go_on() if self._drives else self._course.pulse < self._line.pulses()

    def _unplugged(self) -> bool:
        """Whether the plug is out by now; notes when that happened."""
        at = self._course.unplugged_at
        if self.unplugged_ns is None and self._armed and at is not None and self._course.pulse >= at:
            pulled_ns = self._line.pulse_ns(at)
            if self._line.fast or pulled_ns <= self._line.now_ns():
                self.unplugged_ns = pulled_ns
        return self.unplugged_ns is not None

    def _follow(self) -> None:
        """One pulse: what became of it, and the frames that come of that."""
        _, exposures = self._times.step()
        self._show_position()
        self._coming.extend(exposures)

    def _read_out(self, exposure: Exposure, deadline_ns: int) -> Frame | None:
        pixels = self._imager.capture(exposure.pulse)
        if pixels is None:
            self._stay_silent(deadline_ns)
            return None
        if exposure.status is FrameStatus.INCOMPLETE:
            pixels[pixels.shape[0] * 2 // 3 :] = 0
        return Frame(
            pixels=pixels,
            frame_id=exposure.frame_id,
            timestamp_ns=exposure.timestamp_ns,
            host_ns=exposure.host_ns,
            exposure_us=self._exposure_us,
            gain_db=self._gain_db,
            status=exposure.status,
        )

    def _stay_silent(self, deadline_ns: int) -> None:
        """Wait as a camera without triggers does, so that nobody who polls it spins."""
        with self._line.changed:
            while self._armed and (remaining_ns := deadline_ns - time.monotonic_ns()) > 0:
                self._line.changed.wait(remaining_ns * 1e-9)


def camera_info(profile: Profile, arm: Arm) -> CameraInfo:
    """What a camera that follows the profile to the letter says of itself."""
    settings = profile.arm(arm)
    clock = profile.twin.nir_clock if arm == "nir" else profile.twin.vis_clock
    return CameraInfo(
        serial=settings.serial,
        model=settings.model,
        pixel_format=unpacked_format(settings.pixel_format),
        width=settings.roi.width,
        height=settings.roi.height,
        bit_depth=settings.sensor.bit_depth,
        black_level_dn=settings.black_level_dn,
        timestamp_resolution_ns=clock.resolution_ns,
    )
