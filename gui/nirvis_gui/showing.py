"""What is seen of the cameras: which views, how their pictures are wanted, and the colorizer that belongs to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from nirvis_gui.alignment import OverlayKind
from nirvis_gui.chores import Colour
from nirvis_gui.live_pictures import Look
from nirvis_gui.live_view import Third
from nirvis_gui.picture_feed import PictureFeed
from nirvis_gui.workers import Worker


class Showing(QObject):
    """What is not shown is not computed; every method returns at once."""

    changed = pyqtSignal()
    """Another view, or another model: look again."""
    colour_ended = pyqtSignal(str)
    """The colorizer ended by itself, and what it said."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model: Path | None = None
        self.third: Third | None = None
        """Which view stands beside the two arms."""
        self.overlay_kind: OverlayKind = "edges"
        self.look = Look()
        self.feed, self._colour = PictureFeed(), Colour()
        self._preview: Path | None = None
        self._colour.started.connect(self.feed.watch_colour)
        self._colour.ended.connect(self._end_colour)

    @property
    def workers(self) -> tuple[Worker, ...]:
        return self.feed, self._colour

    @property
    def colour_on(self) -> bool:
        return self.third == "colour"

    def follow(self, preview: Path | None) -> None:
        """Show what the recorder publishes there; None for nothing."""
        if preview != self._preview:
            self._preview = preview
            self.feed.watch(preview)
        self._colour.follow(self.model if self.colour_on else None, preview)

    def set_model(self, model: Path) -> None:
        """Recover the colour with this model, and show it."""
        self.model, self.third = model, "colour"
        self._colour.forget()
        self._look_again()

    def show_third(self, third: Third | None) -> None:
        """Show the recovered colour, the overlay, or neither."""
        self.third = third
        self._look_again()

    def show_overlay(self, kind: OverlayKind) -> None:
        self.overlay_kind, self.third = kind, "overlay"
        self._look_again()

    def set_peaking(self, on: bool) -> None:
        self.look = replace(self.look, peaking=on)
        self._look_again()

    def set_full(self, full: bool) -> None:
        """Every pixel of the sensor, or one for every four."""
        if full != self.look.full:
            self.look = replace(self.look, full=full)
            self._look_again()

    def _look_again(self) -> None:
        kind = self.overlay_kind if self.third == "overlay" else None
        self.look = replace(self.look, overlay=kind)
        self.feed.look(self.look)
        self.follow(self._preview)
        self.changed.emit()

    def _end_colour(self, said: str) -> None:
        self.third = None
        self._look_again()
        self.colour_ended.emit(said)
