"""The browser: the clips of a folder, one of them played, and everything that can be done with them by one click."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt5.QtCore import QItemSelectionModel, Qt, pyqtSignal
from PyQt5.QtGui import QShowEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QTabWidget,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from nirvis_capture.clip_layout import SUFFIX
from nirvis_gui.clip_library import PAIRS_FOLDER, ClipLibrary, ClipRow, OpenedClip, PlayedRow
from nirvis_gui.clip_player import ClipPlayer
from nirvis_gui.clip_table import ClipTable
from nirvis_gui.jobs import Jobs
from nirvis_gui.pair_model import PairModel, certificate_html
from nirvis_gui.report_view import ReadReport, ReportView
from nirvis_gui.work_panel import Step, WorkPanel


class ClipsPage(QWidget):
    """Works on the selected clips, or on all of the folder where none is selected."""

    open_wanted = pyqtSignal(object)
    """Path of a report or folder to show in the desktop."""
    folder_chosen = pyqtSignal(object)

    def __init__(self, library: ClipLibrary, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self.folder: Path | None = None
        self._folder_name = QElidingLabel(self)
        self._folder_name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.table = ClipTable(self)
        self.player, self.report = ClipPlayer(library, self), ReportView(self)
        self.middle = QStackedWidget(self)
        self.pair_model = PairModel(self)
        self.pairs = QTableView(self)
        self.pairs.setModel(self.pair_model)
        self.pairs.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.pairs.horizontalHeader()
        if header is not None:
            header.setStretchLastSection(True)
        self.certificate = QTextBrowser(self)
        self.work = WorkPanel(jobs, self)
        self.tabs = QTabWidget(self)
        self.formats = QMenu(self)
        self.buttons: dict[str, QPushButton | QToolButton] = {}
        self._lay_out()
        self._connect()
        self._show_buttons()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        for name, text, does in (
            ("folder", self.tr("Folder…"), self._ask_folder),
            ("again", self.tr("Look again"), self.look_again),
        ):
            button = QPushButton(text, self)
            button.clicked.connect(does)
            self.buttons[name] = button
            head.addWidget(button)
        head.insertWidget(1, self._folder_name, 1)
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addLayout(self._work_buttons())
        for widget, title in (
            (self.pairs, self.tr("Pairs")),
            (self.certificate, self.tr("Certificate")),
            (self.work, self.tr("Work")),
        ):
            self.tabs.addTab(widget, title)
        splitter = QSplitter(self)
        for page in (self.player, self.report):
            self.middle.addWidget(page)
        for widget, size in ((left, 410), (self.middle, 640), (self.tabs, 306)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, size)
        splitter.setSizes([410, 640, 306])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(splitter)

    def _work_buttons(self) -> QVBoxLayout:
        rows = QVBoxLayout()
        first, second = QHBoxLayout(), QHBoxLayout()
        for row, name, text, tip, does in (
            (first, "verify", self.tr("Verify"), self.tr("Prove the clips again from their files."), self.verify),
            (first, "recover", self.tr("Recover"), self.tr("Rescue recordings that were cut off."), self.recover),
            (first, "register", self.tr("Register"), self.tr("Bring both arms together."), self.register),
            (second, "add", self.tr("Add to dataset"), self.tr("Register, catalogue and split."), self.add_to_dataset),
            (second, "report", self.tr("Report"), self.tr("The report of the registration."), self.show_report),
        ):
            button = QPushButton(text, self)
            button.setToolTip(tip)
            button.clicked.connect(does)
            self.buttons[name] = button
            row.addWidget(button)
        second.insertWidget(1, self._export_button())
        rows.addLayout(first)
        rows.addLayout(second)
        return rows

    def _export_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setText(self.tr("Export…"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.formats)
        self.buttons["export"] = button
        return button

    def _connect(self) -> None:
        self._library.listed.connect(self._show_list)
        self._library.formats_found.connect(self._show_formats)
        self._library.opened.connect(self._show_clip)
        self._library.played.connect(self._mark_row)
        self._library.report_read.connect(self._show_report)
        self.report.open_wanted.connect(self.open_wanted)
        self.table.chosen.connect(self._choose)
        self.table.itemSelectionChanged.connect(self._show_buttons)
        self.pairs.clicked.connect(lambda index: self.player.seek(index.row()))
        self.work.ended.connect(lambda *_: self.look_again())

    @property
    def pairs_folder(self) -> Path:
        return (self.folder or Path()) / PAIRS_FOLDER

    def show_folder(self, folder: Path) -> None:
        """List the clips of another folder."""
        self.folder = self.work.home = folder
        self._folder_name.setText(str(folder))
        self._folder_name.setToolTip(str(folder))
        self.look_again()

    def look_again(self) -> None:
        if self.folder is not None:
            self._library.look_at(self.folder)
        self._show_buttons()

    def verify(self) -> None:
        self._run(Step(self.tr("Verify"), ["verify", *self._clips()]))

    def recover(self) -> None:
        unfinished = [str(row.path) for row in self._rows() if row.state == "unfinished"]
        self._run(Step(self.tr("Recover"), ["recover", *unfinished]))

    def register(self) -> None:
        self._run(self._registration(), then=lambda well: self.show_report() if well else None)

    def add_to_dataset(self) -> None:
        """Everything that a training needs; what was done before is not done again."""
        pairs = str(self.pairs_folder)
        split = ["split", pairs, "--keep", "--place-unknown-as", "recording"]
        self._run(
            self._registration(refusal_ends=False),
            # A broken file among many is told, and left out.
            Step(self.tr("Catalogue"), ["catalogue", pairs], refusal_ends=False),
            Step(self.tr("Split"), split),
        )

    def export(self, format_name: str) -> None:
        out = self.pairs_folder.with_name(f"export-{format_name}")
        options = ["--format", format_name, "--out", str(out)]
        self._run(Step(self.tr("Export"), ["export-dataset", str(self.pairs_folder), *options]))

    def show_report(self) -> None:
        """That of the one registered clip that is selected, else that of all of the folder."""
        rows = self.table.selected()
        name = "registration.html"
        if len(rows) == 1 and rows[0].registered:
            name = rows[0].path.name.removesuffix(SUFFIX) + ".registration.html"
        self._library.read_report(self.pairs_folder / name)

    def _registration(self, *, refusal_ends: bool = True) -> Step:
        arguments = ["register", *self._clips(), "--out", str(self.pairs_folder)]
        return Step(self.tr("Register"), arguments, refusal_ends)

    def _run(self, *steps: Step, then: Callable[[bool], None] | None = None) -> None:
        if self.work.run(steps, then):
            self.tabs.setCurrentWidget(self.work)
            self._show_buttons()

    def _rows(self) -> list[ClipRow]:
        """Those that are selected, else all."""
        return self.table.selected() or self.table.rows

    def _clips(self) -> list[str]:
        return [str(row.path) for row in self._rows() if row.state in ("certified", "integrity only")]

    def _show_list(self, rows: list[ClipRow]) -> None:
        self.table.show_rows(rows)
        self._show_buttons()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 Qt's name
        """Whoever looks here for the first time gets the formats to export to."""
        super().showEvent(event)
        if self.formats.isEmpty():
            self._library.find_formats()

    def _show_formats(self, names: list[str]) -> None:
        self.formats.clear()
        for name in names:
            action = self.formats.addAction(name)
            if action is not None:
                action.triggered.connect(partial(self.export, name))

    def _show_buttons(self) -> None:
        rows, idle = self._rows(), not self.work.busy
        some = idle and any(row.state in ("certified", "integrity only") for row in rows)
        registered = any(row.registered for row in self.table.rows)
        for name, possible in (
            ("verify", some),
            ("register", some),
            ("add", some),
            ("recover", idle and any(row.state == "unfinished" for row in rows)),
            ("export", idle and registered),
            ("report", registered),
        ):
            self.buttons[name].setEnabled(possible)

    def _choose(self, row: ClipRow) -> None:
        if row.state in ("certified", "integrity only"):
            self._library.open(row.path)
        else:
            self.middle.setCurrentWidget(self.player)
            self.player.show_clip(None)
            self.pair_model.show_table(None)
            self.certificate.setPlainText(row.note)
            self.tabs.setCurrentWidget(self.certificate)

    def _show_report(self, report: ReadReport) -> None:
        self.report.show_report(report)
        self.middle.setCurrentWidget(self.report)

    def _show_clip(self, clip: OpenedClip) -> None:
        self.middle.setCurrentWidget(self.player)
        self.player.show_clip(clip)
        self.pair_model.show_table(clip.table)
        self.pairs.resizeColumnsToContents()
        self.certificate.setHtml(certificate_html(clip))

    def _mark_row(self, played: PlayedRow) -> None:
        selection = self.pairs.selectionModel()
        if selection is not None:
            index = self.pair_model.index(played.row, 0)
            flags = QItemSelectionModel.SelectionFlags()
            flags |= QItemSelectionModel.SelectionFlag.ClearAndSelect
            flags |= QItemSelectionModel.SelectionFlag.Rows
            selection.setCurrentIndex(index, flags)

    def _ask_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Folder with clips"), str(self.folder or ""))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.folder_chosen.emit(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
