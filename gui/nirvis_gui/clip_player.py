"""Plays both arms of a clip in step: the same views as live, a slider, and the row of the pair table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from nirvis_capture.camera import ARMS
from nirvis_capture.pair_table import Event
from nirvis_gui.alignment import OVERLAY_KINDS, OverlayKind
from nirvis_gui.clip_library import ClipLibrary, OpenedClip, PlayedRow
from nirvis_gui.live_pictures import LivePictures, Look
from nirvis_gui.live_view import LiveViews
from nirvis_gui.texts import event_name, tr
from nirvis_gui.theme import icon


class ClipPlayer(QWidget):
    """Shows what `ClipLibrary` reads of the clip that is open."""

    def __init__(self, library: ClipLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._clip: OpenedClip | None = None
        self._playing = False
        self._look = Look()
        self.views = LiveViews(QLabel(), self, prompt=self.tr("Choose a clip."))
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.play = QPushButton(self)
        self.play.setToolTip(self.tr("Play, and stop again (K)"))
        self.play.setShortcut("K")
        self._where = QLabel(self)
        self.overlays = QComboBox(self)
        self.overlays.addItem(self.tr("two views"), None)
        for kind in OVERLAY_KINDS:
            self.overlays.addItem(self.tr("with {kind}").format(kind=kind), kind)
        self._lay_out()
        self._connect()
        self.show_clip(None)

    def _lay_out(self) -> None:
        controls = QHBoxLayout()
        controls.addWidget(self.play)
        controls.addWidget(self.slider, 1)
        controls.addWidget(self.overlays)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.views, 1)
        column.addLayout(controls)
        column.addWidget(self._where)

    def _connect(self) -> None:
        self.play.clicked.connect(self.toggle)
        self.slider.valueChanged.connect(self._sought)
        self.overlays.currentIndexChanged.connect(self._choose_overlay)
        self._library.played.connect(self._show)
        self._library.stopped.connect(self._show_stopped)

    @property
    def where(self) -> str:
        """The row that is shown, in words."""
        return self._where.text()

    @property
    def row(self) -> int:
        return self.slider.value()

    def show_clip(self, clip: OpenedClip | None) -> None:
        self._clip = clip
        self.views.clear()
        rows = len(clip.table) if clip else 0
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(rows - 1, 0))
        self.slider.setValue(0)
        self.slider.blockSignals(False)
        for widget in (self.slider, self.play, self.overlays):
            widget.setEnabled(rows > 0)
        self._where.setText("")
        self._show_playing(False)

    def seek(self, row: int) -> None:
        """Show one row of the pair table."""
        self.slider.setValue(row)

    def toggle(self) -> None:
        """Play, or stop playing."""
        if self._playing:
            self._library.pause()
        elif self._clip is not None:
            self._show_playing(True)
            self._library.play()

    def _sought(self, row: int) -> None:
        if self._playing:
            self._library.pause()
        self._library.show(row)

    def _choose_overlay(self) -> None:
        kind: OverlayKind | None = self.overlays.currentData()
        self._look = replace(self._look, overlay=kind)
        self.views.show_third("overlay" if kind else None)
        for panel in self.views.panels.values():
            # Beside the overlay there is no room for curves.
            panel.histogram.setVisible(kind is None)
            panel.course.setVisible(kind is None)
        self._library.look(self._look)

    def _show(self, played: PlayedRow) -> None:
        if self._clip is not None and played.path == self._clip.path:
            self.slider.blockSignals(True)
            self.slider.setValue(played.row)
            self.slider.blockSignals(False)
            self._where.setText(_row_text(self._clip.table, played.row, self._clip.rate_hz))
            if played.pictures is not None:
                self._show_pictures(played.pictures)
        self._library.taken()

    def _show_pictures(self, pictures: LivePictures) -> None:
        for arm, view in zip(ARMS, (self.views.nir, self.views.vis), strict=True):
            view.show_picture(pictures.arms[arm].picture, pictures.arms[arm].extent)
        for arm, figures in (pictures.figures or {}).items():
            self.views.panels[arm].show_figures(figures, None)
        full = self.views.nir.magnification() > 1.0
        if full != self._look.full:
            self._look = replace(self._look, full=full)
            self._library.look(self._look)
        if pictures.overlay is not None:
            self.views.overlay.show_picture(pictures.overlay, pictures.arms["nir"].extent)
        if pictures.alignment is not None:
            self.views.overlay.set_caption(self.tr("{px:.1f} px apart").format(px=pictures.alignment.rms_px))

    def _show_stopped(self) -> None:
        self._show_playing(False)

    def _show_playing(self, playing: bool) -> None:
        self._playing = playing
        self.play.setIcon(icon("mdi6.pause" if playing else "mdi6.play"))


def _row_text(table: NDArray[np.void], row: int, rate_hz: float) -> str:
    """Where in the clip a row is, and what it says."""
    event = Event(int(table["event"][row]))
    what = tr("one arm has no frame here")
    if event is Event.PAIR:
        what = tr("residual {us:.1f} µs").format(us=table["residual_ns"][row] / 1e3)
    where = tr("row {row} of {rows} · about {seconds:.2f} s").format(
        row=row + 1, rows=len(table), seconds=row / rate_hz
    )
    return f"{where} · {event_name(event)} · {what}"
