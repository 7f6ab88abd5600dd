"""What is wrong with the trigger cable of a rig: watch the secondary while the primary is silent, then let it pulse.

`observe` runs the cameras, `diagnose` is a pure function of what it saw.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import ARMS, Arm, Backend, Camera, Health
from nirvis_capture.cameras import open_backend
from nirvis_capture.cameras.genicam_configuration import is_triggered
from nirvis_capture.doctor.finding import Finding
from nirvis_capture.doctor.reception import reception
from nirvis_capture.errors import TriggerTooFast
from nirvis_capture.opening import cameras_of
from nirvis_capture.patience import ANSWER_PATIENCE_S, answer_of, within_patience
from nirvis_capture.profile import Profile, Trigger
from nirvis_capture.trigger import check_rate
from nirvis_capture.wording import counted

Cause = Literal[
    "none", "free-running secondary", "swapped roles", "no trigger", "not wired", "missing pull-up", "half rate"
]

WATCH_S = 1.0
WATCH_PERIODS = 20
PAUSE_S = 0.25
PAUSE_PERIODS = 6
_LOOK_S = 0.05
_STEADY = 0.1
"""An interval that is no whole number of periods within this share of one was not made by the primary."""
_FORGIVEN = 0.02
"""Share of pulses without an exposure that a busy machine may cost; more is the trigger's doing."""
_ISOLATED_OUTPUT = "Line1"
"""The optically isolated output of a Blackfly S: an open collector, which only pulls down."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What one camera sent while it was watched."""

    stamps_ns: NDArray[np.int64]
    """Starts of its exposures, on its own clock."""

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def periods(self, period_ns: float) -> NDArray[np.float64]:
        """Intervals between its exposures, in periods of the trigger."""
        return np.diff(self.stamps_ns) / period_ns

    def period_ns(self, otherwise: float) -> float:
        """Its usual interval; another value where it sent fewer than two frames."""
        return float(np.median(np.diff(self.stamps_ns))) if len(self) > 1 else otherwise


@dataclass(frozen=True, slots=True)
class Observation:
    """Each camera alone, then both."""

    alone: int
    """Frames of the primary while the secondary was not armed."""
    paused: int
    """Frames of the secondary while the primary was not armed."""
    primary: Watched
    secondary: Watched
    swapped: Watched | None = None
    """The other arm as secondary, where the one of the profile was silent."""
    health: Mapping[Arm, Mapping[str, float]] = field(default_factory=dict)
    """What the drivers counted meanwhile; see `nirvis_capture.camera.Health`."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The one cause that explains what was seen."""

    cause: Cause
    seen: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return self.cause == "none"


def observe(profile: Profile, open_cameras: Callable[[Profile], Backend] = open_backend) -> Observation:
    """Watch both cameras for a few seconds; where the secondary is silent, with the roles exchanged too.

    Raises `CameraError` when a camera cannot be opened or armed.
    """
    seen = _watch_rig(profile, open_cameras)
    if seen.paused or len(seen.secondary):
        return seen
    exchanged = _watch_rig(profile.edited({"trigger.primary": profile.trigger.secondary}), open_cameras)
    return seen if exchanged.paused else replace(seen, swapped=exchanged.secondary)


def diagnose(seen: Observation, profile: Profile) -> Diagnosis:
    """Name what is wrong with the trigger."""
    trigger = profile.trigger
    primary, secondary = trigger.primary, trigger.secondary
    if trigger.source == "free":
        return Diagnosis(
            "free-running secondary",
            'The profile asks for it: trigger.source = "free".',
            'Wire the trigger, and set trigger.source = "hardware"; until then clips claim no synchrony.',
        )
    if seen.paused:
        return _uninvited(seen, primary, secondary)
    if seen.swapped is not None and len(seen.swapped):
        return Diagnosis(
            "swapped roles",
            f"{secondary} follows no pulse of {primary}, but {primary} follows those of {secondary}.",
            f'Set trigger.primary = "{secondary}" in the profile, or turn the cable round.',
        )
    if not seen.alone:
        return Diagnosis(
            "no trigger",
            f"{primary} sends no frame by itself, so that it gives no pulse either.",
            f"Check power and cable of {primary}, and that its own trigger mode is off; it must run at its frame rate.",
        )
    if not len(seen.secondary):
        return _silent(seen, trigger)
    return _rhythm(seen, profile)


def receptions(seen: Observation, profile: Profile) -> list[Finding]:
    """Whether everything arrived that the cameras sent, for those whose drivers count it."""
    found = (reception(arm, seen.health.get(arm, {}), not is_triggered(profile, arm)) for arm in ARMS)
    return [finding for finding in found if finding is not None]


def _uninvited(seen: Observation, primary: str, secondary: str) -> Diagnosis:
    if not seen.alone:
        return Diagnosis(
            "swapped roles",
            f"{secondary} sent {counted(seen.paused, 'frame')} while {primary} was paused, and {primary} sends none "
            "by itself.",
            f'{primary} waits for pulses and {secondary} makes them: set trigger.primary = "{secondary}".',
        )
    return Diagnosis(
        "free-running secondary",
        f"{secondary} sent {counted(seen.paused, 'frame')} while {primary} was paused.",
        "It does not wait for a trigger: its trigger mode is off, or another program set it. Close SpinView and arm "
        f"anew; then unplug the trigger cable to make sure that {secondary} falls silent.",
    )


