"""The questions of the panel, each of which names what happens. Cancel is what Enter and Escape do.

A question is shown and answers by a call: nothing behind it stands still.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from viewer import asking


def ask(parent: QWidget, name: str, text: str, more: str, yes: str, agreed: Callable[[], object]) -> QMessageBox:
    """Show a question; `agreed` is called when its button `yes` is pressed, and nothing on anything else."""
    box, accept = asking.made(parent, name, text, more, yes)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda button: agreed() if button is accept else None)
    box.open()
    return box
