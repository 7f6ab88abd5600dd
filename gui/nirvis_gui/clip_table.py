"""The list of clips."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from nirvis_gui.clip_library import ClipRow, ClipState
from nirvis_gui.health import Level
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon

_LEVELS: dict[ClipState, Level] = {
    "certified": Level.PROVEN,
    "integrity only": Level.MARGIN,
    "recording": Level.UNKNOWN,
    "unfinished": Level.MARGIN,
    "rescued": Level.UNKNOWN,
    "damaged": Level.LOSS,
}

START_WIDTH = 138


class ClipTable(QTableWidget):
    """One line for each clip; the current one is `chosen`, and several may be selected."""

    chosen = pyqtSignal(object)
    """`ClipRow` of the line that became the current one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[ClipRow] = []
        titles = (self.tr("start"), self.tr("mode"), self.tr("place"), self.tr("pairs"), self.tr("s"), self.tr("reg."))
        self.setColumnCount(len(titles))
        self.setHorizontalHeaderLabels(titles)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
            # The name of a file that could not be read spans all columns, and must not widen this one.
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(0, START_WIDTH)
            side.hide()
        self.currentCellChanged.connect(self._tell)

    def show_rows(self, rows: Sequence[ClipRow]) -> None:
        """Replace the list, and keep what is selected; the current clip is chosen anew where its state changed."""
        if list(rows) == self.rows:
            return
        current = self.rows[self.currentRow()] if 0 <= self.currentRow() < len(self.rows) else None
        selected = {row.path for row in self.selected()}
        self.blockSignals(True)
        self.rows = list(rows)
        self.clearSelection()
        self.clearSpans()
        self.setRowCount(len(self.rows))
        for line, row in enumerate(self.rows):
            self._fill(line, row)
        self.blockSignals(False)
        for line, row in enumerate(self.rows):
            if row.path in selected:
                self.selectRow(line)
        if current is not None:
            self._choose_again(current)

    def selected(self) -> list[ClipRow]:
        """Those that a person selected."""
        lines = sorted({index.row() for index in self.selectedIndexes()})
        return [self.rows[line] for line in lines if line < len(self.rows)]

    def _choose_again(self, before: ClipRow) -> None:
        """Choose what became of a clip: its recording ended, or it was rescued to a file of its own."""
        lines = {row.name: line for line, row in enumerate(self.rows) if row.state != "rescued"}
        line = lines.get(before.name)
        if line is not None and self.rows[line].state != before.state:
            self.blockSignals(True)
            self.selectRow(line)
            self.blockSignals(False)
            self.chosen.emit(self.rows[line])

    def _fill(self, line: int, row: ClipRow) -> None:
        level = _LEVELS[row.state]
        if row.start is None:
            # Nothing was read of it but its name, which needs the room.
            texts = (f"{self._state_name(row.state)}: {row.path.name}", "", "", "", "", "")
            self.setSpan(line, 0, 1, len(texts))
        else:
            registered = "✓" if row.registered else ""
            start = f"{row.start:%m-%d %H:%M:%S}"
            texts = (start, row.mode, row.place, f"{row.pairs}", f"{row.seconds:.1f}", registered)
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            said = (row.place, f"{self._state_name(row.state)}, {row.megabytes:.0f} MB", row.note, str(row.path))
            item.setToolTip("\n".join(filter(None, said)))
            if column == 0:
                item.setIcon(icon(LEVEL_ICONS[level], LEVEL_COLOURS[level]))
            if column >= 3:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(line, column, item)

    def _state_name(self, state: ClipState) -> str:
        return {
            "certified": self.tr("certified"),
            "integrity only": self.tr("integrity only"),
            "recording": self.tr("recording"),
            "unfinished": self.tr("unfinished"),
            "rescued": self.tr("rescued"),
            "damaged": self.tr("damaged"),
        }[state]

    def _tell(self, line: int, _column: int, _line_before: int, _column_before: int) -> None:
        if 0 <= line < len(self.rows):
            self.chosen.emit(self.rows[line])
