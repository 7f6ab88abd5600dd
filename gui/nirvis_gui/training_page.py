"""Training: start a run or open one, see how it goes, and take its model to the live view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QShowEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from nirvis_gui.curve_plot import CurvePlot
from nirvis_gui.health import Level
from nirvis_gui.jobs import Jobs
from nirvis_gui.run_watch import RunWatch
from nirvis_gui.theme import LEVEL_COLOURS, LEVEL_ICONS, icon
from nirvis_gui.validation_sheet import ValidationSheet
from nirvis_gui.work_panel import Step, WorkPanel

if TYPE_CHECKING:
    from nirvis_gui.run_seen import RunSeen
    from nirvis_training.run_folder import State

_LEVELS = {
    "running": Level.PROVEN,
    "finished": Level.PROVEN,
    "interrupted": Level.MARGIN,
    "failed": Level.LOSS,
    "died": Level.LOSS,
}
PICTURE_WIDTH = 420
USUAL_CONFIG = "ssn_demo"
"""The one that needs no file of pretrained features."""


class TrainingPage(QWidget):
    """Shows what `RunWatch` sees."""

    model_ready = pyqtSignal(object)
    """Path of a model that was exported for the live view."""

    def __init__(self, watch: RunWatch, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch = watch
        self.run: RunSeen | None = None
        self.dataset = QLineEdit(self)
        self.dataset.setPlaceholderText(self.tr("folder of clips, or of registered pairs with splits.csv"))
        self.config = QComboBox(self)
        self.config.setEditable(True)
        self.config.setMinimumContentsLength(14)
        self.config.setCurrentText(USUAL_CONFIG)
        self.config.setToolTip(self.tr("A configuration that comes with nirvis, or the path of a TOML file"))
        self.minutes = QSpinBox(self)
        self.minutes.setRange(0, 100_000)
        self.minutes.setSuffix(self.tr(" min"))
        self.minutes.setSpecialValueText(self.tr("as configured"))
        self.start, self.stop = QPushButton(self.tr("Start"), self), QPushButton(self.tr("Stop"), self)
        self.resume, self.use = QPushButton(self.tr("Resume"), self), QPushButton(self.tr("Use it live"), self)
        self.use.setToolTip(self.tr("Export the best weights, and recover the colour with them in the live view."))
        self._sign, self._state = QLabel(self), QLabel(self)
        self._state.setWordWrap(True)
        self.quality = CurvePlot(self.tr("validation, dB"), self.tr("samples"), falling=False, parent=self)
        self.losses = CurvePlot(self.tr("losses"), self.tr("samples"), falling=True, parent=self)
        self.pictures = ValidationSheet(self)
        self.work = WorkPanel(jobs, self)
        self.work.hide()
        self._lay_out()
        self._connect()
        self._show_buttons()

    def _lay_out(self) -> None:
        begin = QHBoxLayout()
        browse, opening = QPushButton(self.tr("Folder…"), self), QPushButton(self.tr("Open a run…"), self)
        browse.clicked.connect(lambda: self._ask_folder(self.dataset.setText))
        opening.clicked.connect(lambda: self._ask_folder(lambda name: self._watch.open(Path(name))))
        for name, widget in (
            (self.tr("&Dataset"), self.dataset),
            ("", browse),
            (self.tr("Conf&iguration"), self.config),
            (self.tr("&Time"), self.minutes),
            ("", self.start),
            ("", opening),
        ):
            if name:
                label = QLabel(name, self)
                label.setBuddy(widget)
                begin.addWidget(label)
            begin.addWidget(widget, 1 if widget is self.dataset else 0)
        state = QHBoxLayout()
        state.addWidget(self._sign)
        state.addWidget(self._state, 1)
        for button in (self.stop, self.resume, self.use):
            state.addWidget(button)
        plots = QWidget(self)
        left = QVBoxLayout(plots)
        left.setContentsMargins(0, 0, 0, 0)
        left.addWidget(self.quality)
        left.addWidget(self.losses)
        splitter = QSplitter(self)
        splitter.addWidget(plots)
        splitter.addWidget(self.pictures)
        splitter.setSizes([800, PICTURE_WIDTH])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(begin)
        column.addLayout(state)
        column.addWidget(splitter, 1)
        column.addWidget(self.work)

    def _connect(self) -> None:
        self._watch.configs_found.connect(self._show_configs)
        self._watch.seen.connect(self.show_run)
        self._watch.ended.connect(self._show_end)
        self.start.clicked.connect(self.begin)
        self.stop.clicked.connect(self._watch.stop)
        self.resume.clicked.connect(self._resume)
        self.use.clicked.connect(self.use_live)

    @property
    def state_text(self) -> str:
        return self._state.text()

    def begin(self) -> None:
        """Start a training on what is entered."""
        home = Path(self.dataset.text().strip())
        config = self.config.currentText().strip()
        out = home / "runs" / f"{Path(config).stem}-{datetime.now().astimezone():%Y%m%dT%H%M%S}"
        minutes = self.minutes.value()
        limit = ["--set", f"max_seconds={60 * minutes}"] if minutes else []
        self._begun(["train", config, "--out", str(out), *limit], home, out)

    def _begun(self, arguments: list[str], home: Path, out: Path) -> None:
        self.run = None
        self._say(Level.UNKNOWN, self.tr("Starting the training of {out}…").format(out=out))
        self._watch.start_on(arguments, home, out)
        self._show_buttons()

    def use_live(self) -> None:
        """Export the best weights, and tell where the model is."""
        if self.run is None:
            return
        out = self.run.path / "model.onnx"
        self.work.show()
        step = Step(self.tr("Export"), ["export", str(self.run.path), "--out", str(out)])
        self.work.run([step], lambda well: self._exported(well, out))

    def show_run(self, run: RunSeen) -> None:
        """Show a run at another moment."""
        self.run = run
        status = run.status
        text = self.tr("<b>{state}</b> · {name} · {samples} of {total} samples · {minutes:.1f} min · {summary}").format(
            state=self._state_name(status.state),
            name=run.path.name,
            samples=status.samples,
            total=status.samples_total,
            minutes=status.seconds / 60,
            summary=run.summary,
        )
        self._say(_LEVELS[status.state], f"{text} {status.message}".strip())
        self._show_curves(run)
        self._show_pictures(run)
        self._show_buttons()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 Qt's name
        """Whoever looks here for the first time gets the configurations to choose from."""
        super().showEvent(event)
        if self.config.count() == 0:
            self._watch.find_configs()

    def _show_configs(self, names: list[str]) -> None:
        entered = self.config.currentText()
        self.config.clear()
        self.config.addItems(names)
        self.config.setCurrentText(entered)

    def _show_curves(self, run: RunSeen) -> None:
        self.quality.show_curves({name: curve for name, curve in run.curves.items() if name.endswith("_db")})
        self.losses.show_curves({name: curve for name, curve in run.curves.items() if name.startswith("loss")})

    def _show_pictures(self, run: RunSeen) -> None:
        self.pictures.show_pictures([picture for _, picture in run.pictures])

    def _show_end(self, said: str) -> None:
        self._say(Level.LOSS, said or self.tr("The training ended without a word."))
        self._show_buttons()

    def _show_buttons(self) -> None:
        state = self.run.status.state if self.run else ""
        self.stop.setEnabled(state == "running")
        self.resume.setEnabled(state in ("interrupted", "died"))
        self.use.setEnabled(self.run is not None and self.run.has_weights and not self.work.busy)

    def _state_name(self, state: State) -> str:
        return {
            "running": self.tr("running"),
            "finished": self.tr("finished"),
            "interrupted": self.tr("interrupted"),
            "failed": self.tr("failed"),
            "died": self.tr("died"),
        }[state]

    def _resume(self) -> None:
        if self.run is not None:
            self._watch.start(["resume", str(self.run.path)], self.run.path)

    def _exported(self, well: bool, model: Path) -> None:
        self.work.setVisible(not well)
        self._show_buttons()
        if well:
            self.model_ready.emit(model)

    def _say(self, level: Level, text: str) -> None:
        self._sign.setPixmap(icon(LEVEL_ICONS[level], LEVEL_COLOURS[level]).pixmap(20, 20))
        self._state.setText(text)

    def _ask_folder(self, chosen: Callable[[str], None]) -> None:
        dialog = QFileDialog(self, self.tr("Choose a folder"), self.dataset.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
