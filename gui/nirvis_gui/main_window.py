"""The window: its pages, the strip below them, and which action does what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QKeyEvent
from PyQt5.QtWidgets import QApplication, QMainWindow, QStackedWidget, QTabBar, QToolButton, QVBoxLayout, QWidget

from nirvis_capture.profile import Profile
from nirvis_gui import theme
from nirvis_gui.actions import PAGES, help_html, make_actions, set_icons
from nirvis_gui.camera_health import readings
from nirvis_gui.checks_page import ChecksPage
from nirvis_gui.clips_page import ClipsPage
from nirvis_gui.dialogs import Closing, ask_closing, ask_file, show_page
from nirvis_gui.health import Level, Reading, state_name
from nirvis_gui.live_page import LivePage
from nirvis_gui.messages import MessageBar
from nirvis_gui.preferences import Preferences, Theme
from nirvis_gui.profile_page import ProfilePage
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.session import LIVE, Session
from nirvis_gui.status import StatusStrip, explanation_html
from nirvis_gui.training_page import TrainingPage
from nirvis_gui.verdict import Verdict, read_verdict

TOOLS = ("live", "colour", "overlay", "next_overlay", "peaking", "fit")
TOOL_STYLE = (
    "QToolButton { padding: 4px 8px; border: 1px solid palette(mid); border-radius: 4px; background: palette(button); }"
    "QToolButton:checked { background: palette(highlight); color: palette(highlighted-text); }"
    "QToolButton:disabled { color: palette(placeholder-text); }"
    "QToolButton:checked:disabled { background: palette(mid); }"
)


class MainWindow(QMainWindow):
    """The acquisition window. It shows what `Session` knows and passes on what the operator does."""

    closed = pyqtSignal()
    """The window and all its workers have ended."""

    def __init__(self, session: Session, look: Theme = "dark", memory: Path | None = None) -> None:
        """Make the window; nothing runs before `start`.

        memory
            File of the `Preferences`, written when the window closes; None to remember nothing.
        """
        super().__init__()
        self.session = session
        self._look: Theme = look
        self._memory = memory
        self._preferences = Preferences()
        self._ended = False
        self.actions_ = make_actions(self)
        self.messages, self.strip = MessageBar(self), StatusStrip(self)
        self.live = LivePage(session, [self._tool(name) for name in TOOLS], self)
        self.clips = ClipsPage(session.library, session.jobs, self)
        self.training = TrainingPage(session.runs, session.jobs, self)
        self.profile = ProfilePage(session.profiles, self)
        self.checks = ChecksPage(session.run_with_rig, self)
        self.pages = QStackedWidget(self)
        self.tabs = QTabBar(self)
        self._lay_out()
        self._connect_widgets()
        self._connect_actions()
        self._show_session()

    def _lay_out(self) -> None:
        for name, page in zip(PAGES, (self.live, self.clips, self.training, self.profile, self.checks), strict=True):
            self.tabs.addTab(self.actions_[f"page_{name}"].text())
            self.pages.addWidget(page)
        self.tabs.setDrawBase(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        bar = self.menuBar()
        if bar is not None:
            bar.setCornerWidget(self.tabs, Qt.Corner.TopRightCorner)
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(6)
        column.addWidget(self.messages)
        column.addWidget(self.pages, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(page)
        self.resize(1340, 720)

    def _tool(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(self.actions_[name])
        button.setStyleSheet(TOOL_STYLE)
        wordless = name in ("next_overlay", "fit")
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if wordless else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        button.setToolButtonStyle(style)
        return button

    def _connect_widgets(self) -> None:
        session = self.session
        session.changed.connect(self._show_session)
        session.said.connect(self.messages.show_message)
        session.mended.connect(self.messages.hide)
        session.closed.connect(self._end)
        self.tabs.currentChanged.connect(self.show_page_at)
        session.profile_changed.connect(self._show_profile)
        self.clips.open_wanted.connect(session.chores.open_folder)
        self.clips.folder_chosen.connect(self.clips.show_folder)
        self.training.model_ready.connect(self._use_model)
        self.profile.saved.connect(self._use_saved)
        self.profile.tried.connect(session.change_profile)
        self.strip.explanation_wanted.connect(self._explain)
        self.messages.history_wanted.connect(self._show_messages)
        self.live.model_wanted.connect(self._open_model)
        self.live.verify_wanted.connect(self._verify)
        self.live.folder_wanted.connect(self._open_folder)
        self.live.clip_ended.connect(self.clips.look_again)

    def _connect_actions(self) -> None:
        does: dict[str, Callable[[], object]] = {
            "record": self.live.toggle_record,
            "live": self._toggle_live,
            "verify": self._verify,
            "open_folder": self._open_folder,
            "open_profile": self._open_profile,
            "filters": self.live.filters_in_place,
            "open_model": self._open_model,
            "colour": lambda: self.session.showing.show_third(None if self.session.showing.colour_on else "colour"),
            "overlay": self._toggle_overlay,
            "next_overlay": self.live.next_overlay,
            "peaking": lambda: self.session.showing.set_peaking(not self.session.showing.look.peaking),
            "fit": self.live.views.fit,
            "theme": self._change_look,
            "messages": self._show_messages,
            "help": self._show_help,
            "quit": self.close,
        }
        does |= {f"page_{name}": partial(self.tabs.setCurrentIndex, at) for at, name in enumerate(PAGES)}
        for name, action in self.actions_.items():
            # A checkable action sends its state, which none of these wants.
            action.triggered.connect(lambda _=False, do=does[name]: do())

    def start(self, name: str, profile: Profile, model: Path | None = None) -> None:
        """Attach to the recorder of the rig, or launch it."""
        # The simulated rig has its filters where the profile says; with cameras only a person knows.
        self.live.start(profile.mode if profile.nir.backend == "simulated" else None)
        self.session.start(name, profile)
        if model is not None:
            self.session.showing.set_model(model)

    def recall(self, preferences: Preferences) -> None:
        """Begin with what was entered the last time."""
        self._preferences = preferences
        fields = ClipFields(place=preferences.place, light=preferences.light, operator=preferences.operator)
        self.live.fields.set_fields(fields)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 Qt's name
        """Esc leaves a text field, so that the keys of the window work again."""
        page = self.centralWidget()
        if event is not None and event.key() == Qt.Key.Key_Escape and page is not None:
            page.setFocus()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 Qt's name
        """Ask while a clip is recorded; close once every worker has ended."""
        if event is None or self._ended:
            return
        event.ignore()
        if self.session.closing:
            return
        if self.session.state in ("recording", "finalising"):
            ask_closing(self, self._answer_closing)
        else:
            self._close(finish=False, leave=False)

    def leave(self) -> None:
        """Close without a question; a running recording goes on in the background."""
        if not self.session.closing:
            self._close(finish=False, leave=self.session.state in ("recording", "finalising"))

    def _answer_closing(self, answer: Closing) -> None:
        if answer != "cancel":
            self._close(finish=answer == "finish", leave=answer == "leave")

    def _close(self, *, finish: bool, leave: bool) -> None:
        if self._memory is not None:
            self.session.chores.remember(self._memory, self._remembered())
        self.session.close(finish=finish, leave=leave)

    def _remembered(self) -> Preferences:
        fields = self.live.fields.fields()
        seen = {"profile": self.session.profile_name or self._preferences.profile, "look": self._look}
        entered = {"operator": fields.operator, "place": fields.place, "light": fields.light}
        return self._preferences.model_copy(update=seen | entered)

    def _end(self) -> None:
        self._ended = True
        self.close()
        self.closed.emit()

    def _show_session(self) -> None:
        """Bring the strip and the actions to what the session knows."""
        session, actions = self.session, self.actions_
        state, live = session.state, session.state in LIVE
        self.setWindowTitle(f"{state_name(state)} · {Path(session.profile_name).stem} · nirvis")
        self.strip.show_readings(readings(session.status, session.beat if live else None))
        self.profile.show_ranges(session.status.ranges if session.status else {})
        actions["open_profile"].setEnabled(not (live or session.doing))
        actions["live"].setChecked(live)
        actions["live"].setEnabled(not session.doing and state in ("absent", "idle", "armed", "failed"))
        actions["record"].setText(self.tr("Stop") if state == "recording" or session.series else self.tr("Record"))
        actions["colour"].setChecked(session.showing.third == "colour")
        actions["overlay"].setChecked(session.showing.third == "overlay")
        actions["next_overlay"].setEnabled(session.showing.third == "overlay")
        actions["peaking"].setChecked(session.showing.look.peaking)
        for name in ("verify", "open_folder"):
            actions[name].setEnabled(self.live.last_clip.clip is not None)

    def _show_verdict(self, clip: Path, verdict: Verdict) -> None:
        self.live.show_verdict(clip, verdict)
        if verdict.result == "refused":
            text = self.tr("{clip} is not proved: {findings}").format(clip=clip.name, findings=verdict.findings)
            self.messages.show_message(Level.LOSS, text)

    def _toggle_live(self) -> None:
        self.session.toggle_live()
        self._show_session()

    def _toggle_overlay(self) -> None:
        self.session.showing.show_third(None if self.session.showing.third == "overlay" else "overlay")

    def _verify(self) -> None:
        clip = self.live.last_clip.clip
        if clip is not None:
            self.live.last_clip.set_busy(True)
            job = self.session.jobs.run("verify", ["verify", "--json", str(clip)])
            job.ended.connect(lambda _, output, complaint: self._show_verdict(clip, read_verdict(output, complaint)))

    def _open_folder(self) -> None:
        clip = self.live.last_clip.clip
        if clip is not None:
            self.session.chores.open_folder(clip.parent)

    def _open_profile(self) -> None:
        ask_file(self, self.tr("Open a hardware profile"), self.tr("Profiles (*.toml)"), self.session.choose_profile)

    def _open_model(self) -> None:
        title, kinds = self.tr("Open a model"), self.tr("Models (*.onnx)")
        ask_file(self, title, kinds, lambda name: self.session.showing.set_model(Path(name)))

    def _change_look(self) -> None:
        self._look = "light" if self._look == "dark" else "dark"
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, self._look)
        set_icons(self.actions_)
        self.live.show_profile()

    def show_page_at(self, index: int) -> None:
        """Show one of the pages; that of the clips looks what is new."""
        self.pages.setCurrentIndex(index)
        page = self.pages.currentWidget()
        if page is not None:
            page.setFocus()
        if page is self.clips:
            self.clips.look_again()

    def _show_profile(self) -> None:
        profile = self.session.profile
        if profile is not None:
            self.profile.show_profile(self.session.profile_name, profile)
            self.checks.forget()
            if self.clips.folder is None:
                self.clips.show_folder(profile.recording.folder)
                self.training.dataset.setText(str(profile.recording.folder))

    def _use_saved(self, path: str) -> None:
        self.session.said.emit(Level.PROVEN, self.tr("{path} is saved.").format(path=path))
        if self.session.state in LIVE:
            self.session.said.emit(Level.MARGIN, self.tr("Let the cameras go (L), and choose it, to use it."))
        else:
            self.session.choose_profile(path)

    def _use_model(self, model: Path) -> None:
        self.session.showing.set_model(model)
        self.tabs.setCurrentIndex(PAGES.index("live"))

    def _explain(self, reading: Reading) -> None:
        show_page(self, reading.name, explanation_html(reading))

    def _show_messages(self) -> None:
        text = self.messages.as_text() or self.tr("Nothing was said yet.")
        show_page(self, self.tr("Messages"), f"<pre style='white-space: pre-wrap'>{escape(text)}</pre>")

    def _show_help(self) -> None:
        show_page(self, self.tr("Keys"), help_html(), size=(900, 700))