def _silent(seen: Observation, trigger: Trigger) -> Diagnosis:
    symptom = f"{trigger.primary} sent {counted(len(seen.primary), 'frame')} and {trigger.secondary} none."
    if trigger.primary_line == _ISOLATED_OUTPUT:
        return Diagnosis(
            "missing pull-up",
            symptom,
            f"{trigger.primary_line} of {trigger.primary} can only pull down: join it through a resistor to a supply, "
            f"such as the 3.3 V of Line2; then check the wire to {trigger.secondary_line} of {trigger.secondary}.",
        )
    return Diagnosis(
        "not wired",
        symptom,
        f"No edge reaches {trigger.secondary_line} of {trigger.secondary}: check the wire to it from "
        f"{trigger.primary_line} of {trigger.primary}, the ground, and that the profile names the right lines.",
    )


def _rhythm(seen: Observation, profile: Profile) -> Diagnosis:
    """Both cameras expose: does the secondary follow each pulse?"""
    trigger = profile.trigger
    period_ns = seen.primary.period_ns(otherwise=trigger.period_ns)
    if abs(period_ns / trigger.period_ns - 1) > _STEADY:
        return Diagnosis(
            "half rate",
            f"{trigger.primary} itself runs at {1e9 / period_ns:.1f} instead of {trigger.rate_hz:g} Hz.",
            f"Shorten {trigger.primary}.exposure_us, make the roi smaller, or lower trigger.rate_hz.",
        )
    steps = seen.secondary.periods(period_ns)
    whole = np.rint(steps)
    strange = float(np.mean(np.abs(steps - whole) > _STEADY)) if len(steps) else 1.0
    missed = 1 - len(steps) / whole.sum() if whole.sum() else 0.0
    if strange <= _FORGIVEN and missed <= _FORGIVEN:
        return Diagnosis("none", f"{trigger.secondary} is silent in the pause and follows every pulse.")
    if strange <= _FORGIVEN and np.ptp(whole) == 0:
        return Diagnosis(
            "half rate",
            f"{trigger.secondary} follows one of {int(whole[0])} pulses at {trigger.rate_hz:g} Hz.",
            _too_fast(profile)
            or f"A pulse during exposure or readout is ignored: shorten {trigger.secondary}.exposure_us, lower "
            "trigger.rate_hz, or allow trigger.overlap.",
        )
    if strange <= _FORGIVEN:
        symptom = f"{trigger.secondary} misses {missed:.0%} of the pulses, without a pattern."
    else:
        symptom = f"{strange:.0%} of the intervals of {trigger.secondary} are no whole number of periods."
    return Diagnosis(
        "missing pull-up",
        symptom,
        f"The edges at {trigger.secondary_line} are unsteady: give the open-collector line of {trigger.primary} a "
        "pull-up or the 3.3 V output, and join the grounds. If it has them, the rate is at the limit: lower it.",
    )


def _too_fast(profile: Profile) -> str:
    """Why the secondary cannot follow at this rate, and what would fit; empty where it can."""
    try:
        check_rate(profile)
    except TriggerTooFast as error:
        return str(error)
    return ""


def _watch_rig(profile: Profile, open_cameras: Callable[[Profile], Backend]) -> Observation:
    """Each camera alone, then the primary with the secondary waiting for its pulses.

    In a thread, where no signal cuts a camera off between two steps; one that comes ends the watch.
    """
    period_s, ended = profile.trigger.period_ns * 1e-9, threading.Event()
    pause_s, seconds = max(PAUSE_S, PAUSE_PERIODS * period_s), max(WATCH_S, WATCH_PERIODS * period_s)
    backend = open_cameras(profile)
    try:
        cameras = cameras_of(profile, backend)
        watch = partial(_watch_both, cameras, profile.trigger, pause_s, seconds, ended)
        return answer_of("watch the cameras", watch, ANSWER_PATIENCE_S + 3 * pause_s + seconds)
    finally:
        ended.set()
        within_patience("release the cameras", backend.close)


def _watch_both(
    cameras: Mapping[Arm, Camera], trigger: Trigger, pause_s: float, seconds: float, ended: threading.Event
) -> Observation:
    primary, secondary = cameras[trigger.primary], cameras[trigger.secondary]
    primary.arm()
    alone = len(_watch(primary, pause_s, ended))
    primary.disarm()
    secondary.arm()
    # Frames that nobody asked for; one that was on its way when the watch began is forgiven.
    paused = len(_watch(secondary, pause_s, ended)) and len(_watch(secondary, pause_s, ended))
    with ThreadPoolExecutor(1) as pool:
        follower = pool.submit(_watch, secondary, seconds, ended)
        primary.arm()
        leader = _watch(primary, seconds, ended)
        primary.disarm()
        seen = Observation(alone, paused, leader, follower.result())
    return replace(seen, health={arm: camera.health() for arm, camera in cameras.items() if isinstance(camera, Health)})


def _watch(camera: Camera, seconds: float, ended: threading.Event) -> Watched:
    deadline = time.monotonic() + seconds
    stamps: list[int] = []
    while time.monotonic() < deadline and not ended.is_set():
        frame = camera.next_frame(_LOOK_S)
        if frame is not None:
            stamps.append(frame.timestamp_ns)
    return Watched(np.array(stamps, np.int64))
