"""Everything that the window says can be translated: what is written in the sources, and what is really shown."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PyQt5.QtCore import QCoreApplication, QTranslator
from PyQt5.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QSpinBox,
    QTabBar,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

import nirvis_gui
from nirvis_capture.profile import Profile
from nirvis_gui.actions import help_html
from nirvis_gui.camera_health import readings
from nirvis_gui.field_editor import FieldEditor
from nirvis_gui.main_window import MainWindow
from nirvis_gui.session import Session
from nirvis_gui.status import explanation_html

LIMIT_MS = 30_000
SOURCES = sorted(Path(nirvis_gui.__file__).parent.glob("*.py"))
SAID = re.compile(r"[A-Za-z]{3,}[,:;.!?…]*\s+[A-Za-z]{2,}")
"""More than one word."""
SAME = (
    re.compile(r"⟦.*?⟧", re.DOTALL),
    re.compile(r"<[^>]*>|&\w+;"),
    re.compile(
        r"\S*[./_]\S*|nirvis|nir|vis\b|VNIR|NIR|\w+-pass|\w+-cut|(Ctrl|Shift)\+\w+|Space|Esc|\w+ \(\d+–\d+ nm\)"
    ),
)
"""What is translated, tags, and what is the same in every language."""
NOT_SHOWN = {"setStyleSheet", "compile", "error", "warning", "info", "setObjectName"}
TRANSLATED = {"tr", "translate", "QT_TRANSLATE_NOOP"}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _values(tree: ast.AST) -> set[str]:
    """What programs exchange: entries of ``Literal``."""
    literals = [n for n in ast.walk(tree) if isinstance(n, ast.Subscript) and getattr(n.value, "id", "") == "Literal"]
    return {str(inner.value) for node in literals for inner in ast.walk(node) if isinstance(inner, ast.Constant)}


def _silent(node: ast.AST) -> bool:
    """Docstrings, styles, logs, and what is translated already."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return any(getattr(target, "id", "").lower().endswith("style") for target in node.targets)
    return isinstance(node, ast.Call) and _name(node) in NOT_SHOWN | TRANSLATED


def test_no_sentence_in_the_sources_is_left_untranslated() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    values = set().union(*(_values(tree) for tree in trees.values()))
    found = []
    for path, tree in trees.items():
        silent = {id(inner) for node in ast.walk(tree) if _silent(node) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                said = re.sub(r"<[^>]*>?", " ", node.value)
                if SAID.search(said) and node.value not in values:
                    found.append(f"{path.name}:{node.lineno} {node.value}")
    assert found == []


class Marking(QTranslator):
    """Puts brackets around every text that a translator would have been given, and leaves others alone."""

    def __init__(self, texts: set[tuple[str, str]]) -> None:
        super().__init__()
        self._texts = texts

    def isEmpty(self) -> bool:  # noqa: N802 Qt's name
        return False

    def translate(
        self,
        context: str | None,
        source: str | None,
        disambiguation: str | None = None,
        n: int = -1,
    ) -> str | None:
        # An empty text would be a translation, too.
        return f"⟦{source}⟧" if (context or "", source or "") in self._texts else None


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Marking:
    """What Qt's own tool for translators finds in the sources."""
    file = tmp_path_factory.mktemp("texts") / "nirvis.ts"
    command = [sys.executable, "-W", "ignore", "-m", "PyQt5.pylupdate_main", *map(str, SOURCES), "-ts", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    found = ElementTree.parse(file).getroot().findall("context")
    return Marking(
        {
            (context.findtext("name", ""), message.findtext("source", ""))
            for context in found
            for message in context.findall("message")
        }
    )


@pytest.fixture
def translated(qtbot: QtBot, marking: Marking, profile: Profile, profile_path: Path) -> Iterator[MainWindow]:
    """The window in a language of its own."""
    assert QCoreApplication.installTranslator(marking)
    made = MainWindow(Session())
    made.start(str(profile_path), profile)
    made.show()
    qtbot.waitUntil(lambda: made.session.state == "idle" and not made.session.doing, timeout=LIMIT_MS)
    yield made
    made.leave()
    qtbot.waitUntil(lambda: not made.session.threads, timeout=LIMIT_MS)
    QCoreApplication.removeTranslator(marking)
    made.deleteLater()


def texts_of(widget: QWidget) -> Iterator[str]:
    """What a person reads at a widget."""
    if isinstance(widget, QLabel | QAbstractButton):
        yield widget.text()
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        yield widget.placeholderText()
    if isinstance(widget, QGroupBox | QMenu):
        yield widget.title()
    if isinstance(widget, QSpinBox):
        yield from (widget.specialValueText(), widget.suffix())
    if isinstance(widget, QTabBar):
        yield from (widget.tabText(index) for index in range(widget.count()))
    if isinstance(widget, QTableView) and (model := widget.model()) is not None:
        yield from (str(model.headerData(column, 1)) for column in range(model.columnCount()))
    yield widget.toolTip()


def unmarked(texts: Iterator[str] | list[str]) -> list[str]:
    """Those with words that no translator was asked for; arms, units and names of files are the same everywhere."""
    left = {text: text for text in texts}
    for pattern in SAME:
        left = {text: pattern.sub(" ", rest) for text, rest in left.items()}
    return sorted(text for text, rest in left.items() if re.search(r"[A-Za-z]{4,}", rest))


def test_every_page_speaks_the_language_of_the_translator(qtbot: QtBot, translated: MainWindow) -> None:
    window = translated
    for index in range(window.pages.count()):
        window.tabs.setCurrentIndex(index)
        qtbot.wait(1)
    # Settings are called as in the file of the profile, and what they are is said by its model.
    named_by_the_file = {
        w for editor in window.findChildren(FieldEditor) for w in (editor, *editor.findChildren(QWidget))
    }
    tabs = window.profile.tabs.tabBar()
    widgets = [w for w in window.findChildren(QWidget) if w not in named_by_the_file and w is not tabs]
    shown = [text for widget in widgets if not isinstance(widget, QComboBox) for text in texts_of(widget)]
    shown += [text for action in window.actions_.values() for text in (action.text(), action.toolTip())]
    assert sum("⟦" in text for text in shown) > 100
    assert unmarked(shown) == []


def test_pages_behind_the_strip_and_the_help_are_translated(translated: MainWindow) -> None:
    pages = [explanation_html(reading) for reading in readings(None)]
    assert unmarked([*pages, help_html()]) == []
