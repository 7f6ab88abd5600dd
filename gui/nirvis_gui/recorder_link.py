"""The window's side of the recorder process: commands in one thread, its status in another.

Two threads, because a command may take as long as a disk needs to finish a clip, and the figures must go on meanwhile.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from PyQt5.QtCore import QTimer, pyqtSignal, pyqtSlot

from nirvis_capture.client import RecorderClient, RecorderStatus
from nirvis_capture.errors import RecorderError
from nirvis_capture.profile import Light, Profile
from nirvis_gui.texts import tr
from nirvis_gui.workers import Worker

STATUS_PERIOD_MS = 150
SEARCH_PERIOD_MS = 600


@dataclass(frozen=True)
class ClipFields:
    """What a person says about a clip."""

    place: str = ""
    light: Light = "day"
    notes: str = ""
    operator: str = ""

    def arguments(self) -> list[str]:
        """Those of ``nirvis record``."""
        texts = {"--place": self.place, "--light": self.light, "--notes": self.notes, "--operator": self.operator}
        return [f"{option}={text}" for option, text in texts.items() if text]


class RecorderLink(Worker):
    """Gives commands to the recorder of one rig, one after another; starts the recorder where none runs."""

    done = pyqtSignal(str, object)
    """Which command was carried out, and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None
        self._client: RecorderClient | None = None

    def use(self, profile: Profile) -> None:
        """Work with this profile from now on; the recorder of another rig is ended."""
        self.post("use", lambda: self._use(profile))

    def arm(self) -> None:
        self.post("arm", self._arm)

    def disarm(self) -> None:
        self.post("disarm", self._disarm)

    def record(self, fields: ClipFields, seconds: float | None = None) -> None:
        """Begin a recording that ends by itself after `seconds`, where they are given."""
        self.post("record", lambda: self.done.emit("record", self._record(fields, seconds)))

    def stop(self) -> None:
        self.post("stop", lambda: self.done.emit("stop", self._recorder().stop()))

    def shutdown(self) -> None:
        """End the recorder process, if one runs."""
        self.post("shutdown", self._shutdown)

    def forget(self) -> None:
        """The recorder went away; the next command starts another one."""
        self.post("forget", self.release)

    def release(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _recorder(self) -> RecorderClient:
        if self._profile is None:
            raise RecorderError(tr("No hardware profile was chosen yet; choose one first."))
        if self._client is None:
            self._client = RecorderClient.start(self._profile)
        return self._client

    def _use(self, profile: Profile) -> None:
        if self._profile is not None and self._profile.rig != profile.rig:
            self._shutdown()
        self.release()
        self._profile = profile
        try:
            self._recorder()
        except RecorderError:
            # It records with another profile: stay with it rather than lose sight of it.
            self._client = RecorderClient.find(profile.rig)
            if self._client is not None:
                raise
            # It was just ending, by another window: it has ended now.
            self._recorder()
        self.done.emit("use", profile)

    def _arm(self) -> None:
        self._recorder().arm()
        self.done.emit("arm", None)

    def _disarm(self) -> None:
        self._recorder().disarm()
        self.done.emit("disarm", None)

    def _record(self, fields: ClipFields, seconds: float | None) -> str:
        return self._recorder().record(
            place=fields.place, light=fields.light, notes=fields.notes, operator=fields.operator, seconds=seconds
        )

    def _shutdown(self) -> None:
        client = self._client or (RecorderClient.find(self._profile.rig) if self._profile else None)
        self._client = None
        if client is not None:
            with contextlib.closing(client):
                client.shutdown()
        self.done.emit("shutdown", None)


class RecorderWatch(Worker):
    """Asks the recorder how it is, and looks for one where none is known."""

    status_changed = pyqtSignal(object)
    """`RecorderStatus`, or None when no recorder runs."""
    lost = pyqtSignal(str, str)
    """Of which rig the recorder went away, and what is said of it."""

    def __init__(self) -> None:
        super().__init__()
        self._rig: str | None = None
        self._client: RecorderClient | None = None
        self._last: RecorderStatus | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def watch(self, rig: str) -> None:
        """Report on the recorder of this rig from now on."""
        self.post("watch", lambda: self._watch(rig))

    def release(self) -> None:
        self._timer.stop()
        self._drop()

    def _watch(self, rig: str) -> None:
        if rig != self._rig:
            self._drop()
            self._rig = rig
        self._look()

    # Without the decoration PyQt would call it in the thread that the object was made in.
    @pyqtSlot()
    def _look(self) -> None:
        status = self._ask()
        self._timer.start(SEARCH_PERIOD_MS if status is None else STATUS_PERIOD_MS)
        if status != self._last:
            self._last = status
            self.status_changed.emit(status)

    def _ask(self) -> RecorderStatus | None:
        if self._client is None and self._rig is not None:
            # A rig that can have no recorder: whoever asks for one is told.
            with contextlib.suppress(RecorderError):
                self._client = RecorderClient.find(self._rig)
        if self._client is None:
            return None
        try:
            return self._client.status()
        except RecorderError as error:
            self._drop()
            self.lost.emit(self._rig, str(error))
            return None

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
