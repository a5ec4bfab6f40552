"""The settings dialog: every declared setting has a field, Apply writes once, nothing else does. And the jobs pool."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QPlainTextEdit, QSpinBox
from pytestqt.qtbot import QtBot

from store import settings as st
from store.settings import Settings
from viewer import theme
from viewer.jobs import Jobs
from viewer.settings_dialog import GROUPS, SettingsDialog


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.toml")


@pytest.fixture
def dialog(qtbot: QtBot, settings: Settings) -> SettingsDialog:
    made = SettingsDialog(settings, theme.make_look("light"))
    qtbot.addWidget(made)
    made.show()
    return made


def test_every_setting_has_a_field_with_a_name(dialog: SettingsDialog, settings: Settings) -> None:
    panel = {setting.name for setting in st.DECLARED if setting.name.startswith(("threads.", "receiver.", "runs."))}
    assert set(dialog.fields) == {setting.name for setting in st.DECLARED} - panel
    for name, field in dialog.fields.items():
        assert field.widget.isVisible(), name
        assert field.widget.accessibleName() == field.setting.title
        assert name.partition(".")[0] in GROUPS
        assert field.read() == settings[field.setting]


def test_apply_writes_once_and_typing_never(
    dialog: SettingsDialog, settings: Settings, qtbot: QtBot, tmp_path: Path
) -> None:
    """P-10: the toggles change what is in force, at once and by keyboard."""
    told: list[str] = []
    settings.watch(lambda setting: told.append(setting.name))
    theme_box, lines = dialog.fields["look.theme"].widget, dialog.fields["timeline.row_lines"].widget
    roots = dialog.fields["sessions.roots"].widget
    assert isinstance(theme_box, QComboBox)
    assert isinstance(lines, QSpinBox)
    assert isinstance(roots, QPlainTextEdit)
    assert not dialog.apply_button.isEnabled()
    theme_box.setCurrentText("Dark")
    lines.setValue(60)
    roots.setPlainText(" /a \n\n/b c")
    qtbot.keyClick(dialog.fields["timeline.follow"].widget, Qt.Key.Key_Space)
    assert not settings.path.exists()
    assert told == []
    qtbot.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    assert sorted(told) == ["look.theme", "sessions.roots", "timeline.follow", "timeline.row_lines"]
    again = Settings(settings.path)
    assert (again[st.THEME], again[st.ROW_LINES], again[st.FOLLOW]) == ("dark", 60, False)
    assert again[st.ROOTS] == ("/a", "/b c")
    assert not dialog.apply_button.isEnabled()


def test_what_another_window_sets_is_shown_and_not_put_back(dialog: SettingsDialog, settings: Settings) -> None:
    """Apply writes what was typed here, and nothing else."""
    zoom, lines = dialog.fields["look.zoom"], dialog.fields["timeline.row_lines"]
    lines.write(60)
    settings.take({st.THEME.name: "dark", st.ZOOM.name: 1.5, st.ROW_LINES.name: 70}, settings.writes)
    assert (dialog.fields["look.theme"].read(), zoom.read(), lines.read()) == ("dark", 1.5, 60)
    dialog.apply_button.click()
    again = Settings(settings.path)
    assert again[st.ROW_LINES] == 60
    lines.write(80)
    dialog.revert_button.click()
    assert (lines.read(), settings[st.THEME], settings[st.ZOOM]) == (60, "dark", 1.5)


def test_revert_and_close_throw_away(dialog: SettingsDialog, settings: Settings, qtbot: QtBot) -> None:
    zoom = dialog.fields["look.zoom"].widget
    assert isinstance(zoom, QDoubleSpinBox)
    zoom.setValue(2.0)
    qtbot.mouseClick(dialog.revert_button, Qt.MouseButton.LeftButton)
    assert zoom.value() == 1.0
    zoom.setValue(2.0)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert settings[st.ZOOM] == 1.0
    assert not settings.path.exists()


def test_what_is_wrong_is_said_at_its_field(dialog: SettingsDialog, settings: Settings, qtbot: QtBot) -> None:
    field = dialog.fields["look.zoom"]
    assert isinstance(field.widget, QDoubleSpinBox)
    field.widget.setRange(0, 100)
    field.widget.setValue(50)
    qtbot.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    assert field.error.isVisible()
    assert field.error.text() == "Zoom: at most 2.5."
    assert settings[st.ZOOM] == 1.0


def test_a_disk_that_refuses_is_said(dialog: SettingsDialog, settings: Settings, qtbot: QtBot) -> None:
    settings.path.mkdir()
    widget = dialog.fields["timeline.row_lines"].widget
    assert isinstance(widget, QSpinBox)
    widget.setValue(50)
    qtbot.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    assert dialog.error.isVisible()
    assert settings[st.ROW_LINES] == 40


# ---- jobs


def test_work_is_done_elsewhere_and_answered_here(qtbot: QtBot) -> None:
    jobs = Jobs()
    answers: list[tuple[object, int]] = []
    jobs.run(threading.get_ident, lambda ident: answers.append((ident, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(answers))
    worker, here = answers[0]
    assert here == threading.get_ident() != worker
    jobs.shutdown()


def test_failures_reach_who_asked_or_everybody(qtbot: QtBot) -> None:
    jobs = Jobs()
    mine: list[Exception] = []
    jobs.run(lambda: [][0], lambda _: None, mine.append)  # type: ignore[misc]
    qtbot.waitUntil(lambda: bool(mine))
    assert isinstance(mine[0], IndexError)
    with qtbot.waitSignal(jobs.failed) as told:
        jobs.run(lambda: 1 // 0, lambda _: None)
    assert isinstance(told.args[0], ZeroDivisionError)
    jobs.shutdown()


def test_a_cancelled_answer_stays_away(qtbot: QtBot) -> None:
    jobs = Jobs()
    go = threading.Event()
    answers: list[str] = []
    job = jobs.run(lambda: go.wait(10), lambda _: answers.append("cancelled"))
    job.cancel()
    go.set()
    jobs.run(lambda: None, lambda _: answers.append("other"))
    qtbot.waitUntil(lambda: answers == ["other"])
    jobs.shutdown()


def test_no_thread_without_work(qtbot: QtBot) -> None:
    before = threading.active_count()
    jobs = Jobs()
    assert threading.active_count() == before
    jobs.shutdown()


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_the_buttons_stay_on_the_screen_at_any_zoom(qtbot: QtBot, settings: Settings, zoom: float) -> None:
    look = theme.make_look("light", zoom)
    made = SettingsDialog(settings, look)
    qtbot.addWidget(made)
    made.show()
    assert made.height() <= made.screen().availableGeometry().height()
    bottom = made.apply_button.mapTo(made, made.apply_button.rect().bottomLeft()).y()
    assert bottom < made.height()
    field = made.fields["window.restore"].widget  # the last ones are scrolled to, also by Tab
    made.fields["look.theme"].widget.setFocus()
    made.area.ensureWidgetVisible(field)
    assert made.area.viewport().rect().intersects(field.rect().translated(field.mapTo(made.area.viewport(), QPoint())))
