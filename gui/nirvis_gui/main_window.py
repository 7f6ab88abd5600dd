"""The window: where everything stands, and which widget tells the session what."""

from __future__ import annotations

from html import escape
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QKeyEvent
from PyQt5.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QToolButton, QVBoxLayout, QWidget

from nirvis_capture.camera import ARMS
from nirvis_capture.profile import Mode, Profile
from nirvis_gui import theme
from nirvis_gui.actions import help_html, make_actions, set_icons
from nirvis_gui.chores import Verdict
from nirvis_gui.clip_panel import FieldsPanel, LastClipPanel
from nirvis_gui.colour_page import ColourPage
from nirvis_gui.dialogs import Closing, ask_closing, ask_file, show_page
from nirvis_gui.health import Level, Reading, readings
from nirvis_gui.live_view import LiveViews
from nirvis_gui.messages import MessageBar
from nirvis_gui.picture_feed import ColourPicture, LivePictures
from nirvis_gui.record_panel import RecordPanel
from nirvis_gui.rig_bar import FilterReminder, RigBar
from nirvis_gui.session import LIVE, Session
from nirvis_gui.status import StatusStrip, explanation_html

SIDE_WIDTH = 264
TOOL_STYLE = (
    "QToolButton { padding: 4px 9px; border: 1px solid palette(mid); border-radius: 4px; background: palette(button); }"
    "QToolButton:checked { background: palette(highlight); color: palette(highlighted-text); }"
    "QToolButton:disabled { color: palette(placeholder-text); }"
    "QToolButton:checked:disabled { background: palette(mid); }"
)


