"""One FLIR camera through Spinnaker: configured once, armed as often as one likes, and left as it was found."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from nirvis_capture.camera import Arm, CameraInfo, ClockLatch, Frame
from nirvis_capture.cameras.genicam import camera_info, latched_clock, setting_ranges
from nirvis_capture.cameras.genicam_configuration import configure, is_triggered, tell_missing
from nirvis_capture.cameras.genicam_leftovers import Leftovers
from nirvis_capture.cameras.genicam_link import share_of_link
from nirvis_capture.cameras.spinnaker_buffers import buffers
from nirvis_capture.cameras.spinnaker_errors import speaking
from nirvis_capture.cameras.spinnaker_images import ImageReader
from nirvis_capture.cameras.spinnaker_nodes import Nodes
from nirvis_capture.errors import CameraClosed, CameraError
from nirvis_capture.profile import ArmSettings, Profile
from nirvis_capture.trigger import NodeSetting, wiring

log = logging.getLogger(__name__)

LOOK_MS = 50
"""`GetNextImage` is never left waiting longer, because the acquisition cannot be ended meanwhile."""
_STOP_PATIENCE_S = 3.0
_COUNTER = "ChunkFrameCounter"
"""Where cameras that count in a chunk ``FrameCounter`` tell the number of the newest image."""
_STREAM_FIGURES = {
    "lost": "StreamLostFrameCount",
    "dropped": "StreamDroppedFrameCount",
    "stream_incomplete": "StreamIncompleteFrameCount",
    "failed_buffers": "StreamFailedBufferCount",
    "missed_packets": "StreamMissedPacketCount",
}
_CAMERA_FIGURES = {"transmit_failures": "TransmitFailureCount", "temperature_c": "DeviceTemperature"}


class SpinnakerCamera:
    """A camera that is open.

    It is configured here and not in `arm`: a line that becomes an output gives an edge, which would be a pulse too
    many for a secondary that already waits.

    pointer
        The only reference to the camera of PySpin is kept here; another one anywhere, even in the locals of a
        traceback, and the system could not be released (-1004).

    Raises `CameraError` when the camera cannot be opened or refuses a setting; it is released and as it was then.
    """

    def __init__(self, sdk: Any, pointer: Any, profile: Profile, which: Arm) -> None:
        self._sdk = sdk
        self._pointer: Any = pointer
        self._settings: ArmSettings = profile.arm(which)
        self._trigger = wiring(profile).arm(which).settings if is_triggered(profile, which) else ()
        """What a secondary is set to whenever it is armed."""
        self._control = threading.RLock()
        self._reading = threading.Lock()
        """Held while an image is waited for and read."""
        self._streaming = False
        self._complained = False
        self._reader: ImageReader | None = None
        self._nodes: Nodes | None = None
        self._stream: Nodes | None = None
        try:
            self._open(profile, which)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> CameraInfo:
        return self._info

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return self._ranges

    def arm(self) -> None:
        with self._control, self._speaking("start"):
            if self._pointer is None or self._nodes is None:
                raise CameraClosed(self._settings.serial)
            if self._streaming:
                return
            self._nodes.changes.apply(self._trigger)
            counter = partial(self._nodes.read, _COUNTER) if "FrameCounter" in self._chunks else None
            self._reader = ImageReader(self._sdk, self._info, self._settings, self._chunks, counter)
            self._pointer.BeginAcquisition()
            self._streaming = True

    def next_frame(self, timeout_s: float) -> Frame | None:
        deadline = time.monotonic() + timeout_s
        while self._streaming:
            remaining_ms = max(1, round(1e3 * (deadline - time.monotonic())))
            with self._reading, self._speaking("send a frame"):
                frame = self._grab(min(LOOK_MS, remaining_ms))
            if frame is not None:
                return frame
            if time.monotonic() >= deadline:
                break
        return None

    def latch_clock(self) -> ClockLatch | None:
        with self._control, self._speaking("read its clock"):
            nodes = self._nodes
            return None if nodes is None else latched_clock(nodes, self._info.timestamp_resolution_ns)

    def health(self) -> dict[str, float]:
        """Figures of the camera and of its stream by name; those it does not have are missing. From any thread."""
        with self._control, self._speaking("tell how it is"):
            if self._nodes is None or self._stream is None:
                return {}
            read = {name: self._stream.read(node) for name, node in _STREAM_FIGURES.items()}
            read |= {name: self._nodes.read(node) for name, node in _CAMERA_FIGURES.items()}
            read |= (
                {"frames": self._reader.frames, "incomplete": self._reader.incomplete.total()} if self._reader else {}
            )
        return {name: float(value) for name, value in read.items() if value is not None}

    def disarm(self) -> None:
        with self._control:
            self._streaming, was_streaming = False, self._streaming
            if not was_streaming:
                return
            # A reader looks up within LOOK_MS. While it waits, EndAcquisition would never come back.
            if not self._reading.acquire(timeout=_STOP_PATIENCE_S):
                raise CameraError(f"Camera {self._settings.serial} does not stop: its driver hangs while reading.")
            try:
                self._attempt("stop", lambda: self._pointer.EndAcquisition())
            finally:
                self._reading.release()
            self._attempt("leave its trigger", self._leave_trigger)

    def close(self) -> None:
        with self._control:
            self.disarm()
            for nodes in (self._stream, self._nodes):
                if nodes is not None:
                    self._attempt("restore its settings", partial(self._restore, nodes))
            self._nodes = self._stream = None
            if self._pointer is not None:
                self._attempt("close", lambda: self._pointer.DeInit())
            self._pointer = None

    def _open(self, profile: Profile, which: Arm) -> None:
        serial = self._settings.serial
        with self._speaking("open"):
            if self._pointer.IsInitialized():
                self._pointer = None
                raise CameraError(f"Camera {serial} is already open in this program; close it there first.")
            self._pointer.Init()
            self._nodes = nodes = Nodes(self._sdk, self._pointer.GetNodeMap(), serial, Leftovers.of(serial))
            self._stream = stream = Nodes(self._sdk, self._pointer.GetTLStreamNodeMap(), serial)
            self._chunks = configure(nodes.changes, profile, which, share_of_link(nodes, profile.spinnaker.link_mb_s))
            stream.changes.apply(buffers(stream, profile.spinnaker))
            tell_missing(self._chunks)
            self._info = camera_info(nodes, self._settings)
            self._ranges = setting_ranges(nodes)

    def _grab(self, timeout_ms: int) -> Frame | None:
        if self._reader is None or not self._streaming:
            return None
        try:
            image = self._pointer.GetNextImage(timeout_ms)
        except self._sdk.SpinnakerException as error:
            if error.errorcode == self._sdk.SPINNAKER_ERR_TIMEOUT:
                return None
            raise
        try:
            return self._reader.read(image, time.monotonic_ns())
        finally:
            # Incomplete images as well: each one that is kept is a buffer less.
            image.Release()

    def _leave_trigger(self) -> None:
        if self._nodes is not None:
            self._nodes.changes.apply([NodeSetting("TriggerMode", "Off", needed=False)])

    def _restore(self, nodes: Nodes) -> None:
        if failed := nodes.restore():
            self._complain(
                f"Camera {self._settings.serial} did not take back {', '.join(failed)}; load its default user set in "
                "SpinView before it is used elsewhere."
            )

    def _attempt(self, what: str, call: Callable[[], None]) -> None:
        """One step of the way out; the next one is taken even if this one fails, as all do without a plug."""
        try:
            with self._speaking(what):
                call()
        except CameraError as error:
            # As text: a log that kept the error would keep the camera.
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        """Once aloud: after a first failure the others say no more."""
        log.log(logging.DEBUG if self._complained else logging.WARNING, "%s", text)
        self._complained = True

    def _speaking(self, doing: str) -> speaking:
        return speaking(self._sdk, f"Camera {self._settings.serial}", doing)
