"""How the window looks: light and dark palettes of the Fusion style, colours of the states, icons without a network."""

from __future__ import annotations

import qtawesome
from PyQt5.QtGui import QColor, QIcon, QPalette
from PyQt5.QtWidgets import QApplication

from nirvis_gui.health import Level
from nirvis_gui.preferences import Theme

# Okabe and Ito's colours, which stay apart for colour-blind eyes; each level has an icon and a word besides.
LEVEL_COLOURS = {
    Level.UNKNOWN: "#8b929c",
    Level.PROVEN: "#009e73",
    Level.MARGIN: "#e69f00",
    Level.LOSS: "#d55e00",
}
LEVEL_ICONS = {
    Level.UNKNOWN: "mdi6.help-circle-outline",
    Level.PROVEN: "mdi6.check-circle",
    Level.MARGIN: "mdi6.alert",
    Level.LOSS: "mdi6.close-octagon",
}
RECORD_COLOUR = "#c8372d"
ARM_COLOURS = {"nir": "#b56576", "vis": "#4f9dd9", "colour": "#3fae8a", "overlay": "#c9a227"}
PICTURE_BACKGROUND = "#101214"
PAGE_TEXT = "#a8afb8"

_DARK = {
    QPalette.Window: "#22262b",
    QPalette.WindowText: "#e4e7ea",
    QPalette.Base: "#191c20",
    QPalette.AlternateBase: "#262b31",
    QPalette.Text: "#e4e7ea",
    QPalette.Button: "#2d333a",
    QPalette.ButtonText: "#e4e7ea",
    QPalette.BrightText: "#ffffff",
    QPalette.ToolTipBase: "#2d333a",
    QPalette.ToolTipText: "#e4e7ea",
    QPalette.Link: "#62b0e8",
    QPalette.Highlight: "#2f7fb8",
    QPalette.HighlightedText: "#ffffff",
    QPalette.PlaceholderText: "#8b929c",
    QPalette.Mid: "#3a414a",
}
_LIGHT = {
    QPalette.Window: "#eef0f2",
    QPalette.WindowText: "#1d2126",
    QPalette.Base: "#ffffff",
    QPalette.AlternateBase: "#f4f5f7",
    QPalette.Text: "#1d2126",
    QPalette.Button: "#e2e5e9",
    QPalette.ButtonText: "#1d2126",
    QPalette.BrightText: "#000000",
    QPalette.ToolTipBase: "#ffffff",
    QPalette.ToolTipText: "#1d2126",
    QPalette.Link: "#1668a8",
    QPalette.Highlight: "#2f7fb8",
    QPalette.HighlightedText: "#ffffff",
    QPalette.PlaceholderText: "#646b74",
    QPalette.Mid: "#c3c8ce",
}
_DISABLED = {"dark": "#6d747d", "light": "#9aa1a9"}


def palette(theme: Theme) -> QPalette:
    """Every role of the palette, with a text of its own for what is disabled."""
    made = QPalette()
    for role, colour in (_DARK if theme == "dark" else _LIGHT).items():
        made.setColor(role, QColor(colour))
    for role in (QPalette.WindowText, QPalette.Text, QPalette.ButtonText):
        made.setColor(QPalette.Disabled, role, QColor(_DISABLED[theme]))
    return made


def apply(application: QApplication, theme: Theme) -> None:
    application.setStyle("Fusion")
    application.setPalette(palette(theme))
    # A widget with a style sheet, and what is inside it, keeps the colours that it was made with.
    for widget in application.allWidgets():
        if sheet := widget.styleSheet():
            widget.setStyleSheet("")
            widget.setStyleSheet(sheet)


def icon(name: str, colour: str | None = None) -> QIcon:
    """An icon of the fonts that qtawesome carries; in the colour of the text when none is given, or when selected."""
    palette_now = QApplication.palette()
    usual, selected = colour or palette_now.color(QPalette.WindowText), palette_now.color(QPalette.HighlightedText)
    return QIcon(qtawesome.icon(name, color=usual, color_selected=selected))
