"""Both cameras of a rig: armed secondary first, stopped primary first, and never able to hang whoever asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from nirvis_capture.anchor import Anchor, Apart, anchor, listening_frames
from nirvis_capture.camera import ARMS, Arm, Backend, Camera, CameraInfo, ClockLatch, Frame, Health, Ranged
from nirvis_capture.cameras import open_backend
from nirvis_capture.errors import CameraError, CameraLost, FreeRunning
from nirvis_capture.frame_memory import release_frames
from nirvis_capture.opening import cameras_of
from nirvis_capture.pair_stream import PairStream, RowSink
from nirvis_capture.pairing import Event
from nirvis_capture.patience import ANSWER_PATIENCE_S, PATIENCE_S, answer_of, within_patience
from nirvis_capture.profile import Profile
from nirvis_capture.ring_size import is_paced, memory_bytes
from nirvis_capture.trigger import apart, check_rate, unknown_readout

log = logging.getLogger(__name__)

MIN_PAUSE_S = 0.1
PAUSE_PERIODS = 4
PAUSES = 2
"""One stray frame after arming is forgiven, if the next pause is silent."""
LATCHES = 5
LOST_AFTER_S = 1.0
LOST_AFTER_PERIODS = 3
AT_ONCE_S = 0.25
AT_ONCE_PERIODS = 1.5
"""Of two arms that fall silent because the pulses end, the last frames come within a period. One that is silent alone
is told at three; the longer of these two times is for a busy computer."""
_LOOK_S = 0.1


class Rig:
    """The cameras of a profile.

    on_lost
        Called from a grab thread, once for each camera that stops sending frames; it must not wait for the rig.
    """

    def __init__(
        self, profile: Profile, on_lost: Callable[[CameraError], None], backend: Backend | None = None
    ) -> None:
        self.profile = profile
        self.warning = ""
        """Why the pairs of this arming cannot be proved; empty when they can."""
        self._on_lost = on_lost
        self._backend = open_backend(profile) if backend is None else backend
        self._primary: Arm = profile.trigger.primary
        self._secondary: Arm = profile.trigger.secondary
        self._period_s = profile.trigger.period_ns * 1e-9
        self._paced = is_paced(profile)
        self._cameras: Mapping[Arm, Camera] = {}
        self._with_health: Mapping[Arm, Health] = {}
        self._threads: dict[Arm, threading.Thread] = {}
        self._stopping = threading.Event()
        self._heard_s: dict[Arm, float] = {}
        """Monotonic time of the last frame of each arm; until it comes, of the start."""
        self._armed: set[Arm] = set()
        self._stream: PairStream | None = None

    @property
    def infos(self) -> dict[Arm, CameraInfo]:
        """What the cameras say of themselves; empty before `open`."""
        return {arm: camera.info for arm, camera in self._cameras.items()}

    def infos_now(self) -> dict[Arm, CameraInfo]:
        """`infos` with the temperature of each sensor, where its camera tells it within `PATIENCE_S`."""
        try:
            health = answer_of("read the temperatures", lambda: self.health, PATIENCE_S)
        except CameraError as error:
            log.warning("the clip keeps no temperature: %s", error)
            health = {}
        warmth = {arm: figures.get("temperature_c") for arm, figures in health.items()}
        return {arm: replace(info, temperature_c=warmth.get(arm)) for arm, info in self.infos.items()}

    @property
    def counts(self) -> dict[Event, int]:
        """`PairStream.counts`; empty while the rig is not armed. From any thread."""
        stream = self._stream
        return {} if stream is None else stream.counts

    def residual_us(self, percent: float) -> float | None:
        """`PairStream.residual_ns` in microseconds; None while the rig is not armed. From any thread."""
        stream = self._stream
        residual_ns = None if stream is None else stream.residual_ns(percent)
        return None if residual_ns is None else residual_ns / 1e3

    @property
    def health(self) -> dict[Arm, dict[str, float]]:
        """`Health` figures of the cameras that have them. From any thread."""
        return {arm: dict(camera.health()) for arm, camera in self._with_health.items()}

    @property
    def ranges(self) -> dict[Arm, dict[str, tuple[float, float]]]:
        """`Ranged` settings of the cameras that tell them; empty before `open`. From any thread."""
        return {arm: dict(camera.ranges) for arm, camera in self._cameras.items() if isinstance(camera, Ranged)}

    @property
    def stream(self) -> PairStream:
        """The pairs of this arming. Raises `CameraError` while the rig is not armed."""
        if self._stream is None:
            raise CameraError(f"The cameras of {self.profile.rig} are not armed; arm them first.")
        return self._stream

    def open(self) -> None:
        """Open both cameras. Raises `CameraError` when that fails; none stays open then."""
        self._cameras = cameras_of(self.profile, self._backend)
        self._with_health = {arm: camera for arm, camera in self._cameras.items() if isinstance(camera, Health)}

    def arm(self, sink: RowSink | None = None) -> None:
        """Arm the secondary, listen to the pause, then let the primary send its pulses.

        A frame during the pause means that the secondary does not wait for them: the rig is armed all the same, its
        rows are unanchored, and `warning` says so. With ``trigger.source = "free"`` there is no pause and no warning.

        sink
            Records from the first pulse on.
        Raises `CameraError` when a camera refuses, or when the secondary cannot follow; the rig is disarmed then.
        """
        self._stopping.clear()
        check_rate(self.profile)
        try:
            self._arm(sink)
        except CameraError:
            self.disarm()
            raise

    def disarm(self) -> None:
        """Stop the primary, let the last exposures arrive, then stop the secondary. Safe to call twice."""
        self._stopping.set()
        self._stop(self._primary)
        self._join(self._primary)
        self._join(self._secondary)
        self._stop(self._secondary)
        if self._stream is not None:
            self._stream.end(timeout_s=0)
        self._stream = None

    def close(self) -> None:
        """Disarm and release the cameras. Safe to call twice."""
        self.disarm()
        self._cameras, self._with_health = {}, {}
        within_patience("release the cameras", self._backend.close)
        release_frames()

    def _arm(self, sink: RowSink | None) -> None:
        secondary = self._cameras[self._secondary]
        self._start(self._secondary)
        free = self.profile.trigger.source == "free"
        pause_s = max(MIN_PAUSE_S, PAUSE_PERIODS * self._period_s)
        listen = partial(self._stray_frames, secondary, pause_s)
        stray = 0 if free else answer_of("listen to the pause", listen, ANSWER_PATIENCE_S + PAUSES * pause_s)
        self.warning = str(FreeRunning(secondary.info.serial, stray)) if stray else unknown_readout(self.profile)
        latches = answer_of("read the clocks", lambda: {arm: best_latch(self._cameras[arm]) for arm in ARMS})
        period_ns = self.profile.trigger.period_ns
        anchor_of = _no_anchor if free else partial(_anchor, latches, period_ns, stray == 0, apart(self.profile))
        kept_bytes = memory_bytes(self.profile, self.infos, self.profile.recording.pre_trigger_seconds)
        listening = 1 if free else listening_frames(period_ns)
        self._stream = PairStream(self._primary, period_ns, anchor_of, kept_bytes, listening)
        if sink is not None:
            self._stream.begin(sink)
        self._start_grabbing(self._secondary)
        self._start(self._primary)
        self._start_grabbing(self._primary)

    def _stray_frames(self, secondary: Camera, pause_s: float) -> int:
        """Frames that came although the primary is silent; 0 is what a wired rig gives.

        The pause has to be longer than the slowest free-running camera would be silent: four periods of the trigger,
        or 100 ms, as no camera of ours runs freely below 10 frames per second by itself.
        """
        frames = 0
        for _ in range(PAUSES):
            frames = self._count_frames(secondary, pause_s)
            if frames == 0:
                break
        return frames

    def _count_frames(self, camera: Camera, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        frames = 0
        while not self._stopping.is_set() and (remaining := deadline - time.monotonic()) > 0:
            frames += camera.next_frame(remaining) is not None
        return frames

    def _start_grabbing(self, arm: Arm) -> None:
        self._heard_s = dict.fromkeys(ARMS, time.monotonic())
        thread = threading.Thread(target=self._grab, args=(arm, self.stream), name=f"grab {arm}", daemon=True)
        self._threads[arm] = thread
        thread.start()

    def _grab(self, arm: Arm, stream: PairStream) -> None:
        camera = self._cameras[arm]
        lost: CameraError | None = CameraError(f"Reading camera {camera.info.serial} failed; see the log.")
        try:
            lost = self._feed(arm, camera, stream)
        except CameraError as error:
            lost = error
        finally:
            if lost is not None and not self._stopping.is_set():
                self._on_lost(lost)

    def _feed(self, arm: Arm, camera: Camera, stream: PairStream) -> CameraError | None:
        """Feed frames to the stream until the rig stops (None), or the camera does (the error)."""
        lost_after_s = max(LOST_AFTER_S, LOST_AFTER_PERIODS * self._period_s)
        waited_s = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            frame = camera.next_frame(_LOOK_S)
            if frame is not None:
                waited_s, self._heard_s[arm] = 0.0, time.monotonic()
                self._feed_frame(arm, frame, stream)
            elif stream.feeding:
                # Cameras without a pace of their own wait for each other, and the other one for the disk.
                waited_s = 0.0
            else:
                waited_s += time.monotonic() - began
                if waited_s >= lost_after_s:
                    return self._silence(arm, waited_s)
        self._drain(arm, camera, stream)
        return None

    def _silence(self, arm: Arm, waited_s: float) -> CameraLost:
        """Who is to blame: where both arms fell silent at once it is the primary, whichever thread notices first."""
        primary, secondary = self._primary, self._secondary
        apart_s = abs(self._heard_s[primary] - self._heard_s[secondary])
        at_once = apart_s <= max(AT_ONCE_S, AT_ONCE_PERIODS * self._period_s)
        if at_once and self.profile.trigger.source != "free":
            waiting = self._cameras[secondary].info.serial
            return CameraLost(self._cameras[primary].info.serial, waited_s, waits_in_vain=waiting)
        return CameraLost(self._cameras[arm].info.serial, waited_s)

    def _feed_frame(self, arm: Arm, frame: Frame, stream: PairStream) -> None:
        stream.feed(arm, frame)
        if not (self._paced or stream.recording):
            # Cameras without a pace of their own would take all the time that the writer needs to finish.
            self._stopping.wait(self._period_s)

    def _drain(self, arm: Arm, camera: Camera, stream: PairStream) -> None:
        """Take what is still on its way after the last pulse; a camera that runs freely never ends by itself."""
        patience_s = max(_LOOK_S, 1.5 * self._period_s)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and (frame := camera.next_frame(patience_s)) is not None:
            stream.feed(arm, frame)

    def _join(self, arm: Arm) -> None:
        thread = self._threads.pop(arm, None)
        if thread is not None:
            thread.join(PATIENCE_S)
            if thread.is_alive():
                log.error("the grab thread of %s did not end; it is left behind", arm)

    def _start(self, arm: Arm) -> None:
        self._armed.add(arm)
        answer_of(f"arm camera {self.profile.arm(arm).serial}", self._cameras[arm].arm)

    def _stop(self, arm: Arm) -> None:
        if arm in self._armed:
            self._armed.discard(arm)
            within_patience(f"stop camera {self.profile.arm(arm).serial}", self._cameras[arm].disarm)


def best_latch(camera: Camera) -> ClockLatch | None:
    """The least uncertain of a few clock latches; None where the camera has none."""
    latches = [latch for latch in (camera.latch_clock() for _ in range(LATCHES)) if latch is not None]
    return min(latches, key=lambda latch: latch.uncertainty_ns, default=None)


def _anchor(
    latches: Mapping[Arm, ClockLatch | None],
    period_ns: int,
    silent: bool,
    apart: Apart,
    nir: Sequence[Frame],
    vis: Sequence[Frame],
) -> Anchor:
    return anchor(nir, vis, latches, period_ns, silent, apart)


def _no_anchor(nir: Sequence[Frame], vis: Sequence[Frame]) -> Anchor:
    """What two cameras that run by themselves have, as their profile says."""
    note = "both cameras run by themselves, as the profile has it"
    return Anchor(nir[0].timestamp_ns, vis[0].timestamp_ns, "none", note, nir[0].frame_id, vis[0].frame_id)
