"""How window, command line and scripts talk to the recorder process; whatever happens to them, it goes on."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import JsonValue, ValidationError

from nirvis_capture.camera import Arm
from nirvis_capture.errors import RecorderError
from nirvis_capture.exposure import Exposure
from nirvis_capture.launch import ALREADY_RUNNING, Process, launch, launched_ahead
from nirvis_capture.messages import (
    ArmCameras,
    AskStatus,
    Command,
    DisarmCameras,
    Record,
    RecorderStatus,
    Reply,
    Shutdown,
    Stop,
    UseProfile,
)
from nirvis_capture.profile import Light, Profile
from nirvis_capture.runtime import log_path, socket_path
from nirvis_capture.slot import Slot

__all__ = ["RecorderClient", "RecorderStatus"]

_START_TIMEOUT_S = 20.0
_REPLY_TIMEOUT_S = 120.0
"""Stopping drains the ring to the disk; a minute of ring on a slow disk is the longest honest answer."""
_LOG_LINES = 8

_starting = threading.Lock()
"""Who asks second within this process attaches to the recorder that the first one launches."""


class _Gone(RecorderError):
    """The recorder ended before it answered."""


class RecorderClient:
    """A connection to the recorder of one rig. Safe to use from several threads; each command waits for its answer."""

    def __init__(self, rig: str, connection: socket.socket, folder: Path = Path("clips")) -> None:
        self.rig = rig
        self._folder = folder
        self._recorded_to: Path | None = None
        """The folder in which a recorder that crashes leaves its clip; None before anybody has said which."""
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._one_at_a_time = threading.Lock()
        self._preview: Slot | None = None

    @classmethod
    def start(cls, profile: Profile, timeout_s: float = _START_TIMEOUT_S) -> RecorderClient:
        """Attach to the recorder of the rig, or launch it as a session of its own, and give it the profile.

        Raises `RecorderError` when it does not come up, or records with another profile right now.
        """
        with _starting:
            return cls._started(profile, timeout_s)

    @classmethod
    def _started(cls, profile: Profile, timeout_s: float) -> RecorderClient:
        ahead = launched_ahead(profile.rig)
        with contextlib.suppress(_Gone):
            client = cls._attached(profile)
            if client is not None:
                return client
        process = ahead if ahead is not None and ahead.poll() is None else launch(profile.rig)
        deadline = time.monotonic() + timeout_s
        # Another recorder that came first is as good as ours; any other end of it is a failure.
        while process.poll() in (None, ALREADY_RUNNING) and time.monotonic() < deadline:
            with contextlib.suppress(_Gone):
                client = cls._attached(profile)
                if client is not None:
                    return client
            time.sleep(0.02)
        raise RecorderError(f"The recorder of {profile.rig} did not start{_why(process)}. {_tail(profile.rig)}")

    @classmethod
    def _attached(cls, profile: Profile) -> RecorderClient | None:
        """A client whose recorder has taken the profile; None when nobody listens."""
        connection = _connect(profile.rig)
        if connection is None:
            return None
        client = cls(profile.rig, connection, profile.recording.folder)
        try:
            client._ask(UseProfile(text=profile.text))
        except RecorderError:
            client.close()
            raise
        return client

    @classmethod
    def find(cls, rig: str, patience_s: float = _REPLY_TIMEOUT_S) -> RecorderClient | None:
        """Attach to the recorder of that rig; None when none is running.

        patience_s
            How long each answer may take.
        """
        connection = _connect(rig, patience_s)
        return None if connection is None else cls(rig, connection)

    def arm(self) -> None:
        """Arm the cameras: live pictures, nothing is written. Raises `RecorderError` with what the cameras said."""
        self._ask(ArmCameras())

    def record(
        self,
        place: str = "",
        light: Light = "day",
        notes: str = "",
        operator: str = "",
        folder: Path | None = None,
        seconds: float | None = None,
        exposures: Mapping[Arm, Exposure] = MappingProxyType({}),
    ) -> str:
        """Begin a recording, arming first where needed, and return its id; it ends by itself after `seconds`.

        exposures
            Where metering begins, if the profile asks for it; see `messages.Record`.
        """
        where = self._recorded_to = (folder or self._folder).expanduser().absolute()
        command = Record(
            folder=where,
            seconds=seconds,
            place=place,
            light=light,
            notes=notes,
            operator=operator,
            exposures=dict(exposures),
        )
        return str(self._ask(command))

    def stop(self) -> Path | None:
        """End the recording and wait for its certified clip; the last clip when nothing is being recorded."""
        path = self._ask(Stop())
        return None if path is None else Path(str(path))

    def disarm(self) -> None:
        """Stop the cameras; a running recording is finished first."""
        self._ask(DisarmCameras())

    def shutdown(self) -> None:
        """End the recorder process, if it has not ended: recording finished, cameras released."""
        with contextlib.suppress(_Gone):
            self._ask(Shutdown())
        self.close()

    def status(self) -> RecorderStatus:
        try:
            status = RecorderStatus.model_validate(self._ask(AskStatus()))
        except ValidationError as error:
            raise RecorderError(
                f"The recorder of {self.rig} is of another version of nirvis: {error.error_count()} of its figures are "
                "unknown here. End it, and start it again."
            ) from error
        self._recorded_to = status.folder or self._recorded_to
        return status

    @property
    def preview(self) -> Slot:
        """The newest pair: arrays ``nir`` and ``vis`` (raw counts). Raises `RecorderError` before the first arming."""
        if self._preview is None or self._preview.ended:
            path = self.status().preview
            if path is None:
                raise RecorderError(f"The recorder of {self.rig} shows no pictures yet; arm the cameras first.")
            self._preview = Slot.attach(path)
        return self._preview

    def close(self) -> None:
        """Let go of the recorder; it goes on. Safe to call twice."""
        if self._preview is not None:
            self._preview.close()
        with contextlib.suppress(OSError):
            self._lines.close()
        self._connection.close()

    def __enter__(self) -> RecorderClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, command: Command) -> JsonValue:
        with self._one_at_a_time:
            try:
                self._connection.sendall(command.model_dump_json().encode() + b"\n")
                line = self._lines.readline()
            except TimeoutError:
                patience_s = self._connection.gettimeout()
                raise RecorderError(
                    f"The recorder of {self.rig} did not answer '{command.command}' within {patience_s:g} s; "
                    f"it may wait for a disk or a camera. See {log_path(self.rig)}."
                ) from None
            except (OSError, ValueError):
                line = b""
        if not line:
            raise _Gone(
                f"The recorder of {self.rig} went away. See {log_path(self.rig)}, then start it again; a clip that it "
                f"left unfinished is rescued by: nirvis recover {self._recorded_to or 'FOLDER'}"
            )
        return _result(line)


def _result(line: bytes) -> JsonValue:
    try:
        reply = Reply.model_validate_json(line)
    except ValidationError as error:
        raise RecorderError(f"The recorder answered {line[:80]!r}; it is of another version: restart it.") from error
    if reply.error is not None:
        refused = RecorderError(reply.error)
        refused.exit_status = reply.exit_status
        raise refused
    return reply.result


def _connect(rig: str, patience_s: float = _REPLY_TIMEOUT_S) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(patience_s)
    try:
        connection.connect(str(socket_path(rig)))
    except OSError:
        connection.close()
        return None
    return connection


def _why(process: Process) -> str:
    status = process.poll()
    return " in time" if status is None else f" (exit status {status})"


def _tail(rig: str) -> str:
    path = log_path(rig)
    lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return f"Its log {path} ends with:\n  " + "\n  ".join(lines) if lines else f"Its log {path} is empty."
