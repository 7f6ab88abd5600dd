"""The hardware profile as a form: every setting with its unit and limits, every mistake at its field."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QTimer, pyqtSignal
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from nirvis_capture.profile import Profile
from nirvis_capture.settings import Changes
from nirvis_gui.field_editor import FieldEditor
from nirvis_gui.profile_fields import Field, Ranges, camera_limits, groups, parsed, placed, shown
from nirvis_gui.profile_worker import Checked, ProfileWorker

CHECK_AFTER_MS = 300


class ProfilePage(QWidget):
    """Edits the profile in use; it changes when it is saved, or tried out."""

    saved = pyqtSignal(str)
    """Path of the file that was written."""
    tried = pyqtSignal(object)
    """`Changes` to use without saving them."""

    def __init__(self, worker: ProfileWorker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._worker = worker
        self._name = ""
        self._profile: Profile | None = None
        self._ranges: Ranges = {}
        self.editors: dict[str, FieldEditor] = {}
        self.tabs = QTabWidget(self)
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._check)
        self.save, self.save_as = QPushButton(self.tr("Save"), self), QPushButton(self.tr("Save as…"), self)
        self.try_out, self.undo = QPushButton(self.tr("Try without saving"), self), QPushButton(self.tr("Undo"), self)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.note, 1)
        for button in (self.undo, self.try_out, self.save, self.save_as):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.tabs, 1)

    def _connect(self) -> None:
        self.undo.clicked.connect(self._reset)
        self.try_out.clicked.connect(lambda: self.tried.emit(self.changes()))
        self.save.clicked.connect(lambda: self.write(Path(self._name)))
        self.save_as.clicked.connect(self._ask_where)
        self._worker.checked.connect(self._show_checked)
        self._worker.saved.connect(self._tell_saved)

    def show_profile(self, name: str, profile: Profile) -> None:
        """Edit another profile; the form is made anew where its backend has other settings."""
        wanted = groups(profile)
        if [field.path for fields in wanted.values() for field in fields] != list(self.editors):
            self._make(wanted)
        self._name, self._profile = name, profile
        self._ranges = {}
        self._reset()

    def show_ranges(self, ranges: Ranges) -> None:
        """What the open cameras tell of their settings; it is kept when they are let go."""
        if ranges and ranges != self._ranges:
            self._ranges = ranges
            self._show_limits()

    def changes(self) -> Changes:
        """What was changed, by path."""
        return {path: parsed(e.field, e.text) for path, e in self.editors.items() if e.changed}

    def write(self, path: Path) -> None:
        """Save the profile with its changes and its comments."""
        if self._profile is not None:
            self._worker.save(path, self._profile, self.changes())

    def _make(self, wanted: dict[str, tuple[Field, ...]]) -> None:
        self.editors.clear()
        while self.tabs.count():
            page = self.tabs.widget(0)
            self.tabs.removeTab(0)
            if page is not None:
                page.deleteLater()
        for group, fields in wanted.items():
            self.tabs.addTab(self._group(fields), group)

    def _group(self, fields: tuple[Field, ...]) -> QScrollArea:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setSpacing(2)
        for field in fields:
            editor = FieldEditor(field, inside)
            editor.edited.connect(self._edited)
            self.editors[field.path] = editor
            column.addWidget(editor)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(inside)
        return area

    def _reset(self) -> None:
        if self._profile is None:
            return
        values = shown(self._profile)
        for path, editor in self.editors.items():
            editor.show_saved(values[path])
        self._show_limits()
        self._show_state({})

    def _show_limits(self) -> None:
        limits = camera_limits(self._profile, self._ranges) if self._profile else {}
        for path, editor in self.editors.items():
            editor.show_limit(limits.get(path, ""))

    def _edited(self) -> None:
        self._timer.start(CHECK_AFTER_MS)
        for button in (self.save, self.save_as, self.try_out):
            button.setEnabled(False)
        self.undo.setEnabled(True)

    def _check(self) -> None:
        if self._profile is not None:
            self._worker.check(self._profile, self.changes())

    def _show_checked(self, checked: Checked) -> None:
        if checked.changes == self.changes():
            self._show_state(placed(checked.mistakes, list(self.editors)))

    def _show_state(self, mistakes: dict[str, str]) -> None:
        """Every mistake at its field, on its tab, and those of no field above."""
        for path, editor in self.editors.items():
            editor.show_mistake(mistakes.get(path, ""))
        for index in range(self.tabs.count()):
            name = self.tabs.tabText(index).split(" ")[0]
            wrong = any(path.split(".")[0] == name or (name == "rig" and "." not in path) for path in mistakes if path)
            self.tabs.setTabText(index, f"{name} ▲" if wrong else name)
        # Those that come with nirvis have names without a suffix.
        changed, own = bool(self.changes()), self._name.endswith(".toml")
        self.save.setEnabled(changed and own and not mistakes)
        self.save_as.setEnabled(not mistakes)
        self.try_out.setEnabled(changed and not mistakes)
        self.undo.setEnabled(changed)
        self.note.setText(mistakes.get("") or self._state_text(changed=changed, own=own, wrong=len(mistakes)))

    def _state_text(self, *, changed: bool, own: bool, wrong: int) -> str:
        if wrong:
            return self.tr("<b>▲ {count}</b> to mend, said at the field").format(count=wrong)
        if not own:
            return self.tr("<b>{name}</b> comes with nirvis: save it under a name of its own.").format(name=self._name)
        return self.tr("<b>{name}</b>{changed}").format(
            name=Path(self._name).name, changed=self.tr(" · changed") if changed else ""
        )

    def _tell_saved(self, path: Path) -> None:
        self.saved.emit(str(path))

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, self.tr("Save the profile"), "", self.tr("Profiles (*.toml)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.fileSelected.connect(lambda name: self.write(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
