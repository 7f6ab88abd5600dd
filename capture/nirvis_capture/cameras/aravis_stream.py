"""The frames of one acquisition, as Aravis receives them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirvis_capture.camera import CameraInfo, Frame, FrameStatus, Raw
from nirvis_capture.cameras.aravis_features import Driver
from nirvis_capture.cameras.aravis_settings import AravisSettings
from nirvis_capture.cameras.genicam import Features, sensor_counts, value_of
from nirvis_capture.frame_counter import CounterRule, FrameCounter, counter_rule

HEALTH_EVERY_S = 0.5
_OLDEST_NS = 10_000_000_000
"""No frame waits longer than that: the wall clock was set."""
_GIGE_COUNTER = CounterRule(bits=16, first=1, after_wrap=1)
_HEALTH = {
    "n_completed_buffers": "frames",
    "n_failures": "incomplete",
    "n_missing_frames": "lost",
    "n_missing_packets": "missing_packets",
    "n_resent_packets": "resent_packets",
    "n_underruns": "packets_without_buffer",
}
"""Counters of an Aravis stream, and what we call them."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a frame was exposed with."""

    exposure_us: float
    gain_db: float


class AravisStream:
    """Buffers, and Aravis' thread that fills them. One thread at a time may use it.

    pixel_format
        What the camera sends: frames hold it unpacked.
    """

    def __init__(
        self,
        driver: Driver,
        camera: Any,
        settings: AravisSettings,
        info: CameraInfo,
        pixel_format: str,
        features: Features,
    ) -> None:
        self.health: dict[str, float] = {}
        """Counts since the start, renewed twice a second while frames are taken; which there are depends on the bus."""
        self._aravis, self._error = driver.aravis, driver.error
        self._shape = info.height, info.width
        self._bit_depth = info.bit_depth
        self._pixel_format = pixel_format
        gige = camera.is_gv_device()
        self._counter = FrameCounter(_GIGE_COUNTER if gige else counter_rule(info.model))
        # What the camera made of the settings: it has steps.
        self._set = Exposure(value_of(features, "ExposureTime", 0.0), value_of(features, "Gain", 0.0))
        self._chunks = camera.create_chunk_parser() if features.read("ChunkModeActive") is True else None
        self._last_ns = 0
        self._noted = time.monotonic()
        self._stream = self._gige_stream(camera, settings) if gige else self._usb3_stream(camera)
        self._payload = camera.get_payload()
        for _ in range(settings.buffers):
            self._stream.push_buffer(self._aravis.Buffer.new_allocate(self._payload))

    def pop(self, timeout_us: int) -> Frame | None:
        """The next exposure; None when none came in time, or only buffers that no exposure can be told from."""
        buffer = self._stream.timeout_pop_buffer(timeout_us) if timeout_us > 0 else self._stream.try_pop_buffer()
        if time.monotonic() - self._noted > HEALTH_EVERY_S:
            self.note_health()
        if buffer is None:
            return None
        try:
            return self._frame(buffer)
        finally:
            self._stream.push_buffer(buffer)

    def note_health(self) -> None:
        stream = self._stream
        counters = {stream.get_info_name(index) for index in range(stream.get_n_infos())}
        self.health = {
            ours: float(stream.get_info_uint64_by_name(theirs))
            for theirs, ours in _HEALTH.items()
            if theirs in counters
        }
        self._noted = time.monotonic()

    def _gige_stream(self, camera: Any, settings: AravisSettings) -> Any:
        options = self._aravis.GvStreamOption
        camera.gv_set_stream_options(options.NONE if settings.packet_socket else options.PACKET_SOCKET_DISABLED)
        stream = camera.create_stream(None, None)
        stream.set_property("socket-buffer", self._aravis.GvStreamSocketBuffer.FIXED)
        stream.set_property("socket-buffer-size", settings.socket_buffer_bytes)
        return stream

    def _usb3_stream(self, camera: Any) -> Any:
        camera.uv_set_usb_mode(self._aravis.UvUsbMode.ASYNC)
        return camera.create_stream(None, None)

    def _frame(self, buffer: Any) -> Frame | None:
        status, known = buffer.get_status(), self._aravis.BufferStatus
        if status in (known.UNKNOWN, known.CLEARED, known.FILLING, known.ABORTED):
            return None
        complete = status == known.SUCCESS
        timestamp_ns = buffer.get_timestamp()
        if not complete and timestamp_ns <= self._last_ns:
            # Its first packet was lost, and with it when it was exposed: to whoever pairs, it never came.
            return None
        self._last_ns = timestamp_ns
        exposed = self._exposed(buffer) if complete else self._set
        return Frame(
            pixels=self._pixels(buffer.get_data() or b""),
            frame_id=self._counter.unwrap(buffer.get_frame_id()),
            timestamp_ns=timestamp_ns,
            host_ns=_monotonic_ns(buffer.get_system_timestamp()),
            exposure_us=exposed.exposure_us,
            gain_db=exposed.gain_db,
            status=FrameStatus.COMPLETE if complete else FrameStatus.INCOMPLETE,
        )

    def _pixels(self, sent: bytes) -> Raw:
        """Counts at the head of what came, which is less than all of it where a frame ended too early."""
        whole = sent.ljust(self._payload, b"\0")
        return sensor_counts(np.frombuffer(whole, np.uint8), self._pixel_format, self._shape, self._bit_depth)

    def _exposed(self, buffer: Any) -> Exposure:
        """As the frame itself says, where it carries chunks; else as the camera was set."""
        chunks = self._chunks
        if chunks is None or not buffer.has_chunks():
            return self._set
        try:
            return Exposure(*(chunks.get_float_value(buffer, f"Chunk{name}") for name in ("ExposureTime", "Gain")))
        except self._error:
            return self._set


def _monotonic_ns(wall_ns: int) -> int:
    """When a frame came in, on the monotonic clock; now, if the wall clock was set in between."""
    age_ns = time.time_ns() - wall_ns
    return time.monotonic_ns() - (age_ns if 0 <= age_ns < _OLDEST_NS else 0)
