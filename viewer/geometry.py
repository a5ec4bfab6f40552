"""Where the window is on the screen: kept in an INI file, brought back onto a screen that is there. Used by window."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

VERSION: Final = 1  # of the docks' arrangement; another one is not restored


def restore(window: QMainWindow, kept: QSettings) -> None:
    """Size, place and docks as they were."""
    geometry, state = kept.value("window/geometry"), kept.value("window/state")
    if isinstance(geometry, QByteArray):
        window.restoreGeometry(geometry)
    if isinstance(state, QByteArray):
        window.restoreState(state, VERSION)
    come_back(window)


def remember(window: QMainWindow, kept: QSettings, session: str) -> None:
    """For the next start; `session` is the one to open then."""
    kept.setValue("window/geometry", window.saveGeometry())
    kept.setValue("window/state", window.saveState(VERSION))
    kept.setValue("window/session", session)
    kept.sync()


def come_back(window: QMainWindow) -> None:
    """Onto a screen that is there, with enough of the first line to take hold of."""
    frame = window.frameGeometry()
    for screen in QGuiApplication.screens():
        area = screen.availableGeometry()
        there = area.intersected(frame)
        if there.width() >= 120 and there.height() >= 80 and frame.top() >= area.top() - 8:
            return
    area = QGuiApplication.primaryScreen().availableGeometry()
    window.resize(window.size().boundedTo(area.size()))
    window.move(area.center() - window.rect().center())
