"""One camera that Aravis drives, and a goodbye that keeps nobody waiting.

Aravis talks to a camera that is gone for five seconds and more before it gives up. So whatever ends something runs in
a thread of its own, which also drops the last references, because only that makes Aravis let go.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from itertools import chain
from typing import Any

from nirvis_capture.camera import Arm, CameraInfo, ClockLatch, Frame
from nirvis_capture.cameras.aravis_features import AravisFeatures, Driver
from nirvis_capture.cameras.aravis_settings import AravisSettings
from nirvis_capture.cameras.aravis_stream import AravisStream
from nirvis_capture.cameras.genicam import camera_info, check_model, latched_clock, setting_ranges
from nirvis_capture.cameras.genicam_changes import Changes
from nirvis_capture.cameras.genicam_configuration import configure, tell_missing
from nirvis_capture.cameras.genicam_leftovers import Leftovers
from nirvis_capture.cameras.genicam_link import share_of_link
from nirvis_capture.errors import CameraClosed, CameraError, CameraLost
from nirvis_capture.patience import within_patience
from nirvis_capture.profile import Profile
from nirvis_capture.trigger import NodeSetting

log = logging.getLogger(__name__)

GOODBYE_S = 1.0
"""How long a caller waits for a camera to stop."""
RETURN_S = 15.0
"""How long opening waits until an earlier goodbye to the same camera is over."""
_LOOK_US = 50_000

_goodbyes: dict[str, threading.Thread] = {}
"""The last goodbye to each camera, by serial: until it is over, Aravis still holds the camera."""


def wait_for_goodbye(serial: str) -> None:
    """Wait until an earlier camera object has let go. Raises `CameraError` when it does not."""
    goodbye = _goodbyes.get(serial)
    if goodbye is not None:
        goodbye.join(RETURN_S)
        if goodbye.is_alive():
            raise CameraError(f"Camera {serial} hangs since it was closed. Unplug it, end the recorder, and try again.")


class AravisCamera:
    """One open camera.

    camera
        An ``ArvCamera`` to which nobody else keeps a reference.

    It is configured here and not in `arm`: a line that becomes an output gives an edge, which would be a pulse too
    many for a secondary that already waits.

    Raises `CameraError` when another program controls the camera, or it refuses a setting; it is as it was then.
    """

    def __init__(self, driver: Driver, camera: Any, which: Arm, profile: Profile) -> None:
        self._driver = driver
        self._camera = camera
        self._which: Arm = which
        self._profile = profile
        self._serial = profile.arm(which).serial
        self._features = AravisFeatures(driver, camera.get_device(), self._serial)
        self._gone = threading.Event()
        camera.get_device().connect("control-lost", lambda *_, gone=self._gone: gone.set())
        self._control = threading.RLock()
        """Held while acquisition begins or ends; whoever closes the camera meanwhile waits, in a thread of its own."""
        self._using = threading.Lock()
        """Held while the stream is used; whoever ends it waits for that."""
        self._stream: AravisStream | None = None
        self._armed = self._closed = False
        self._heard = 0.0
        self._health: dict[str, float] = {}
        self._warmth: dict[str, float] = {}
        # Whoever keeps an error keeps the locals of its frames, and would keep the camera.
        del camera
        self._refuse_second_hand()
        self._changes = Changes(self._features, self._serial, Leftovers.of(self._serial))
        try:
            self._info = self._configured()
            self._ranges = setting_ranges(self._features)
            self._warmth = self._temperature()
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)
            self.close()
            raise

    @property
    def info(self) -> CameraInfo:
        return self._info

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return self._ranges

    def health(self) -> dict[str, float]:
        """Counts since the cameras were armed: frames, incomplete and lost ones, packets. From any thread, at once.

        And ``temperature_c`` as it was opened or armed, where it tells: to ask it now would wait for a dead camera.
        """
        stream = self._stream
        return {**self._warmth, **(self._health if stream is None else stream.health)}

    def arm(self) -> None:
        """Begin acquisition. Raises `CameraError` when the camera does not start."""
        if self._closed:
            raise CameraClosed(self._serial)
        if self._armed:
            return
        wait_for_goodbye(self._serial)
        with self._control:
            self._start()
        self._heard = time.monotonic()
        self._armed = True

    def next_frame(self, timeout_s: float) -> Frame | None:
        """Wait for the next exposure. Raises `CameraLost` once the driver knows that the camera is gone."""
        deadline = time.monotonic() + timeout_s
        while self._armed:
            remaining_us = max(0, round((deadline - time.monotonic()) * 1e6))
            frame = self._pop(min(remaining_us, _LOOK_US))
            if frame is not None:
                self._heard = time.monotonic()
                return frame
            if self._gone.is_set():
                raise CameraLost(self._serial, time.monotonic() - self._heard)
            if remaining_us == 0:
                break
        return None

    def latch_clock(self) -> ClockLatch | None:
        return None if self._closed else latched_clock(self._features, self._info.timestamp_resolution_ns)

    def disarm(self) -> None:
        """Stop. Returns after `GOODBYE_S` at the latest; a camera that still answers is stopped by then."""
        self._armed = False
        if self._stream is not None and not self._closed:
            self._leave("stop", self._stop)

    def close(self) -> None:
        """Stop, restore the settings, let go. Returns after `GOODBYE_S` at the latest; the rest goes on by itself."""
        self._armed = False
        if not self._closed:
            self._closed = True
            self._leave("release", self._release)

    def _configured(self) -> CameraInfo:
        aravis, settings = self._profile.aravis, self._profile.arm(self._which)
        check_model(self._which, settings, self._camera.get_model_name())
        packets = _packets(aravis) if self._camera.is_gv_device() else ()
        link = chain(packets, share_of_link(self._features, aravis.link_mb_s))
        self._chunks = configure(self._changes, self._profile, self._which, link)
        tell_missing(self._chunks)
        return camera_info(self._features, settings)

    def _temperature(self) -> dict[str, float]:
        try:
            celsius = self._features.read("DeviceTemperature")
        except CameraError as error:
            log.warning("%s tells no temperature: %s", self._serial, error)
            return {}
        return {} if celsius is None else {"temperature_c": float(celsius)}

    def _pop(self, timeout_us: int) -> Frame | None:
        # The stream is local to this call, so that no reader drops the last reference to it.
        with self._using:
            return None if self._stream is None else self._stream.pop(timeout_us)

    def _leave(self, what: str, call: Callable[[], None]) -> None:
        earlier = _goodbyes.get(self._serial)

        def goodbye() -> None:
            if earlier is not None:
                earlier.join()
            call()

        _goodbyes[self._serial] = within_patience(f"{what} camera {self._serial}", goodbye, GOODBYE_S)

    def _start(self) -> None:
        if self._closed:
            raise CameraClosed(self._serial)
        self._warmth = self._temperature()
        with self._features.answers("start"):
            self._stream = AravisStream(
                self._driver,
                self._camera,
                self._profile.aravis,
                self._info,
                self._profile.arm(self._which).pixel_format,
                self._features,
                self._chunks,
            )
            self._camera.start_acquisition()

    def _stop(self) -> None:
        with self._control:
            with self._using:
                stream, self._stream = self._stream, None
            if stream is not None:
                stream.note_health()
                self._health = stream.health
                with self._features.answers("stop"):
                    self._camera.stop_acquisition()

    def _release(self) -> None:
        with self._control:
            try:
                self._stop()
            finally:
                refused = self._changes.restore()
                if refused:
                    log.warning("camera %s did not take back its old %s", self._serial, ", ".join(refused))
                del self._camera, self._features, self._changes

    def _refuse_second_hand(self) -> None:
        device = self._camera.get_device()
        if self._camera.is_gv_device() and not device.is_controller():
            raise CameraError(
                f"Camera {self._serial} is controlled by another program. Close SpinView and other recorders: only one "
                "program can control a camera."
            )


def _packets(settings: AravisSettings) -> list[NodeSetting]:
    return [] if settings.packet_bytes is None else [NodeSetting("GevSCPSPacketSize", settings.packet_bytes)]
