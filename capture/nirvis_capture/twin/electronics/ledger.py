"""What becomes of every pulse: the one place where the simulated rig decides it, and the truth that it is held to.

The simulated cameras walk through an `ArmCourse` as the pulses come; `events` walks through both at once and gives the
truth of an arming in advance. Only what a late consumer costs is not known in advance: `TwinCamera.overflowed` holds
the ids of those frames after the fact, and `events` takes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import IntFlag
from typing import NamedTuple

from nirvis_capture.camera import ARMS, Arm
from nirvis_capture.frame_counter import CounterRule, counter_rule
from nirvis_capture.profile import Profile
from nirvis_capture.trigger import secondary_pace
from nirvis_capture.twin.electronics.faults import FaultPlan, swapped
from nirvis_capture.twin.settings import Fault, FaultKind

DRIVER_BUFFERS = 50
"""Frames that wait for a late consumer; those beyond are lost in transfer, as with a real driver."""
NOT_EXPOSED = -1

On = Mapping[FaultKind, Fault]


class Flag(IntFlag):
    """What happened to one arm at one pulse."""

    NONE = 0
    NO_PULSE = 1
    """The primary did not expose, or waits for pulses itself."""
    CABLE_OFF = 2
    MISSED_TRIGGER = 4
    BUSY = 8
    """The secondary was still exposing or reading out."""
    UNPLUGGED = 16
    TRANSFER_DROP = 32
    """Exposed and counted, but lost on its way."""
    OVERFLOW = 64
    """Exposed and counted, but the driver had no buffer left."""
    INCOMPLETE = 128
    EXTRA_FRAME = 256
    CLOCK_JUMP = 512
    """The clock is off from here on."""
    COUNTER_WRAP = 1024
    LATE = 2048
    """It reached a host that was busy for a while."""
    FREE_RUNNING = 4096
    """Exposed by itself, without a pulse of the primary."""

    @property
    def lost(self) -> bool:
        """Exposed, but no frame came."""
        return bool(self & (Flag.TRANSFER_DROP | Flag.OVERFLOW))


_NO_EXPOSURE = Flag.NO_PULSE | Flag.CABLE_OFF | Flag.MISSED_TRIGGER | Flag.BUSY


class ArmEvent(NamedTuple):
    """What one pulse did to one arm."""

    frame_id: int
    """Unwrapped id of the exposure; -1 when there was none."""
    extra_id: int
    """Id of the exposure half a period later that no pulse asked for; -1 when there was none."""
    flags: Flag


class PulseEvents(NamedTuple):
    """What one pulse did to both arms."""

    pulse: int
    nir_frame_id: int
    vis_frame_id: int
    nir_extra_id: int
    vis_extra_id: int
    nir_flags: Flag
    vis_flags: Flag


class ArmCourse:
    """One arm through one arming, pulse by pulse.

    first_pulse
        The pulse at which it is armed.
    counted
        Frames since its counter began; those of an earlier arming of the primary, when this arm stayed armed.
    returned
        Arms that were unplugged and have come back: that happens once.
    """

    def __init__(
        self, profile: Profile, arm: Arm, first_pulse: int = 0, counted: int = 0, returned: Collection[Arm] = ()
    ) -> None:
        trigger, twin = profile.trigger, profile.twin
        self.pulse = first_pulse
        """The next one."""
        self.jump_ns = 0
        """How far the clock has jumped until now."""
        self._plan = FaultPlan(twin, arm)
        self._primary_plan = FaultPlan(twin, trigger.primary)
        alone = drives(profile, arm)
        self._follows = arm == trigger.secondary and not alone
        self._deaf = arm == trigger.primary and not alone
        self._exposed = Flag.FREE_RUNNING if arm == trigger.secondary and alone else Flag.NONE
        pace = secondary_pace(profile) if self._follows else None
        self._busy_ns = 0 if pace is None else round(pace.shortest_period_us * 1e3)
        self._ready_ns = 0
        self._period_ns = trigger.period_ns
        self.unplugged_at = None if arm in returned else self._plan.unplugged_at
        self._pulses_end = None if trigger.primary in returned else self._primary_plan.unplugged_at
        self.counter, self.start_id = counter_of(profile, arm)
        self._next_id = self.start_id + counted

    @property
    def counted(self) -> int:
        """Exposures since the counter began."""
        return self._next_id - self.start_id

    def step(self) -> ArmEvent:
        """Go through the next pulse."""
        pulse, self.pulse = self.pulse, self.pulse + 1
        on = self._plan.at(pulse)
        if _reached(self.unplugged_at, pulse):
            return ArmEvent(NOT_EXPOSED, NOT_EXPOSED, Flag.UNPLUGGED)
        flags = self._missed(pulse, on)
        if on:
            flags |= self._jumped(pulse, on)
        frame_id = extra_id = NOT_EXPOSED
        if not flags & _NO_EXPOSURE:
            self._ready_ns = pulse * self._period_ns + self._busy_ns
            frame_id = self._count()
            flags |= self._sent(pulse, frame_id, on)
        if "extra_frame" in on and not self._deaf:
            extra_id = self._count()
            flags |= Flag.EXTRA_FRAME
        return ArmEvent(frame_id, extra_id, flags)

    def late_until(self, pulse: int) -> int | None:
        """The pulse with which a host that is busy has time again; None where it is not."""
        slow = self._plan.at(pulse).get("slow_host")
        return None if slow is None else slow.at + slow.count

    def _count(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _jumped(self, pulse: int, on: On) -> Flag:
        jump = on.get("clock_jump")
        if jump is None or jump.at != pulse:
            return Flag.NONE
        self.jump_ns += round(jump.jump_ms * 1e6)
        return Flag.CLOCK_JUMP

    def _missed(self, pulse: int, on: On) -> Flag:
        """Why there is no exposure; a missed trigger consumes no frame id."""
        if self._deaf:
            return Flag.NO_PULSE
        if self._follows and (_reached(self._pulses_end, pulse) or _skips(pulse, self._primary_plan.at(pulse))):
            return Flag.NO_PULSE
        if self._follows and "trigger_cable_off" in on:
            return Flag.CABLE_OFF
        if _skips(pulse, on):
            return Flag.MISSED_TRIGGER
        return Flag.BUSY if pulse * self._period_ns < self._ready_ns else Flag.NONE

    def _sent(self, pulse: int, frame_id: int, on: On) -> Flag:
        """What happened to an exposure after it was made; a frame that is lost has consumed its id."""
        flags = self._exposed
        if "transfer_drop" in on:
            flags |= Flag.TRANSFER_DROP
        if "incomplete" in on:
            flags |= Flag.INCOMPLETE
        if frame_id > self.start_id and self.counter.raw(frame_id) == self.counter.after_wrap:
            flags |= Flag.COUNTER_WRAP
        slow = on.get("slow_host")
        if slow is not None:
            flags |= Flag.LATE if pulse - slow.at < DRIVER_BUFFERS else Flag.OVERFLOW
        return flags


def drives(profile: Profile, arm: Arm) -> bool:
    """Whether an arm really exposes by itself, whatever the profile says of it."""
    if profile.trigger.source == "free":
        return True
    return (profile.trigger.primary == arm) is not swapped(profile.twin, profile.trigger.primary)


def counter_of(profile: Profile, arm: Arm) -> tuple[CounterRule, int]:
    """How a simulated camera counts, and its first id. One of 64 bits that is to wrap at a pulse gets 16."""
    rule = counter_rule(profile.arm(arm).model)
    set_to = profile.twin.nir_counter if arm == "nir" else profile.twin.vis_counter
    wrap = FaultPlan(profile.twin, arm).first("counter_wrap")
    bits = set_to.bits or rule.bits
    if wrap is None:
        return replace(rule, bits=bits), rule.first + set_to.ahead
    bits = 16 if bits == 64 else bits
    return replace(rule, bits=bits), max(rule.after_wrap, (1 << bits) - wrap.at)


def events(
    profile: Profile,
    pulses: int,
    overflowed: Mapping[Arm, Collection[int]] | None = None,
    returned: Collection[Arm] = (),
) -> list[PulseEvents]:
    """What really happens at each pulse of one arming of the simulated rig, both arms armed before the first.

    With ``roles_swapped`` and freely running cameras there is no common pulse: row k then holds the k-th exposure of
    each arm.

    overflowed
        Ids of frames for which the driver had no buffer left, as `TwinCamera.overflowed` has them.
    returned
        Arms that were unplugged in an earlier arming and have come back.
    """
    courses = {arm: ArmCourse(profile, arm, returned=returned) for arm in ARMS}
    lost = {arm: frozenset((overflowed or {}).get(arm, ())) for arm in ARMS}
    rows = []
    for pulse in range(pulses):
        nir, vis = (_with_overflow(courses[arm].step(), lost[arm]) for arm in ARMS)
        ids = nir.frame_id, vis.frame_id, nir.extra_id, vis.extra_id
        rows.append(PulseEvents(pulse, *ids, nir.flags, vis.flags))
    return rows


def _with_overflow(event: ArmEvent, lost: frozenset[int]) -> ArmEvent:
    if event.frame_id in lost or event.extra_id in lost:
        return event._replace(flags=event.flags | Flag.OVERFLOW)
    return event


def _skips(pulse: int, on: On) -> bool:
    """Whether an arm does not expose although it could."""
    halved = on.get("half_rate")
    return "missed_trigger" in on or (halved is not None and (pulse - halved.at) % 2 == 1)


def _reached(at: int | None, pulse: int) -> bool:
    return at is not None and pulse >= at
