"""The HTML reports of nirvis inside the window, as far as rich text goes: drawings and films are left to a browser."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QImage, QTextDocument
from PyQt5.QtWidgets import QTextBrowser, QWidget

PICTURE_WIDTH = 560
_PICTURE = re.compile(r'src="data:image/\w+;base64,([^"]+)"')
_LEFT_OUT = re.compile(r"<style>.*?</style>|<svg.*?</svg>|<video.*?</video>", re.DOTALL)
_STYLE = (
    "<style>h1 { font-size: 18px; } h2 { font-size: 14px; } td, th { padding-right: 14px; text-align: left; }"
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

    html = _PICTURE.sub(keep, _LEFT_OUT.sub("", path.read_text(encoding="utf-8")))
    # Rich text knows neither figures nor grids: everything stands in one column.
    html = html.replace("</figcaption>", "</figcaption><br>").replace("</b><span>", "</b> <span>")
    return ReadReport(path, html, pictures)


class ReportView(QTextBrowser):
    """Shows one report."""

    open_wanted = pyqtSignal(object)
    """Path of the report, to show it in a browser of the desktop."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self._pictures: dict[str, QImage] = {}
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._tell)

    def show_report(self, report: ReadReport) -> None:
        self.path, self._pictures = report.path, report.pictures
        link = self.tr("With all drawings in a browser: {name}").format(name=report.path.name)
        self.setHtml(f"{_STYLE}<p><a href='open'>{link}</a></p>{report.html}")

    def loadResource(self, kind: int, name: QUrl) -> object:  # noqa: N802 Qt's name
        """Pictures were read with the report; anything else is not looked for."""
        return self._pictures.get(name.toString()) if kind == QTextDocument.ResourceType.ImageResource else None

    def _tell(self, _: QUrl) -> None:
        if self.path is not None:
            self.open_wanted.emit(self.path)
