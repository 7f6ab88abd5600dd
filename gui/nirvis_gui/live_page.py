"""The page that the operator lives on: pictures, figures below them, and everything that belongs to recording."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QTabWidget, QVBoxLayout, QWidget

from nirvis_capture.camera import ARMS
from nirvis_capture.profile import Mode
from nirvis_gui.alignment import OVERLAY_KINDS, Alignment, OverlayKind
from nirvis_gui.clip_panel import FieldsPanel, LastClipPanel
from nirvis_gui.colour_page import ColourPage
from nirvis_gui.live_pictures import LivePictures
from nirvis_gui.live_view import LiveViews
from nirvis_gui.picture_feed import ColourPicture
from nirvis_gui.plan_panel import PlanPanel
from nirvis_gui.record_panel import RecordPanel
from nirvis_gui.rig_bar import FilterReminder, RigBar
from nirvis_gui.session import LIVE, Session
from nirvis_gui.verdict import Verdict

SIDE_WIDTH = 264


class LivePage(QWidget):
    """Shows what `Session` knows of the cameras and the recording."""

    verify_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()
    model_wanted = pyqtSignal()
    clip_ended = pyqtSignal()
    """There is another last clip."""

    def __init__(self, session: Session, tools: list[QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._mode_in_place: Mode | None = None
        self.rig_bar, self.reminder = RigBar(self), FilterReminder(self)
        self.colour_page = ColourPage(self)
        self.views = LiveViews(self.colour_page, self)
        self.record, self.last_clip = RecordPanel(self), LastClipPanel(self)
        self.fields, self.plan = FieldsPanel(self), PlanPanel(self)
        self._lay_out(tools)
        self._connect()

    def _lay_out(self, tools: list[QWidget]) -> None:
        top = QHBoxLayout()
        top.addWidget(self.rig_bar, 1)
        for tool in tools:
            top.addWidget(tool)
        tabs = QTabWidget(self)
        tabs.addTab(self.fields, self.tr("Into the clip"))
        tabs.addTab(self.plan, self.tr("When"))
        beside = QWidget(self)
        beside.setFixedWidth(SIDE_WIDTH)
        side = QVBoxLayout(beside)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.record)
        side.addWidget(tabs, 1)
        side.addWidget(self.last_clip)
        middle = QHBoxLayout()
        middle.setSpacing(10)
        middle.addWidget(self.views, 1)
        middle.addWidget(beside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(top)
        column.addWidget(self.reminder)
        column.addLayout(middle, 1)

    def _connect(self) -> None:
        session = self.session
        self.rig_bar.chosen.connect(session.choose_profile)
        self.reminder.confirmed.connect(self.filters_in_place)
        self.record.pressed.connect(self.toggle_record)
        self.plan.pre_trigger_changed.connect(
            lambda seconds: session.change_profile({"recording.pre_trigger_seconds": seconds})
        )
        self.colour_page.open_wanted.connect(self.model_wanted)
        self.last_clip.verify_wanted.connect(self.verify_wanted)
        self.last_clip.folder_wanted.connect(self.folder_wanted)
        session.changed.connect(self.show_session)
        session.profile_changed.connect(self.show_profile)
        session.chores.profiles_found.connect(self.rig_bar.set_names)
        session.showing.feed.arrived.connect(self._show_pictures)
        session.showing.feed.colour_arrived.connect(self._show_colour)

    def start(self, mode_in_place: Mode | None) -> None:
        """Begin with the filters of that mode before the cameras; None where nobody knows."""
        self._mode_in_place = mode_in_place

    def toggle_record(self) -> None:
        self.session.toggle_record(self.fields.fields(), self.plan.plan())

    def next_overlay(self) -> None:
        """Show the next kind of overlay; the first one where there is none."""
        shown = self.session.showing.third == "overlay"
        at = OVERLAY_KINDS.index(self.session.showing.overlay_kind) + 1 if shown else 0
        self.session.showing.show_overlay(OVERLAY_KINDS[at % len(OVERLAY_KINDS)])

    def filters_in_place(self) -> None:
        """A person says so."""
        self._mode_in_place = self.session.profile.mode if self.session.profile else None
        self.reminder.hide()

    def show_session(self) -> None:
        """Bring every widget to what the session knows."""
        session = self.session
        live = session.state in LIVE
        self.record.show_status(session.status, session.doing, series=session.series is not None)
        quiet = not (live or session.doing)
        if quiet:
            # A profile that could not be used leaves the selection where it was not meant to stay.
            self.rig_bar.show_current(session.profile_name)
        self.rig_bar.set_choosable(quiet, "" if quiet else self.tr("Let the cameras go (L) to choose another rig."))
        self.plan.setEnabled(session.state not in ("recording", "finalising") and not session.doing)
        clip = session.status.clip if session.status else None
        if clip is not None and clip != self.last_clip.clip:
            self.last_clip.show_clip(clip)
            self.clip_ended.emit()
        if not live:
            self.reminder.forget_seen()
            if self.views.nir.showing:
                self.views.clear()
        self.views.show_third(session.showing.third)
        self.views.overlay.set_title(
            self.tr("overlay · {kind}").format(kind=self._kind_name(session.showing.overlay_kind))
        )
        self.colour_page.show_model(session.showing.model, live=live)

    def show_profile(self) -> None:
        profile = self.session.profile
        if profile is None:
            return
        self.rig_bar.show_profile(self.session.profile_name, profile)
        self.plan.show_pre_trigger(profile.recording.pre_trigger_seconds)
        seen = "VNIR" if profile.mode == "day" else "NIR"
        self.views.nir.set_title(self.tr("nir · {seen} · source").format(seen=seen))
        if profile.mode == self._mode_in_place:
            self.reminder.hide()
        else:
            self.reminder.remind(profile)

    def show_verdict(self, clip: Path, verdict: Verdict) -> None:
        if clip == self.last_clip.clip:
            self.last_clip.show_verdict(verdict)

    def _show_pictures(self, pictures: LivePictures) -> None:
        if self.session.state in LIVE:
            for arm, view in zip(ARMS, (self.views.nir, self.views.vis), strict=True):
                shown = pictures.arms[arm]
                view.show_picture(shown.picture, shown.extent)
            # As many pixels as the screen can show, at whatever zoom and size of the window.
            self.session.showing.set_full(self.views.nir.magnification() > 1.0)
            if pictures.overlay is not None and self.session.showing.third == "overlay":
                self.views.overlay.show_picture(pictures.overlay, pictures.arms["nir"].extent)
            self._show_read(pictures)
        self.session.showing.feed.taken()

    def _show_read(self, pictures: LivePictures) -> None:
        """What was read from the pictures, where something was."""
        health = self.session.status.health if self.session.status else {}
        for arm, figures in (pictures.figures or {}).items():
            self.views.panels[arm].show_figures(figures, health.get(arm, {}).get("temperature_c"))
        if pictures.alignment_known and self.session.showing.third == "overlay":
            self.views.overlay.set_caption(self._alignment_text(pictures.alignment))
        if pictures.filters is not None and self.session.profile is not None:
            self.reminder.show_seen(pictures.filters, self.session.profile)

    def _show_colour(self, colour: ColourPicture) -> None:
        extent = colour.extent or self.views.nir.extent
        if self.session.showing.colour_on and extent is not None:
            self.views.colour.show_picture(colour.picture, extent)
            self.views.colour.set_caption(colour.caption)
        self.session.showing.feed.colour_taken()

    def _alignment_text(self, found: Alignment | None) -> str:
        if found is None:
            return self.tr("no figure: too little structure that both arms see")
        return self.tr("{rms:.1f} px apart · {right:+.1f} right, {down:+.1f} down · {turn:+.2f}° · {scale:.2%}").format(
            rms=found.rms_px,
            right=found.shift_px[0],
            down=found.shift_px[1],
            turn=found.rotation_deg,
            scale=found.scale,
        )

    def _kind_name(self, kind: OverlayKind) -> str:
        return {
            "edges": self.tr("edges: nir red, vis cyan"),
            "checkerboard": self.tr("checkerboard"),
            "flicker": self.tr("flicker"),
            "difference": self.tr("difference"),
        }[kind]
