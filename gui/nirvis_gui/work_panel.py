"""Where commands of nirvis show how far they are and what they said: one after another, as long as all goes well."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QFontDatabase
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from nirvis_gui.health import Level
from nirvis_gui.jobs import Arguments, Job, Jobs
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon

KEPT_LINES = 400


@dataclass(frozen=True)
class Step:
    """One command."""

    name: str
    """What it does, for the person who waits."""
    arguments: Arguments
    refusal_ends: bool = True
    """Whether a status other than 0 stops the steps that follow."""


class WorkPanel(QWidget):
    """Runs steps; refuses to begin others while one runs."""

    ended = pyqtSignal(bool)
    """Whether all of them went well."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._steps: list[Step] = []
        self._well = True
        self._then: Callable[[bool], None] | None = None
        self.job: Job | None = None
        self.home: Path | None = None
        """Folder that is known to the reader: what lies in it is named without it."""
        self._sign, self._title = QLabel(self), QLabel(self)
        self._title.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(True)
        self._cancel = QPushButton(self.tr("Cancel"), self)
        self._cancel.clicked.connect(self.cancel)
        self._said = QPlainTextEdit(self)
        self._said.setReadOnly(True)
        self._said.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._said.setMaximumBlockCount(KEPT_LINES)
        self._lay_out()
        self._show_idle()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._sign)
        top.addWidget(self._title, 1)
        top.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self._said, 1)

    @property
    def busy(self) -> bool:
        return self.job is not None

    @property
    def text(self) -> str:
        """Everything that was said since the steps began."""
        return self._said.toPlainText()

    @property
    def title(self) -> str:
        return self._title.text()

    def run(self, steps: Sequence[Step], then: Callable[[bool], None] | None = None) -> bool:
        """Begin; False when something runs already. `then` is told as `ended` is, for these steps only."""
        if self.busy or self._jobs.closing or not steps:
            return False
        self._steps, self._well, self._then = list(steps), True, then
        self._said.clear()
        self._said.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._next()
        return True

    def cancel(self) -> None:
        """End what runs, and leave out what would have followed."""
        self._steps.clear()
        if self.job is not None:
            self.job.stop()

    def _next(self) -> None:
        step = self._steps.pop(0)
        self._say(Level.UNKNOWN, self.tr("{step}…").format(step=step.name))
        self.bar.setRange(0, 0)
        self.bar.show()
        self._cancel.setEnabled(True)
        job = self._jobs.run(step.name, step.arguments)
        job.progressed.connect(self._show_percent)
        job.said.connect(self._add)
        job.ended.connect(lambda status, _, complaint: self._ended(step, status, complaint))
        self.job = job

    def _add(self, text: str) -> None:
        self._said.appendPlainText(text if self.home is None else text.replace(f"{self.home}{os.sep}", ""))

    def _show_percent(self, percent: int) -> None:
        self.bar.setRange(0, 100)
        self.bar.setValue(percent)

    def _ended(self, step: Step, status: int, complaint: str) -> None:
        self.job = None
        self._well = self._well and status == 0
        if status != 0 and complaint:
            # Tables keep their lines; a complaint has to be read to its end.
            self._said.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
            self._add(complaint)
        if self._steps and not self._jobs.closing and (status == 0 or not step.refusal_ends):
            self._next()
            return
        self._steps.clear()
        self._show_idle()
        said = self.tr("{step}: done") if self._well else self.tr("{step}: see below")
        self._say(Level.PROVEN if self._well else Level.MARGIN, said.format(step=step.name))
        then, self._then = self._then, None
        if then is not None:
            then(self._well)
        self.ended.emit(self._well)

    def _show_idle(self) -> None:
        self.bar.hide()
        self._cancel.setEnabled(False)

    def _say(self, level: Level, text: str) -> None:
        self._sign.setPixmap(icon(LEVEL_ICONS[level], LEVEL_COLOURS[level]).pixmap(18, 18))
        self._title.setText(text)
