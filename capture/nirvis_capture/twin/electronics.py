"""Clocks, trigger cable, transfer and faults: everything of a simulated rig that is not light.

The primary camera sends a pulse with each of its exposures; the secondary exposes on a pulse and is silent without. The
simulated cameras and the replayed ones share this; they differ in the `Imager` that makes the counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, CameraInfo, ClockLatch, Frame, FrameStatus, Raw
from nirvis_capture.profile import Profile
from nirvis_capture.twin.faults import FaultPlan
from nirvis_capture.twin.settings import TwinSettings
from nirvis_capture.twin.timing import CameraClock, TriggerLine

DRIVER_BUFFERS = 50
"""Frames that wait for a late consumer; those beyond are lost in transfer, as with a real driver."""
FIRST_FRAME_ID: Mapping[Arm, int] = {"nir": 0, "vis": 1}
"""The counters of two cameras need not agree; here they never do, so that nothing comes to depend on it."""

_TRIGGER_LATENCY_NS = 5_000
_LATCH_UNCERTAINTY_NS = 50_000
_UNTIL_WOKEN_NS = 60_000_000_000


class Imager(Protocol):
    """What makes the counts of one arm."""

    def capture(self, pulse: int) -> Raw | None:
        """Counts of the exposure at that pulse, ``(H, W)``, owned by the caller; None when the show is over."""
        ...


@dataclass(frozen=True, slots=True)
class _Exposure:
    """A frame on its way, before its counts are read out."""

    pulse: int
    frame_id: int
    timestamp_ns: int
    host_ns: int
    status: FrameStatus


class TwinCamera:
    """A camera with everything but optics; its counts come from an `Imager`."""

    def __init__(self, arm: Arm, profile: Profile, imager: Imager, line: TriggerLine) -> None:
        settings = profile.arm(arm)
        twin = profile.twin
        self._arm = arm
        self._info = camera_info(profile, arm)
        self._imager = imager
        self._line = line
        self._primary = profile.trigger.primary == arm
        self._exposure_us = settings.exposure_us
        self._gain_db = settings.gain_db
        delay_ns = _TRIGGER_LATENCY_NS + round(profile.trigger.delay_us * 1e3)
        self._delay_ns = 0 if self._primary else delay_ns
        self._latencies_ns = _latencies_ns(twin, arm)
        self._clock = CameraClock(twin.nir_clock if arm == "nir" else twin.vis_clock, line.now_ns())
        self._faults = FaultPlan(twin.faults, arm)
        self._pulse_faults = FaultPlan(twin.faults, profile.trigger.primary)
        self._latch_errors = np.random.default_rng([twin.rig_seed, arm == "vis", 2])
        self._armed = False
        self._queue: deque[_Exposure] = deque()
        self._session = 0
        self._next_pulse = 0
        self._next_id = 0
        self._last_arrival_ns = 0

    @property
    def info(self) -> CameraInfo:
        return self._info

    def arm(self) -> None:
        with self._line.changed:
            if self._armed:
                return
            self._armed = True
            self._next_id = FIRST_FRAME_ID[self._arm]
            if self._primary:
                self._line.start()
            self._begin_session(0 if self._primary else self._line.pulses())

    def next_frame(self, timeout_s: float) -> Frame | None:
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        exposure = self._wait(deadline_ns)
        return None if exposure is None else self._read_out(exposure, deadline_ns)

    def latch_clock(self) -> ClockLatch:
        with self._line.changed:
            host_ns = self._line.now_ns()
            error_ns = int(self._latch_errors.integers(-_LATCH_UNCERTAINTY_NS, _LATCH_UNCERTAINTY_NS + 1))
            camera_ns = self._clock.read(host_ns + error_ns) + self._faults.jump_ns(self._next_pulse - 1)
        return ClockLatch(camera_ns, host_ns, _LATCH_UNCERTAINTY_NS)

    def disarm(self) -> None:
        with self._line.changed:
            if not self._armed:
                return
            self._armed = False
            self._queue.clear()
            if self._primary:
                self._line.stop()
            else:
                self._line.secondary_at = None
            self._line.changed.notify_all()

    def close(self) -> None:
        self.disarm()

    def _begin_session(self, pulse: int) -> None:
        self._session = self._line.sessions
        self._go_to(pulse)

    def _go_to(self, pulse: int) -> None:
        self._next_pulse = pulse
        if not self._line.fast:
            return
        if self._primary:
            self._line.made = pulse
        else:
            self._line.secondary_at = None if self._faults.unplugged(pulse) else pulse
        self._line.changed.notify_all()

    def _wait(self, deadline_ns: int) -> _Exposure | None:
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
        pulse = self._next_pulse
        if self._line.fast or self._faults.unplugged(pulse) or not self._line.has_sent_or_will(pulse):
            return _UNTIL_WOKEN_NS
        return max(0, self._arrival_ns(pulse) - self._line.now_ns())

    def _admit(self) -> None:
        """Take over every frame that has arrived; lose those for which the driver has no buffer."""
        if self._session != self._line.sessions:
            self._begin_session(0)
        while not self._faults.unplugged(self._next_pulse) and self._available():
            exposure = self._expose(self._next_pulse)
            self._go_to(self._next_pulse + 1)
            if exposure is not None and len(self._queue) < DRIVER_BUFFERS:
                self._queue.append(exposure)

    def _available(self) -> bool:
        if self._line.fast:
            may_go_on = self._line.primary_may_go_on() if self._primary else self._next_pulse < self._line.pulses()
            return not self._queue and may_go_on
        sent = self._next_pulse < self._line.pulses()
        return sent and self._arrival_ns(self._next_pulse) <= self._line.now_ns()

    def _arrival_ns(self, pulse: int) -> int:
        latency_ns = int(self._latencies_ns[pulse % len(self._latencies_ns)])
        exposed_ns = self._line.pulse_ns(pulse) + self._delay_ns + round(self._exposure_us * 1e3)
        return max(exposed_ns + latency_ns, self._last_arrival_ns + 1)

    def _expose(self, pulse: int) -> _Exposure | None:
        """One pulse. A missed trigger consumes no frame id, a frame lost in transfer does."""
        if self._faults.happens("missed_trigger", pulse) or self._pulse_faults.happens("missed_trigger", pulse):
            return None
        frame_id = self._next_id
        self._next_id += 1
        if self._faults.happens("transfer_drop", pulse):
            return None
        start_ns = self._line.pulse_ns(pulse) + self._delay_ns
        self._last_arrival_ns = self._arrival_ns(pulse)
        return _Exposure(
            pulse=pulse,
            frame_id=frame_id,
            timestamp_ns=self._clock.read(start_ns) + self._faults.jump_ns(pulse),
            host_ns=self._last_arrival_ns,
            status=FrameStatus(self._faults.happens("incomplete", pulse)),
        )

    def _read_out(self, exposure: _Exposure, deadline_ns: int) -> Frame | None:
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
        pixel_format=settings.pixel_format,
        width=settings.roi.width,
        height=settings.roi.height,
        bit_depth=settings.sensor.bit_depth,
        black_level_dn=settings.black_level_dn,
        timestamp_resolution_ns=clock.resolution_ns,
    )


def _latencies_ns(twin: TwinSettings, arm: Arm) -> NDArray[np.int64]:
    """Time from the end of an exposure to its arrival: a fixed part, an exponential tail, and rare bursts."""
    rng = np.random.default_rng([twin.rig_seed, arm == "vis", 1])
    mean_ns = twin.latency_ms * 1e6
    tail = rng.exponential(0.3 * mean_ns, 4096)
    burst = np.where(rng.random(4096) < 0.002, rng.exponential(5 * mean_ns, 4096), 0.0)
    return np.round(0.7 * mean_ns + tail + burst).astype(np.int64)
