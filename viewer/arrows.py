"""j and k in a list: the arrows that they stand for. Apart from `lined`, which a start of the window does without."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent


def as_arrow(event: QKeyEvent) -> QKeyEvent:
    """The press of an arrow for one of J (down) or K (up), without what was held with it."""
    arrow = Qt.Key.Key_Down if event.key() == Qt.Key.Key_J else Qt.Key.Key_Up
    return QKeyEvent(QKeyEvent.Type.KeyPress, arrow, Qt.KeyboardModifier.NoModifier)
