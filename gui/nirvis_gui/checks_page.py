"""Is everything ready? Guided steps, each with what was found and what to do, and one answer at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from nirvis_gui.found import Found, findings, forecast
from nirvis_gui.health import Level
from nirvis_gui.jobs import Job
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon

Start = Callable[[str, Callable[[Path], list[str]]], Job | None]
"""Starts a command that opens the cameras: name, and arguments for the path of the profile."""

TRIAL_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """One step."""

    name: str
    before: str
    """What a person does before it."""
    arguments: Callable[[Path], list[str]]
    read: Callable[[str], Found]


class CheckRow(QFrame):
    """One step, its button, and what came of it."""

    def __init__(self, number: int, check: Check, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.check = check
        self.found: Found | None = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._sign = QLabel(self)
        name = QLabel(f"<b>{number}. {check.name}</b>", self)
        before = QLabel(check.before, self)
        before.setWordWrap(True)
        self.button = QPushButton(self.tr("Check"), self)
        self.bar = QProgressBar(self)
        self.bar.setFixedWidth(180)
        self.bar.hide()
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = QHBoxLayout()
        for widget in (self._sign, name):
            top.addWidget(widget)
        top.addWidget(before, 1)
        top.addWidget(self.bar)
        top.addWidget(self.button)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self._text)
        self.show_found(None)

    @property
    def text(self) -> str:
        return self._text.text()

    def show_found(self, found: Found | None) -> None:
        self.found = found
        level = found.level if found else Level.UNKNOWN
        self._sign.setPixmap(icon(LEVEL_ICONS[level], LEVEL_COLOURS[level]).pixmap(22, 22))
        self._text.setText(found.html if found else "")
        self._text.setVisible(found is not None)

    def show_busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def show_percent(self, percent: int) -> None:
        self.bar.setRange(0, 100)
        self.bar.setValue(percent)


class ChecksPage(QWidget):
    """Runs the steps one after another; go only when all of them say so."""

    def __init__(self, start: Start, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._start = start
        self._waiting: list[CheckRow] = []
        self.busy = False
        self.rows = [CheckRow(number, check, self) for number, check in enumerate(self._checks(), 1)]
        self.all = QPushButton(self.tr("Check everything"), self)
        self.all.setMinimumHeight(36)
        self.all.clicked.connect(lambda: self.run(self.rows))
        self.answer = QLabel(self)
        self.answer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.answer.setWordWrap(True)
        self._lay_out()
        self._show_answer()

    def _checks(self) -> tuple[Check, ...]:
        seconds = f"{TRIAL_SECONDS:g}"
        return (
            Check(
                self.tr("Machine"),
                self.tr("USB, drivers, disk, memory, clock. Cameras plugged in, other programs closed."),
                lambda path: ["doctor", str(path), "--json"],
                findings,
            ),
            Check(
                self.tr("Trigger"),
                self.tr("Pauses one camera and watches the other. Trigger cable in place."),
                lambda path: ["doctor", str(path), "--trigger", "--json"],
                findings,
            ),
            Check(
                self.tr("Trial"),
                self.tr("Records for some seconds at true line rate, and removes it. Caps off, filters in place."),
                lambda path: ["preflight", str(path), "--seconds", seconds, "--json"],
                forecast,
            ),
        )

    def _lay_out(self) -> None:
        inside = QWidget(self)
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        for row in self.rows:
            row.button.clicked.connect(lambda _=False, row=row: self.run([row]))
            rows.addWidget(row)
        rows.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(inside)
        area.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.answer)
        column.addWidget(self.all)
        column.addWidget(area, 1)

    def forget(self) -> None:
        """Another rig: nothing is known of it."""
        for row in self.rows:
            row.show_found(None)
        self._show_answer()

    def run(self, rows: list[CheckRow]) -> None:
        """Check these, one after another."""
        if self.busy:
            return
        self._waiting = list(rows)
        for row in rows:
            row.show_found(None)
        self._next()

    def _next(self) -> None:
        row = self._waiting.pop(0) if self._waiting else None
        job = self._start(row.check.name, row.check.arguments) if row else None
        self.busy = job is not None
        self._show_answer()
        if row is not None and job is not None:
            row.show_busy(True)
            job.progressed.connect(row.show_percent)
            job.ended.connect(lambda _, output, complaint, row=row: self._ended(row, output, complaint))

    def _ended(self, row: CheckRow, output: str, complaint: str) -> None:
        row.show_busy(False)
        try:
            row.show_found(row.check.read(output))
        except (ValueError, KeyError, TypeError):
            # Not an answer: the command could not be carried out, and says why.
            row.show_found(Found(Level.LOSS, escape(complaint or output)))
        self._next()

    def _show_answer(self) -> None:
        level, text = self._verdict()
        self.answer.setText(f"<span style='font-size: 26px; font-weight: 600'>{text}</span>")
        self.answer.setStyleSheet(
            f"border: 2px solid {LEVEL_COLOURS[level]}; border-left: 10px solid {LEVEL_COLOURS[level]}; padding: 8px;"
        )
        for row in self.rows:
            row.button.setEnabled(not self.busy)
        self.all.setEnabled(not self.busy)

    def _verdict(self) -> tuple[Level, str]:
        known = [row.found for row in self.rows if row.found]
        if any(found.level is Level.LOSS for found in known):
            return Level.LOSS, self.tr("✗ No go: mend what is marked below")
        if self.busy:
            return Level.UNKNOWN, self.tr("Checking…")
        if len(known) < len(self.rows):
            return Level.UNKNOWN, self.tr("? Not checked yet")
        if any(found.level is Level.MARGIN for found in known):
            return Level.MARGIN, self.tr("▲ Go, with margins that are thin")
        return Level.PROVEN, self.tr("✓ Go")
