"""What stands where the recovered colour will be: how to get a model, or what is being waited for."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from nirvis_gui.theme import ARM_COLOURS, PAGE_TEXT, PICTURE_BACKGROUND, icon

TEXT_WIDTH = 440


class ColourPage(QWidget):
    """Shown while there is no colour."""

    open_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        sign = QLabel(self)
        sign.setPixmap(icon("mdi6.palette-outline", ARM_COLOURS["colour"]).pixmap(48, 48))
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setMaximumWidth(TEXT_WIDTH)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._open = QPushButton(self.tr("Open a model…"), self)
        self._open.clicked.connect(self.open_wanted)
        # A label with wrapped text gets its full height only where no alignment stands in the way.
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._text, 100)
        middle.addStretch(1)
        column = QVBoxLayout(self)
        column.addStretch(1)
        column.addWidget(sign, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addLayout(middle)
        column.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"#page {{ background: {PICTURE_BACKGROUND}; }} QLabel {{ color: {PAGE_TEXT}; }}")
        self.show_model(None, live=False)

    @property
    def text(self) -> str:
        return self._text.text()

    def show_model(self, model: Path | None, *, live: bool) -> None:
        """Say what is missing."""
        self._open.setVisible(model is None)
        if model is None:
            self._text.setText(
                self.tr(
                    "<p align='center'><b>No model</b></p>"
                    "<p>A model learns from registered clips what the visible arm would have seen:</p>"
                    "<ol><li>record clips</li>"
                    "<li>page Clips: <b>Add to dataset</b></li>"
                    "<li>page Training: <b>Start</b>, and once it is good enough <b>Use it live</b></li></ol>"
                    "<p><code>nirvis demo</code> goes that way with the simulated rig in ten minutes.</p>"
                )
            )
        elif live:
            self._text.setText(self.tr("<p align='center'>Starting <b>{name}</b>…</p>").format(name=model.name))
        else:
            self._text.setText(
                self.tr("<p align='center'><b>{name}</b></p><p align='center'>Press L to see it live.</p>").format(
                    name=model.name
                )
            )