class MainWindow(QMainWindow):
    """The acquisition window. It shows what `Session` knows and passes on what the operator does."""

    closed = pyqtSignal()
    """The window and all its workers have ended."""

    def __init__(self, session: Session, look: theme.Theme = "dark") -> None:
        super().__init__()
        self.session = session
        self._look: theme.Theme = look
        self._mode_in_place: Mode | None = None
        self._ended = False
        self.setWindowTitle("nirvis")
        self.actions_ = make_actions(self)
        self.rig_bar, self.reminder, self.messages = RigBar(self), FilterReminder(self), MessageBar(self)
        self.colour_page = ColourPage(self)
        self.views = LiveViews(self.colour_page, self)
        self.record, self.fields, self.last_clip = RecordPanel(self), FieldsPanel(self), LastClipPanel(self)
        self.strip = StatusStrip(self)
        self._lay_out()
        self._connect_widgets()
        self._connect_actions()
        self._connect_session()
        self._show_session()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.rig_bar, 1)
        for name in ("live", "colour", "fit"):
            top.addWidget(self._tool(name))
        side = QVBoxLayout()
        side.addWidget(self.record)
        side.addWidget(self.fields, 1)
        side.addWidget(self.last_clip)
        beside = QWidget(self)
        beside.setFixedWidth(SIDE_WIDTH)
        side.setContentsMargins(0, 0, 0, 0)
        beside.setLayout(side)
        middle = QHBoxLayout()
        middle.setSpacing(10)
        middle.addWidget(self.views, 1)
        middle.addWidget(beside)
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(6)
        column.addLayout(top)
        column.addWidget(self.reminder)
        column.addWidget(self.messages)
        column.addLayout(middle, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(page)
        self.resize(1340, 720)

    def _tool(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(self.actions_[name])
        button.setStyleSheet(TOOL_STYLE)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return button

    def _connect_widgets(self) -> None:
        self.rig_bar.chosen.connect(self.session.choose_profile)
        self.reminder.confirmed.connect(self._filters_in_place)
        self.record.pressed.connect(self._toggle_record)
        self.strip.explanation_wanted.connect(self._explain)
        self.messages.history_wanted.connect(self._show_messages)
        self.colour_page.open_wanted.connect(self._open_model)
        self.last_clip.verify_wanted.connect(self._verify)
        self.last_clip.folder_wanted.connect(self._open_folder)
        self.views.zoomed.connect(self._choose_resolution)

    def _connect_actions(self) -> None:
        does = {
            "record": self._toggle_record,
            "live": self._toggle_live,
            "verify": self._verify,
            "open_folder": self._open_folder,
            "open_profile": self._open_profile,
            "open_model": self._open_model,
            "colour": self._toggle_colour,
            "fit": self.views.fit,
            "theme": self._change_look,
            "messages": self._show_messages,
            "help": self._show_help,
            "quit": self.close,
        }
        for name, action in self.actions_.items():
            # A checkable action sends its state, which none of these wants.
            action.triggered.connect(lambda _=False, do=does[name]: do())

    def _connect_session(self) -> None:
        session = self.session
        session.changed.connect(self._show_session)
        session.said.connect(self.messages.show_message)
        session.profile_changed.connect(self._show_profile)
        session.closed.connect(self._end)
        session.chores.profiles_found.connect(self.rig_bar.set_names)
        session.chores.verified.connect(self._show_verdict)
        session.feed.arrived.connect(self._show_pictures)
        session.feed.colour_arrived.connect(self._show_colour)

    def start(self, name: str, profile: Profile, model: Path | None = None) -> None:
        """Attach to the recorder of the rig, or launch it."""
        # The simulated rig has its filters where the profile says; with cameras only a person knows.
        self._mode_in_place = profile.mode if profile.nir.backend == "simulated" else None
        self.session.start(name, profile)
        if model is not None:
            self.session.set_model(model)

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
            self.session.close(finish=False, leave=False)

    def leave(self) -> None:
        """Close without a question; a running recording goes on in the background."""
        if not self.session.closing:
            self.session.close(finish=False, leave=self.session.state in ("recording", "finalising"))

    def _answer_closing(self, answer: Closing) -> None:
        if answer != "cancel":
            self.session.close(finish=answer == "finish", leave=answer == "leave")

    def _end(self) -> None:
        self._ended = True
        self.close()
        self.closed.emit()

    def _show_session(self) -> None:
        """Bring every widget to what the session knows."""
        session = self.session
        state, live = session.state, session.state in LIVE
        self.record.show_status(session.status, session.doing)
        self.strip.show_readings(readings(session.status))
        quiet = not (live or session.doing)
        if quiet:
            # A profile that could not be used leaves the selection where it was not meant to stay.
            self.rig_bar.show_current(session.profile_name)
        self.rig_bar.set_choosable(quiet, "" if quiet else self.tr("Let the cameras go (L) to choose another rig."))
        self.actions_["open_profile"].setEnabled(quiet)
        self.actions_["live"].setChecked(live)
        self.actions_["live"].setEnabled(not session.doing and state in ("absent", "idle", "armed", "failed"))
        self.actions_["record"].setText(self.tr("Stop") if state == "recording" else self.tr("Record"))
        self._show_clip(session.status.clip if session.status else None)
        self._show_views(live)

    def _show_views(self, live: bool) -> None:
        session = self.session
        if not live and self.views.nir.showing:
            self.views.clear()
        self.actions_["colour"].setChecked(session.colour_on)
        self.views.set_colour_visible(session.colour_on)
        if not session.colour_on and self.views.colour.showing:
            self.views.colour.clear()
        self.colour_page.show_model(session.model, live=live)

    def _show_clip(self, clip: Path | None) -> None:
        if clip is not None and clip != self.last_clip.clip:
            self.last_clip.show_clip(clip)
        for name in ("verify", "open_folder"):
            self.actions_[name].setEnabled(self.last_clip.clip is not None)

    def _show_profile(self) -> None:
        profile = self.session.profile
        if profile is None:
            return
        self.rig_bar.show_profile(self.session.profile_name, profile)
        seen = "VNIR" if profile.mode == "day" else "NIR"
        self.views.nir.set_title(self.tr("nir · {seen} · source").format(seen=seen))
        if profile.mode == self._mode_in_place:
            self.reminder.hide()
        else:
            self.reminder.remind(profile)

    def _filters_in_place(self) -> None:
        self._mode_in_place = self.session.profile.mode if self.session.profile else None
        self.reminder.hide()

    def _show_pictures(self, pictures: LivePictures) -> None:
        if self.session.state in LIVE:
            for arm, view in zip(ARMS, (self.views.nir, self.views.vis), strict=True):
                shown = pictures.arms[arm]
                view.show_picture(shown.picture, shown.extent)
                view.set_caption(shown.caption)
        self.session.feed.taken()

    def _show_colour(self, colour: ColourPicture) -> None:
        extent = colour.extent or self.views.nir.extent
        if self.session.colour_on and extent is not None:
            self.views.colour.show_picture(colour.picture, extent)
            self.views.colour.set_caption(colour.caption)
        self.session.feed.colour_taken()

    def _choose_resolution(self) -> None:
        """Half of the pixels are enough until one of them is larger than two on the screen."""
        self.session.feed.set_full(self.views.nir.magnification() > 1.0)

    def _show_verdict(self, clip: Path, verdict: Verdict) -> None:
        if clip == self.last_clip.clip:
            self.last_clip.show_verdict(verdict)
        if verdict.result == "refused":
            text = self.tr("{clip} is not proved: {findings}").format(clip=clip.name, findings=verdict.findings)
            self.messages.show_message(Level.LOSS, text)

    def _toggle_record(self) -> None:
        self.session.toggle_record(self.fields.fields())

    def _toggle_live(self) -> None:
        self.session.toggle_live()
        self._show_session()

    def _toggle_colour(self) -> None:
        self.session.set_colour(not self.session.colour_on)

    def _verify(self) -> None:
        if self.last_clip.clip is not None:
            self.last_clip.set_busy(True)
            self.session.chores.verify(self.last_clip.clip)

    def _open_folder(self) -> None:
        if self.last_clip.clip is not None:
            self.session.chores.open_folder(self.last_clip.clip.parent)

    def _open_profile(self) -> None:
        ask_file(self, self.tr("Open a hardware profile"), self.tr("Profiles (*.toml)"), self.session.choose_profile)

    def _open_model(self) -> None:
        ask_file(
            self, self.tr("Open a model"), self.tr("Models (*.onnx)"), lambda name: self.session.set_model(Path(name))
        )

    def _change_look(self) -> None:
        self._look = "light" if self._look == "dark" else "dark"
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, self._look)
        set_icons(self.actions_)
        self._show_profile()

    def _explain(self, reading: Reading) -> None:
        show_page(self, reading.name, explanation_html(reading))

    def _show_messages(self) -> None:
        text = self.messages.as_text() or self.tr("Nothing was said yet.")
        show_page(self, self.tr("Messages"), f"<pre style='white-space: pre-wrap'>{escape(text)}</pre>")

    def _show_help(self) -> None:
        show_page(self, self.tr("Keys"), help_html(), size=(720, 460))
