"""What the window can do, as rows: one row makes the menu entry, the key, the icon and the line of the help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PyQt5.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QAction, QMainWindow

from nirvis_gui.theme import icon

MENUS = RECORDING, RIG, COLOUR, VIEW, PAGES_MENU, HELP = (
    QT_TRANSLATE_NOOP("actions", "Recording"),
    QT_TRANSLATE_NOOP("actions", "Rig"),
    QT_TRANSLATE_NOOP("actions", "Colour"),
    QT_TRANSLATE_NOOP("actions", "View"),
    QT_TRANSLATE_NOOP("actions", "Pages"),
    QT_TRANSLATE_NOOP("actions", "Help"),
)


@dataclass(frozen=True)
class ActionRow:
    """One thing that the window can do."""

    name: str
    menu: str
    text: str
    key: str
    icon: str
    help: str
    checkable: bool = False


ROWS = (
    ActionRow(
        name="record",
        menu=RECORDING,
        text=QT_TRANSLATE_NOOP("actions", "Record"),
        key="Space",
        icon="mdi6.record-circle",
        help=QT_TRANSLATE_NOOP("actions", "Begin a clip; once more ends and certifies it."),
    ),
    ActionRow(
        name="live",
        menu=RECORDING,
        text=QT_TRANSLATE_NOOP("actions", "Live"),
        key="L",
        icon="mdi6.video",
        help=QT_TRANSLATE_NOOP("actions", "Arm the cameras and see them; once more lets them go."),
        checkable=True,
    ),
    ActionRow(
        name="verify",
        menu=RECORDING,
        text=QT_TRANSLATE_NOOP("actions", "Verify the last clip"),
        key="Ctrl+Y",
        icon="mdi6.shield-check-outline",
        help=QT_TRANSLATE_NOOP("actions", "Prove the last clip again from its file."),
    ),
    ActionRow(
        name="open_folder",
        menu=RECORDING,
        text=QT_TRANSLATE_NOOP("actions", "Open the folder of the last clip"),
        key="Ctrl+E",
        icon="mdi6.folder-outline",
        help=QT_TRANSLATE_NOOP("actions", "Show the last clip in the file manager."),
    ),
    ActionRow(
        name="open_profile",
        menu=RIG,
        text=QT_TRANSLATE_NOOP("actions", "Open a hardware profile…"),
        key="Ctrl+P",
        icon="mdi6.file-cog-outline",
        help=QT_TRANSLATE_NOOP("actions", "Use another rig; possible while nothing is armed."),
    ),
    ActionRow(
        name="filters",
        menu=RIG,
        text=QT_TRANSLATE_NOOP("actions", "The filters are in place"),
        key="Ctrl+I",
        icon="mdi6.camera-iris",
        help=QT_TRANSLATE_NOOP("actions", "Say that the filters were changed by hand, as the reminder asks."),
    ),
    ActionRow(
        name="open_model",
        menu=COLOUR,
        text=QT_TRANSLATE_NOOP("actions", "Open a model…"),
        key="Ctrl+O",
        icon="mdi6.folder-open-outline",
        help=QT_TRANSLATE_NOOP("actions", "Choose the exported model that recovers the colour."),
    ),
    ActionRow(
        name="colour",
        menu=COLOUR,
        text=QT_TRANSLATE_NOOP("actions", "Recovered colour"),
        key="C",
        icon="mdi6.palette",
        help=QT_TRANSLATE_NOOP("actions", "Show what the model makes of the nir arm."),
        checkable=True,
    ),
    ActionRow(
        name="overlay",
        menu=VIEW,
        text=QT_TRANSLATE_NOOP("actions", "Overlay"),
        key="O",
        icon="mdi6.vector-intersection",
        help=QT_TRANSLATE_NOOP("actions", "Show both arms on each other, and by how many pixels they disagree."),
        checkable=True,
    ),
    ActionRow(
        name="next_overlay",
        menu=VIEW,
        text=QT_TRANSLATE_NOOP("actions", "Next kind of overlay"),
        key="Shift+O",
        icon="mdi6.rotate-right",
        help=QT_TRANSLATE_NOOP("actions", "Edges, checkerboard, flicker, difference, and again."),
    ),
    ActionRow(
        name="peaking",
        menu=VIEW,
        text=QT_TRANSLATE_NOOP("actions", "Focus peaking"),
        key="P",
        icon="mdi6.image-filter-center-focus",
        help=QT_TRANSLATE_NOOP("actions", "Paint what is sharp in yellow: turn the lens until there is most of it."),
        checkable=True,
    ),
    ActionRow(
        name="fit",
        menu=VIEW,
        text=QT_TRANSLATE_NOOP("actions", "Fit the pictures"),
        key="F",
        icon="mdi6.fit-to-page-outline",
        help=QT_TRANSLATE_NOOP("actions", "Show the whole pictures again."),
    ),
    ActionRow(
        name="theme",
        menu=VIEW,
        text=QT_TRANSLATE_NOOP("actions", "Light or dark"),
        key="Ctrl+D",
        icon="mdi6.theme-light-dark",
        help=QT_TRANSLATE_NOOP("actions", "Change between light and dark."),
    ),
    ActionRow(
        name="page_live",
        menu=PAGES_MENU,
        text=QT_TRANSLATE_NOOP("actions", "Live"),
        key="Ctrl+1",
        icon="mdi6.video-outline",
        help=QT_TRANSLATE_NOOP("actions", "The cameras, and what is recorded."),
    ),
    ActionRow(
        name="page_clips",
        menu=PAGES_MENU,
        text=QT_TRANSLATE_NOOP("actions", "Clips"),
        key="Ctrl+2",
        icon="mdi6.filmstrip",
        help=QT_TRANSLATE_NOOP("actions", "Play, verify, rescue, register and export what was recorded."),
    ),
    ActionRow(
        name="page_training",
        menu=PAGES_MENU,
        text=QT_TRANSLATE_NOOP("actions", "Training"),
        key="Ctrl+3",
        icon="mdi6.chart-line",
        help=QT_TRANSLATE_NOOP("actions", "Start or open a training run, and see how it goes."),
    ),
    ActionRow(
        name="page_profile",
        menu=PAGES_MENU,
        text=QT_TRANSLATE_NOOP("actions", "Rig"),
        key="Ctrl+4",
        icon="mdi6.tune-vertical",
        help=QT_TRANSLATE_NOOP("actions", "Every setting of the hardware profile."),
    ),
    ActionRow(
        name="page_checks",
        menu=PAGES_MENU,
        text=QT_TRANSLATE_NOOP("actions", "Checks"),
        key="Ctrl+5",
        icon="mdi6.clipboard-check-outline",
        help=QT_TRANSLATE_NOOP("actions", "Is everything ready? Machine, trigger, and seconds of true line rate."),
    ),
    ActionRow(
        name="messages",
        menu=HELP,
        text=QT_TRANSLATE_NOOP("actions", "Earlier messages"),
        key="Ctrl+M",
        icon="mdi6.message-text-outline",
        help=QT_TRANSLATE_NOOP("actions", "Read again what the window said."),
    ),
    ActionRow(
        name="help",
        menu=HELP,
        text=QT_TRANSLATE_NOOP("actions", "Keys"),
        key="F1",
        icon="mdi6.keyboard-outline",
        help=QT_TRANSLATE_NOOP("actions", "This list."),
    ),
    ActionRow(
        name="quit",
        menu=HELP,
        text=QT_TRANSLATE_NOOP("actions", "Quit"),
        key="Ctrl+Q",
        icon="mdi6.exit-to-app",
        help=QT_TRANSLATE_NOOP("actions", "Close the window; asks while a clip is recorded."),
    ),
)
PAGES = ("live", "clips", "training", "profile", "checks")


def tr(text: str) -> str:
    """A text of a row."""
    return QCoreApplication.translate("actions", text)


def make_actions(window: QMainWindow) -> dict[str, QAction]:
    """An action for every row, with its menu; whoever calls connects them."""
    bar = window.menuBar()
    menus = {name: bar.addMenu(tr(name)) for name in MENUS} if bar else {}
    actions = {}
    for row in ROWS:
        action = QAction(tr(row.text), window)
        action.setShortcut(QKeySequence(row.key))
        action.setCheckable(row.checkable)
        action.setToolTip(f"{tr(row.help)} ({row.key})")
        menu = menus.get(row.menu)
        if menu is not None:
            menu.addAction(action)
        actions[row.name] = action
    set_icons(actions)
    return actions


def set_icons(actions: Mapping[str, QAction]) -> None:
    """Draw the icons in the colour of the text; again after the theme changed."""
    for row in ROWS:
        actions[row.name].setIcon(icon(row.icon))


def help_html(rows: Iterable[ActionRow] = ROWS) -> str:
    """Every key and what it does, as a table."""
    lines = "".join(f"<tr><td><b>{row.key}</b></td><td>{tr(row.text)}</td><td>{tr(row.help)}</td></tr>" for row in rows)
    mouse = QCoreApplication.translate(
        "actions", "Wheel zooms and dragging moves all pictures at once. Esc leaves a text field."
    )
    return f"<table cellpadding='3' cellspacing='3'>{lines}</table><p>{mouse}</p>"
