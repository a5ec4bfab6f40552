"""Dialogs that are open while the look changes: by the system in the evening, by another window, by the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from apps import running
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from store import settings as st
from viewer.app import App
from viewer.options import Options
from viewer.shortcuts import ShortcutSheet


@pytest.fixture
def app() -> Iterator[App]:
    with running(Options()) as made:
        made.settings.put({st.THEME.name: "light"})
        yield made


DIALOGS: dict[str, Callable[[App], object]] = {
    "settings": lambda app: app.window.on_settings(),
    "shortcuts": lambda app: app.window.on_shortcuts(),
    "coverage": lambda app: app.window.on_coverage(),
    "trash": lambda app: (app.window.show_panel(), app.window.panel.overview.on_trash()),
}


def picture(app: App, name: str, qtbot: QtBot, *, then: str = "") -> QImage:
    """Of a dialog that was just opened; `then`: after the theme has changed under it."""
    DIALOGS[name](app)
    (dialog,) = [found for found in app.window.findChildren(QDialog) if found.isVisible()]
    if name == "trash":
        qtbot.waitUntil(lambda: dialog.sum.text() != "Looking…")  # type: ignore[attr-defined]
    if then:
        app.settings.put({st.THEME.name: then})
    dialog.setFocus()
    app.qt.processEvents()  # what was made is laid out
    found = dialog.grab().toImage()
    dialog.close()
    qtbot.waitUntil(lambda: not any(found.isVisible() for found in app.window.findChildren(QDialog)))
    return found


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_follows_another_theme_to_the_pixel(app: App, name: str, qtbot: QtBot) -> None:
    """As if it had been opened then. What is not told of it would be dark letters on a dark ground."""
    light = picture(app, name, qtbot)
    followed = picture(app, name, qtbot, then="dark")
    made = picture(app, name, qtbot)
    assert light != made
    assert followed == made


def test_the_sheet_of_keys_fits_its_screen_and_is_scrolled_by_keys(app: App, qtbot: QtBot) -> None:
    app.window.on_shortcuts()
    (sheet,) = app.window.findChildren(ShortcutSheet)
    app.qt.processEvents()
    bar = sheet.area.verticalScrollBar()
    assert sheet.height() < sheet.screen().availableGeometry().height()
    assert bar.maximum() == max(0, sheet.area.inside.height() - sheet.area.viewport().height())
    qtbot.keyClick(sheet, Qt.Key.Key_End)
    assert bar.value() == bar.maximum()
