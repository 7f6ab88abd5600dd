"""The trigger plan of a rig: which nodes to set on both cameras, in which order, and how fast the secondary can follow.

Pure functions of the profile; drivers walk through the settings, the rig asks `check_rate` before it arms. The check is
no part of reading a profile, because clips carry their profile with them and have to stay readable whatever it says.

From the vendor's note on synchronised capture and public drivers: the lines, and the order of the settings. From data
sheets: the full frame rates. Assumed, for the hardware checklist to confirm: `TURNAROUND_US`, and that readout shrinks
with the rows of the roi and takes 5 % less than the period of the full frame rate, so that this rate is just allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nirvis_capture.anchor import Apart
from nirvis_capture.camera import Arm
from nirvis_capture.errors import CameraError, TriggerTooFast
from nirvis_capture.profile import ArmSettings, Profile, Trigger

Role = Literal["primary", "secondary", "free"]
Overlap = Literal["Off", "ReadOut"]

MARGIN = 0.95
"""Near its limit a camera takes or ignores triggers at random; above, it ignores every second one."""
TURNAROUND_US = 50.0
"""Between two exposures: charge is shifted out, the pixels are reset, and the trigger has jitter."""

_ISOLATED_OUTPUT = "Line1"
_SUPPLY_LINE = "Line2"


@dataclass(frozen=True, slots=True)
class NodeSetting:
    """One node of a camera and what it is set to."""

    node: str
    value: str | float | bool
    """Symbolic name of an enumeration entry, a number, or a switch."""
    needed: bool = True
    """False: cameras of this kind may lack it or have it fixed; a driver skips what it cannot write."""


@dataclass(frozen=True, slots=True)
class ArmWiring:
    """What makes one camera play its part."""

    arm: Arm
    role: Role
    settings: tuple[NodeSetting, ...]
    """In the order in which they have to be written, before acquisition starts."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Both cameras. The secondary is set and armed first, so that no pulse finds it unprepared."""

    secondary: ArmWiring
    primary: ArmWiring

    def arm(self, arm: Arm) -> ArmWiring:
        return self.primary if self.primary.arm == arm else self.secondary


def wiring(profile: Profile) -> Wiring:
    """The trigger settings of both cameras. Raises `CameraError` for a model whose lines are not known."""
    trigger = profile.trigger
    families = {arm: _family(profile.arm(arm).model) for arm in (trigger.primary, trigger.secondary)}
    if trigger.source == "free":
        alone = (NodeSetting("TriggerMode", "Off"),)
        return Wiring(ArmWiring(trigger.secondary, "free", alone), ArmWiring(trigger.primary, "free", alone))
    return Wiring(
        ArmWiring(trigger.secondary, "secondary", _secondary(families[trigger.secondary], trigger)),
        ArmWiring(trigger.primary, "primary", _primary(families[trigger.primary], trigger)),
    )


def _family(model: str) -> str:
    family = model.partition("-")[0]
    if family not in ("GS3", "BFS"):
        raise CameraError(f"The trigger lines of camera model {model} are not known; known are GS3-… and BFS-… models.")
    return family


def _primary(family: str, trigger: Trigger) -> tuple[NodeSetting, ...]:
    settings = [
        NodeSetting("TriggerMode", "Off"),
        NodeSetting("LineSelector", trigger.primary_line),
        # LineSource is not available while the line is an input.
        NodeSetting("LineMode", "Output", needed=False),
        NodeSetting("LineSource", "ExposureActive"),
    ]
    if family == "BFS" and trigger.primary_line == _ISOLATED_OUTPUT:
        # This output only pulls down; the 3.3 V of the other line feed the resistor that pulls up.
        settings += [NodeSetting("LineSelector", _SUPPLY_LINE), NodeSetting("V3_3Enable", True)]
    if family == "GS3":
        # Its lines are open collectors too; some of that generation can feed a pull-up.
        settings.append(NodeSetting("V3_3Enable", True, needed=False))
    return tuple(settings)


def _secondary(family: str, trigger: Trigger) -> tuple[NodeSetting, ...]:
    overlap = NodeSetting("TriggerOverlap", trigger.overlap)
    on = NodeSetting("TriggerMode", "On")
    return (
        # The source can be chosen while the trigger is off only.
        NodeSetting("TriggerMode", "Off"),
        NodeSetting("TriggerSelector", "FrameStart"),
        NodeSetting("LineSelector", trigger.secondary_line, needed=False),
        NodeSetting("LineMode", "Input", needed=False),
        NodeSetting("TriggerSource", trigger.secondary_line),
        NodeSetting("TriggerActivation", trigger.activation),
        *_delay(family, trigger.delay_us),
        # The GS3 dialect offers the overlap while the trigger is on only.
        *((on, overlap) if family == "GS3" else (overlap, on)),
    )


def _delay(family: str, delay_us: float) -> tuple[NodeSetting, ...]:
    wanted = delay_us > 0
    switch = (NodeSetting("TriggerDelayEnabled", wanted, needed=wanted),) if family == "GS3" else ()
    return (*switch, NodeSetting("TriggerDelay", delay_us, needed=wanted))


