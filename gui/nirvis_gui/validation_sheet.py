"""Validation pictures of a training, above each other and as large as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PyQt5.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from nirvis_gui.arm_picture import Picture


class ValidationSheet(QWidget):
    """A caption, and the pictures of the newest validation below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = QLabel(self)
        self._caption.setWordWrap(True)
        self._canvas = _Canvas(self)
        self.show_pictures([])
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 0, 0)
        column.addWidget(self._caption)
        column.addWidget(self._canvas, 1)

    @property
    def sheet(self) -> Picture | None:
        """All pictures in one; None while there are none."""
        return self._canvas.sheet

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Show these; each of them is the input, the prediction, and the truth where there is one, side by side."""
        if not pictures:
            self._caption.setText(self.tr("Validation pictures come with the first validation."))
            self._canvas.show_sheet(None)
            return
        self._caption.setText(self.tr("Left to right: input, prediction, and the truth where there is one"))
        width = max(picture.shape[1] for picture in pictures)
        self._canvas.show_sheet(np.concatenate([_widened(picture, width) for picture in pictures]))


class _Canvas(QWidget):
    """One picture, scaled to the pixels of the screen."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.sheet: Picture | None = None
        self._image = QImage()
        self._scaled = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    def show_sheet(self, sheet: Picture | None) -> None:
        if sheet is not None and self.sheet is not None and np.array_equal(sheet, self.sheet):
            return
        self.sheet, self._scaled = sheet, QPixmap()
        if sheet is not None:
            height, width = sheet.shape[:2]
            self._image = QImage(sheet.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 Qt's name
        if self.sheet is None:
            return
        ratio = self.devicePixelRatioF()
        size = self._image.size().scaled(self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio)
        if self._scaled.size() != size:
            scaled = self._image.scaled(
                size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            self._scaled = QPixmap.fromImage(scaled)
            self._scaled.setDevicePixelRatio(ratio)
        QPainter(self).drawPixmap(0, 0, self._scaled)


def _widened(picture: Picture, width: int) -> Picture:
    """Black at the right, where others are wider."""
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)))
