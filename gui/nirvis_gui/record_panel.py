"""The large button, the state, and the figures of the running clip."""

from __future__ import annotations

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtWidgets import QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from nirvis_capture.client import RecorderStatus
from nirvis_gui.health import State, missed_pairs, state_name, transfer_losses
from nirvis_gui.theme import RECORD_COLOUR, icon

_STATE_COLOURS: dict[State, str] = {
    "absent": "#6b727c",
    "idle": "#6b727c",
    "armed": "#2f7fb8",
    "recording": RECORD_COLOUR,
    "finalising": "#9a6a00",
    "failed": "#c25500",
}


class RecordPanel(QWidget):
    """What the operator presses and looks at while a clip is recorded."""

    pressed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._styled: tuple[State, bool, bool] | None = None
        self._button = QPushButton(self)
        self._button.setMinimumHeight(60)
        self._button.setIconSize(QSize(30, 30))
        self._button.clicked.connect(self.pressed)
        self._state = QLabel(self)
        self._state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._clock = QLabel(self)
        self._clock.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._clock.setStyleSheet("font-size: 30px; font-weight: 600;")
        self._pairs, self._dropped, self._missed = QLabel(self), QLabel(self), QLabel(self)
        self._lay_out()
        self.show_status(None)

    def _lay_out(self) -> None:
        figures = QFormLayout()
        figures.setContentsMargins(6, 0, 6, 0)
        figures.setVerticalSpacing(2)
        rows = (
            (self.tr("Pairs"), self._pairs),
            (self.tr("Dropped on the way"), self._dropped),
            (self.tr("Missed triggers"), self._missed),
        )
        for name, value in rows:
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            figures.addRow(name, value)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._button)
        column.addWidget(self._state)
        column.addWidget(self._clock)
        column.addLayout(figures)

    @property
    def text(self) -> str:
        """The state as it is written."""
        return self._state.text()

    @property
    def button(self) -> QPushButton:
        return self._button

    def show_status(self, status: RecorderStatus | None, doing: str = "", *, series: bool = False) -> None:
        """Show the state, or what is being done just now; while something is done the button waits."""
        state: State = status.state if status else "absent"
        self._style(state, enabled=not doing and (series or state != "finalising"), series=series)
        name = state_name(state)
        self._state.setText(doing or name[0].upper() + name[1:] + (self.tr(" · series") if series else ""))
        self._clock.setText(clock(status.seconds if status else 0.0))
        self._pairs.setText(f"{status.pairs:,}".replace(",", "\u202f") if status else "–")
        self._dropped.setText(str(transfer_losses(status)) if status else "–")
        self._missed.setText(str(missed_pairs(status)) if status else "–")

    def _style(self, state: State, *, enabled: bool, series: bool) -> None:
        """Colours and icons; they cost more than texts, so they are touched only when something changed."""
        if self._styled == (state, enabled, series):
            return
        self._styled = (state, enabled, series)
        self._clock.setEnabled(state in ("recording", "finalising"))
        stops = series or state in ("recording", "finalising")
        stop = self.tr("Stop the series") if series else self.tr("Stop")
        self._button.setText(stop if stops else self.tr("Record"))
        self._button.setIcon(icon("mdi6.stop" if stops else "mdi6.record", "white" if enabled else "#8b929c"))
        self._button.setEnabled(enabled)
        background = RECORD_COLOUR if enabled else "#4a4f56"
        # An outline that the running state alone has: the colour of the button must not be the only sign.
        border_style = "3px solid palette(window-text)" if state == "recording" else "3px solid transparent"
        self._button.setStyleSheet(
            f"QPushButton {{ background: {background}; color: white; font-size: 20px; font-weight: 600;"
            f" border: {border_style}; border-radius: 6px; }} QPushButton:pressed {{ background: #9e2a22; }}"
        )
        self._state.setStyleSheet(
            f"background: {_STATE_COLOURS[state]}; color: white; font-weight: 600; padding: 3px; border-radius: 3px;"
        )


def clock(seconds: float) -> str:
    """Hours, minutes, seconds and tenths."""
    tenths = int(seconds * 10)
    return f"{tenths // 36000:02d}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
