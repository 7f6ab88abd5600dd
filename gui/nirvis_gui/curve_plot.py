"""Curves over the samples of a training; of pyqtgraph's parts only those that keep no menus alive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from nirvis_gui.texts import tr
from nirvis_gui.theme import PICTURE_BACKGROUND

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Samples, and the values there."""
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
"""Okabe and Ito's, which stay apart for colour-blind eyes."""


def curve_name(figure: str) -> str:
    """A figure of a run as it stands in the legend: ``val_psnr_db`` is PSNR, ``loss_colour`` the colour term."""
    if figure == "loss":
        return tr("all terms")
    return figure.removeprefix("loss_").removeprefix("val_").replace("psnr_db", "PSNR").replace("_", " ")


class CurvePlot(QWidget):
    """Named curves with a legend."""

    def __init__(self, title: str, x: str, *, falling: bool, parent: QWidget | None = None) -> None:
        """Make an empty plot.

        falling
            Good curves fall: the legend then stands above their newest points, else below them.
        """
        super().__init__(parent)
        graphics = pg.GraphicsLayoutWidget(self)
        graphics.setBackground(PICTURE_BACKGROUND)
        self._box = pg.ViewBox(enableMenu=False)
        left, bottom = pg.AxisItem("left"), pg.AxisItem("bottom")
        graphics.addLabel(title, 0, 1)
        graphics.addItem(left, 1, 0)
        graphics.addItem(self._box, 1, 1)
        graphics.addItem(bottom, 2, 1)
        for axis in (left, bottom):
            axis.linkToView(self._box)
        bottom.setLabel(x)
        self._legend = pg.LegendItem(offset=(-8, 8 if falling else -8))
        self._legend.setParentItem(self._box)
        self._lines: dict[str, pg.PlotDataItem] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(graphics)

    @property
    def curves(self) -> dict[str, Curve]:
        """What is drawn, by name."""
        return {name: line.getData() for name, line in self._lines.items()}

    def show_curves(self, curves: Mapping[str, Curve]) -> None:
        """Draw these in place of what was drawn."""
        for name in [name for name in self._lines if name not in curves]:
            self._box.removeItem(self._lines[name])
            self._legend.removeItem(self._lines.pop(name))
        for name, (samples, values) in curves.items():
            if name not in self._lines:
                colour = _COLOURS[len(self._lines) % len(_COLOURS)]
                # The first validation is a single point, which a line would not show.
                dots = {"symbol": "o", "symbolSize": 5, "symbolBrush": colour, "symbolPen": None}
                self._lines[name] = pg.PlotDataItem(pen=pg.mkPen(colour, width=2), name=name, **dots)
                self._box.addItem(self._lines[name])
                self._legend.addItem(self._lines[name], curve_name(name))
            self._lines[name].setData(samples, values)
