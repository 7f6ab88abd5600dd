"""What the recorder does: its states, and the way from one to the next. Only `status` may be called from any thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from nirvis_capture.camera import Arm, Backend
from nirvis_capture.cameras import open_backend, prepare_backend
from nirvis_capture.clip_writer import ClipWriter
from nirvis_capture.disk import minutes_left, prepare_folder
from nirvis_capture.errors import CameraError, RecorderError
from nirvis_capture.exposure import Exposure, exposure_changes
from nirvis_capture.light_meter import metered_or_kept, rule_for
from nirvis_capture.live_rig import LiveRig
from nirvis_capture.messages import (
    ArmCameras,
    Command,
    DisarmCameras,
    Record,
    RecorderStatus,
    State,
    Stop,
    UseProfile,
)
from nirvis_capture.naming import clip_path
from nirvis_capture.profile import Profile, parse_profile
from nirvis_capture.recorder_figures import event_figures, recording_figures, rig_figures
from nirvis_capture.recording import Limits, OpenWriter, Recording, new_header
from nirvis_capture.rig import Rig

log = logging.getLogger(__name__)

EVEN_S = 0.5
"""How long the last exposures of a recording get to arrive from both arms."""


class Station:
    """One rig and what is recorded with it.

    post
        Queues a call for the thread that runs the station; used by grab and writer threads.
    """

    def __init__(
        self,
        name: str,
        post: Callable[[Callable[[], None]], None],
        open_backend: Callable[[Profile], Backend] = open_backend,
        open_writer: OpenWriter = ClipWriter,
    ) -> None:
        self._name = name
        self._post = post
        self._open_backend = open_backend
        self._live = LiveRig(name, open_backend, self._tell_lost)
        self._open_writer = open_writer
        self._state: State = "idle"
        self._message = ""
        self._given: Profile | None = None
        self._profile: Profile | None = None
        """As given, with the exposures that were metered last."""
        self._folder = Path()
        self._recording: Recording | None = None
        """The running recording, else the last one."""
        self._clip: Path | None = None
        self._opening: Literal["", "preview", "recording"] = ""
        self._metering = False
        self._called_off = threading.Event()

    @property
    def busy(self) -> bool:
        """True while a recording is made or finished."""
        return self._state in ("recording", "finalising")

    def do(self, command: Command) -> JsonValue:
        """Carry out a command. Raises `NirvisError` when it is refused or fails."""
        match command:
            case UseProfile():
                self._use(command.text)
            case ArmCameras():
                with self._opening_for("preview"):
                    self._arm()
            case Record():
                return self._record(command)
            case Stop():
                return self._stop()
            case DisarmCameras():
                self._finish_recording()
                self.release()
        return None

    def call_off(self) -> None:
        """A recording that still waits for its cameras to open is not wanted any more; from any thread."""
        self._called_off.set()

    def release(self) -> bool:
        """Stop and release the cameras; False when none was open. A failure stays visible."""
        if not self._live.release():
            return False
        if self._state != "failed":
            self._state = "idle"
        return True

    def close(self) -> None:
        """Finish the recording, release the cameras, and end the preview."""
        self._finish_recording()
        self.release()
        self._live.close()

    def _use(self, text: str) -> None:
        if self._given is not None and self._given.text == text:
            return
        if self.busy:
            raise RecorderError(f"{self._name} is recording with another profile. Stop that recording first.")
        profile = parse_profile(text, origin=f"profile of {self._name}")
        if profile.rig != self._name:
            raise RecorderError(f"This is the recorder of {self._name}, and the profile is of rig {profile.rig}.")
        self.release()
        self._given = self._profile = profile
        self._folder = profile.recording.folder
        self._state, self._message, self._recording = "idle", "", None
        prepare_backend(profile)

    def _known_profile(self) -> Profile:
        if self._profile is None:
            raise RecorderError(f"The recorder of {self._name} has no profile yet; start a client with one.")
        return self._profile

    def _open(self) -> Rig:
        """The rig with its cameras open; opened again after a failure."""
        if self._state == "failed":
            self.release()
        if self._live.rig is not None:
            return self._live.rig
        profile = self._known_profile()
        try:
            rig = self._live.open(profile)
        except CameraError as error:
            self._fail(error)
            raise
        self._state = "idle"
        return rig

    @contextmanager
    def _opening_for(self, purpose: Literal["preview", "recording"]) -> Iterator[None]:
        self._opening = purpose
        try:
            yield
        finally:
            self._opening = ""

    def _fail(self, error: CameraError) -> None:
        """The cameras cannot be used: release them, and say so to whoever asks."""
        self._state, self._message = "failed", str(error)
        self.release()

    def _tell_lost(self, error: CameraError) -> None:
        rig = self._live.rig
        self._post(lambda: self._lost(rig, error))

    def _arm(self, recording: Recording | None = None) -> None:
        if self._state not in ("idle", "failed"):
            return
        rig = self._open()
        try:
            rig.arm(recording)
        except CameraError as error:
            self._fail(error)
            raise
        self._state, self._message = "armed", rig.warning
        self._live.show(rig, self._fill)

    def _fill(self) -> float:
        return self._recording.ring.fill if self._recording is not None and self._state == "recording" else 0.0

    def _warning(self) -> str:
        """What the operator should know while the disk falls behind."""
        recording = self._recording
        if recording is None or not self.busy or recording.ring.alarm != "filling":
            return ""
        return (
            f"The disk or the compression falls behind: the memory for that is {recording.ring.fill:.0%} full, and at "
            "100 % the recording ends with its clip complete. Stop other programs that use this disk."
        )

    def _record(self, command: Record) -> str:
        profile = self._known_profile()
        if self.busy and self._recording is not None:
            raise RecorderError(
                f"{self._name} is already recording ({self._recording.path.name}, {self._recording.seconds:.0f} s). "
                "Stop that recording first."
            )
        self._called_off.clear()
        prepare_folder(profile, command.folder)
        with self._opening_for("recording"):
            warning = self._meter(profile, command.exposures) if profile.metering.before_recording else ""
            rig = self._open()
            self._go_on()
            recording = self._new_recording(rig, command)
            self._start(rig, recording)
            self._folder, self._recording, self._clip = command.folder, recording, None
            self._state, self._message = "recording", " ".join(filter(None, (warning, rig.warning)))
        return recording.header.recording_id

    def _go_on(self, *_: int) -> None:
        """Raises `RecorderError` where the recording that is about to begin is not wanted any more."""
        if self._called_off.is_set():
            raise RecorderError("The recording was called off before its first exposure; nothing was written.")

    def _meter(self, profile: Profile, begin_with: Mapping[Arm, Exposure]) -> str:
        """Set the exposures by what both arms see now; gives what the operator should know of it."""
        self.release()
        rule = rule_for(self._given or profile)
        if begin_with:
            profile = profile.edited(exposure_changes(profile, begin_with, rule.centred))
        self._metering = True
        try:
            self._profile, warning = metered_or_kept(profile, rule, self._open_backend, self._go_on)
        finally:
            self._metering = False
        return warning

    def _start(self, rig: Rig, recording: Recording) -> None:
        try:
            if self._state == "armed":
                rig.stream.begin(recording)
            else:
                self._arm(recording)
        except CameraError:
            recording.cancel()
            raise

    def _new_recording(self, rig: Rig, command: Record) -> Recording:
        limits = Limits.lasting(rig.profile, command.seconds)
        header = new_header(command.place, command.light, command.notes, command.operator)
        path = clip_path(rig.profile, command.folder, header.start_time, command.place, header.recording_id)
        recording = Recording(path, header, rig.profile, rig.infos_now(), limits, self._open_writer)
        recording.on_end = lambda: self._post(lambda: self._finalise(recording))
        return recording

    def _stop(self) -> str | None:
        recording = self._finish_recording()
        if recording is not None and recording.error is not None:
            raise recording.error
        return None if self._clip is None else str(self._clip)

    def _finish_recording(self) -> Recording | None:
        """End the recording that runs, if one does, and wait for its clip."""
        recording = self._recording
        if recording is None or not self.busy:
            return None
        if self._live.rig is not None:
            self._live.rig.stream.end(EVEN_S)
        self._finalise(recording)
        return recording

    def _finalise(self, recording: Recording) -> None:
        if recording is not self._recording or self._state != "recording":
            return
        self._state = "finalising"
        recording.wait()
        self._clip = recording.clip
        self._message = recording.message or self._message
        self._state = "armed" if recording.error is None else "failed"
        log.info("%s: %d pairs, %.1f s. %s", recording.path.name, recording.pairs, recording.seconds, self._message)

    def _lost(self, rig: Rig | None, error: CameraError) -> None:
        if rig is None or rig is not self._live.rig or self._state == "failed":
            return
        log.error("%s", error)
        recording = self._recording if self.busy else None
        if recording is not None:
            recording.note(str(error))
            rig.stream.end(0)
            self._finalise(recording)
        self._fail(error)

    def status(self) -> RecorderStatus:
        """The station at this moment; from any thread."""
        profile, recording, rig = self._profile, self._recording, self._live.rig
        return RecorderStatus(
            state=self._state,
            rig=self._name,
            opening=self._opening,
            metering=self._metering,
            holds_cameras=rig is not None or bool(self._opening),
            mode=None if profile is None else profile.mode,
            ring_fill=self._fill(),
            disk_minutes_left=None if profile is None else minutes_left(profile, self._folder),
            clip=self._clip if recording is None or not self.busy else recording.clip,
            folder=None if profile is None else self._folder.expanduser().absolute(),
            message=self._message or self._warning(),
            preview=self._live.preview_path,
            **event_figures(recording, rig),
            **recording_figures(recording),
            **rig_figures(rig),
        )
