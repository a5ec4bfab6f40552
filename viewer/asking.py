"""The questions that are a dialog: what is done then cannot be brought back. Used by window."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from viewer import wording


def may_end(parent: QWidget, running: int, to: str) -> bool:
    """Ask, and say whether it was agreed to."""
    box = question(parent, running, to)
    box.exec()
    return box.buttonRole(box.clickedButton()) == QMessageBox.ButtonRole.DestructiveRole


def question(parent: QWidget, running: int, to: str) -> QMessageBox:
    """'End 2 running agents and quit?' Cancel is what Enter and Escape do."""
    box = QMessageBox(parent)
    box.setObjectName("end-agents")
    box.setWindowTitle("Playhead")
    box.setText(f"End {wording.many(running, 'running agent')} and {to}?")
    box.setInformativeText(f"What {'it is' if running == 1 else 'they are'} doing now stops in the middle.")
    box.addButton("End and " + to.split()[0], QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    return box


def may_archive(parent: QWidget, *, at_work: bool) -> bool:
    """Ask whether a session is to be closed for ever, and say whether it was agreed to."""
    box = archiving(parent, at_work=at_work)
    box.exec()
    return box.buttonRole(box.clickedButton()) == QMessageBox.ButtonRole.AcceptRole


def archiving(parent: QWidget, *, at_work: bool) -> QMessageBox:
    """'Archive this session?' Cancel is what Enter and Escape do."""
    box = QMessageBox(parent)
    box.setObjectName("archive")
    box.setWindowTitle("Playhead")
    box.setText("Archive this session?")
    works = " Its agent is at work: it goes on, but not here." if at_work else ""
    box.setInformativeText(f"This cannot be undone: nothing that is written later is added to it.{works}")
    box.addButton("Archive", QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    return box
