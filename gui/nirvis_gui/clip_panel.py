"""What goes into the next clip, and what became of the last one."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from nirvis_capture.profile import Light
from nirvis_gui.health import Level
from nirvis_gui.recorder_link import ClipFields
from nirvis_gui.texts import counted, light_name
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon
from nirvis_gui.verdict import Verdict

LIGHTS: tuple[Light, ...] = ("day", "dusk", "led_night")


class FieldsPanel(QWidget):
    """Place, light, operator and notes of the clips to come."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place, self._operator = QLineEdit(self), QLineEdit(self)
        self._place.setPlaceholderText(self.tr("crossing, street, site"))
        self._operator.setPlaceholderText(self.tr("who records"))
        self._light = QComboBox(self)
        for light in LIGHTS:
            self._light.addItem(light_name(light), light)
        self._notes = QPlainTextEdit(self)
        self._notes.setPlaceholderText(self.tr("weather, traffic, anything odd"))
        self._notes.setTabChangesFocus(True)
        self._notes.setMinimumHeight(44)
        form = QFormLayout(self)
        form.setContentsMargins(8, 4, 8, 8)
        form.setVerticalSpacing(4)
        form.addRow(self.tr("&Place"), self._place)
        form.addRow(self.tr("Ligh&t"), self._light)
        form.addRow(self.tr("Operat&or"), self._operator)
        form.addRow(self.tr("&Notes"), self._notes)

    def fields(self) -> ClipFields:
        """What was entered, without blanks at the ends."""
        return ClipFields(
            place=self._place.text().strip(),
            light=self._light.currentData(),
            notes=self._notes.toPlainText().strip(),
            operator=self._operator.text().strip(),
        )

    def set_fields(self, fields: ClipFields) -> None:
        self._place.setText(fields.place)
        self._light.setCurrentIndex(LIGHTS.index(fields.light))
        self._notes.setPlainText(fields.notes)
        self._operator.setText(fields.operator)


class LastClipPanel(QGroupBox):
    """The last clip, with what proves it."""

    verify_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("Last clip"))
        self.clip: Path | None = None
        self.busy = False
        self._name = QElidingLabel(self)
        self._name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._verify = QPushButton(self.tr("Verify"), self)
        self._verify.setToolTip(self.tr("Prove the clip again from its file, in a process of its own (Ctrl+Y)."))
        self._verify.clicked.connect(self.verify_wanted)
        self._folder = QPushButton(self.tr("Open folder"), self)
        self._folder.clicked.connect(self.folder_wanted)
        self._sign, self._verdict = QLabel(self), QLabel(self)
        self._verdict.setWordWrap(True)
        self._lay_out()
        self.show_clip(None)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._verify)
        buttons.addWidget(self._folder)
        result = QHBoxLayout()
        result.addWidget(self._sign)
        result.addWidget(self._verdict, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 8)
        column.setSpacing(4)
        column.addWidget(self._name)
        column.addLayout(buttons)
        column.addLayout(result)

    @property
    def verdict(self) -> str:
        return self._verdict.text()

    def show_clip(self, clip: Path | None) -> None:
        """Another clip is the last one now; nothing is known about it yet."""
        self.clip = clip
        self._name.setText(clip.name if clip else self.tr("none yet"))
        self._name.setToolTip(str(clip) if clip else "")
        self._name.setEnabled(clip is not None)
        self.set_busy(False)
        self._say(Level.UNKNOWN, self.tr("not verified yet") if clip else "")

    def set_busy(self, busy: bool) -> None:
        """While the clip is verified it cannot be verified once more."""
        self.busy = busy
        self._verify.setEnabled(self.clip is not None and not busy)
        self._folder.setEnabled(self.clip is not None)
        if busy:
            self._say(Level.UNKNOWN, self.tr("verifying…"))

    def show_verdict(self, verdict: Verdict) -> None:
        """Say whether the clip is proved."""
        self.set_busy(False)
        if verdict.result == "proved":
            pairs = counted(verdict.pairs, self.tr("1 pair"), self.tr("{count} pairs"))
            self._say(Level.PROVEN, self.tr("proved: {pairs}").format(pairs=pairs))
        elif verdict.result == "unanchored":
            self._say(Level.MARGIN, self.tr("intact, but without an anchor: the pairs are not proved"))
        else:
            self._say(Level.LOSS, verdict.findings)

    def _say(self, level: Level, text: str) -> None:
        self._sign.setPixmap(icon(LEVEL_ICONS[level], LEVEL_COLOURS[level]).pixmap(16, 16))
        self._sign.setVisible(bool(text))
        self._verdict.setText(text)
