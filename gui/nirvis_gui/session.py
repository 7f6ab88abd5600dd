"""What the window is doing: one object between the widgets, which only show, and the workers, which only work."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from nirvis_capture.client import RecorderStatus
from nirvis_capture.profile import Profile
from nirvis_gui.chores import Chores, Colour
from nirvis_gui.health import Level, State
from nirvis_gui.picture_feed import PictureFeed
from nirvis_gui.recorder_link import ClipFields, RecorderLink, RecorderWatch
from nirvis_gui.workers import Workers

LIVE: tuple[State, ...] = ("armed", "recording", "finalising")


class Session(QObject):
    """The state of the window; every method returns at once."""

    changed = pyqtSignal()
    """Status, what is being done, or the colour: look again."""
    said = pyqtSignal(object, str)
    """`Level` and text of a message for the operator."""
    profile_changed = pyqtSignal()
    closed = pyqtSignal()
    """Every worker has ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.profile_name = ""
        self.profile: Profile | None = None
        self.status: RecorderStatus | None = None
        self.doing = ""
        """What the recorder was asked for and has not answered yet, as a text; empty when nothing."""
        self.model: Path | None = None
        self.colour_on = False
        self.closing = False
        self._wanted: tuple[str, Profile] | None = None
        self._watched: Path | None = None
        self._coloured: tuple[Path, Path] | None = None
        self.link, self.watch = RecorderLink(), RecorderWatch()
        self.feed, self.chores, self.colour = PictureFeed(), Chores(), Colour()
        self._workers = Workers()
        self._connect()

    def _connect(self) -> None:
        for worker in (self.link, self.watch, self.feed, self.chores, self.colour):
            worker.failed.connect(self._failed)
        self.link.done.connect(lambda command, _: self._done(command))
        self.watch.status_changed.connect(self._show_status)
        self.watch.lost.connect(self._lost)
        self.chores.profile_loaded.connect(self._use)
        self.colour.started.connect(self.feed.watch_colour)
        self.colour.ended.connect(self._colour_ended)

    @property
    def state(self) -> State:
        return self.status.state if self.status else "absent"

    @property
    def threads(self) -> list[str]:
        """Names of the worker threads that run."""
        return self._workers.running

    def start(self, name: str, profile: Profile) -> None:
        """Start the workers, and attach to the recorder of the rig or launch it."""
        for worker in (self.link, self.watch, self.feed, self.chores, self.colour):
            self._workers.add(worker)
        self.chores.find_profiles()
        self._use(name, profile)

    def choose_profile(self, name: str) -> None:
        """Use another rig: a shipped profile or a file."""
        self._do(self.tr("Reading the profile…"))
        self.chores.load_profile(name)

    def toggle_live(self) -> None:
        """Arm the cameras, or let them go."""
        if self.state in ("recording", "finalising"):
            self.said.emit(Level.MARGIN, self.tr("A clip is being recorded; stop it first."))
        elif self.state == "armed":
            self._do(self.tr("Letting the cameras go…"))
            self.link.disarm()
        else:
            self._do(self.tr("Arming the cameras…"))
            self.link.arm()

    def toggle_record(self, fields: ClipFields) -> None:
        """Begin a clip, or end the one that is being recorded."""
        if self.doing or self.state == "finalising":
            return
        if self.state == "recording":
            self._do(self.tr("Finishing the clip…"))
            self.link.stop()
        else:
            self._do(self.tr("Starting the clip…"))
            self.link.record(fields)

    def set_model(self, model: Path) -> None:
        """Recover the colour with this model, and show it."""
        self.model, self.colour_on, self._coloured = model, True, None
        self._follow()

    def set_colour(self, on: bool) -> None:
        """Show the recovered colour or not; without it no model runs."""
        self.colour_on = on
        self._follow()

    def close(self, *, finish: bool, leave: bool) -> None:
        """End the workers, then emit `closed`.

        finish
            Finish the running clip first; when that fails, stay open.
        leave
            Let the recorder go on without the window.
        """
        self.closing = True
        if finish:
            self._do(self.tr("Finishing the clip…"))
            self.link.stop()
        else:
            self._end(leave=leave)

    def _end(self, *, leave: bool) -> None:
        self._do(self.tr("Closing…"))
        if not leave and self.state != "absent":
            self.link.shutdown()
        self._workers.close(self.closed.emit)

    def _do(self, text: str) -> None:
        self.doing = text
        self.changed.emit()

    def _use(self, name: str, profile: Profile) -> None:
        self._wanted = (name, profile)
        self._do(self.tr("Setting up the rig…"))
        self.link.use(profile)

    def _done(self, command: str) -> None:
        if command == "stop" and self.closing:
            self._end(leave=False)
            return
        if command == "use" and self._wanted:
            self.profile_name, self.profile = self._wanted
            self.profile_changed.emit()
            self.watch.watch(self.profile.rig)
        self._do("")

    def _failed(self, job: str, text: str) -> None:
        if job == "use" and self._wanted:
            # What runs may still be recording: show it, whatever could not be changed.
            self.watch.watch(self._wanted[1].rig)
        self.closing = self.closing and job != "stop"
        if not self.closing:
            self.said.emit(Level.LOSS if job in ("stop", "record") else Level.MARGIN, text)
            self._do("")

    def _show_status(self, status: RecorderStatus | None) -> None:
        before, self.status = self.status, status
        if status is not None and status.message and status.message != (before.message if before else ""):
            self.said.emit(Level.LOSS if status.state == "failed" else Level.MARGIN, status.message)
        self._follow()

    def _lost(self, text: str) -> None:
        self.link.forget()
        if not self.closing:
            again = self.tr("Press L to start it again.")
            self.said.emit(Level.LOSS, f"{text} {again}")

    def _follow(self) -> None:
        """Let pictures and colour follow the state of the recorder."""
        live = self.status.preview if self.status and self.state in LIVE else None
        if live != self._watched:
            self._watched = live
            self.feed.watch(live)
        wanted = (self.model, live) if self.colour_on and self.model and live else None
        if wanted != self._coloured:
            self._coloured = wanted
            self._run_colour(wanted)
        self.changed.emit()

    def _run_colour(self, wanted: tuple[Path, Path] | None) -> None:
        if wanted is None:
            self.colour.stop()
            self.feed.watch_colour(None)
        else:
            self.colour.start(*wanted)

    def _colour_ended(self, said: str) -> None:
        self.colour_on = False
        text = self.tr("The colorizer ended: {said}").format(said=said or self.tr("it gave no reason."))
        self.said.emit(Level.MARGIN, text)
        self._follow()
