"""Ids and times of the frames that an arm of the simulated rig sends, pulse by pulse, before anybody makes a picture.

The simulated cameras walk through them as the pulses come; `arming` goes through a whole arming at once, so that
pairing can be tried on hours of frames within seconds, beside the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, ClockLatch, FrameStatus
from nirvis_capture.frame_counter import FrameCounter
from nirvis_capture.pair_table import Stamp
from nirvis_capture.profile import Profile
from nirvis_capture.twin.electronics.ledger import ArmCourse, ArmEvent, Flag, drives
from nirvis_capture.twin.electronics.timing import CameraClock, TriggerLine, host_latencies_ns

TRIGGER_LATENCY_NS = 5_000
"""From the exposure of the primary to that of the secondary."""

Column = NDArray[np.int64]


def latch_errors(profile: Profile, arm: Arm) -> np.random.Generator:
    """What the latches of a camera are off by."""
    return np.random.default_rng([profile.twin.rig_seed, arm == "vis", 2])


@dataclass(frozen=True, slots=True)
class Exposure:
    """A frame on its way, before its counts are read out."""

    pulse: int
    """The pulse that asked for it, or the one before, when none did."""
    asked: bool
    frame_id: int
    timestamp_ns: int
    host_ns: int
    status: FrameStatus


class ExposureTimes:
    """One arm: when the pulses of one session expose it, and when its frames reach the host.

    pulse_ns
        Host time of a pulse.
    not_before_ns
        Arrival of the last frame of an earlier session: frames never overtake each other.
    """

    def __init__(
        self,
        profile: Profile,
        arm: Arm,
        course: ArmCourse,
        clock: CameraClock,
        pulse_ns: Callable[[int], int],
        not_before_ns: int = 0,
    ) -> None:
        twin = profile.twin
        self.course = course
        self.last_arrival_ns = not_before_ns
        self._counter = FrameCounter(course.counter, start=course.start_id)
        self._clock = clock
        self._pulse_ns = pulse_ns
        self._half_period_ns = profile.trigger.period_ns // 2
        self._exposure_ns = round(profile.arm(arm).exposure_us * 1e3)
        follows = not drives(profile, arm)
        self._delay_ns = TRIGGER_LATENCY_NS + round(profile.trigger.delay_us * 1e3) if follows else 0
        self._latencies_ns = host_latencies_ns(twin.latency_ms, (twin.rig_seed, int(arm == "vis"), 1))

    def step(self) -> tuple[ArmEvent, list[Exposure]]:
        """Go through the next pulse: what it did to the arm, and the frames that come of it."""
        pulse = self.course.pulse
        event = self.course.step()
        sent = []
        if event.frame_id >= 0 and not event.flags.lost:
            sent.append(self._exposure(pulse, True, event.frame_id, FrameStatus(Flag.INCOMPLETE in event.flags)))
        if event.extra_id >= 0:
            sent.append(self._exposure(pulse, False, event.extra_id, FrameStatus.COMPLETE))
        return event, sent

    def arrival_ns(self, pulse: int) -> int:
        """When the frame of a pulse reaches the host, at the earliest."""
        latency_ns = int(self._latencies_ns[pulse % len(self._latencies_ns)])
        arrival_ns = self._pulse_ns(pulse) + self._delay_ns + self._exposure_ns + latency_ns
        late_until = self.course.late_until(pulse)
        return arrival_ns if late_until is None else max(arrival_ns, self._pulse_ns(late_until))

    def _exposure(self, pulse: int, asked: bool, frame_id: int, status: FrameStatus) -> Exposure:
        after_ns = 0 if asked else self._half_period_ns
        begin_ns = self._pulse_ns(pulse) + self._delay_ns + after_ns
        self.last_arrival_ns = max(self.arrival_ns(pulse) + after_ns, self.last_arrival_ns + 1)
        return Exposure(
            pulse=pulse,
            asked=asked,
            frame_id=self._counter.unwrap(self.course.counter.raw(frame_id)),
            timestamp_ns=self._clock.read(begin_ns, self.course.jump_ns),
            host_ns=self.last_arrival_ns,
            status=status,
        )


@dataclass(frozen=True, eq=False)
class Arming:
    """All frames of one arming that reach the host, and what really happened."""

    profile: Profile
    stamps: Mapping[Arm, list[Stamp]]
    latches: Mapping[Arm, ClockLatch]
    """Both clocks, read during the pause before the first pulse."""
    frame_pulse: Mapping[Arm, Column]
    """``(N,)`` the pulse that exposed each frame; ``-1 - k`` for one that no pulse asked for, after pulse k."""
    pulse: Column
    """``(P,)`` all pulses, from 0."""
    flags: Mapping[Arm, Column]
    """``(P,)`` `Flag` of each pulse."""
    frame_id: Mapping[Arm, Column]
    """``(P,)`` id of the exposure at each pulse; -1: there was none."""


def arming(profile: Profile, pulses: int) -> Arming:
    """What both arms send for so many pulses, as with fast pacing: the same to the nanosecond for the same profile.

    The cameras must share their pulses: no swapped roles, no free running.
    """
    line = TriggerLine(profile.trigger.period_ns, "fast")
    stamps, latches, frame_pulse, flags, frame_id = {}, {}, {}, {}, {}
    clocks: dict[Arm, CameraClock] = {}
    for arm in ARMS:
        clocks[arm] = CameraClock(profile.twin.nir_clock if arm == "nir" else profile.twin.vis_clock, line.now_ns())
        latches[arm] = clocks[arm].latch(line.now_ns(), latch_errors(profile, arm))
    with line.changed:
        line.start()
    for arm in ARMS:
        times = ExposureTimes(profile, arm, ArmCourse(profile, arm), clocks[arm], line.pulse_ns)
        steps = [times.step() for _ in range(pulses)]
        sent = [exposure for _, exposures in steps for exposure in exposures]
        stamps[arm] = [Stamp(n, e.frame_id, e.timestamp_ns, e.host_ns, int(e.status)) for n, e in enumerate(sent)]
        frame_pulse[arm] = np.array([e.pulse if e.asked else -1 - e.pulse for e in sent], np.int64)
        flags[arm] = np.array([int(event.flags) for event, _ in steps], np.int64)
        frame_id[arm] = np.array([event.frame_id for event, _ in steps], np.int64)
    return Arming(profile, stamps, latches, frame_pulse, np.arange(pulses), flags, frame_id)
