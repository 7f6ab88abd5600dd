"""The HTML reports of nirvis inside the window, as far as rich text goes: films are left to a browser."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QImage, QPainter, QTextDocument, QTextOption
from PyQt5.QtSvg import QSvgRenderer
from PyQt5.QtWidgets import QTextBrowser, QWidget

from nirvis_capture.clip_layout import SUFFIX

PICTURE_WIDTH = 560
_PICTURE = re.compile(r'src="data:image/\w+;base64,([^"]+)"')
_DRAWING = re.compile(r"<svg.*?</svg>", re.DOTALL)
_CURVE_STYLE = "fill: none; stroke: #4f9dd9; stroke-width: 2"
_LABEL_STYLE = "fill: gray; font-size: 12px"
_CLIP_NAME = re.compile(rf"<td>([^<]*){re.escape(SUFFIX)}</td>")
_LEFT_OUT = re.compile(r"<style>.*?</style>|<video.*?</video>", re.DOTALL)
_STYLE = (
    "<style>h1 { font-size: 18px; } h2 { font-size: 14px; } td, th { padding-right: 6px; text-align: left; }"
    " span, figcaption { color: gray; }</style>"
)


@dataclass(frozen=True, eq=False)
class ReadReport:
    """A report as it was read from its file."""

    path: Path
    html: str
    pictures: dict[str, QImage]
    """By the name that they have in `html`."""


def read_report(path: Path) -> ReadReport:
    """Read a report and its pictures; for a thread that may wait. Raises `OSError`."""
    pictures: dict[str, QImage] = {}

    def keep(found: re.Match[str]) -> str:
        name, image = f"picture{len(pictures)}", QImage.fromData(base64.b64decode(found[1]))
        if image.width() > PICTURE_WIDTH:
            image = image.scaledToWidth(PICTURE_WIDTH, Qt.TransformationMode.SmoothTransformation)
        pictures[name] = image
        return f'src="{name}"'

    def draw(found: re.Match[str]) -> str:
        name = f"drawing{len(pictures)}"
        pictures[name] = _drawn(found[0])
        return f'<p><img src="{name}" width="{PICTURE_WIDTH}"></p>'

    html = _LEFT_OUT.sub("", path.read_text(encoding="utf-8"))
    html = _DRAWING.sub(draw, _PICTURE.sub(keep, html))
    # Rich text knows neither figures nor grids: everything stands in one column.
    html = html.replace("</figcaption>", "</figcaption><br>").replace("</b><span>", "</b> <span>")
    # Names of clips stay in one line without what all of them end with.
    html = _CLIP_NAME.sub(r"<td style='white-space: nowrap'>\1</td>", html)
    return ReadReport(path, html, pictures)


def _drawn(svg: str) -> QImage:
    """A curve of `nirvis_capture.report` in colours that can be seen on light and dark pages."""
    styled = svg.replace('class="curve"', f'style="{_CURVE_STYLE}"').replace("<text ", f'<text style="{_LABEL_STYLE}" ')
    renderer = QSvgRenderer(styled.encode())
    image = QImage(renderer.viewBox().size(), QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    return image


class ReportView(QTextBrowser):
    """Shows one report."""

    open_wanted = pyqtSignal(object)
    """Path of the report, to show it in a browser of the desktop."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self._pictures: dict[str, QImage] = {}
        self.setOpenLinks(False)
        self.setWordWrapMode(QTextOption.WrapMode.WordWrap)
        self.anchorClicked.connect(self._tell)

    def show_report(self, report: ReadReport) -> None:
        self.path, self._pictures = report.path, report.pictures
        link = self.tr("As a page in the browser: {name}").format(name=report.path.name)
        self.setHtml(f"{_STYLE}<p><a href='open'>{link}</a></p>{report.html}")

    def loadResource(self, kind: int, name: QUrl) -> object:  # noqa: N802 Qt's name
        """Pictures were read with the report; anything else is not looked for."""
        return self._pictures.get(name.toString()) if kind == QTextDocument.ResourceType.ImageResource else None

    def _tell(self, _: QUrl) -> None:
        if self.path is not None:
            self.open_wanted.emit(self.path)
