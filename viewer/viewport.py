"""A viewport that Python made, for every scroll area of the window that is there before the first paint.

The first time PySide6 wraps a plain QWidget that Qt made, it asks every class below QWidget whether that is what it is,
and makes all of them for the question: wizards, calendars, graphics views. That was a thirtieth of a start.
"""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QWidget


def give(area: QAbstractScrollArea) -> None:
    """Put ours in the place of the one that Qt made. Call it before anything else asks for the viewport."""
    ours = QWidget()
    ours.setObjectName("qt_scrollarea_viewport")
    ours.setBackgroundRole(QPalette.ColorRole.Base)
    ours.setAutoFillBackground(True)
    area.setViewport(ours)
