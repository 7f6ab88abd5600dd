"""What a frame says of itself counts before what Aravis and the settings say; cameras that Aravis plays say nothing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from nirvis_capture.camera import CameraInfo, Frame, FrameStatus
from nirvis_capture.cameras.aravis_features import Driver
from nirvis_capture.cameras.aravis_settings import AravisSettings
from nirvis_capture.cameras.aravis_stream import AravisStream
from nirvis_capture.cameras.genicam import Value

WIDTH, HEIGHT = 4, 2
SET_US, SET_DB = 500.0, 3.0
SUCCESS, MISSING_PACKETS = "success", "missing packets"
GS3 = CameraInfo("SN1", "GS3-U3-15S4C", "Mono8", WIDTH, HEIGHT, 8, 0.0, 1)
BFS = dataclasses.replace(GS3, model="BFS-U3-63S4C")
EVERYTHING = {"ChunkTimestamp": 1_000, "ChunkExposureTime": 512.5, "ChunkGain": 6.0}


class Unreadable(Exception):
    """What the stand-in raises for a chunk that a buffer does not have."""


class Buffer(SimpleNamespace):
    """One frame: its number and time by the transport, and the chunks that it carries."""

    def __init__(self, block: int, stamp_ns: int, status: str = SUCCESS, **chunks: float) -> None:
        super().__init__(
            chunks=chunks,
            get_status=lambda: status,
            get_frame_id=lambda: block,
            get_timestamp=lambda: stamp_ns,
            get_system_timestamp=time.time_ns,
            get_data=lambda: bytes(WIDTH * HEIGHT),
            has_chunks=lambda: bool(chunks),
        )


class Parser:
    def get_integer_value(self, buffer: Buffer, name: str) -> int:
        return int(self.get_float_value(buffer, name))

    def get_float_value(self, buffer: Buffer, name: str) -> float:
        if name not in buffer.chunks:
            raise Unreadable(name)
        return float(buffer.chunks[name])


class Features:
    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def read(self, name: str) -> Value | None:
        return self._values.get(name)


def frames_of(buffers: list[Buffer], carried: set[str], info: CameraInfo = BFS, **features: Value) -> list[Frame]:
    """What the stream of a USB3 camera makes of these buffers."""
    waiting = iter(buffers)
    stream = SimpleNamespace(push_buffer=lambda _: None, try_pop_buffer=lambda: next(waiting))
    camera = SimpleNamespace(
        is_gv_device=lambda: False,
        uv_set_usb_mode=lambda _: None,
        create_stream=lambda *_: stream,
        create_chunk_parser=Parser,
        get_payload=lambda: WIDTH * HEIGHT,
    )
    known = ("UNKNOWN", "CLEARED", "FILLING", "ABORTED")
    aravis: Any = SimpleNamespace(
        UvUsbMode=SimpleNamespace(ASYNC=1),
        BufferStatus=SimpleNamespace(SUCCESS=SUCCESS, **{name: name for name in known}),
        Buffer=SimpleNamespace(new_allocate=bytes),
    )
    node_map: Any = Features({"ExposureTime": SET_US, "Gain": SET_DB, **features})
    driver = Driver(aravis, Unreadable)
    reader = AravisStream(driver, camera, AravisSettings(), info, "Mono8", node_map, frozenset(carried))
    taken = [reader.pop(0) for _ in buffers]
    return [frame for frame in taken if frame is not None]


def test_a_frame_tells_its_number_its_time_and_its_exposure() -> None:
    buffers = [Buffer(7, 5_000, ChunkFrameID=40, **EVERYTHING)]
    (frame,) = frames_of(buffers, {"FrameID", "Timestamp", "ExposureTime", "Gain"})
    assert (frame.frame_id, frame.timestamp_ns, frame.exposure_us, frame.gain_db) == (40, 1_000, 512.5, 6.0)


def test_only_what_the_camera_was_set_to_carry_is_asked_for() -> None:
    (frame,) = frames_of([Buffer(7, 5_000, ChunkFrameID=40, **EVERYTHING)], {"Gain"})
    assert (frame.frame_id, frame.timestamp_ns, frame.exposure_us, frame.gain_db) == (7, 5_000, SET_US, 6.0)


@pytest.mark.parametrize(
    "chunks", [pytest.param({}, id="none-came"), pytest.param({"ChunkWidth": 4}, id="another-came")]
)
def test_what_does_not_arrive_is_told_by_transport_and_settings(chunks: dict[str, float]) -> None:
    (frame,) = frames_of([Buffer(7, 5_000, **chunks)], {"FrameID", "Timestamp", "ExposureTime", "Gain"})
    assert (frame.frame_id, frame.timestamp_ns, frame.exposure_us, frame.gain_db) == (7, 5_000, SET_US, SET_DB)


def test_ticks_of_a_camera_become_nanoseconds() -> None:
    buffers = [Buffer(0, 5_000, ChunkTimestamp=125)]
    (frame,) = frames_of(buffers, {"Timestamp"}, GevTimestampTickFrequency=125_000_000)
    assert frame.timestamp_ns == 1_000


def test_an_incomplete_frame_falls_in_among_those_that_the_camera_counted() -> None:
    """The counter of a Grasshopper3 wraps from 65535 to 1, and incomplete frames carry none."""
    buffers = [
        Buffer(100, 1_000, ChunkFrameCounter=65_534),
        Buffer(101, 2_000, MISSING_PACKETS, ChunkFrameCounter=9),
        Buffer(102, 3_000, ChunkFrameCounter=1),
        Buffer(104, 5_000, ChunkFrameCounter=3),
    ]
    frames = frames_of(buffers, {"FrameCounter"}, GS3)
    assert [frame.frame_id for frame in frames] == [65_534, 65_535, 65_536, 65_538]
    assert [frame.status for frame in frames].count(FrameStatus.INCOMPLETE) == 1
