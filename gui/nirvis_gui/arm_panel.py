"""The figures below each picture: rate, exposure, gain, temperature, saturation, focus with its course, histogram."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from nirvis_gui.arm_picture import ArmFigures
from nirvis_gui.health import Level
from nirvis_gui.theme import LEVEL_COLOURS

COURSE = 120
"""Focus values that are kept: half a minute of them."""
MUCH_SATURATED = 0.02
SOME_SATURATED = 0.001
HEIGHT = 40
_CHANNEL_COLOURS = ("#e0685c", "#7fc97f", "#6ea6e8")


class Curves(QWidget):
    """Lines from left to right over the same scale, without axes: the shape is what is looked at."""

    def __init__(
        self, title: str, title_at: Qt.AlignmentFlag, name: str, colours: tuple[str, ...], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setMinimumWidth(56)
        self.setFixedHeight(HEIGHT)
        self.setToolTip(name)
        self.setAccessibleName(name)
        # Counts lie low at the right, and a course of focus lies high.
        self._title, self._title_at = title, Qt.AlignmentFlag.AlignRight | title_at
        self._colours = [QColor(colour) for colour in colours]
        self._lines: list[NDArray[np.float64]] = []

    @property
    def lines(self) -> list[NDArray[np.float64]]:
        return self._lines

    def show_lines(self, lines: list[NDArray[np.float64]]) -> None:
        """Values of each line, evenly spread over the width; the largest of all reaches the top."""
        self._lines = lines
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base())
        top = max((float(line.max()) for line in self._lines if len(line)), default=0.0) or 1.0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for line, colour in zip(self._lines, self._colours, strict=False):
            painter.setPen(QPen(colour, 1.2))
            painter.drawPolyline(self._polygon(line / top))
        painter.setPen(self.palette().placeholderText().color())
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.drawText(self.rect().adjusted(4, 1, -4, -1), self._title_at, self._title)

    def _polygon(self, heights: NDArray[np.float64]) -> QPolygonF:
        inside = QRectF(self.rect()).adjusted(1, 2, -1, -1)
        step = inside.width() / max(len(heights) - 1, 1)
        return QPolygonF(
            [QPointF(inside.left() + i * step, inside.bottom() - h * inside.height()) for i, h in enumerate(heights)]
        )


class ArmPanel(QWidget):
    """What is known of one arm, in two lines beside two curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: dict[str, QLabel] = {}
        self._focus: deque[float] = deque(maxlen=COURSE)
        counts = self.tr("Histogram of the raw counts: red, green, blue sites")
        course = self.tr("Focus during the last half minute")
        self.histogram = Curves(self.tr("histogram"), Qt.AlignmentFlag.AlignTop, counts, _CHANNEL_COLOURS, self)
        self.course = Curves(self.tr("focus"), Qt.AlignmentFlag.AlignBottom, course, ("#e69f00",), self)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(0)
        for place, (name, tip) in enumerate(self._names()):
            value = QLabel(self)
            value.setToolTip(tip)
            value.setTextFormat(Qt.TextFormat.RichText)
            value.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
            self._values[name] = value
            grid.addWidget(value, place // 3, place % 3)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(8)
        row.addLayout(grid)
        row.addWidget(self.histogram, 3)
        row.addWidget(self.course, 2)
        self.clear()

    def _names(self) -> tuple[tuple[str, str], ...]:
        return (
            ("rate", self.tr("Exposures per second, by the counter and the clock of the camera")),
            ("exposure", self.tr("Exposure time")),
            ("gain", self.tr("Gain")),
            ("temperature", self.tr("Temperature of the sensor; – where the camera does not tell it")),
            ("saturated", self.tr("Share of saturated sites, of the colour that has most of them")),
            ("focus", self.tr("Focus: larger is sharper, as long as the scene stays the same")),
        )

    @property
    def texts(self) -> dict[str, str]:
        """What is written, by name."""
        return {name: value.text() for name, value in self._values.items()}

    def show_figures(self, figures: ArmFigures, temperature_c: float | None) -> None:
        self._say("rate", f"{figures.rate_hz:.1f} Hz" if figures.rate_hz else "– Hz")
        self._say("exposure", f"{figures.exposure_us / 1000:.1f} ms")
        self._say("gain", f"{figures.gain_db:.1f} dB")
        self._say("temperature", "– °C" if temperature_c is None else f"{temperature_c:.0f} °C")
        self._say("saturated", self._saturation(figures.saturated))
        self._focus.append(figures.focus)
        self._say("focus", self.tr("focus {value}").format(value=f"{figures.focus:.2f}"))
        self.histogram.show_lines(list(np.sqrt(figures.histogram)))
        self.course.show_lines([_from_its_lowest(np.array(self._focus))])

    def clear(self) -> None:
        self._focus.clear()
        for name, unit in (("rate", "Hz"), ("exposure", "ms"), ("gain", "dB"), ("temperature", "°C")):
            self._say(name, f"– {unit}")
        self._say("saturated", self.tr("{share} sat.").format(share="–"))
        self._say("focus", self.tr("focus {value}").format(value="–"))
        self.histogram.show_lines([])
        self.course.show_lines([])

    def _saturation(self, share: float) -> str:
        text = self.tr("{share} sat.").format(share=f"{share:.1%}")
        if share <= SOME_SATURATED:
            return text
        sign = "▲▲" if share > MUCH_SATURATED else "▲"
        return f"<span style='color: {LEVEL_COLOURS[Level.MARGIN]}'>{sign}</span> {text}"

    def _say(self, name: str, text: str) -> None:
        if self._values[name].text() != text:
            self._values[name].setText(text)


def _from_its_lowest(course: NDArray[np.float64]) -> NDArray[np.float64]:
    """Above half of the lowest value, so that turning a lens is seen and noise is not."""
    raised: NDArray[np.float64] = course - 0.5 * course.min()
    return raised
