"""The threads card: real threads of a real database, its buttons pressed, what it says and what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from panel_kit import LEFT, Panel, run, thread, trigger
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from store import audit
from store import settings as st
from store.paths import data_dir
from store.settings import Settings
from viewer import theme
from viewer.panel import words
from viewer.panel.threads_model import (
    ACTION,
    AGE,
    LAST,
    SAVED,
    SESSION,
    STATE,
    STOP,
    THREAD,
    TRIGGER,
    TURNS,
    ThreadRole,
    ThreadsModel,
)
from viewer.wording import DAY, HOUR, MINUTE, SECOND


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """With four threads of a trigger, one of them stale and one in use."""
    path = data_dir() / "playhead.db"
    number = trigger(path, tmp_path).id
    thread(path, number, "github:acme/atlas:pr:12", 0.001)
    thread(path, number, "github:acme/atlas:pr:9", 0.1, turns=41)
    thread(path, number, "linear:issue:77aa", 9, last_outcome="timeout")
    thread(path, number, "linear:issue:9f31", 30, state="running", holder="serve-nobody|1")
    return path


@pytest.fixture
def panel(qtbot: QtBot, db: Path, tmp_path: Path) -> Iterator[Panel]:
    made = Panel(qtbot, db, Settings(tmp_path / "settings.toml"))
    made.open()
    yield made
    made.jobs.shutdown()


def test_what_the_table_shows(panel: Panel) -> None:
    """003-55, 003-42, 003-64, X-09: first 12 characters of the id, whole in the tip; stale in words, sign and shade."""
    order = panel.cards.order
    assert panel.keys() == [
        "github:acme/atlas:pr:12", "github:acme/atlas:pr:9", "linear:issue:77aa", "linear:issue:9f31"
    ]  # fmt: skip
    session = order.index(1, SESSION)
    assert session.data() == "github:acme/"
    assert "github:acme/atlas:pr:9-0000-4000-8000-00000000" in session.data(Qt.ItemDataRole.ToolTipRole)
    states = [order.index(row, STATE) for row in range(4)]
    assert [state.data() for state in states] == ["idle", "idle", "stale", "running"]
    assert [order.index(row, AGE).data() for row in range(4)] == ["1 min", "2 h", "9 d", "30 d"]
    shades = [order.index(row, 1).data(Qt.ItemDataRole.ForegroundRole).name() for row in range(4)]
    look = theme.make_look("light")
    faint, main = look.colour("text.faint").name(), look.colour("text.main").name()
    assert shades == [main, main, faint, main]
    assert all(not state.data(Qt.ItemDataRole.DecorationRole).isNull() for state in states)
    assert panel.cards.count.text() == "4 threads · 4 with a session"
    assert panel.cards.cleanup_button.text() == "Clean up 1 stale…"


def test_sort_filter_and_refresh_keep_what_is_chosen(panel: Panel, db: Path, tmp_path: Path) -> None:
    """003-56: the order by turns and the chosen row are the same after a refresh that brings another thread."""
    QAbstractItemModelTester(panel.cards.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    QAbstractItemModelTester(panel.cards.order, QAbstractItemModelTester.FailureReportingMode.Fatal)
    view = panel.cards.view
    view.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    assert panel.keys()[0] == "github:acme/atlas:pr:9"
    chosen = panel.threads()["linear:issue:77aa"]
    view.select_thread(chosen.id)
    thread(db, chosen.trigger_id, "github:acme/new:pr:1", 0, turns=99)
    panel.press(panel.cards.refresh_button)
    panel.until(lambda: len(panel.keys()) == 5)
    assert panel.keys()[0] == "github:acme/new:pr:1"
    current = view.current()
    assert current is not None
    assert current.key == "linear:issue:77aa"
    panel.qtbot.keyClicks(panel.cards.filter_box, "acme stale")
    assert panel.keys() == []
    panel.press(panel.cards.clear_button)
    panel.qtbot.keyClicks(panel.cards.filter_box, "pr idle")
    assert len(panel.keys()) == 3
    panel.cards.filter_box.clear()
    current = view.current()
    assert current is None or current.key == "linear:issue:77aa"


def test_reset_asks_names_the_thread_and_is_taken_back(panel: Panel, db: Path) -> None:
    """003-43, 003-58, 003-70, 003-74, 003-87, P-07, P-11: Cancel is the default, Escape cancels, Undo restores."""
    key = "github:acme/atlas:pr:12"
    before = panel.threads()
    panel.reset_by_mouse(key)
    box = panel.asked()
    assert key in box.text()
    assert "fresh session" in box.informativeText()
    default = box.defaultButton()
    assert isinstance(default, QPushButton)
    assert default.text().replace("&", "") == "Cancel"
    panel.qtbot.keyClick(box, Qt.Key.Key_Escape)
    panel.until(lambda: not panel.panel.findChildren(QMessageBox))
    assert panel.threads()[key].session == before[key].session
    panel.cards.view.setFocus()
    panel.cards.view.select_thread(before[key].id)
    panel.qtbot.keyClick(panel.cards.view, Qt.Key.Key_Delete)  # by keyboard as well
    panel.answer("Reset")
    panel.says("is reset: its next event starts fresh")
    assert panel.threads()[key].session is None
    for other in before.keys() - {key}:
        assert panel.threads()[other].session == before[other].session
    panel.until(lambda: panel.cards.count.text() == "4 threads · 3 with a session")
    focus = QGuiApplication.focusObject()
    assert focus not in (panel.panel.toast, panel.panel.toast.button)
    panel.press(panel.panel.toast.button)
    panel.says("1 thread as before")
    assert panel.threads()[key].session == before[key].session
    done = [(entry.actor, entry.action) for entry in audit.entries(db).rows[:2]]
    assert done == [("user", "reset undone"), ("user", "thread reset")]


def test_cleanup_says_number_and_cutoff_first_and_is_taken_back(panel: Panel, db: Path) -> None:
    """003-53, 003-80, 003-82, 003-86, P-08: one that is in use is skipped and counted."""
    before = panel.threads()
    panel.press(panel.cards.cleanup_button)
    box = panel.asked()
    assert box.text() == "Forget 1 stale thread?"
    assert "Not used since" in box.informativeText()
    assert "which is 7 days ago" in box.informativeText()
    assert "1 thread in use will be skipped" in box.informativeText()
    panel.answer("Clean up")
    panel.says("1 thread forgotten, not used since")
    assert panel.threads().keys() == before.keys() - {"linear:issue:77aa"}
    entry = audit.entries(db).rows[0]
    assert entry.action == "cleanup"
    assert "1 forgotten, 1 in use skipped; not used since" in entry.detail
    panel.until(lambda: "1 forgotten, 1 skipped" in panel.overview.resume.cleanup.text())
    panel.panel.activateWindow()
    panel.cards.view.setFocus()
    panel.until(panel.cards.view.hasFocus)
    panel.qtbot.keyClick(panel.cards.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    panel.says("1 thread as before")
    assert panel.threads().keys() == before.keys()


def test_nothing_stale_is_said_without_a_dialog(panel: Panel) -> None:
    """003-83; and S-02: the limit decides what is stale, at once."""
    panel.settings.put({st.CLEANUP_DAYS.name: 365})
    panel.until(lambda: panel.cards.cleanup_button.text() == "Clean up stale…")
    panel.press(panel.cards.cleanup_button)
    panel.says("Nothing is stale")
    assert panel.panel.findChildren(QMessageBox) == []
    panel.settings.put({st.CLEANUP_DAYS.name: 1})
    panel.until(lambda: panel.cards.cleanup_button.text() == "Clean up 1 stale…")


def test_fresh_and_resumed_beside_each_other(panel: Panel, db: Path) -> None:
    """003-95, 003-99: the original's figures, with n, and never as an experiment."""
    key = "github:acme/atlas:pr:12"
    number = panel.threads()[key].id
    run(db, number, 0, 313, 16_144, 1.28)
    run(db, number, 1, 124, 7_639, 0.44)
    panel.press(panel.cards.refresh_button)
    saved = panel.cards.order.index(0, SAVED)
    panel.until(lambda: saved.data() == "−66 %")
    panel.cards.view.select_thread(number)
    text = panel.cards.detail.text()
    assert "Fresh: 1 run · 5 min 13 s · 16,144 tokens · $1.28" in text
    assert "Resumed: 1 run · 2 min 4 s · 7,639 tokens · $0.44" in text
    assert "−60 % time · −53 % tokens · −66 % cost" in text
    assert "no experiment" in text


