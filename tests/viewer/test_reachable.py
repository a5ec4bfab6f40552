"""Everything in the window by keyboard and for a screen reader: each page, dock and dialog is walked with Tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from apps import running
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from viewer.app import App
from viewer.options import Options

WAIT = 10_000
MOST = 200  # presses of Tab until it must have come around
NOBODY = (QAccessible.Role.NoRole, QAccessible.Role.Client, QAccessible.Role.Window, QAccessible.Role.Pane)


@pytest.fixture
def app(qtbot: QtBot) -> Iterator[App]:
    """With the demo in the transcript."""
    QAccessible.setActive(True)
    with running(Options()) as made:
        made.window.resize(1400, 900)
        made.window.start(lambda: made.live.demo(0))
        current = made.window.desk.current
        assert current is not None
        qtbot.waitUntil(lambda: current.model.length > 10, timeout=WAIT)
        yield made
    QAccessible.setActive(False)


def docks(app: App) -> None:
    for name in ("insight", "inspector"):
        app.window.actions_[name].setChecked(True)


def tab(number: int) -> Callable[[App], None]:
    def show(app: App) -> None:
        app.window.show_panel()
        app.window.panel.tabs.setCurrentIndex(number)

    return show


def form(app: App) -> None:
    tab(1)(app)
    app.window.panel.triggers.on_new()


PLACES: dict[str, Callable[[App], object]] = {
    "transcript": lambda app: None,
    "docks": docks,
    "search": lambda app: app.window.on_search(),
    "notice": lambda app: app.window.notice.say("test", "Something was done."),
    "overview": tab(0),
    "triggers": tab(1),
    "form": form,
    "audit": tab(2),
    "settings": lambda app: app.window.on_settings(),
    "shortcuts": lambda app: app.window.on_shortcuts(),
    "coverage": lambda app: app.window.on_coverage(),
    "trash": lambda app: (app.window.show_panel(), app.window.panel.overview.on_trash()),
}


def walk(app: App, place: str, qtbot: QtBot) -> None:
    top: QWidget = next((found for found in app.window.findChildren(QDialog) if found.isVisible()), app.window)
    qtbot.waitUntil(lambda: top.isActiveWindow(), timeout=WAIT)
    start = QApplication.focusWidget() or top
    met: list[QWidget] = []
    for _ in range(MOST):
        QTest.keyClick(QApplication.focusWidget() or start, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        assert now is not None
        if now in met:
            break
        met.append(now)
    wanted = [
        widget
        for widget in top.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
        and widget.window() is top and widget.focusProxy() is None
    ]  # fmt: skip
    assert [widget for widget in wanted if widget not in met] == [], place
    for widget in met:
        face = QAccessible.queryAccessibleInterface(widget)
        assert face.role() not in NOBODY, (place, widget)
        assert face.text(QAccessible.Text.Name), (place, widget, face.role())
    for view in top.findChildren(QAbstractItemView):
        if view in met and place in ("overview", "triggers", "audit"):
            before = view.grab().toImage()
            view.setFocus(Qt.FocusReason.TabFocusReason)
            assert view.grab().toImage() != before, (place, view, "where the keyboard is must be seen")
            view.clearFocus()


def test_tab_reaches_everything_and_everything_says_what_it_is(app: App, qtbot: QtBot) -> None:
    """X-09: no trap, nothing that only a mouse can reach, a name and a role for each. Nothing else takes the keyboard
    while a page is made."""
    for place, show in PLACES.items():
        show(app)
        app.qt.processEvents()
        walk(app, place, qtbot)
        for dialog in app.window.findChildren(QDialog):
            dialog.close()
        app.window.close_panel()
        app.window.close_search()
