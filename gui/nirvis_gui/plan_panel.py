"""When a recording begins and ends: what is kept from before the button, the timer, and the planned series."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QWidget

from nirvis_gui.texts import tr


@dataclass(frozen=True)
class Plan:
    """What is asked for besides the button."""

    seconds: float | None = None
    """The recording ends by itself after so long; None: at the second press."""
    every_minutes: float | None = None
    """Begin another one so often; None for one recording."""
    count: int | None = None
    """How many; None: until the series is stopped."""

    @property
    def is_series(self) -> bool:
        return self.every_minutes is not None

    def mistake(self) -> str:
        """Why it cannot be done, in words; empty when it can."""
        if self.every_minutes is None:
            return ""
        if self.seconds is None:
            return tr("A series needs a length for each recording: set the timer.")
        if self.every_minutes * 60 <= self.seconds:
            text = tr("Every {minutes:g} min is no longer than the {seconds:g} s of each recording.")
            return text.format(minutes=self.every_minutes, seconds=self.seconds)
        return ""

    def arguments(self) -> list[str]:
        """Those of ``nirvis record`` for a series."""
        count = [] if self.count is None else ["--count", str(self.count)]
        return ["--every", f"{(self.every_minutes or 0) * 60:g}s", "--seconds", f"{self.seconds:g}", *count]


class PlanPanel(QWidget):
    """Four fields, each of which is off at its lowest value."""

    pre_trigger_changed = pyqtSignal(float)
    """Seconds to keep from before the button, once editing ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pre_trigger = self._seconds(60)
        self.pre_trigger.setToolTip(
            self.tr("A recording begins with what the armed cameras saw so long before; held in memory.")
        )
        self.pre_trigger.setKeyboardTracking(False)
        self.pre_trigger.editingFinished.connect(self._tell_pre_trigger)
        self._told = 0.0
        self.timer = self._seconds(86_400)
        self.timer.setToolTip(self.tr("The recording ends by itself after so long."))
        self.every = QDoubleSpinBox(self)
        self.every.setRange(0, 1440)
        self.every.setDecimals(1)
        self.every.setSuffix(self.tr(" min"))
        self.every.setSpecialValueText(self.tr("one recording"))
        self.every.setToolTip(self.tr("A planned series: another recording begins so often. Needs the timer."))
        self.count = QSpinBox(self)
        self.count.setRange(0, 100_000)
        self.count.setSpecialValueText(self.tr("until stopped"))
        form = QFormLayout(self)
        form.setContentsMargins(8, 6, 8, 6)
        form.setVerticalSpacing(4)
        form.addRow(self.tr("Keep the last"), self.pre_trigger)
        form.addRow(self.tr("Stop after"), self.timer)
        form.addRow(self.tr("Repeat every"), self.every)
        form.addRow(self.tr("How often"), self.count)
        self._note = QLabel(self.tr("A series runs as long as this window is open."), self)
        self._note.setWordWrap(True)
        form.addRow(self._note)

    def plan(self) -> Plan:
        return Plan(self.timer.value() or None, self.every.value() or None, self.count.value() or None)

    def show_pre_trigger(self, seconds: float) -> None:
        """What the profile in use keeps."""
        self._told = seconds
        if not self.pre_trigger.hasFocus():
            self.pre_trigger.setValue(seconds)

    def _seconds(self, most: int) -> QDoubleSpinBox:
        box = QDoubleSpinBox(self)
        box.setRange(0, most)
        box.setDecimals(0)
        box.setSuffix(self.tr(" s"))
        box.setSpecialValueText(self.tr("off"))
        return box

    def _tell_pre_trigger(self) -> None:
        if self.pre_trigger.value() != self._told:
            self._told = self.pre_trigger.value()
            self.pre_trigger_changed.emit(self._told)
