"""The questions of the panel, each of which names what happens. Cancel is what Enter and Escape do.

A question is shown and answers by a call: nothing behind it stands still.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def ask(parent: QWidget, name: str, text: str, more: str, yes: str, agreed: Callable[[], object]) -> QMessageBox:
    """Show a question; `agreed` is called when its button `yes` is pressed, and nothing on anything else."""
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setWindowTitle("Playhead")
    box.setTextFormat(Qt.TextFormat.PlainText)  # names of threads come from senders
    box.setStyleSheet("QLabel#qt_msgbox_label, QLabel#qt_msgbox_informativelabel { min-width: 360px; }")
    box.setText(text)
    box.setInformativeText(more)
    accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda button: agreed() if button is accept else None)
    box.open()
    return box
