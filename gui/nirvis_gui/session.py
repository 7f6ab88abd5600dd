"""What the window is doing: one object between the widgets, which only show, and the workers, which only work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from nirvis_capture.client import RecorderStatus
from nirvis_capture.profile import Profile
from nirvis_capture.settings import Changes
from nirvis_gui.camera_health import Beat
from nirvis_gui.chores import Chores
from nirvis_gui.clip_library import ClipLibrary
from nirvis_gui.health import Level, State
from nirvis_gui.jobs import Job, Jobs
from nirvis_gui.live_pictures import LivePictures
from nirvis_gui.plan_panel import Plan
from nirvis_gui.profile_file import free_rig, written_profile
from nirvis_gui.profile_worker import ProfileWorker
from nirvis_gui.recorder_link import ClipFields, RecorderLink, RecorderWatch
from nirvis_gui.run_watch import RunWatch
from nirvis_gui.showing import Showing
from nirvis_gui.workers import Worker, Workers

LIVE: tuple[State, ...] = ("armed", "recording", "finalising")


class Session(QObject):
    """The state of the window; every method returns at once."""

    changed = pyqtSignal()
    """Status, what is being done, or the colour: look again."""
    said = pyqtSignal(object, str)
    """`Level` and text of a message for the operator."""
    mended = pyqtSignal()
    """What was lost is there again: the message of its loss is out of date."""
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
        self.beat: Beat | None = None
        self.series: Job | None = None
        self.closing = False
        self.rearm = False
        """The cameras are armed again once the changed profile is in use."""
        self._mendable = False
        """A camera or the recorder was lost, and has not been seen at work since."""
        self._wanted: tuple[str, Profile] | None = None
        self.link, self.watch = RecorderLink(), RecorderWatch()
        self.chores, self.library = Chores(), ClipLibrary()
        self.runs, self.profiles = RunWatch(), ProfileWorker()
        self.showing, self.jobs = Showing(self), Jobs(self)
        self._workers = Workers()
        self._connect()

    def _connect(self) -> None:
        for worker in self._all:
            worker.failed.connect(self._failed)
        self.link.done.connect(lambda command, _: self._done(command))
        self.watch.status_changed.connect(self._show_status)
        self.watch.lost.connect(self._lost)
        self.chores.profile_loaded.connect(self._use)
        self.showing.changed.connect(self.changed)
        self.showing.colour_ended.connect(self._say_colour_ended)
        self.showing.feed.arrived.connect(self._take_beat)
        self.jobs.all_ended.connect(lambda: self._workers.close(self.closed.emit))

    @property
    def _all(self) -> tuple[Worker, ...]:
        recording = (self.link, self.watch, *self.showing.workers)
        return *recording, self.chores, self.library, self.runs, self.profiles

    @property
    def state(self) -> State:
        return self.status.state if self.status else "absent"

    @property
    def threads(self) -> list[str]:
        """Names of the worker threads that run."""
        return self._workers.running

    def start(self, name: str, profile: Profile) -> None:
        """Start the workers, and attach to the recorder of the rig or launch it."""
        for worker in self._all:
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

    def toggle_record(self, fields: ClipFields, plan: Plan = Plan()) -> None:  # noqa: B008 frozen
        """Begin a clip or a series, or end what is being recorded."""
        if self.series is not None:
            self._do(self.tr("Ending the series…"))
            self.series.stop()
        elif self.doing or self.state == "finalising":
            return
        elif self.state == "recording":
            self._do(self.tr("Finishing the clip…"))
            self.link.stop()
        elif plan.mistake():
            self.said.emit(Level.MARGIN, plan.mistake())
        elif plan.is_series:
            self._begin_series(fields, plan)
        else:
            self._do(self.tr("Starting the clip…"))
            self.link.record(fields, plan.seconds)

    def change_profile(self, changes: Changes) -> None:
        """Use the profile with other values; cameras that are armed are armed again."""
        if self.profile is None or self.state in ("recording", "finalising"):
            self.said.emit(Level.MARGIN, self.tr("The profile cannot be changed while a clip is recorded."))
            return
        self.rearm = self.state == "armed"
        self._do(self.tr("Changing the profile…"))
        self.chores.edit_profile(self.profile_name, self.profile, changes)

    def run_with_rig(self, name: str, arguments: Callable[[Path], list[str]]) -> Job | None:
        """Start a command that opens the cameras itself: the recorder lets them go first. None while one is busy.

        arguments
            Those of the command, for the path of the profile in use.
        """
        if self.closing:
            return None
        if self.profile is None or self.doing or self.state in ("recording", "finalising"):
            self.said.emit(Level.MARGIN, self.tr("The cameras are in use; stop the recording first."))
            return None
        profile = self.profile
        job = self.jobs.run(name, lambda: arguments(free_rig(profile)))
        job.ended.connect(lambda *_: self._do(""))
        self._do(self.tr("The rig is being checked…"))
        return job

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
        self.jobs.close()

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
            self.beat = Beat(self.profile.trigger)
            self.profile_changed.emit()
            self.watch.watch(self.profile.rig)
            if self.rearm:
                self.rearm = False
                # The status that is known is of before: it still says that they are armed.
                self._do(self.tr("Arming the cameras…"))
                self.link.arm()
                return
        self._do("")

    def _failed(self, job: str, text: str) -> None:
        self.rearm = False
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
            self._mendable = self._mendable or status.state == "failed"
            self.said.emit(Level.LOSS if status.state == "failed" else Level.MARGIN, status.message)
        if self._mendable and status is not None and self.state in LIVE and not status.message:
            self._mendable = False
            self.mended.emit()
        self._follow()

    def _lost(self, rig: str, text: str) -> None:
        if self._wanted is not None and rig != self._wanted[1].rig:
            # Another rig was chosen, whose recorder takes the place of this one.
            return
        self.link.forget()
        if not self.closing:
            self._mendable = True
            again = self.tr("Press L to start it again; a clip that was cut off is rescued on page Clips.")
            self.said.emit(Level.LOSS, f"{text}\n{again}")

    def _follow(self) -> None:
        """Let pictures and colour follow the state of the recorder."""
        self.showing.follow(self.status.preview if self.status and self.state in LIVE else None)
        self.changed.emit()

    def _say_colour_ended(self, said: str) -> None:
        text = self.tr("The colorizer ended: {said}").format(said=said or self.tr("it gave no reason."))
        self.said.emit(Level.MARGIN, text)

    def _take_beat(self, pictures: LivePictures) -> None:
        if self.profile is not None and pictures.figures is not None:
            rates = {arm: figures.rate_hz for arm, figures in pictures.figures.items() if figures.rate_hz}
            self.beat = Beat(self.profile.trigger, rates)

    def _begin_series(self, fields: ClipFields, plan: Plan) -> None:
        profile = self.profile
        if profile is None:
            return
        options = [*fields.arguments(), *plan.arguments()]
        self.series = self.jobs.run("series", lambda: ["record", "--profile", str(written_profile(profile)), *options])
        self.series.ended.connect(self._series_ended)
        self._do("")

    def _series_ended(self, status: int, _: str, complaint: str) -> None:
        self.series = None
        text = self.tr("The series has ended.") if status == 0 else complaint
        self.said.emit(Level.PROVEN if status == 0 else Level.MARGIN, text)
        self._do("")
