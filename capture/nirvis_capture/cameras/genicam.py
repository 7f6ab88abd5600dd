"""A GenICam camera by the names of its features, whichever driver reaches them.

Cameras of two generations name the same thing differently, so a setting has several names; the first that the camera
offers is written. What was there before is remembered and put back in reverse order: each step back leads to a state
that the camera was in, selectors included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from nirvis_capture.camera import Arm
from nirvis_capture.errors import CameraError
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.trigger import wiring

log = logging.getLogger(__name__)

Value = str | int | float | bool

_MOVED_BY_OTHERS = ("AcquisitionFrameRate", "ExposureTime", "ExposureTimeAbs")
"""Cameras change these by themselves when another one leaves them no room, so they are read before anything else."""

ALTER_COUNTS: tuple[tuple[str, Value], ...] = (
    ("BinningHorizontal", 1),
    ("BinningVertical", 1),
    ("DecimationHorizontal", 1),
    ("DecimationVertical", 1),
    ("ReverseX", False),
    ("ReverseY", False),
    ("TestPattern", "Off"),
    ("IspEnable", False),
)
"""What another program may have left on, and would make raw counts something else."""

CHUNKS = ("ExposureTime", "Gain")
"""What every frame is to tell of itself, where the camera can do that."""


class Features(Protocol):
    """The node map of one open camera."""

    def offers(self, name: str) -> bool:
        """True when the camera has the feature, and it can be used in its present state."""
        ...

    def read(self, name: str) -> Value: ...

    def write(self, name: str, value: Value) -> None:
        """Raises `CameraError` that names feature, value, and what is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """One feature and the value that it is to have."""

    names: tuple[str, ...]
    """By generation of camera."""
    value: Value
    needed: bool = True
    """False: a camera that lacks it, or has it fixed, works as well."""


class Changes:
    """What nirvis changed in a camera, and the way back."""

    def __init__(self, features: Features, serial: str) -> None:
        self._features = features
        self._serial = serial
        self._before: list[tuple[str, Value]] = []
        self._moved: dict[str, Value] = {}

    def apply(self, settings: Iterable[Setting]) -> None:
        """Write what differs. Raises `CameraError` when a needed feature is missing or a value is refused."""
        for name in _MOVED_BY_OTHERS:
            if name not in self._moved and self._features.offers(name):
                self._moved[name] = self._features.read(name)
        for setting in settings:
            self._write(setting)

    def restore(self) -> list[str]:
        """Write back what was there; gives the names of the features that refused. Safe to call twice."""
        refused = _written_back(self._features, reversed(self._before))
        # What was refused because of a limit may fit now, with everything else as it was.
        refused = _written_back(self._features, refused)
        self._before.clear()
        return sorted({name for name, _ in refused})

    def _write(self, setting: Setting) -> None:
        name = next((name for name in setting.names if self._features.offers(name)), None)
        if name is None:
            if setting.needed:
                raise CameraError(
                    f"Camera {self._serial} has no {' nor '.join(setting.names)} that could be set to {setting.value}; "
                    "the profile does not fit this camera."
                )
            return
        before = self._features.read(name)
        if before == setting.value:
            return
        if setting.needed:
            self._features.write(name, setting.value)
        elif not _is_written(self._features, name, setting.value):
            log.debug("camera %s keeps %s = %s", self._serial, name, before)
            return
        self._before.append((name, self._moved.pop(name, before)))


def _is_written(features: Features, name: str, value: Value) -> bool:
    try:
        features.write(name, value)
    except CameraError:
        return False
    return True


def _written_back(features: Features, settings: Iterable[tuple[str, Value]]) -> list[tuple[str, Value]]:
    return [(name, value) for name, value in settings if not _is_written(features, name, value)]


def configuration(profile: Profile, arm: Arm) -> list[Setting]:
    """What a camera of the profile is set to, in the order that both generations of FLIR cameras accept."""
    settings, trigger = profile.arm(arm), profile.trigger
    triggered = trigger.source == "hardware" and arm == trigger.secondary
    return [
        Setting(("AcquisitionMode",), "Continuous", needed=False),
        *_no_trigger(triggered),
        *_format(settings),
        *_exposure(settings, None if triggered else trigger.rate_hz),
        *_gains(settings),
        *_chunks(),
        *(_wires(profile, arm) if trigger.source == "hardware" else ()),
    ]


def _no_trigger(needed: bool) -> list[Setting]:
    """Much can be written only while the trigger is off; one that another program left on keeps a camera silent."""
    others = [
        Setting((name,), value, needed=False)
        for selector in ("AcquisitionStart", "FrameBurstStart", "ExposureActive")
        for name, value in (("TriggerSelector", selector), ("TriggerMode", "Off"))
    ]
    return [*others, Setting(("TriggerSelector",), "FrameStart", needed), Setting(("TriggerMode",), "Off", needed)]


def _chunks() -> list[Setting]:
    enabled = [(Setting(("ChunkSelector",), name, False), Setting(("ChunkEnable",), True, False)) for name in CHUNKS]
    return [Setting(("ChunkModeActive",), True, False), *(setting for chunk in enabled for setting in chunk)]


def _wires(profile: Profile, arm: Arm) -> list[Setting]:
    return [Setting((node.node,), node.value, node.needed) for node in wiring(profile).arm(arm).settings]


def _format(settings: ArmSettings) -> list[Setting]:
    """Offsets limit sizes and the other way round, so they go to zero first."""
    roi = settings.roi
    return [
        *(Setting((name,), value, needed=False) for name, value in ALTER_COUNTS),
        Setting(("PixelFormat",), settings.pixel_format),
        Setting(("OffsetX",), 0, needed=False),
        Setting(("OffsetY",), 0, needed=False),
        Setting(("Width",), roi.width),
        Setting(("Height",), roi.height),
        Setting(("OffsetX",), roi.offset_x, needed=roi.offset_x > 0),
        Setting(("OffsetY",), roi.offset_y, needed=roi.offset_y > 0),
    ]


def _exposure(settings: ArmSettings, rate_hz: float | None) -> list[Setting]:
    """The old exposure may be too long for the rate, and the old rate too high for the exposure.

    rate_hz
        None for a camera that is triggered: one that also keeps a rate of its own would skip pulses.
    """
    enable = ("AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled")
    exposure = ("ExposureTime", "ExposureTimeAbs")
    return [
        Setting(("ExposureAuto",), "Off", needed=False),
        Setting(("ExposureMode",), "Timed", needed=False),
        Setting(exposure, settings.exposure_us, needed=False),
        Setting(("AcquisitionFrameRateAuto",), "Off", needed=False),
        Setting(enable, rate_hz is not None, needed=False),
        *([] if rate_hz is None else [Setting(("AcquisitionFrameRate",), rate_hz)]),
        Setting(exposure, settings.exposure_us),
    ]


def _gains(settings: ArmSettings) -> list[Setting]:
    """Raw counts are to be linear in light: no gamma, and no gain of a colour."""
    ratios = [
        Setting((name,), value, needed=False)
        for colour in ("Red", "Blue")
        for name, value in (("BalanceRatioSelector", colour), ("BalanceRatio", 1.0))
    ]
    return [
        Setting(("GainAuto",), "Off", needed=False),
        Setting(("Gain",), settings.gain_db, needed=settings.gain_db > 0),
        Setting(("GammaEnable", "GammaEnabled"), False, needed=False),
        Setting(("BalanceWhiteAuto",), "Off", needed=False),
        *ratios,
    ]