def test_a_session_is_opened_and_its_id_copied(panel: Panel, qtbot: QtBot) -> None:
    """X-09: by click on the id, by Enter; Ctrl+C copies the whole id."""
    view, order = panel.cards.view, panel.cards.order
    row = panel.threads()["github:acme/atlas:pr:12"]
    with qtbot.waitSignal(panel.panel.session_wanted, timeout=30_000) as asked:
        qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(order.index(0, SESSION)).center())
    assert asked.args == ["", row.session]
    view.select_thread(row.id)
    with qtbot.waitSignal(panel.panel.session_wanted, timeout=30_000):
        qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == row.session
    texts = [action.text() for action in view.menu_for(row).actions() if action.text()]
    assert texts == ["Open its session", "Copy session id", "Copy thread", "Stop its run…", "Reset…"]


def test_empty_loading_error_and_retry(qtbot: QtBot, tmp_path: Path) -> None:
    """003-50, 003-57: how to get a first thread; what is wrong, with a way to try again."""
    db = data_dir() / "playhead.db"
    made = Panel(qtbot, db, Settings(tmp_path / "settings.toml"))
    assert made.cards.stack.currentWidget() is made.cards.pages["loading"]
    made.open()
    assert made.cards.stack.currentWidget() is made.cards.pages["empty"]
    assert "Make a trigger with resume switched on" in made.cards.nothing.text()
    made.press(made.cards.first_button)
    assert made.panel.triggers.stack.currentWidget() is made.panel.triggers.form
    made.panel.tabs.setCurrentIndex(0)
    trigger(db, tmp_path)
    whole = db.read_bytes()
    db.write_bytes(b"not a database" * 1000)
    made.cards.load()
    made.until(lambda: made.cards.stack.currentWidget() is made.cards.pages["error"])
    assert "cannot be read" in made.cards.error.text()
    db.write_bytes(whole)
    for mark in db.parent.glob("*.damaged"):
        mark.unlink()
    made.press(made.cards.retry_button)
    made.until(lambda: made.cards.stack.currentWidget() is made.cards.pages["empty"])
    made.jobs.shutdown()


