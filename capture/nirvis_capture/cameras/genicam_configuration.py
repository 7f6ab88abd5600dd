"""The one order in which a camera takes its settings, in the dialects of all generations.

What depends on something comes after it: offsets after size, exposure after rate, each after its automatic is off. No
user set is loaded, because what that changes could not be put back; instead, everything is set that alters counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, pairwise

from nirvis_capture.camera import Arm
from nirvis_capture.cameras.genicam import Value, value_of
from nirvis_capture.cameras.genicam_changes import Changes
from nirvis_capture.errors import CameraError
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.trigger import NodeSetting, wiring

log = logging.getLogger(__name__)

COUNTER_CHUNKS = ("FrameID", "FrameCounter")
"""By generation of camera."""
CHUNKS = ("Timestamp", "ExposureTime", "Gain")
"""What every frame is to tell of itself, besides its number."""

_KEPT_SHARE = 0.99
_CONVERTER = {8: "Bit10", 12: "Bit12", 16: "Bit14"}
_ALTER_COUNTS: Mapping[str, Value] = {
    "BinningHorizontal": 1,
    "BinningVertical": 1,
    "DecimationHorizontal": 1,
    "DecimationVertical": 1,
    "ReverseX": False,
    "ReverseY": False,
    "TestPattern": "Off",
    "IspEnable": False,
    "GammaEnable": False,
}
"""What another program may have left on, and would make raw counts something else."""
_TRIGGERS = ("AcquisitionStart", "FrameBurstStart", "ExposureActive", "FrameStart")
"""All of them: one that another program left on keeps a camera silent. That of frames stays selected."""
_MORE_LINK = {"spinnaker": "raise spinnaker.link_mb_s, ", "aravis": "raise aravis.link_mb_s, "}
"""What a person can do about the bus, by backend."""


def configure(changes: Changes, profile: Profile, arm: Arm, link: Iterable[NodeSetting] = ()) -> frozenset[str]:
    """Set a camera as the profile says.

    link
        What the driver sets of its bus, because that bounds the rate; asked for when its turn has come.

    Returns the chunks that every image is going to carry. Raises `CameraError` when the camera refuses a value.
    """
    held = changes.apply(configuration(profile, arm, link))
    if not is_triggered(profile, arm):
        _check_rate(changes, profile, arm)
    return frozenset(
        str(selected.value)
        for selected, enabled in pairwise(held)
        if (selected.node, enabled.node) == ("ChunkSelector", "ChunkEnable")
    )


def counter_chunk(carried: frozenset[str]) -> str | None:
    """Which of the chunks that every image carries has its number; None where none has."""
    return next((name for name in COUNTER_CHUNKS if name in carried), None)


def tell_missing(carried: frozenset[str]) -> None:
    """Log which chunks the images of a camera do not carry."""
    if missing := sorted({counter_chunk(carried) or COUNTER_CHUNKS[0], *CHUNKS} - carried):
        log.warning("images do not carry %s; what the profile says is recorded instead", ", ".join(missing))


def configuration(profile: Profile, arm: Arm, link: Iterable[NodeSetting] = ()) -> Iterator[NodeSetting]:
    """All settings by their standard names, in an order that every generation of cameras accepts."""
    settings, trigger = profile.arm(arm), profile.trigger
    return chain(
        [_optional("AcquisitionMode", "Continuous"), _optional("SequencerMode", "Off")],
        _behind("TriggerSelector", _TRIGGERS, _optional("TriggerMode", "Off")),
        _picture(settings),
        link,
        _exposure(settings, None if is_triggered(profile, arm) else trigger.rate_hz),
        _gains(settings),
        [_optional("ChunkModeActive", True)],
        _behind("ChunkSelector", (*COUNTER_CHUNKS, *CHUNKS), _optional("ChunkEnable", True)),
        wiring(profile).arm(arm).settings if trigger.source == "hardware" else (),
    )


def is_triggered(profile: Profile, arm: Arm) -> bool:
    """Whether the camera of that arm waits for pulses."""
    return profile.trigger.source == "hardware" and arm == profile.trigger.secondary


def _optional(name: str, value: Value) -> NodeSetting:
    return NodeSetting(name, value, needed=False)


def _behind(selector: str, entries: Iterable[str], setting: NodeSetting) -> list[NodeSetting]:
    """The same setting at several entries of a selector."""
    return [each for entry in entries for each in (_optional(selector, entry), setting)]


def _picture(settings: ArmSettings) -> list[NodeSetting]:
    roi = settings.roi
    return [
        *(_optional(name, value) for name, value in _ALTER_COUNTS.items()),
        NodeSetting("PixelFormat", settings.pixel_format),
        _optional("AdcBitDepth", _CONVERTER[settings.sensor.bit_depth]),
        # Size and offset bound each other: only from the corner can any size be set.
        _optional("OffsetX", 0),
        _optional("OffsetY", 0),
        NodeSetting("Width", roi.width),
        NodeSetting("Height", roi.height),
        NodeSetting("OffsetX", roi.offset_x, needed=roi.offset_x > 0),
        NodeSetting("OffsetY", roi.offset_y, needed=roi.offset_y > 0),
    ]


def _exposure(settings: ArmSettings, rate_hz: float | None) -> list[NodeSetting]:
    """The old exposure may be too long for the rate, and the old rate too high for the exposure.

    rate_hz
        None for a camera that is triggered: one that also keeps a rate of its own would skip pulses.
    """
    return [
        _optional("ExposureAuto", "Off"),
        _optional("ExposureMode", "Timed"),
        _optional("ExposureTime", settings.exposure_us),
        _optional("AcquisitionFrameRateAuto", "Off"),
        _optional("AcquisitionFrameRateEnable", rate_hz is not None),
        *([] if rate_hz is None else [NodeSetting("AcquisitionFrameRate", rate_hz)]),
        NodeSetting("ExposureTime", settings.exposure_us),
    ]


def _gains(settings: ArmSettings) -> list[NodeSetting]:
    """Gain as in the profile; colour gains of one, because the camera would apply others to raw counts too."""
    return [
        _optional("GainAuto", "Off"),
        NodeSetting("Gain", settings.gain_db, needed=settings.gain_db > 0),
        _optional("BalanceWhiteAuto", "Off"),
        *_behind("BalanceRatioSelector", ("Red", "Blue"), _optional("BalanceRatio", 1.0)),
    ]


def _check_rate(changes: Changes, profile: Profile, arm: Arm) -> None:
    """Cameras accept a rate that their link or read-out cannot keep, and then run at another one without a word."""
    settings, rate_hz = profile.arm(arm), profile.trigger.rate_hz
    resulting_hz = value_of(changes.features, "AcquisitionResultingFrameRate", rate_hz)
    if resulting_hz < _KEPT_SHARE * rate_hz:
        raise CameraError(
            f"Camera {settings.serial} would run at {resulting_hz:.1f} instead of {rate_hz:g} Hz: "
            f"{_MORE_LINK.get(settings.backend, '')}make roi or exposure_us smaller, or lower trigger.rate_hz."
        )
