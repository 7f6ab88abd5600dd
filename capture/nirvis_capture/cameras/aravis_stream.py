"""The frames of one acquisition, as Aravis receives them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nirvis_capture.camera import CameraInfo, Frame, FrameStatus, Raw
from nirvis_capture.cameras.aravis_features import Driver
from nirvis_capture.cameras.aravis_settings import AravisSettings
from nirvis_capture.cameras.genicam import Features, sensor_counts, value_of
from nirvis_capture.cameras.genicam_configuration import counter_chunk
from nirvis_capture.cameras.genicam_numbers import FrameNumbers
from nirvis_capture.frame_counter import CounterRule, FrameCounter, counter_rule

HEALTH_EVERY_S = 0.5
_OLDEST_NS = 10_000_000_000
"""No frame waits longer than that: the wall clock was set."""
_NS = 1_000_000_000
_GIGE_COUNTER = CounterRule(bits=16, first=1, after_wrap=1)
_HEALTH = {
    "n_completed_buffers": "frames",
    "n_failures": "incomplete",
    "n_missing_frames": "lost",
    "n_received_packets": "received_packets",
    "n_missing_packets": "missing_packets",
    "n_resent_packets": "resent_packets",
    "n_underruns": "packets_without_buffer",
}
"""Counters of an Aravis stream, and what we call them."""


class AravisStream:
    """Buffers, and Aravis' thread that fills them. One thread at a time may use it.

    pixel_format
        What the camera sends: frames hold it unpacked.
    carried
        Chunks that every whole frame has; what a frame says of itself counts before what is known of it otherwise.
    """

    def __init__(
        self,
        driver: Driver,
        camera: Any,
        settings: AravisSettings,
        info: CameraInfo,
        pixel_format: str,
        features: Features,
        carried: frozenset[str],
    ) -> None:
        self.health: dict[str, float] = {}
        """Counts since the start, renewed twice a second while frames are taken; which there are depends on the bus."""
        self._aravis, self._error = driver.aravis, driver.error
        self._shape = info.height, info.width
        self._bit_depth = info.bit_depth
        self._pixel_format = pixel_format
        gige = camera.is_gv_device()
        self._blocks = FrameCounter(_GIGE_COUNTER if gige else counter_rule(info.model))
        self._numbers = FrameNumbers(counter_rule(info.model))
        # What the camera made of the settings: it has steps.
        self._set_us, self._set_db = value_of(features, "ExposureTime", 0.0), value_of(features, "Gain", 0.0)
        self._tick_hz = round(value_of(features, "GevTimestampTickFrequency", _NS)) or _NS
        self._carried, self._count = carried, counter_chunk(carried)
        self._chunks = camera.create_chunk_parser() if carried else None
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
        carrier = buffer if complete and self._chunks is not None and buffer.has_chunks() else None
        timestamp_ns = self._timestamp_ns(buffer, carrier)
        if not complete and timestamp_ns <= self._last_ns:
            # Its first packet was lost, and with it when it was exposed: to whoever pairs, it never came.
            return None
        self._last_ns = timestamp_ns
        return Frame(
            pixels=self._pixels(buffer.get_data() or b""),
            frame_id=self._numbers.frame_id(self._blocks.unwrap(buffer.get_frame_id()), self._counted(carrier)),
            timestamp_ns=timestamp_ns,
            host_ns=_monotonic_ns(buffer.get_system_timestamp()),
            exposure_us=self._chunk(carrier, "float", "ExposureTime", self._set_us),
            gain_db=self._chunk(carrier, "float", "Gain", self._set_db),
            status=FrameStatus.COMPLETE if complete else FrameStatus.INCOMPLETE,
        )

    def _pixels(self, sent: bytes) -> Raw:
        """Counts at the head of what came, which is less than all of it where a frame ended too early."""
        whole = sent.ljust(self._payload, b"\0")
        return sensor_counts(np.frombuffer(whole, np.uint8), self._pixel_format, self._shape, self._bit_depth)

    def _timestamp_ns(self, buffer: Any, carrier: Any) -> int:
        ticks = self._chunk(carrier, "integer", "Timestamp")
        return int(buffer.get_timestamp()) if ticks is None else int(ticks) * _NS // self._tick_hz

    def _counted(self, carrier: Any) -> int | None:
        counted = None if self._count is None else self._chunk(carrier, "integer", self._count)
        return None if counted is None else int(counted)

    def _chunk(self, carrier: Any, kind: str, name: str, otherwise: float | None = None) -> Any:
        """What the frame says of itself; `otherwise` where it does not, or where that cannot be read."""
        if carrier is None or name not in self._carried:
            return otherwise
        try:
            return getattr(self._chunks, f"get_{kind}_value")(carrier, f"Chunk{name}")
        except self._error:
            return otherwise


def _monotonic_ns(wall_ns: int) -> int:
    """When a frame came in, on the monotonic clock; now, if the wall clock was set in between."""
    age_ns = time.time_ns() - wall_ns
    return time.monotonic_ns() - (age_ns if 0 <= age_ns < _OLDEST_NS else 0)
