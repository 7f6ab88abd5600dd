"""The one place where the window says what went wrong: a bar that never blocks, and the list of what it said before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from nirvis_gui.health import Level
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon

KEPT = 100


@dataclass(frozen=True)
class Message:
    """Something that the window said, and when."""

    level: Level
    text: str
    at: datetime


class MessageBar(QFrame):
    """Shows the newest message until it is dismissed; hidden while there is none."""

    history_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: list[Message] = []
        self._icon = QLabel(self)
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        self._earlier = QToolButton(self)
        self._earlier.setText(self.tr("Earlier…"))
        self._earlier.clicked.connect(self.history_wanted)
        self._dismiss = QToolButton(self)
        self._dismiss.setText(self.tr("Dismiss"))
        self._dismiss.setShortcut("Esc")
        self._dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 6, 4)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addWidget(self._earlier)
        row.addWidget(self._dismiss)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_message(self, level: Level, text: str) -> None:
        """Show `text` in place of what was shown; the history keeps the newest hundred."""
        message = Message(level, text, datetime.now())
        self.history = [*self.history[1 - KEPT :], message]
        colour = LEVEL_COLOURS[level]
        self._icon.setPixmap(icon(LEVEL_ICONS[level], colour).pixmap(20, 20))
        self._text.setText(text)
        self._earlier.setVisible(len(self.history) > 1)
        self.setStyleSheet(f"MessageBar {{ border: 1px solid {colour}; border-left: 6px solid {colour}; }}")
        self.show()
        if level is Level.LOSS:
            # Whoever records looks at the street: a loss is heard, and seen in the task bar.
            QApplication.beep()
            QApplication.alert(self.window())

    def as_text(self) -> str:
        """Every message with its time, newest first."""
        return "\n\n".join(f"{m.at:%H:%M:%S}  {m.text}" for m in reversed(self.history))
