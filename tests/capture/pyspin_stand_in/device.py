"""A camera on the bench: when it exposes, what it sends, and how many buffers there are for it.

Nothing runs by itself: what happened since the last look is worked out from the clock, exposure by exposure.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyspin_stand_in.codes import IMAGE_STATUS
from pyspin_stand_in.features import Feature, Memory
from pyspin_stand_in.models import MAX_RATE_HZ, READ_OUT_US, Model

TRANSFER_NS = 1_000_000
START_NS = 2_000_000
TRIGGER_LATENCY_NS = 6_000


@dataclass
class Session:
    """From one start of the acquisition to its end."""

    began_ns: int
    ended_ns: int | None = None


@dataclass(frozen=True)
class Shot:
    """One exposure that was read out."""

    frame_id: int
    block_id: int
    """Counted by the transport, from every start."""
    began_ns: int
    arrives_ns: int
    exposure_us: float
    status: int


@dataclass
class Device:
    """One camera; `source` is the camera whose output line is wired to Line3 of this one."""

    serial: str
    model: Model
    changed: threading.Condition
    clock_offset_ns: int = 0
    source: Device | None = None
    taken_elsewhere: bool = False
    incomplete: frozenset[int] = frozenset()
    """Numbers of the frames that arrive damaged."""
    first_frame_id: int = 0
    initialised: bool = False
    sessions: list[Session] = field(default_factory=list)
    queue: deque[Shot] = field(default_factory=deque)
    held: int = 0
    """Buffers that a program has not released."""
    missed: int = 0
    """Pulses that came while the sensor was busy."""

    def __post_init__(self) -> None:
        self.nodes = Memory({})
        self.stream = Memory({})
        self.power_on()

    def power_on(self) -> None:
        """All features as the factory has them."""
        self.nodes = Memory({**self.model.features, **self._clock_features(), **self._chunk_features()})
        self.nodes["DeviceModelName"] = self.model.name
        self.stream = Memory(self.model.stream_features)
        self.initialised = False
        self.sessions, self.held = [], 0
        self.queue.clear()
        self._next_id = self.first_frame_id
        self._next_block = 0
        self._looked_ns = 0
        self._ready_ns = 0
        self.newest: Shot | None = None

    def clock_ns(self, host_ns: int) -> int:
        count = host_ns + self.clock_offset_ns
        return count - count % self.model.clock_step_ns

    # -- acquisition ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        now = time.monotonic_ns()
        self.sessions.append(Session(now + START_NS))
        self.nodes.streaming = self.stream.streaming = True
        self.queue.clear()
        self._looked_ns = self._ready_ns = now
        self._next_block = 0
        if self.model.counter == "FrameID":
            self._next_id = self.first_frame_id

    def end(self) -> None:
        self.look()
        self.sessions[-1].ended_ns = time.monotonic_ns()
        self.nodes.streaming = self.stream.streaming = False
        self.queue.clear()

    def look(self) -> None:
        """Work out what was exposed since the last look."""
        if not self.nodes.streaming or self.nodes.gone:
            return
        now = time.monotonic_ns()
        for began_ns in list(self.exposures(self._looked_ns, now)):
            self._expose(began_ns)
        self._looked_ns = now

    def exposures(self, after_ns: int, until_ns: int) -> Iterator[int]:
        """Starts of exposures in a span of time: by its own clockwork, or one for each pulse it could take."""
        if self.nodes.at("TriggerMode", "FrameStart") == "On":
            yield from self._triggered(after_ns, until_ns)
            return
        for session in self.sessions:
            step_ns = self.period_ns()
            first = max(0, -(-(after_ns + 1 - session.began_ns) // step_ns))
            last_ns = until_ns if session.ended_ns is None else min(until_ns, session.ended_ns)
            yield from range(session.began_ns + first * step_ns, last_ns + 1, step_ns)

    def period_ns(self) -> int:
        """Time between exposures of a camera that runs by itself."""
        rate_hz = float(self.nodes["AcquisitionFrameRate"]) if self.nodes[self.model.rate_enable] else MAX_RATE_HZ
        return max(round(1e9 / rate_hz), self.busy_ns(overlap=True))

    def busy_ns(self, overlap: bool) -> int:
        """Time after the start of an exposure in which no other can start."""
        exposure_us = float(self.nodes["ExposureTime"])
        return round(1e3 * (max(exposure_us, READ_OUT_US) if overlap else exposure_us + READ_OUT_US))

    def drives_its_line(self) -> bool:
        """Whether exposures of this camera reach the cable."""
        line = self.model.output_line
        driven = self.nodes.at("LineMode", line) == "Output" and self.nodes.at("LineSource", line) == "ExposureActive"
        return driven and self.model.pull_up(self.nodes)

    def _triggered(self, after_ns: int, until_ns: int) -> Iterator[int]:
        is_input = self.nodes.at("LineMode", "Line3") == "Input"
        listens = is_input and self.nodes.at("TriggerSource", "FrameStart") == "Line3"
        if self.source is None or not listens or not self.source.drives_its_line():
            return
        rising = self.nodes.at("TriggerActivation", "FrameStart") == "RisingEdge"
        late_ns = TRIGGER_LATENCY_NS + (0 if rising else round(float(self.source.nodes["ExposureTime"]) * 1e3))
        if self.nodes["TriggerDelay"]:
            late_ns += round(float(self.nodes["TriggerDelay"]) * 1e3)
        for pulse_ns in self.source.exposures(after_ns - late_ns, until_ns - late_ns):
            if pulse_ns + late_ns >= self._ready_ns:
                yield pulse_ns + late_ns
            else:
                self.missed += 1

    def _expose(self, began_ns: int) -> None:
        if began_ns < self._ready_ns:
            return
        overlap = self.nodes.at("TriggerOverlap", "FrameStart") != "Off"
        self._ready_ns = began_ns + self.busy_ns(overlap)
        exposure_us = float(self.nodes["ExposureTime"])
        damaged = self._next_id in self.incomplete
        status = IMAGE_STATUS["DATA_INCOMPLETE" if damaged else "NO_ERROR"]
        arrives_ns = began_ns + round(exposure_us * 1e3) + TRANSFER_NS
        self._deliver(Shot(self._next_id, self._next_block, began_ns, arrives_ns, exposure_us, status))
        self._next_id += 1
        self._next_block += 1

    def _deliver(self, shot: Shot) -> None:
        """Into a buffer, if there is one."""
        newest_only = self.stream["StreamBufferHandlingMode"] == "NewestOnly"
        if newest_only:
            self.queue.clear()
        if len(self.queue) + self.held < int(self.stream["StreamBufferCountManual"]):
            self.queue.append(shot)
        else:
            self.stream["StreamLostFrameCount"] = int(self.stream["StreamLostFrameCount"]) + 1

    def counts(self, shot: Shot) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """What the sensor saw: a ramp that moves with every frame, in the pixel format of the camera."""
        shape = int(self.nodes["Height"]), int(self.nodes["Width"])
        pixel_format = str(self.nodes["PixelFormat"])
        ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1]) + shot.frame_id)
        if pixel_format.endswith("8"):
            return (ramp % 256).astype(np.uint8)
        if pixel_format.endswith("16"):
            # 12 bits from the converter, at the upper end of 16
            return (ramp % 4096 << 4).astype(np.uint16)
        return _packed((ramp % 4096).astype(np.uint16))

    # -- nodes that need the device ---------------------------------------------------------------------------------

    def _clock_features(self) -> dict[str, Feature]:
        register = "Timestamp" if "Timestamp" in self.model.features else "TimestampLatchValue"

        def latch(memory: Memory) -> None:
            memory[register] = self.clock_ns(time.monotonic_ns())

        return {"TimestampLatch": Feature(False, command=latch, while_streaming=True)}

    def _chunk_features(self) -> dict[str, Feature]:
        if self.model.counter != "FrameCounter":
            return {}

        def counter(_: Memory) -> int:
            return 0 if self.newest is None else self.newest.frame_id & 0xFFFFFFFF

        def enabled(memory: Memory) -> bool:
            return self.newest is not None and memory.at("ChunkEnable", "FrameCounter") is True

        return {"ChunkFrameCounter": Feature(0, computed=counter, available=enabled)}


def _packed(counts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """PFNC 12p: two counts in three bytes, the least significant bits first."""
    first, second = counts.reshape(-1, 2).T
    triples = np.stack([first & 0xFF, first >> 8 | (second & 0xF) << 4, second >> 4], axis=1)
    return triples.astype(np.uint8).reshape(-1)
