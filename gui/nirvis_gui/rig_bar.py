"""Which rig, which filters: the row above the pictures."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget
from superqt import QElidingLabel

from nirvis_capture.profile import Filter, Mode, Profile
from nirvis_gui.filters import FiltersSeen
from nirvis_gui.health import Level
from nirvis_gui.theme import LEVEL_COLOURS, icon

MODE_ICONS = {"day": "mdi6.weather-sunny", "night": "mdi6.weather-night"}


class RigBar(QWidget):
    """The profile to choose, and the mode and filters that follow from it."""

    chosen = pyqtSignal(str)
    """Name of a shipped profile, or the path of a file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._profiles = QComboBox(self)
        self._profiles.setMinimumWidth(170)
        self._profiles.activated.connect(self._choose)
        self._mode_icon, self._mode = QLabel(self), QLabel(self)
        self._filters = QElidingLabel(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel(self.tr("Rig"), self))
        row.addWidget(self._profiles)
        row.addSpacing(12)
        row.addWidget(self._mode_icon)
        row.addWidget(self._mode)
        row.addWidget(self._filters, 1)

    def set_names(self, names: list[str]) -> None:
        """Offer the shipped profiles, and keep the files that were opened."""
        opened = [name for name in self.names() if name not in names]
        current = self._profiles.currentData()
        self._profiles.clear()
        for name in [*names, *opened]:
            self._add(name)
        self._profiles.setCurrentIndex(self._profiles.findData(current))

    def names(self) -> list[str]:
        return [str(self._profiles.itemData(i)) for i in range(self._profiles.count())]

    @property
    def current(self) -> str:
        """The one that is selected."""
        return str(self._profiles.currentData())

    def show_profile(self, name: str, profile: Profile) -> None:
        """Say which profile is in use."""
        if name not in self.names():
            self._add(name)
        self._profiles.setCurrentIndex(self._profiles.findData(name))
        self._mode_icon.setPixmap(icon(MODE_ICONS[profile.mode]).pixmap(20, 20))
        self._mode.setText(self.tr("<b>Day mode</b>") if profile.mode == "day" else self.tr("<b>Night mode</b>"))
        nir, vis = profile.nir.filter, profile.vis.filter
        self._filters.setText(self._filters_before(nir.name, vis.name))
        self._filters.setToolTip(self._filters_before(filter_name(nir), filter_name(vis)))

    def show_current(self, name: str) -> None:
        """Go back to the profile in use, after another one could not be."""
        self._profiles.setCurrentIndex(self._profiles.findData(name))

    def set_choosable(self, choosable: bool, why_not: str = "") -> None:
        """Another rig can be chosen only while nothing is armed."""
        self._profiles.setEnabled(choosable)
        self._profiles.setToolTip(why_not)

    def _filters_before(self, nir: str, vis: str) -> str:
        return self.tr("nir: {nir}   ·   vis: {vis}").format(nir=nir, vis=vis)

    def _add(self, name: str) -> None:
        self._profiles.addItem(Path(name).name, name)

    def _choose(self, index: int) -> None:
        self.chosen.emit(self._profiles.itemData(index))


class FilterReminder(QFrame):
    """Stays until a person says that the filters were changed by hand."""

    confirmed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        colour = LEVEL_COLOURS[Level.MARGIN]
        self.setStyleSheet(f"FilterReminder {{ border: 1px solid {colour}; border-left: 6px solid {colour}; }}")
        sign = QLabel(self)
        sign.setPixmap(icon("mdi6.camera-iris", colour).pixmap(22, 22))
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._seen = QLabel(self)
        done = QPushButton(self.tr("The filters are in place"), self)
        done.clicked.connect(self.confirmed)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 6, 4)
        row.addWidget(sign)
        row.addWidget(self._text, 1)
        row.addWidget(self._seen)
        row.addWidget(done)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def remind(self, profile: Profile) -> None:
        """Ask for the filters of this profile."""
        self._seen.setText("")
        mode = self.tr("Day") if profile.mode == "day" else self.tr("Night")
        self._text.setText(
            self.tr("{mode} mode. Change the filters by hand: {nir} before nir, {vis} before vis.").format(
                mode=mode, nir=filter_name(profile.nir.filter), vis=filter_name(profile.vis.filter)
            )
        )
        self.show()

    def show_seen(self, seen: FiltersSeen, profile: Profile) -> None:
        """What the live pictures say of the filters; wrong ones bring the reminder back."""
        nir, vis = seen.nir(profile.mode), seen.vis()
        if "wrong" in (nir, vis):
            if self.isHidden():
                self.remind(profile)
            wrong = self._nir_wrong(profile.mode) if nir == "wrong" else self.tr("vis sees near infrared: no NIR-cut")
            self._say_seen("✗", wrong, Level.MARGIN)
        elif seen.settled(profile.mode):
            self._say_seen("✓", self.tr("the pictures look like these filters"), Level.PROVEN)
        else:
            dark = self.tr("too dark to see it in the pictures")
            grey = self.tr("too little colour in view to tell by the pictures")
            self._say_seen("?", dark if seen.dark else grey, Level.UNKNOWN)

    def forget_seen(self) -> None:
        """The cameras were let go: what their pictures said need not hold any more."""
        self._seen.setText("")

    @property
    def seen(self) -> str:
        return self._seen.text()

    def _nir_wrong(self, mode: Mode) -> str:
        if mode == "night":
            return self.tr("nir sees colour: the band-pass is missing")
        return self.tr("nir sees no colour: the band-pass is still there")

    def _say_seen(self, sign: str, text: str, level: Level) -> None:
        said = f"<span style='color: {LEVEL_COLOURS[level]}'><b>{sign}</b></span> {text}"
        if said != self._seen.text():
            self._seen.setText(said)


def filter_name(settings: Filter) -> str:
    """A filter with its passband."""
    low, high = settings.passband_nm
    return f"{settings.name} ({low:g}–{high:g} nm)"
