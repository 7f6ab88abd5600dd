"""The features of the two camera models, each in the dialect of its generation, as they are after power-on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspin_stand_in.features import Feature, Memory, Rule, always

READ_OUT_US = 1500.0
"""From the end of an exposure to the end of its read-out: with overlap, the time that the sensor needs for a frame."""
MAX_RATE_HZ = 500.0
DEEP_RATE_HZ = 150.0
"""Of pixel formats with more than eight bits."""
LINES = ("Line0", "Line1", "Line2", "Line3")
_ENABLED, _ENABLE = "AcquisitionFrameRateEnabled", "AcquisitionFrameRateEnable"
CHUNKS = ("Timestamp", "ExposureTime", "Gain", "CRC")


@dataclass(frozen=True)
class Model:
    """One camera model."""

    name: str
    features: Mapping[str, Feature]
    stream_features: Mapping[str, Feature]
    output_line: str
    """The line that the factory cable of this bench connects to Line3 of the other camera."""
    counter: str
    """Chunk that numbers the frames."""
    clock_step_ns: int
    rate_enable: str
    pull_up: Rule
    """Whether something lifts the output line when it is not driven."""


def gs3() -> Model:
    """GS3-U3-15S4C, second generation: what CM3 and FL3 show, expected of it."""
    features = {
        **_size(1384, 1032, 4, 2),
        **_exposure(_ENABLED, _not_automatic),
        **_trigger(("ExposureActive", "FrameStart"), ("FallingEdge", "RisingEdge"), ("Off", "ReadOut"), _trigger_on),
        **_lines(input_only=("Line0",), output_only=("Line1",), sources=("UserOutput1", "ExposureActive")),
        **_chunks("FrameCounter"),
        "TriggerDelayEnabled": Feature(False),
        "TriggerDelay": Feature(0.0, writable=lambda m: m["TriggerDelayEnabled"] is True, limits=_of(0, 1e6)),
        "AcquisitionFrameRateAuto": Feature("Continuous", ("Off", "Continuous")),
        "GammaEnabled": Feature(True),
        "V3_3Enable": Feature(False),
        "Timestamp": Feature(0, setting=False),
        "TimestampIncrement": Feature(125_000, computed=lambda _: 125_000),
        "VideoMode": Feature("Mode0", tuple(f"Mode{n}" for n in range(16))),
    }
    return Model("Grasshopper3 GS3-U3-15S4C", features, _stream(), "Line2", "FrameCounter", 125_000, _ENABLED, always)


def bfs() -> Model:
    """BFS-U3-63S4C, standard feature names."""
    features = {
        **_size(3072, 2048, 8, 2),
        **_exposure(_ENABLE, lambda _: True),
        **_trigger(
            ("AcquisitionStart", "FrameStart", "FrameBurstStart"),
            ("RisingEdge", "FallingEdge", "AnyEdge", "LevelLow", "LevelHigh"),
            ("Off", "ReadOut", "PreviousFrame"),
            lambda _: True,
        ),
        **_lines(
            input_only=("Line0", "Line3"),
            output_only=("Line1",),
            sources=("Off", "ExposureActive", "FrameTriggerWait", "UserOutput0"),
        ),
        **_chunks("FrameID"),
        "TriggerDelay": Feature(0.0, limits=_of(0, 1e6)),
        "GammaEnable": Feature(True),
        "IspEnable": Feature(True),
        "V3_3Enable": Feature(False, selector="LineSelector", available=lambda m: m["LineSelector"] == "Line2"),
        "TimestampLatchValue": Feature(0, setting=False),
        "TimestampIncrement": Feature(1000, computed=lambda _: 1000),
        "AcquisitionResultingFrameRate": Feature(0.0, computed=_kept_hz),
        "SequencerMode": Feature("Off", ("Off", "On")),
        "AdcBitDepth": Feature("Bit10", ("Bit8", "Bit10", "Bit12", "Bit14")),
    }
    return Model("Blackfly S BFS-U3-63S4C", features, _stream(), "Line1", "FrameID", 1000, _ENABLE, _supplied)


def _of(low: float, high: float) -> Callable[[Memory], tuple[float, float]]:
    return lambda _: (low, high)


def _kept_hz(memory: Memory) -> float:
    """What the link leaves of the rate."""
    bytes_of_frame = int(memory["Width"]) * int(memory["Height"])
    return min(float(memory["AcquisitionFrameRate"]), int(memory["DeviceLinkThroughputLimit"]) / bytes_of_frame)


def _supplied(memory: Memory) -> bool:
    return memory.at("V3_3Enable", "Line2") is True


def _not_automatic(memory: Memory) -> bool:
    return memory["AcquisitionFrameRateAuto"] == "Off"


def _trigger_on(memory: Memory) -> bool:
    return memory["TriggerMode"] == "On"


def _size(width: int, height: int, step_x: int, step_y: int) -> dict[str, Feature]:
    formats = tuple(f"Bayer{order}{depth}" for order in ("RG", "GR") for depth in ("8", "16", "12p"))
    return {
        "DeviceModelName": Feature("unknown"),
        "PixelFormat": Feature("BayerRG16", formats, moves=_slow_down),
        "BinningHorizontal": Feature(1, limits=_of(1, 4)),
        "BinningVertical": Feature(1, limits=_of(1, 4)),
        "ReverseX": Feature(False),
        "Width": Feature(width // 2, limits=lambda m: (step_x, width - int(m["OffsetX"])), step=step_x),
        "Height": Feature(height // 2, limits=lambda m: (step_y, height - int(m["OffsetY"])), step=step_y),
        "OffsetX": Feature(step_x * 4, limits=lambda m: (0, width - int(m["Width"])), step=step_x),
        "OffsetY": Feature(step_y * 4, limits=lambda m: (0, height - int(m["Height"])), step=step_y),
        "DeviceLinkThroughputLimit": Feature(100_000_000, limits=_of(1_000_000, 380_000_000), step=1_000),
        "DeviceTemperature": Feature(41.5, computed=lambda _: 41.5),
        "TransmitFailureCount": Feature(0, computed=lambda _: 0),
    }


def _slow_down(memory: Memory) -> None:
    """More than eight bits take longer to read out."""
    if not str(memory["PixelFormat"]).endswith("8"):
        memory["AcquisitionFrameRate"] = min(DEEP_RATE_HZ, float(memory["AcquisitionFrameRate"]))


def _exposure(enable: str, may_enable: Rule) -> dict[str, Feature]:
    def limited(memory: Memory) -> bool:
        return memory[enable] is True

    def longest_us(memory: Memory) -> float:
        return 1e6 / float(memory["AcquisitionFrameRate"]) - 100 if limited(memory) else 30e6

    def quickest_hz(memory: Memory) -> float:
        return min(MAX_RATE_HZ, 1e6 / (float(memory["ExposureTime"]) + 100))

    return {
        "AcquisitionMode": Feature("SingleFrame", ("Continuous", "SingleFrame", "MultiFrame")),
        enable: Feature(False, writable=may_enable),
        "AcquisitionFrameRate": Feature(
            10.0, writable=lambda m: limited(m) and may_enable(m), limits=lambda m: (1.0, quickest_hz(m))
        ),
        "ExposureAuto": Feature("Continuous", ("Off", "Once", "Continuous")),
        "ExposureMode": Feature("TriggerWidth", ("Timed", "TriggerWidth")),
        "ExposureTime": Feature(
            40_000.0,
            writable=lambda m: m["ExposureAuto"] == "Off" and m["ExposureMode"] == "Timed",
            limits=lambda m: (10.0, longest_us(m)),
            while_streaming=True,
        ),
        "GainAuto": Feature("Continuous", ("Off", "Once", "Continuous")),
        "Gain": Feature(12.0, writable=lambda m: m["GainAuto"] == "Off", limits=_of(0, 47.99), while_streaming=True),
        "BalanceWhiteAuto": Feature("Continuous", ("Off", "Once", "Continuous")),
        "BalanceRatioSelector": Feature("Red", ("Red", "Blue")),
        "BalanceRatio": Feature(
            1.6, selector="BalanceRatioSelector", writable=lambda m: m["BalanceWhiteAuto"] == "Off", limits=_of(0.25, 4)
        ),
    }


def _trigger(
    selectors: tuple[str, ...], edges: tuple[str, ...], overlaps: tuple[str, ...], overlap_available: Rule
) -> dict[str, Feature]:
    """The first of each is what the camera has after power-on."""

    def off(memory: Memory) -> bool:
        return memory["TriggerMode"] == "Off"

    return {
        "TriggerSelector": Feature(selectors[0], selectors),
        "TriggerMode": Feature("Off", ("Off", "On"), selector="TriggerSelector"),
        "TriggerSource": Feature("Software", ("Software", *LINES), selector="TriggerSelector", writable=off),
        "TriggerActivation": Feature(edges[0], edges, selector="TriggerSelector"),
        "TriggerOverlap": Feature("Off", overlaps, selector="TriggerSelector", available=overlap_available),
    }


def _lines(input_only: tuple[str, ...], output_only: tuple[str, ...], sources: tuple[str, ...]) -> dict[str, Feature]:
    def output(memory: Memory) -> bool:
        return memory["LineMode"] == "Output"

    return {
        "LineSelector": Feature("Line0", LINES),
        "LineMode": Feature(
            "Input",
            ("Input", "Output"),
            selector="LineSelector",
            power_on=dict.fromkeys(output_only, "Output"),
            writable=lambda m: m["LineSelector"] not in (*input_only, *output_only),
        ),
        "LineSource": Feature(sources[0], sources, "LineSelector", available=output),
        "LineInverter": Feature(False, selector="LineSelector"),
    }


def _chunks(counter: str) -> dict[str, Feature]:
    def on(memory: Memory) -> bool:
        return memory["ChunkModeActive"] is True

    return {
        "ChunkModeActive": Feature(False),
        "ChunkSelector": Feature("CRC", (counter, *CHUNKS), available=on),
        "ChunkEnable": Feature(
            False,
            selector="ChunkSelector",
            power_on={"CRC": True},
            available=on,
            writable=lambda m: m["ChunkSelector"] != "CRC",
        ),
    }


def _stream() -> dict[str, Feature]:
    return {
        "StreamBufferHandlingMode": Feature(
            "NewestOnly", ("OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst")
        ),
        "StreamBufferCountMode": Feature("Auto", ("Manual", "Auto")),
        "StreamBufferCountManual": Feature(
            10, writable=lambda m: m["StreamBufferCountMode"] == "Manual", limits=_of(3, 64)
        ),
        "StreamLostFrameCount": Feature(0, while_streaming=True, setting=False),
        "StreamIncompleteFrameCount": Feature(0, while_streaming=True, setting=False),
    }
