"""Questions and pages that open above the window; none of them stops the pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QMessageBox, QTextBrowser, QVBoxLayout, QWidget

from nirvis_gui.texts import tr

Closing = Literal["finish", "leave", "cancel"]


def show_page(parent: QWidget, title: str, html: str, size: tuple[int, int] = (560, 320)) -> QDialog:
    """Open a page of text beside the running window."""
    page = QDialog(parent)
    page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    page.setWindowTitle(title)
    page.resize(*size)
    text = QTextBrowser(page)
    text.setHtml(html)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, page)
    buttons.rejected.connect(page.reject)
    column = QVBoxLayout(page)
    column.addWidget(text)
    column.addWidget(buttons)
    page.show()
    return page


def ask_file(parent: QWidget, title: str, kinds: str, chosen: Callable[[str], None]) -> QFileDialog:
    """Ask for one file of certain kinds; `chosen` is called later, if at all."""
    dialog = QFileDialog(parent, title, "", kinds)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(chosen)
    dialog.open()
    return dialog


def ask_closing(parent: QWidget, answer: Callable[[Closing], None]) -> QMessageBox:
    """Ask what becomes of the clip that is being recorded; `answer` is called once, later."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("A clip is being recorded"))
    box.setText(tr("A clip is being recorded. What shall become of it?"))
    box.setInformativeText(tr("The recorder is a process of its own: it goes on without this window if you like."))
    finish = box.addButton(tr("Finish the clip and close"), QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton(tr("Keep recording in the background"), QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(finish)
    box.setEscapeButton(cancel)

    def finished() -> None:
        pressed = box.clickedButton()
        answer("finish" if pressed is finish else "leave" if pressed is leave else "cancel")

    box.finished.connect(finished)
    box.open()
    return box