@dataclass(frozen=True, slots=True)
class Readout:
    """How long a sensor takes to give its rows away."""

    rows: int
    full_us: float

    def of_rows(self, rows: int) -> float:
        """Microseconds for a roi of that height; the other rows are dumped or skipped."""
        return self.full_us * rows / self.rows


READOUTS: Mapping[str, Readout] = {
    # ICX285, specified up to 45 frames per second; CCD: every row is shifted out, width does not matter.
    "GS3-U3-15S4C": Readout(1032, 21_000.0),
    # IMX178, specified up to 59.6 frames per second; rolling shutter, taken as if all rows began together.
    "BFS-U3-63S4C": Readout(2048, 15_900.0),
}


def readout_us(camera: ArmSettings) -> float | None:
    """Microseconds of readout for the roi of a camera; None for a model that is not in the table."""
    readout = READOUTS.get(camera.model)
    return None if readout is None else readout.of_rows(camera.roi.height)


@dataclass(frozen=True, slots=True)
class Pace:
    """What bounds the rate of a camera that waits for triggers."""

    exposure_us: float
    readout_us: float
    overlap: Overlap = "ReadOut"
    delay_us: float = 0.0

    @property
    def shortest_period_us(self) -> float:
        """Least time between two triggers that are both answered.

        Without overlap a frame has to be read out before the next exposure begins. With it, the next exposure may
        begin during readout, but must not end before it; a trigger before the end of an exposure is ignored.
        """
        busy_us = self.delay_us + self.exposure_us + TURNAROUND_US
        return busy_us + self.readout_us if self.overlap == "Off" else max(busy_us, self.readout_us)

    @property
    def max_rate_hz(self) -> float:
        return 1e6 / self.shortest_period_us

    @property
    def safe_rate_hz(self) -> float:
        """The highest rate to ask for: `MARGIN` of what the camera can follow."""
        return MARGIN * self.max_rate_hz

    def longest_exposure_us(self, rate_hz: float) -> float | None:
        """The longest exposure that is safe at a rate; None where none is, because readout alone takes too long."""
        period_us = MARGIN * 1e6 / rate_hz
        left_us = period_us - self.delay_us - TURNAROUND_US - (self.readout_us if self.overlap == "Off" else 0.0)
        return left_us if left_us > 0 and self.readout_us <= period_us else None


def secondary_pace(profile: Profile) -> Pace | None:
    """What bounds the trigger rate of a rig; None where nothing known does.

    That is: cameras that run freely, replays, and simulated cameras that show something else than the street: noise
    and loops drive the capture path faster than any sensor could. Of a model without an entry in `READOUTS`, the
    exposure alone bounds it, and `unknown_readout` says so.
    """
    trigger, camera = profile.trigger, profile.arm(profile.trigger.secondary)
    without_sensor = camera.backend == "replay" or (camera.backend == "simulated" and profile.twin.content != "street")
    if without_sensor or trigger.source == "free":
        return None
    return Pace(camera.exposure_us, readout_us(camera) or 0.0, trigger.overlap, trigger.delay_us)


def unknown_readout(profile: Profile) -> str:
    """A warning where the secondary may miss triggers at a rate that nothing here forbids; else empty."""
    camera = profile.arm(profile.trigger.secondary)
    if secondary_pace(profile) is None or readout_us(camera) is not None:
        return ""
    return (
        f"the readout of {camera.model} is not known, so {profile.trigger.rate_hz:g} Hz is held against the exposure "
        f"of {profile.trigger.secondary} alone; ask nirvis doctor --trigger whether it follows every pulse"
    )


def apart(profile: Profile) -> Apart:
    """How far apart the frames of one pulse are, by the trigger delay and the exposures that the profile sets."""
    secondary_late_ns = round(profile.trigger.delay_us * 1e3)
    begin_ns = -secondary_late_ns if profile.trigger.primary == "nir" else secondary_late_ns
    return Apart(begin_ns, begin_ns + round((profile.nir.exposure_us - profile.vis.exposure_us) * 1e3))


def check_rate(profile: Profile) -> None:
    """Raise `TriggerTooFast` when the secondary would miss triggers, with the rate or exposure that would fit."""
    pace, trigger = secondary_pace(profile), profile.trigger
    if pace is None or trigger.rate_hz <= pace.safe_rate_hz:
        return
    remedies = [f"trigger.rate_hz to {math.floor(10 * pace.safe_rate_hz) / 10:g} or less"]
    exposure_us = pace.longest_exposure_us(trigger.rate_hz)
    if exposure_us is not None and exposure_us >= 1:
        remedies.append(f"{trigger.secondary}.exposure_us to {math.floor(exposure_us)} or less")
    raise TriggerTooFast(
        f"Camera {profile.arm(trigger.secondary).serial} ({trigger.secondary}) can follow {pace.max_rate_hz:.1f} "
        f"triggers per second (exposure {pace.exposure_us / 1e3:g} ms, readout {_shown(pace.readout_us)}, overlap "
        f"{trigger.overlap}), and trigger.rate_hz = {trigger.rate_hz:g} is above {MARGIN:.0%} of that: it would miss "
        f"triggers. Set {', or '.join(remedies)}."
    )


def _shown(readout_us: float) -> str:
    return f"{readout_us / 1e3:.1f} ms" if readout_us else "not known"
