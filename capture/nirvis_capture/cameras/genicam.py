"""A GenICam camera by the names of its features, whichever driver reaches them.

What two generations of cameras call differently, and what belongs to what, is in the two tables here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nirvis_capture.camera import Arm, CameraInfo, ClockLatch, Raw
from nirvis_capture.errors import CameraError
from nirvis_capture.profile import ArmSettings
from nirvis_capture.raw import unpack, unpacked_format

Value = bool | int | float | str
"""Switch, integer, number, or the name of an enumeration entry."""

_LATCH_TRIES = 3
_SHIFT_OF_12_IN_16 = 4
"""FLIR cameras put the 12 bits of their converter at the upper end of 16."""

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "AcquisitionFrameRateEnable": ("AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled"),
    "GammaEnable": ("GammaEnable", "GammaEnabled"),
    "ExposureTime": ("ExposureTime", "ExposureTimeAbs"),
    "TimestampLatchValue": ("TimestampLatchValue", "Timestamp"),
}
"""A feature by its standard name (Blackfly S and newer), and what others call it: Grasshopper3, as Chameleon3 and
Flea3, and GigE cameras from before the standard. The first that a camera has is meant."""

BELONGS_TO: Mapping[str, tuple[str, ...]] = {
    "TriggerMode": ("TriggerSelector",),
    "TriggerSource": ("TriggerSelector", "TriggerMode"),
    "TriggerActivation": ("TriggerSelector",),
    "TriggerOverlap": ("TriggerSelector", "TriggerMode"),
    "TriggerDelay": ("TriggerSelector", "TriggerDelayEnabled"),
    "LineMode": ("LineSelector",),
    "LineSource": ("LineSelector", "LineMode"),
    "V3_3Enable": ("LineSelector",),
    "ChunkSelector": ("ChunkModeActive",),
    "ChunkEnable": ("ChunkModeActive", "ChunkSelector"),
    "BalanceRatioSelector": ("BalanceWhiteAuto",),
    "BalanceRatio": ("BalanceWhiteAuto", "BalanceRatioSelector"),
    "ExposureTime": ("ExposureAuto", "ExposureMode"),
    "ExposureTimeAbs": ("ExposureAuto", "ExposureMode"),
    "Gain": ("GainAuto",),
    "AcquisitionFrameRate": ("AcquisitionFrameRateAuto", "AcquisitionFrameRateEnabled", "AcquisitionFrameRateEnable"),
    "AcquisitionFrameRateEnabled": ("AcquisitionFrameRateAuto",),
    "StreamBufferCountManual": ("StreamBufferCountMode",),
}
"""Features whose value belongs to the state of others: a selector, or a switch without which they cannot be written."""


RANGED: Mapping[str, str] = {
    "exposure_us": "ExposureTime",
    "gain_db": "Gain",
    "roi.width": "Width",
    "roi.height": "Height",
    "roi.offset_x": "OffsetX",
    "roi.offset_y": "OffsetY",
}
"""Settings of an arm whose range cameras tell, and the standard names of their features."""


class Refused(CameraError):
    """A camera that answers says no to a value; the message names feature, value, and what is allowed."""


class Features(Protocol):
    """The node map of one open camera. Calls raise `CameraError` when the camera does not answer."""

    def read(self, name: str) -> Value | None:
        """None where the camera has no such feature, or not in its present state."""
        ...

    def is_writable(self, name: str) -> bool:
        """Whether the feature can be written in the present state of the camera."""
        ...

    def write(self, name: str, value: Value) -> None:
        """Raises `Refused` when the camera has no such feature, or does not take the value."""
        ...

    def execute(self, name: str) -> bool:
        """Run a command; False where the camera does not have it."""
        ...


class Bounded(Protocol):
    """A node map that tells what may be written."""

    def bounds(self, name: str) -> tuple[float, float] | None:
        """Least and greatest value of a number as things stand; None where the camera has no such feature."""
        ...


def setting_ranges(features: Bounded) -> dict[str, tuple[float, float]]:
    """What the settings of an arm may be, by their names in the profile; those that it does not tell are missing."""
    told = {
        setting: next(
            (found for name in SPELLINGS.get(standard, (standard,)) if (found := features.bounds(name))), None
        )
        for setting, standard in RANGED.items()
    }
    return {setting: bounds for setting, bounds in told.items() if bounds is not None}


def look_up(features: Features, name: str) -> tuple[str, Value] | None:
    """How a camera spells the feature of that standard name, and its value; None where it has none."""
    for spelling in SPELLINGS.get(name, (name,)):
        value = features.read(spelling)
        if value is not None:
            return spelling, value
    return None


def value_of(features: Features, name: str, otherwise: float) -> float:
    """A number by the standard name of its feature; `otherwise` where the camera does not tell it."""
    found = look_up(features, name)
    return otherwise if found is None else float(found[1])


def check_model(arm: Arm, settings: ArmSettings, model: str) -> None:
    """Raise `CameraError` where a camera is of another model than its serial number stands for in the profile.

    model
        As the camera says it, which begins with the name of the family.
    """
    if settings.model not in model:
        raise CameraError(
            f"Camera {settings.serial} is a {model}, but {arm}.model in the profile is {settings.model}, which has "
            "another sensor and other trigger lines. Correct the serial or the model."
        )


def camera_info(features: Features, settings: ArmSettings) -> CameraInfo:
    """What a camera is once it is configured."""
    return CameraInfo(
        serial=settings.serial,
        model=settings.model,
        pixel_format=unpacked_format(settings.pixel_format),
        width=settings.roi.width,
        height=settings.roi.height,
        bit_depth=settings.sensor.bit_depth,
        black_level_dn=settings.black_level_dn,
        timestamp_resolution_ns=_resolution_ns(features),
    )


def sensor_counts(sent: NDArray[np.uint8], pixel_format: str, shape: tuple[int, int], bit_depth: int) -> Raw:
    """A copy of the counts in the bytes of one frame, ``(H, W)``. Raises `ValueError` when there are too few bytes."""
    picture = unpack(sent, pixel_format, shape)
    if bit_depth == 12 and pixel_format.endswith("16"):
        np.right_shift(picture, _SHIFT_OF_12_IN_16, out=picture)
    return picture


def latched_clock(features: Features, resolution_ns: int) -> ClockLatch | None:
    """Both clocks at once, the least uncertain of a few readings.

    None where the camera does not latch its own in nanoseconds, as FLIR's USB3 cameras do.
    """
    latches = [_latch(features, resolution_ns) for _ in range(_LATCH_TRIES)]
    return min((latch for latch in latches if latch), key=lambda latch: latch.uncertainty_ns, default=None)


def _latch(features: Features, resolution_ns: int) -> ClockLatch | None:
    before_ns = time.monotonic_ns()
    latched = features.execute("TimestampLatch")
    after_ns = time.monotonic_ns()
    clock = look_up(features, "TimestampLatchValue") if latched else None
    if clock is None:
        return None
    return ClockLatch(int(clock[1]), (before_ns + after_ns) // 2, (after_ns - before_ns) // 2 + resolution_ns)


def _resolution_ns(features: Features) -> int:
    ticks_hz = value_of(features, "GevTimestampTickFrequency", 1e9)
    return max(1, round(value_of(features, "TimestampIncrement", 1e9 / max(1.0, ticks_hz))))
