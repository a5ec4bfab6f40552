"""The one question that is a dialog: what is ended by it cannot be brought back. Used by window."""

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
