"""The one order in which a FLIR camera takes its settings, in both dialects.

What depends on something comes after it: offsets after size, exposure after rate, each after its automatic is off. No
user set is loaded, because what that changes could not be put back; instead, everything is set that alters counts.
"""

from __future__ import annotations

import logging

from nirvis_capture.cameras.genicam import ALTER_COUNTS
from nirvis_capture.cameras.spinnaker_dialects import Dialect
from nirvis_capture.cameras.spinnaker_nodes import Nodes
from nirvis_capture.cameras.spinnaker_settings import SpinnakerSettings
from nirvis_capture.errors import CameraError
from nirvis_capture.profile import ArmSettings
from nirvis_capture.trigger import NodeSetting

log = logging.getLogger(__name__)

_MOVED_BY_OTHERS = ("AcquisitionFrameRate", "ExposureTime")
_KEPT_SHARE = 0.99
_CONVERTER = {8: "Bit10", 12: "Bit12", 16: "Bit14"}


def configure(
    nodes: Nodes,
    dialect: Dialect,
    settings: ArmSettings,
    rate_hz: float | None,
    link_mb_s: float | None = None,
) -> frozenset[str]:
    """Everything but trigger and lines.

    rate_hz
        At which the camera runs by itself; None for one that waits for triggers, whose own rate must not bound it.

    Returns the chunks that every image is going to carry. Raises `CameraError` when the camera refuses a value.
    """
    for name in _MOVED_BY_OTHERS:
        nodes.keep(name)
    _silence(nodes, dialect)
    _picture(nodes, dialect, settings)
    _link(nodes, link_mb_s)
    _exposure(nodes, dialect, settings, rate_hz)
    _gains(nodes, settings)
    return _chunks(nodes, dialect)


def configure_stream(stream: Nodes, settings: SpinnakerSettings) -> None:
    """So many buffers, and never one overwritten: a frame that finds none is lost and leaves a gap in the ids."""
    stream.write("StreamBufferCountMode", "Manual")
    most = stream.limits("StreamBufferCountManual", int)[1]
    stream.write("StreamBufferCountManual", min(settings.buffers, most))
    stream.write("StreamBufferHandlingMode", "OldestFirst")


def apply_wiring(nodes: Nodes, settings: tuple[NodeSetting, ...]) -> None:
    """Trigger and lines, in the order of the plan.

    Raises `CameraError` when something that is needed is refused.
    """
    for setting in settings:
        if setting.needed:
            nodes.write(setting.node, setting.value)
        else:
            nodes.try_write(setting.node, setting.value)


def _silence(nodes: Nodes, dialect: Dialect) -> None:
    """No trigger and no sequence, whatever another program left on; the trigger of frames stays selected."""
    nodes.write("AcquisitionMode", "Continuous")
    nodes.try_write("SequencerMode", "Off")
    for selector in dialect.trigger_selectors:
        if nodes.try_write("TriggerSelector", selector):
            nodes.write("TriggerMode", "Off")


def _picture(nodes: Nodes, dialect: Dialect, settings: ArmSettings) -> None:
    for name, value in ALTER_COUNTS:
        nodes.try_write(name, value)
    nodes.write("PixelFormat", settings.pixel_format)
    nodes.try_write("AdcBitDepth", _CONVERTER[settings.sensor.bit_depth])
    nodes.try_write(dialect.gamma_enable, False)
    # Size and offset bound each other: only from the corner can any size be set.
    nodes.write("OffsetX", 0)
    nodes.write("OffsetY", 0)
    nodes.write("Width", settings.roi.width)
    nodes.write("Height", settings.roi.height)
    nodes.write("OffsetX", settings.roi.offset_x)
    nodes.write("OffsetY", settings.roi.offset_y)


def _link(nodes: Nodes, link_mb_s: float | None) -> None:
    """Bandwidth of the USB link; a camera that is left with too little slows down or sends incomplete frames."""
    if nodes.read("DeviceLinkThroughputLimit", int) is None:
        return
    low, high = nodes.limits("DeviceLinkThroughputLimit", int)
    wanted = high if link_mb_s is None else min(max(low, round(link_mb_s * 1e6)), high)
    step = nodes.step("DeviceLinkThroughputLimit")
    nodes.try_write("DeviceLinkThroughputLimit", low + (wanted - low) // step * step)


def _exposure(nodes: Nodes, dialect: Dialect, settings: ArmSettings, rate_hz: float | None) -> None:
    nodes.write("ExposureAuto", "Off")
    nodes.try_write("ExposureMode", "Timed")
    if dialect.rate_auto is not None:
        nodes.write(dialect.rate_auto, "Off")
    if rate_hz is not None:
        # The old exposure may be too long for the rate, and the old rate too high for the exposure.
        low, high = nodes.limits("ExposureTime", float)
        nodes.write("ExposureTime", min(max(low, settings.exposure_us), high))
        nodes.write(dialect.rate_enable, True)
        nodes.write("AcquisitionFrameRate", rate_hz)
    else:
        nodes.write(dialect.rate_enable, False)
    nodes.write("ExposureTime", settings.exposure_us)
    if rate_hz is not None:
        _check_rate(nodes, settings, rate_hz)


def _check_rate(nodes: Nodes, settings: ArmSettings, rate_hz: float) -> None:
    """Cameras accept a rate that their link or read-out cannot keep, and then run at another one without a word."""
    resulting_hz = nodes.read("AcquisitionResultingFrameRate", float)
    if resulting_hz is not None and resulting_hz < _KEPT_SHARE * rate_hz:
        raise CameraError(
            f"Camera {settings.serial} would run at {resulting_hz:.1f} instead of {rate_hz:g} Hz: raise "
            "spinnaker.link_mb_s, make roi or exposure_us smaller, or lower trigger.rate_hz."
        )


def _gains(nodes: Nodes, settings: ArmSettings) -> None:
    """Gain as in the profile; colour gains of one, because the camera would apply others to raw counts too."""
    nodes.write("GainAuto", "Off")
    nodes.write("Gain", settings.gain_db)
    if nodes.try_write("BalanceWhiteAuto", "Off"):
        for colour in ("Red", "Blue"):
            if nodes.try_write("BalanceRatioSelector", colour):
                nodes.try_write("BalanceRatio", 1.0)


def _chunks(nodes: Nodes, dialect: Dialect) -> frozenset[str]:
    if not nodes.try_write("ChunkModeActive", True):
        return frozenset()
    carried = {
        chunk
        for chunk in dialect.chunks
        if nodes.try_write("ChunkSelector", chunk) and nodes.try_write("ChunkEnable", True)
    }
    if missing := set(dialect.chunks) - carried:
        log.warning("images do not carry %s; what the profile says is recorded instead", ", ".join(sorted(missing)))
    return frozenset(carried)
