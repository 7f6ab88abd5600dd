"""The strip at the lower edge: one cell for each thing that can spoil a recording, and a page behind each."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QCursor, QKeyEvent, QMouseEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from nirvis_gui.health import Level, Reading, level_name
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon


class StatusCell(QFrame):
    """Name, value and level of one reading; a click opens what it means."""

    clicked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reading: Reading | None = None
        self.setCursor(QCursor(Qt.CursorShape.PointingHandCursor))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._sign, self._name, self._value = QLabel(self), QLabel(self), QLabel(self)
        self._name.setStyleSheet("font-size: 11px;")
        self._value.setStyleSheet("font-weight: 600;")
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self._name)
        texts.addWidget(self._value)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 8, 3)
        row.setSpacing(7)
        row.addWidget(self._sign)
        row.addLayout(texts, 1)

    def show_reading(self, reading: Reading) -> None:
        """Show `reading`; costs nothing when it is the one shown."""
        if reading == self.reading:
            return
        if self.reading is None or reading.level is not self.reading.level:
            colour = LEVEL_COLOURS[reading.level]
            self._sign.setPixmap(icon(LEVEL_ICONS[reading.level], colour).pixmap(20, 20))
            self.setStyleSheet(f"StatusCell {{ border: none; border-top: 4px solid {colour}; }}")
        self.reading = reading
        self._name.setText(reading.name)
        self._value.setText(reading.value)
        self.setToolTip(explanation_html(reading))
        self.setAccessibleName(f"{reading.name}: {reading.value}, {level_name(reading.level)}")

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: ARG002, N802 Qt's name
        self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 Qt's name
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


class StatusStrip(QFrame):
    """All cells in a row."""

    explanation_wanted = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: list[StatusCell] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)

    @property
    def levels(self) -> dict[str, Level]:
        """Level of every cell by its name."""
        return {cell.reading.name: cell.reading.level for cell in self._cells if cell.reading}

    def show_readings(self, readings: Sequence[Reading]) -> None:
        while len(self._cells) < len(readings):
            self._add_cell()
        for cell, reading in zip(self._cells, readings, strict=True):
            cell.show_reading(reading)

    def cell(self, name: str) -> StatusCell:
        """The cell of that name; raises `StopIteration` when there is none."""
        return next(cell for cell in self._cells if cell.reading and cell.reading.name == name)

    def _add_cell(self) -> None:
        cell = StatusCell(self)
        cell.clicked.connect(lambda: self.explanation_wanted.emit(cell.reading))
        self._cells.append(cell)
        self._row.addWidget(cell, 1)


def explanation_html(reading: Reading) -> str:
    """What it is, what it means for the recording, and what to do."""
    page = reading.explanation
    todo = f"<p><b>→</b> {page.todo}</p>" if page.todo else ""
    return f"<p><b>{reading.name}: {reading.value}</b></p><p>{page.what}</p><p>{page.meaning}</p>{todo}"