def test_columns_fit_the_width(panel: Panel) -> None:
    """Narrow and wide: what must be seen is inside, and the rest is in the line below. With a run there is a column to
    stop it, for which the last outcome gives way where it is tight: the tip of the state says that."""
    for width in (600, *range(880, 1000, 8), 1500):
        panel.panel.resize(width, 700)
        view = panel.cards.view
        shown = {n for n in range(panel.cards.model.columnCount()) if not view.isColumnHidden(n)}
        assert sum(map(view.columnWidth, shown)) <= view.viewport().width()
        assert shown >= {TRIGGER, THREAD, STATE, AGE, SESSION, STOP, ACTION} | ({LAST} if TURNS in shown else set())
        assert width < 1500 or SAVED in shown


def test_rows_of_the_model_are_changed_in_place(panel: Panel) -> None:
    """A row that went away while another came: what stays is never reset."""
    look = theme.make_look("dark")
    model = ThreadsModel(look)
    rows = list(panel.cards.model.rows)
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    model.set_rows(rows[:3])
    model.set_rows(rows[1:])
    assert [row.key for row in model.rows] == [row.key for row in rows[1:]]
    assert resets == []
    assert model.index(0, 0).data(ThreadRole) == rows[1]
    panel.panel.set_look(look)
    assert panel.cards.view.look is look


WORDS = [
    (words.age, -5 * SECOND, "now"), (words.age, 59 * SECOND, "59 s"), (words.age, 60 * SECOND, "1 min"),
    (words.age, 59 * MINUTE, "59 min"), (words.age, 60 * MINUTE, "1 h"), (words.age, 23 * HOUR, "23 h"),
    (words.age, 24 * HOUR, "1 d"), (words.age, 400 * DAY, "400 d"), (words.age, None, "–"),
    (words.size, 999, "999 B"), (words.size, 1023, "1.0 kB"), (words.size, 1024, "1.0 kB"), (words.size, -1, "–"),
    (words.size, 999_499, "999 kB"), (words.size, 1_000_000, "1.0 MB"), (words.size, 2_100_000_000, "2.1 GB"),
    (words.size, None, "–"), (words.duration, -1, "–"), (words.duration, 59 * SECOND, "59 s"),
    (words.duration, 60 * SECOND, "1 min 0 s"), (words.duration, 59 * MINUTE, "59 min 0 s"),
    (words.duration, HOUR, "1 h 0 min"), (words.duration, 23 * HOUR, "23 h 0 min"), (words.duration, DAY, "1 d 0 h"),
    (words.money, None, "–"), (words.money, 440_000, "$0.44"), (words.money, 1_234, "$0.0012"),
    (words.change, -66, "−66 %"), (words.change, 4, "+4 %"), (words.change, 0, "±0 %"), (words.change, None, "–"),
]  # fmt: skip


@pytest.mark.parametrize(("say", "value", "text"), WORDS)
def test_words(say: object, value: int | None, text: str) -> None:
    """003-59: at the boundaries, for negative values and times that lie ahead; powers of 1000, as file managers."""
    assert say(value) == text  # type: ignore[operator]
