"""The columns beside the transcript: which of them there is room for, and how wide they are. A real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from fake_live import FakeLive
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from store.live import Live
from store.settings import Settings
from viewer import docks, theme
from viewer.jobs import Jobs
from viewer.place import Places
from viewer.window import MainWindow


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    live, jobs = FakeLive(), Jobs()
    settings, places = Settings(tmp_path / "settings.toml"), Places(tmp_path / "places.json")
    made = MainWindow(cast(Live, live), settings, places, jobs, theme.make_look("light"))
    live.setParent(made)
    jobs.setParent(made)
    qtbot.addWidget(made)
    made.restore(None)
    made.show()
    yield made
    jobs.shutdown()


def columns(window: MainWindow) -> tuple[bool, bool]:
    return not window.sessions_dock.isHidden(), not window.insight_dock.isHidden()


def test_in_a_narrow_window_the_column_asked_for_last_stays(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(900, 640)
    list_, figures = window.actions_["sessions"], window.actions_["insight"]
    figures.setChecked(True)
    assert columns(window) == (False, True)
    assert not list_.isChecked()  # its sign tells what is seen
    qtbot.waitUntil(lambda: window.pane.width() >= docks.TEXT)
    list_.setChecked(True)
    assert columns(window) == (True, False)
    assert not figures.isChecked()
    list_.setChecked(False)
    assert columns(window) == (False, True)  # what made room is back
    figures.setChecked(False)
    assert columns(window) == (False, False)


def test_a_column_that_is_opened_makes_no_window_wider(window: MainWindow, qtbot: QtBot) -> None:
    """What gives way to it goes before it comes: with both, there would be no room for what the header says."""
    window.header.setMinimumWidth(440)
    window.resize(740, 640)
    list_, figures = window.actions_["sessions"], window.actions_["insight"]
    for action, shown in ((figures, (False, True)), (list_, (True, False)), (figures, (False, True))):
        action.setChecked(True)
        qtbot.waitUntil(lambda: window.pane.width() >= docks.TEXT)
        assert (columns(window), window.width()) == (shown, 740)


def test_a_wider_window_has_room_again(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["insight"].setChecked(True)
    for width, shown in ((1280, (True, True)), (900, (False, True)), (1000, (True, True)), (700, (False, True))):
        window.resize(width, 640)
        assert columns(window) == shown, width
        qtbot.waitUntil(lambda: window.pane.width() >= docks.TEXT)
    window.resize(1440, 900)
    qtbot.waitUntil(lambda: window.sessions_dock.width() == docks.WIDTHS["left"])
    assert window.insight_dock.width() == docks.WIDTHS["right"]


def test_columns_that_grew_with_the_zoom_shrink_with_it(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1900, 900)
    for zoom in (1.5, 1.0, 0.8):
        window.set_look(theme.make_look("light", zoom))
        qtbot.waitUntil(lambda zoom=zoom: window.sessions_dock.width() == round(docks.WIDTHS["left"] * zoom))


def test_what_gave_way_is_asked_for_in_the_next_start_too(window: MainWindow, tmp_path: Path) -> None:
    kept = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window.resize(900, 640)
    window.actions_["insight"].setChecked(True)
    window.remember(kept)
    window.actions_["insight"].setChecked(False)
    window.restore(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    assert columns(window) == (False, True)
    window.resize(1300, 640)
    assert columns(window) == (True, True)


def test_two_docks_share_their_column(window: MainWindow, qtbot: QtBot) -> None:
    """Qt gave all of it to the one that was there first: the other one stood outside of the window."""
    window.resize(1280, 860)
    window.actions_["insight"].setChecked(True)
    window.actions_["inspector"].setChecked(True)
    both = (window.inspector_dock, window.insight_dock)
    qtbot.waitUntil(lambda: all(window.rect().contains(dock.geometry()) and dock.height() > 200 for dock in both))
    window.actions_["insight"].setChecked(False)
    qtbot.waitUntil(lambda: window.inspector_dock.height() > 600)


def test_the_panel_needs_more_than_the_transcript(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(700, 640)
    assert columns(window) == (True, False)
    window.show_panel()
    assert columns(window) == (False, False)
    window.actions_["sessions"].setChecked(True)  # who asks for it all the same gets it
    assert columns(window) == (True, False)
    window.close_panel()
    assert columns(window) == (True, False)
    window.show_panel()
    window.close_panel()
    assert columns(window) == (True, False)
