"""One row of a settings form: name, editor, unit, whether it was changed, and what is wrong with it."""

from __future__ import annotations

from html import escape

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from nirvis_gui.health import Level
from nirvis_gui.profile_fields import Field
from nirvis_gui.theme import LEVEL_COLOURS

NAME_WIDTH = 170
EDITOR_WIDTH = 260


class FieldEditor(QWidget):
    """Edits one `Field`, as text."""

    edited = pyqtSignal()

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self._saved, self._told = "", ""
        self._name = QLabel(self)
        self._name.setFixedWidth(NAME_WIDTH)
        self._editor = self._made()
        self._editor.setFixedWidth(EDITOR_WIDTH)
        self._editor.setToolTip(field.help)
        self._editor.setAccessibleName(field.path)
        self._name.setToolTip(f"{field.path}\n{field.help}".strip())
        self._mistake = QLabel(self)
        self._mistake.setWordWrap(True)
        self._hint = QLabel(self)
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.show_limit("")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._name)
        row.addWidget(self._editor)
        row.addWidget(self._hint, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 1, 0, 1)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._mistake)
        self.show_saved("")

    def _made(self) -> QLineEdit | QComboBox | QCheckBox:
        if self.field.kind == "choice":
            box = QComboBox(self)
            box.addItems([*([""] if self.field.optional else []), *self.field.choices])
            box.currentTextChanged.connect(self._tell)
            return box
        if self.field.kind == "flag":
            check = QCheckBox(self)
            check.toggled.connect(self._tell)
            return check
        line = QLineEdit(self)
        line.textChanged.connect(self._tell)
        if self.field.optional:
            line.setPlaceholderText(self.tr("not set"))
        return line

    @property
    def text(self) -> str:
        """What is entered."""
        if isinstance(self._editor, QCheckBox):
            return "true" if self._editor.isChecked() else "false"
        return self._editor.currentText() if isinstance(self._editor, QComboBox) else self._editor.text()

    @property
    def changed(self) -> bool:
        return self.text != self._saved

    @property
    def mistake(self) -> str:
        """What is wrong with it; empty when nothing is."""
        return self._told

    def enter(self, text: str) -> None:
        """Enter a text as a person would."""
        if isinstance(self._editor, QCheckBox):
            self._editor.setChecked(text == "true")
        elif isinstance(self._editor, QComboBox):
            self._editor.setCurrentText(text)
        else:
            self._editor.setText(text)
            # What is too long for the field is read from its beginning.
            self._editor.setCursorPosition(0)

    def show_saved(self, text: str) -> None:
        """What the profile says; nothing is changed then."""
        self._saved = text
        self.blockSignals(True)
        self.enter(text)
        # A check box has no third state: what it shows is what was saved.
        self._saved = self.text
        self.blockSignals(False)
        self.show_mistake("")
        self._mark()

    def show_limit(self, text: str) -> None:
        """What the camera can do, in place of what any camera could."""
        self._hint.setText(" · ".join(part for part in (self.field.unit, text or self.field.limits) if part))

    @property
    def hint(self) -> str:
        return self._hint.text()

    def show_mistake(self, text: str) -> None:
        # Only the sign is amber, which would be hard to read on a light page.
        sign = f"<span style='color: {LEVEL_COLOURS[Level.MARGIN]}'>▲</span>"
        self._told = text
        self._mistake.setText(f"{sign} {escape(text)}" if text else "")
        self._mistake.setVisible(bool(text))

    def _tell(self) -> None:
        self._mark()
        self.edited.emit()

    def _mark(self) -> None:
        self._name.setText(f"<b>● {self.field.label}</b>" if self.changed else self.field.label)
