"""The two dialects of FLIR's USB3 cameras: what one generation calls differently from the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Names of features that differ."""

    name: str
    rate_enable: str
    rate_auto: str | None
    """Has to be off before the frame rate can be set; None where there is no such feature."""
    gamma_enable: str
    trigger_selectors: tuple[str, ...]
    """All of them: a trigger that another program left on keeps a camera silent."""
    latched_clock: str
    """Holds the clock of the camera, in ns, after ``TimestampLatch``."""
    counter_chunk: str
    counter_node: str | None
    """Where the frame counter of the newest image is read; None: from the chunk data of the image itself."""

    @property
    def chunks(self) -> tuple[str, ...]:
        return (self.counter_chunk, "Timestamp", "ExposureTime", "Gain")


SFNC = Dialect(
    name="SFNC",
    rate_enable="AcquisitionFrameRateEnable",
    rate_auto=None,
    gamma_enable="GammaEnable",
    trigger_selectors=("AcquisitionStart", "FrameBurstStart", "FrameStart"),
    latched_clock="TimestampLatchValue",
    counter_chunk="FrameID",
    counter_node=None,
)
"""Blackfly S and newer."""

GEN2 = Dialect(
    name="GEN2",
    rate_enable="AcquisitionFrameRateEnabled",
    rate_auto="AcquisitionFrameRateAuto",
    gamma_enable="GammaEnabled",
    trigger_selectors=("ExposureActive", "FrameStart"),
    latched_clock="Timestamp",
    counter_chunk="FrameCounter",
    counter_node="ChunkFrameCounter",
)
"""Grasshopper3, as Chameleon3 and Flea3."""


def dialect_of(offers: Callable[[str], bool]) -> Dialect:
    """Which one a camera speaks. Any name will do, as some are not available while another program's trigger is on."""
    names = (GEN2.rate_enable, GEN2.rate_auto or "", GEN2.gamma_enable)
    return GEN2 if any(offers(name) for name in names) else SFNC


NEEDS: Mapping[str, tuple[str, ...]] = {
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
    "Gain": ("GainAuto",),
    "AcquisitionFrameRate": ("AcquisitionFrameRateAuto", "AcquisitionFrameRateEnabled", "AcquisitionFrameRateEnable"),
    "AcquisitionFrameRateEnabled": ("AcquisitionFrameRateAuto",),
    "StreamBufferCountManual": ("StreamBufferCountMode",),
}
"""Features whose value belongs to the state of others: a selector, or a switch without which they cannot be written."""
