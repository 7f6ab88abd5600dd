"""The live pictures: the two arms, and the recovered colour beside them, with zoom and pan shared by all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyqtgraph as pg
from PyQt5.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from nirvis_capture.camera import ARMS, Arm
from nirvis_gui.arm_panel import ArmPanel
from nirvis_gui.arm_picture import Extent, Picture
from nirvis_gui.theme import ARM_COLOURS, PAGE_TEXT, PICTURE_BACKGROUND

ViewName = Literal["nir", "vis", "colour", "overlay"]
Third = Literal["colour", "overlay"]
"""What stands beside the two arms."""


class PictureView(QWidget):
    """One picture with a title, a caption, and a page to show while there is none."""

    range_changed = pyqtSignal(object)

    def __init__(
        self, name: ViewName, title: str, empty: QWidget, below: QWidget | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.name = name
        self._extent = QRectF()
        self._fitted = True
        self._graphics = pg.GraphicsLayoutWidget(self)
        self._graphics.setBackground(PICTURE_BACKGROUND)
        self._graphics.ci.layout.setContentsMargins(0, 0, 0, 0)
        self._box = self._graphics.addViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0.0)
        self._item = pg.ImageItem(axisOrder="row-major")
        self._box.addItem(self._item)
        self._box.sigRangeChangedManually.connect(self._by_hand)
        self._box.sigResized.connect(self._refit)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(empty)
        self._pages.addWidget(self._graphics)
        self._title, self._caption = QLabel(self), QElidingLabel(self)
        self.set_title(title)
        self.setMinimumSize(200, 130)
        self._lay_out(below)

    def _lay_out(self, below: QWidget | None) -> None:
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight)
        header = QHBoxLayout()
        header.setContentsMargins(0, 0, 0, 0)
        header.addWidget(self._title)
        header.addWidget(self._caption, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(header)
        column.addWidget(self._pages, 1)
        if below is not None:
            column.addWidget(below)

    @property
    def caption(self) -> str:
        return self._caption.text()

    @property
    def showing(self) -> bool:
        """True while there is a picture."""
        return self._pages.currentIndex() == 1

    @property
    def picture(self) -> Picture | None:
        """What is painted now."""
        return self._item.image if self.showing else None

    @property
    def extent(self) -> Extent | None:
        """Where the picture lies; None while there is none."""
        e = self._extent
        return (e.x(), e.y(), e.width(), e.height()) if self.showing else None

    def set_title(self, title: str) -> None:
        bar = f"<span style='color: {ARM_COLOURS[self.name]}'>▌</span>"
        self._title.setText(f"{bar}<b>{title}</b>")

    def set_caption(self, caption: str) -> None:
        self._caption.setText(caption)

    def show_picture(self, picture: Picture, extent: Extent) -> None:
        """Paint `picture` over `extent`; the first one, and one of another extent, is fitted to the view."""
        # Levels are given: finding them in every picture costs more than painting it.
        self._item.setImage(picture, autoLevels=False, levels=(0, 255))
        if QRectF(*extent) != self._extent:
            self._extent = QRectF(*extent)
            self._item.setRect(self._extent)
            self.fit()
        self._pages.setCurrentIndex(1)

    def clear(self) -> None:
        """Show the empty page again."""
        self._pages.setCurrentIndex(0)
        self._item.clear()
        self._extent = QRectF()
        self.set_caption("")

    def fit(self) -> None:
        """Show the whole picture."""
        self._fitted = True
        if not self._extent.isEmpty():
            self._box.setRange(self._extent, padding=0)

    def visible_range(self) -> QRectF:
        """The part of the sensor that is seen."""
        return QRectF(self._box.viewRect())

    def magnification(self) -> float:
        """Pixels of the screen for one pixel of the sensor."""
        pixels = self._graphics.width() * self._graphics.devicePixelRatioF()
        return float(pixels / max(self.visible_range().width(), 1.0))

    def follow(self, centre: QPointF, height: float) -> None:
        """Look at the same point of the scene, as far away, as another view does."""
        self._fitted = False
        ratio = self._graphics.width() / max(self._graphics.height(), 1)
        size = QPointF(height * ratio / 2, height / 2)
        self._box.setRange(QRectF(centre - size, centre + size), padding=0)

    def _by_hand(self, *_: object) -> None:
        self._fitted = False
        self.range_changed.emit(self)

    def _refit(self, *_: object) -> None:
        """Keep a fitted picture fitted while the window takes another size."""
        if self._fitted:
            self.fit()


class LiveViews(QWidget):
    """Both arms side by side; with a third view, they stand above each other and it is large beside them."""

    def __init__(self, no_model: QWidget, parent: QWidget | None = None, prompt: str = "") -> None:
        """Make the views.

        no_model
            What stands where the recovered colour will be.
        prompt
            What to do to see something.
        """
        super().__init__(parent)
        self.panels: dict[Arm, ArmPanel] = {arm: ArmPanel(self) for arm in ARMS}
        press = _empty_page(prompt or self.tr("Press L to see the cameras live."))
        self.nir = PictureView("nir", self.tr("nir · source"), press, self.panels["nir"], self)
        self.vis = PictureView("vis", self.tr("vis · target"), _empty_page(""), self.panels["vis"], self)
        self.colour = PictureView("colour", self.tr("recovered colour"), no_model, None, self)
        live = _empty_page(prompt or self.tr("Press L to see how the arms lie on each other."))
        self.overlay = PictureView("overlay", self.tr("overlay"), live, None, self)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self._third: Third | None = None
        for view in self.all:
            view.range_changed.connect(self._share)
        self._arrange()

    @property
    def all(self) -> Sequence[PictureView]:
        return self.nir, self.vis, self.colour, self.overlay

    def show_third(self, third: Third | None) -> None:
        """Show one of the third views, or none; costs nothing when it is shown."""
        if third != self._third:
            self._third = third
            self._arrange()

    def _arrange(self) -> None:
        third = self._third
        for view in self.all:
            self._grid.removeWidget(view)
        self._grid.addWidget(self.nir, 0, 0)
        self._grid.addWidget(self.vis, *((1, 0) if third else (0, 1)))
        for name, view in (("colour", self.colour), ("overlay", self.overlay)):
            if name == third:
                self._grid.addWidget(view, 0, 1, 2, 1)
            elif view.showing:
                view.clear()
            view.setVisible(name == third)
        self._grid.setRowStretch(0, 1)
        self._grid.setRowStretch(1, 1 if third else 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 2 if third else 1)

    def fit(self) -> None:
        """Show the whole pictures in every view."""
        for view in self.all:
            view.fit()

    def clear(self) -> None:
        for view in self.all:
            view.clear()
        for panel in self.panels.values():
            panel.clear()

    def _share(self, origin: PictureView) -> None:
        seen = origin.visible_range()
        for view in self.all:
            if view is not origin and view.showing:
                view.follow(seen.center(), seen.height())


def _empty_page(text: str) -> QLabel:
    page = QLabel(text)
    page.setAlignment(Qt.AlignmentFlag.AlignCenter)
    page.setWordWrap(True)
    page.setStyleSheet(f"background: {PICTURE_BACKGROUND}; color: {PAGE_TEXT}; font-size: 14px;")
    return page
