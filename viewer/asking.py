"""The questions that are a dialog: what is done then cannot be brought back. Used by window and panel."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from viewer import wording

# Without it Qt makes the sentence as narrow as the question above it.
_WIDE: Final = "QLabel#qt_msgbox_label, QLabel#qt_msgbox_informativelabel { min-width: 360px; }"


def made(parent: QWidget, name: str, text: str, more: str, yes: str) -> tuple[QMessageBox, QPushButton]:
    """A question that was not shown yet, and its button `yes`. Cancel is what Enter and Escape do."""
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setWindowTitle("Playhead")
    box.setTextFormat(Qt.TextFormat.PlainText)  # names of threads come from senders
    box.setStyleSheet(_WIDE)
    box.setText(text)
    box.setInformativeText(more)
    accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    return box, accept


def _agreed(box: QMessageBox) -> bool:
    box.exec()
    return box.buttonRole(box.clickedButton()) == QMessageBox.ButtonRole.AcceptRole


def may_end(parent: QWidget, running: int, to: str) -> bool:
    """Ask, and say whether it was agreed to."""
    return _agreed(question(parent, running, to))


def question(parent: QWidget, running: int, to: str) -> QMessageBox:
    """'End 2 running agents and quit?'"""
    text = f"End {wording.many(running, 'running agent')} and {to}?"
    more = f"What {'it is' if running == 1 else 'they are'} doing now stops in the middle."
    return made(parent, "end-agents", text, more, "End and " + to.split()[0])[0]


def may_archive(parent: QWidget, *, at_work: bool) -> bool:
    """Ask whether a session is to be closed for ever, and say whether it was agreed to."""
    return _agreed(archiving(parent, at_work=at_work))


def archiving(parent: QWidget, *, at_work: bool) -> QMessageBox:
    """'Archive this session?'"""
    works = " Its agent is at work: it goes on, but not here." if at_work else ""
    more = f"This cannot be undone: nothing that is written later is added to it.{works}"
    return made(parent, "archive", "Archive this session?", more, "Archive")[0]
