"""The window: what it shows of what the store says, its commands, and what it remembers. A real window, offscreen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fake_live import FakeLive
from PySide6.QtCore import QMimeData, QPoint, QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QDropEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from store import settings as st
from store.delta import Delta, Header, Row, SessionsDelta
from store.items import Message
from store.live import Live
from store.settings import Settings
from store.text import Text
from viewer import geometry, theme
from viewer.actions import COMMANDS, LIST_KEYS, sheet
from viewer.header import HeaderBar
from viewer.jobs import Jobs
from viewer.place import Place, Places
from viewer.shortcuts import ShortcutSheet
from viewer.status import StatusLine
from viewer.timeline.pane import WAITING
from viewer.window import MainWindow

NOW = 1_780_000_000_000_000
Make = Callable[[], tuple[MainWindow, FakeLive]]


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path) -> Iterator[Make]:
    """A window on a fake store; called again it is the next start on the same folders."""
    made: list[MainWindow] = []

    def start() -> tuple[MainWindow, FakeLive]:
        live = FakeLive()
        jobs = Jobs()
        settings = Settings(tmp_path / "settings.toml")
        places = Places(tmp_path / "places.json")
        window = MainWindow(cast(Live, live), settings, places, jobs, theme.make_look("light"), tmp_path / "logs")
        live.setParent(window)
        jobs.setParent(window)
        qtbot.addWidget(window, before_close_func=lambda _: live.running.clear())  # no question at the end
        window.resize(1200, 700)
        window.show()
        made.append(window)
        return window, live

    yield start
    for window in made:
        window.jobs.shutdown()


@pytest.fixture
def window(make: Make) -> MainWindow:
    return make()[0]


def fake(window: MainWindow) -> FakeLive:
    return cast(FakeLive, window.live)


def answer_question(button: str) -> list[str]:
    """Press a button of the message box that is about to come. Returns what it asked."""
    asked: list[str] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(5, press)
            return
        asked.append(box.text())
        asked.append(f"default: {box.defaultButton().text().replace('&', '')}")
        next(each for each in box.buttons() if each.text().replace("&", "") == button).click()

    QTimer.singleShot(0, press)
    return asked


# ---- sessions


def test_empty_home_says_what_to_do_and_offers_the_demo(window: MainWindow, qtbot: QtBot) -> None:
    assert window.stack.currentWidget() is window.home
    assert window.home.heading.text() == "No sessions found yet"
    qtbot.mouseClick(window.home.demo_button, Qt.MouseButton.LeftButton)
    assert window.desk.current is not None
    assert window.desk.current.key == "replay:demo"
    assert window.stack.currentWidget() is window.pane


def test_opening_from_the_list_shows_header_and_rows(window: MainWindow) -> None:
    live = fake(window)
    live.list((Row("/s/a.jsonl", title="Fix it", project="atlas", path="/s/a.jsonl", state="live", updated=NOW),))
    window.sessions.opened.emit("/s/a.jsonl")
    assert live.opened == ["/s/a.jsonl"]
    live.tell("/s/a.jsonl", added=30, title="Fix it", cwd="/home/me/atlas", state="running", used=41_000, size=100_000)
    assert window.pane.view.model().rowCount() == 30
    assert window.header.title.text() == "Fix it"
    assert window.header.project.text() == "atlas"
    assert window.header.state.text() == "running"
    assert window.header.context.text() == "41 %"
    assert "Fix it" in window.windowTitle()
    assert window.status.facts.text() == "1 live"


def test_a_session_that_ends_has_its_running_calls_drawn_anew_where_they_are(window: MainWindow) -> None:
    live = fake(window)
    window.open_path("/a")
    live.tell("/a", added=30, title="A", state="running")
    view = window.pane.view
    place = view.place()
    assert not view.folds.over
    live.tell("/a", state="ended")
    assert view.folds.over
    assert view.place() == place
    window.open_path("/b")
    live.tell("/b", added=5, title="B", state="running")
    assert not view.folds.over, "another session's state"
    window.on_recent()
    assert view.folds.over


def test_switching_keeps_the_place_of_each_session(window: MainWindow, qtbot: QtBot) -> None:
    live = fake(window)
    window.open_path("/a")
    live.tell("/a", added=200, title="A")
    view = window.pane.view
    assert view.follow
    view.verticalScrollBar().setValue(900)
    place = view.place()
    assert not place[2]
    window.open_path("/b")
    live.tell("/b", added=50, title="B")
    assert view.follow
    window.on_recent()
    assert view.place() == place
    assert window.header.title.text() == "A"
    assert live.closed == []


def test_the_place_survives_a_restart_and_waits_for_its_row(make: Make) -> None:
    first, live = make()
    first.open_path("/a")
    live.tell("/a", added=200, title="A", updated=NOW)
    first.pane.view.verticalScrollBar().setValue(900)
    place = first.pane.view.place()
    first.remember(None)

    second, live = make()
    second.open_path("/a")
    assert second.pane.view.place() == place  # nothing read so far, nothing forgotten
    live.tell("/a", added=200, title="A")
    assert second.pane.view.place() == place


def test_the_middle_of_a_start_without_rows_does_not_lose_the_place(make: Make) -> None:
    first, _ = make()
    first.places.put("/a", Place("i7", 12, False, {"i3": (True, 0, False)}, NOW))
    first.open_path("/a")
    first.remember(None)
    assert Places(first.places.path)["/a"] == Place("i7", 12, False, {"i3": (True, 0, False)}, NOW)


def test_rows_that_come_while_another_session_is_read_are_unread(window: MainWindow) -> None:
    live = fake(window)
    live.list((Row("/a", path="/a"), Row("/b", path="/b")))
    window.open_path("/a")
    live.tell("/a", added=5)
    window.open_path("/b")
    live.tell("/a", added=3, first=5)
    model = window.sessions.sessions
    assert model._unread["/a"] == 3
    window.sessions.opened.emit("/a")
    assert model._unread["/a"] == 0
    assert window.pane.view.scene.unread == 5
    assert window.places.marks == {}


def test_unread_marks_survive_a_restart(make: Make) -> None:
    first, live = make()
    first.open_path("/a")
    live.tell("/a", added=5, updated=NOW)
    first.open_path("/b")
    live.tell("/a", added=3, first=5)
    first.remember(None)
    second, live = make()
    live.list((Row("/a", path="/a", updated=NOW + 3_000_000), Row("/b", updated=NOW + 900_000), Row("/c", updated=NOW)))
    assert second.sessions.sessions._unread == {"/a": 3}


def test_files_that_nobody_looks_at_are_closed_but_streams_are_not(window: MainWindow) -> None:
    live = fake(window)
    window.on_demo()
    for n in range(12):
        window.open_path(f"/s{n}")
    assert len(live.closed) == 12 - 8
    assert live.closed == ["/s0", "/s1", "/s2", "/s3"]
    assert window.desk.opened("replay:demo") is not None


def test_closing_a_session_goes_back_to_the_one_before(window: MainWindow) -> None:
    window.open_path("/a")
    window.open_path("/b")
    window.actions_["close"].trigger()
    assert fake(window).closed == ["/b"]
    assert window.desk.current is not None
    assert window.desk.current.key == "/a"
    window.actions_["close"].trigger()
    assert window.stack.currentWidget() is window.home
    assert not window.actions_["close"].isEnabled()


# ---- trouble


def test_what_cannot_be_opened_is_said_in_place(window: MainWindow) -> None:
    fake(window).refuse = "/x cannot be read: permission denied. Check its owner and mode."
    window.open_path("/x")
    assert window.notice.isVisible()
    assert window.notice.text.text() == fake(window).refuse
    fake(window).refuse = ""
    window.open_path("/x")
    assert not window.notice.isVisible()


def test_trouble_of_the_session_has_a_button_and_goes_away(window: MainWindow, qtbot: QtBot) -> None:
    live = fake(window)
    window.open_path("/x")
    live.tell("/x", trouble="/x was deleted.")
    assert window.notice.text.text() == "/x was deleted."
    qtbot.mouseClick(window.notice.button, Qt.MouseButton.LeftButton)
    assert live.opened == ["/x", "/x"]
    live.tell("/x", title="back")
    assert not window.notice.isVisible()


def test_trouble_of_another_session_is_not_said_here(window: MainWindow) -> None:
    window.open_path("/x")
    window.open_path("/y")
    fake(window).tell("/x", trouble="/x was deleted.")
    assert not window.notice.isVisible()


def test_an_error_of_ours_is_a_bar_with_the_log(window: MainWindow, qtbot: QtBot) -> None:
    window.jobs.run(lambda: 1 // 0, lambda _: None)
    qtbot.waitUntil(window.notice.isVisible)
    assert "division" in window.notice.text.text()
    assert window.notice.button.text() == "Show the log"


# ---- the end


def test_closing_with_running_agents_asks_and_cancel_is_the_default(window: MainWindow) -> None:
    fake(window).running = ["run:1", "run:2"]
    ended: list[bool] = []
    window.closing.connect(lambda: ended.append(True))
    asked = answer_question("Cancel")
    assert not window.close()
    assert asked == ["End 2 running agents and quit?", "default: Cancel"]
    assert window.isVisible()
    assert ended == []
    answer_question("End and quit")
    assert window.close()
    assert ended == [True]


def test_closing_a_running_session_asks_as_well(window: MainWindow) -> None:
    window.on_demo()
    answer_question("Cancel")
    window.actions_["close"].trigger()
    assert fake(window).closed == []
    answer_question("End and close")
    window.actions_["close"].trigger()
    assert fake(window).closed == ["replay:demo"]


def test_closing_without_running_agents_does_not_ask(window: MainWindow) -> None:
    assert window.close()


# ---- remembered


def test_geometry_docks_and_session_come_back(make: Make, tmp_path: Path, qtbot: QtBot) -> None:
    kept = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    first, _ = make()
    first.restore(kept)
    first.resize(720, 600)
    first.open_path("/a")
    first.actions_["sessions"].setChecked(False)
    first.actions_["inspector"].setChecked(True)
    first.remember(kept)
    second, _ = make()
    second.restore(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    assert (second.width(), second.height()) == (720, 600)
    assert not second.sessions_dock.isVisible()
    assert second.inspector_dock.isVisible()
    assert kept.value("window/session") == "/a"


def test_a_window_on_a_lost_screen_comes_back(window: MainWindow) -> None:
    window.move(9000, 9000)
    geometry.come_back(window)
    area = window.screen().availableGeometry()
    assert area.intersects(window.frameGeometry())
    assert area.contains(window.frameGeometry().center())


def test_damaged_places_do_not_keep_it_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    path.write_text("{nonsense")
    places = Places(path)
    places.put("/a", Place("x", 1, False))
    places.save()
    assert Places(path)["/a"] == Place("x", 1, False)


def test_many_places_are_bounded(tmp_path: Path) -> None:
    places = Places(tmp_path / "places.json")
    for n in range(700):
        folds = 6_990 if n == 699 else n % 10
        places.put(f"/{n}", Place("x", n, False, {f"i{m}": (True, 0, False) for m in range(folds)}))
    places.save()
    again = Places(tmp_path / "places.json")
    assert "/699" in again
    assert "/100" not in again
    assert len(again["/699"].folds) == 2000


# ---- commands


def test_every_command_has_its_method_and_no_key_is_taken_twice(window: MainWindow) -> None:
    keys = [QKeySequence(key).toString() for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert all(keys)
    for command in COMMANDS:
        action = window.findChild(QAction, f"action.{command.name}")
        assert action is not None
        assert action in (*window.actions(), *window.pane.actions())
    assert not any("Ctrl+Alt" in key for key in keys)


def test_the_sheet_shows_every_key(window: MainWindow, qtbot: QtBot) -> None:
    dialog = ShortcutSheet(theme.make_look("light"))
    qtbot.addWidget(dialog)
    texts = {label.text() for label in dialog.findChildren(QLabel)}
    for _, lines in sheet():
        for keys, text in lines:
            assert {keys, text} <= texts
    assert {heading for heading, _ in LIST_KEYS} <= texts


@pytest.mark.parametrize(("key", "name"), [("Ctrl+B", "sessions"), ("Ctrl+I", "inspector")])
def test_panels_open_and_close_with_one_key(window: MainWindow, qtbot: QtBot, key: str, name: str) -> None:
    dock = getattr(window, f"{name}_dock")
    before = dock.isVisible()
    window.activateWindow()
    letter = Qt.Key(QKeySequence(key)[0].key())
    qtbot.keyClick(window, letter, Qt.KeyboardModifier.ControlModifier)
    assert dock.isVisible() is not before
    qtbot.keyClick(window, letter, Qt.KeyboardModifier.ControlModifier)
    assert dock.isVisible() is before


def test_zoom_goes_in_steps_and_is_kept(window: MainWindow) -> None:
    for _ in range(30):
        window.actions_["zoom_in"].trigger()
    assert window.settings[st.ZOOM] == 2.5
    window.actions_["zoom_reset"].trigger()
    window.actions_["zoom_out"].trigger()
    assert Settings(window.settings.path)[st.ZOOM] == 0.9


def test_jump_shows_the_list_and_takes_the_cursor(window: MainWindow, qtbot: QtBot) -> None:
    window.sessions_dock.hide()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.actions_["jump"].trigger()
    qtbot.waitUntil(window.sessions.filter_box.hasFocus)


def test_dropped_files_are_opened_and_folders_looked_through(window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "a b.jsonl"
    file.write_text("{}\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)), QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.org/x")])
    event = QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                       Qt.KeyboardModifier.NoModifier)  # fmt: skip
    window.dropEvent(event)
    assert fake(window).opened == [str(file)]
    assert fake(window).roots == [[str(tmp_path)]]


def test_follow_button_action_and_view_agree(window: MainWindow, qtbot: QtBot) -> None:
    window.open_path("/a")
    fake(window).tell("/a", added=200)
    assert window.header.follow.isChecked()
    window.pane.view.verticalScrollBar().setValue(10)
    assert not window.header.follow.isChecked()
    assert not window.actions_["follow"].isChecked()
    qtbot.mouseClick(window.header.follow, Qt.MouseButton.LeftButton)
    assert window.pane.view.follow
    assert window.actions_["follow"].isChecked()


def test_a_code_block_is_copied_by_its_button(window: MainWindow, qtbot: QtBot) -> None:
    window.open_path("/a")
    message = Message(id="m", text=Text("Look:\n\n```py\nx = 1\ny = 2\n```\n\nand\n\n```\nz\n```\n"))
    fake(window).changed.emit(Delta("/a", added=(message,)))
    window.pane.view.acted.emit("m", "copy:0")
    assert QGuiApplication.clipboard().text().strip() == "x = 1\ny = 2"
    window.pane.view.acted.emit("m", "copy:1")
    assert QGuiApplication.clipboard().text().strip() == "z"
    window.pane.view.acted.emit("m", "answer:yes")
    assert "only watched" in window.status.hint.text()


def test_stop_ends_what_runs_off_the_gui_thread(window: MainWindow, qtbot: QtBot) -> None:
    window.on_demo()
    window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: fake(window).stopped == ["replay:demo"])


def test_another_theme_reaches_every_part(window: MainWindow) -> None:
    window.open_path("/a")
    fake(window).tell("/a", added=10, title="t")
    look = theme.make_look("dark", 1.5)
    window.set_look(look)
    for part in (window.header, window.pane.view.scene, window.sessions, window.sessions.list.painter_delegate):
        assert part.look is look
    assert not window.grab().isNull()


# ---- the line above, the line below


def test_nothing_ticks_when_nothing_can_change(qtbot: QtBot) -> None:
    """An old record's age changes with the day; a hidden header has no timer at all."""
    now = [NOW]
    bar = HeaderBar(theme.make_look("light"), clock=lambda: now[0])
    qtbot.addWidget(bar)
    bar.show_header(Header(title="x", updated=NOW))
    assert not bar.ticking  # not on the screen
    bar.show()
    assert bar.ticking
    now[0] += 5 * 1_000_000
    bar._freshen()
    assert bar.fresh.text() == "5 s ago"
    bar.show_header(Header(title="x", updated=NOW - 400 * 86_400_000_000))
    assert not bar.ticking
    bar.show_header(Header(title="x", updated=NOW))
    bar.hide()
    assert not bar.ticking


def test_header_gives_way_in_order(qtbot: QtBot) -> None:
    bar = HeaderBar(theme.make_look("light"))
    qtbot.addWidget(bar)
    bar.resize(900, 40)
    bar.show()
    bar.show_header(Header(title="long title " * 40, cwd="/x/y", llm="opus", mode="plan", used=5, size=10, updated=NOW))
    assert bar.llm.isVisible()
    assert bar.gauge.isVisible()
    bar.resize(560, 40)
    assert not bar.llm.isVisible()
    assert bar.gauge.isVisible()
    bar.resize(400, 40)
    assert not bar.gauge.isVisible()
    assert bar.state.isVisible()
    assert bar.follow.geometry().right() <= 400
    bar.set_look(theme.make_look("light", 1.5))
    bar.resize(1000, 60)
    bar.show_header(Header(title="long title " * 40, cwd="/x/atlas-api", branch="main", used=5))
    QApplication.processEvents()
    assert bar.project.width() >= bar.project.sizeHint().width(), "folder and branch, whole at any zoom"


def test_unknown_is_not_zero(qtbot: QtBot) -> None:
    bar = HeaderBar(theme.make_look("light"))
    qtbot.addWidget(bar)
    bar.resize(900, 40)
    bar.show()
    bar.show_header(Header(title="x"))
    assert not bar.context.isVisible()
    bar.show_header(Header(title="x", used=82_000))
    assert bar.context.text() == "82k tokens"
    assert not bar.gauge.isVisible()


def test_rate_is_measured_and_then_rests(qtbot: QtBot) -> None:
    now = [0.0]
    line = StatusLine(theme.make_look("light"), clock=lambda: now[0])
    qtbot.addWidget(line)
    line.set_live(4)
    line.set_events(0)
    assert not line.ticking
    line.set_events(10)
    assert line.ticking
    now[0] = 1.0
    line.set_events(312)
    line.on_tick()
    assert line.facts.text() == "4 live · 312 events/s"
    now[0] = 2.0
    line.set_events(312 + 330)
    line.on_tick()
    assert line.facts.text() == "4 live · 312 events/s", "as good as the same: a steady stream's rate does not flicker"
    assert line.ticking
    now[0] = 3.0
    line.set_events(312 + 330 + 400)
    line.on_tick()
    assert line.facts.text() == "4 live · 400 events/s"
    now[0] = 4.0
    line._tick.stop()
    line.on_tick()
    assert line.facts.text() == "4 live"
    assert not line.ticking


def test_backlog_shows_only_while_it_is_one(window: MainWindow) -> None:
    live = fake(window)
    live.ticked.emit(12_400)
    assert window.status.waiting.text() == "12,400 events waiting"
    assert window.status.waiting.isVisible()
    live.ticked.emit(0)
    assert not window.status.waiting.isVisible()


def test_what_was_done_is_not_said_for_ever(window: MainWindow, qtbot: QtBot) -> None:
    """A hint of the pointer stays while it is there; what an action came to goes by itself, and with its session."""
    window.open_path("/a")
    status, view = window.status, window.pane.view
    status._fading.setInterval(20)
    view.hinted.emit("Copied.")
    assert status.hint.text() == "Copied."
    qtbot.waitUntil(lambda: status.hint.text() == "")
    view.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
    view.hinted.emit("https://example.org")
    assert not status._fading.isActive()
    window.open_path("/b")
    assert status.hint.text() == ""
    assert status.waiting.isHidden(), "what says nothing takes no room"


def test_an_empty_transcript_says_what_is_so(window: MainWindow) -> None:
    """And what could not be read is not offered to be gone on with."""
    live = fake(window)
    window.open_path("/a")
    for state, trouble, draft, words in (
        ("opening", "", False, "Reading…"), ("ended", "", False, "Reading…"), ("draft", "", True, WAITING),
        ("failed", "/a is not a regular file.", False, "Nothing could be read."),
    ):  # fmt: skip
        live.tell("/a", state=state, trouble=trouble, draft=draft)
        assert window.pane.empty.text() == words
        assert window.composer.isVisible() == (state != "failed")
    live.tell("/a", state="failed", added=1)
    assert window.composer.isVisible(), "what it says was read all the same"


def test_progress_and_understood(window: MainWindow) -> None:
    live = fake(window)
    window.open_path("/a")
    live.tell("/a", added=3)
    live.ticked.emit(0)
    assert window.status.trouble.text() == "all records understood"
    for partial, words in ((True, ""), (False, "all records understood")):
        live.tell("/a", partial=partial)
        live.ticked.emit(0)
        assert window.status.trouble.text() == words, "nothing is claimed of what was not read"
    live.progress.emit("/a", 410, 1000)
    assert window.status.progress.text() == "reading 41 % of 1.0 kB"
    live.progress.emit("/a", 1000, 1000)
    assert not window.status.progress.isVisible()


def test_the_end_of_a_process_that_failed_is_said(window: MainWindow) -> None:
    """Once, in its header's words, and a stream cannot be opened again."""
    window.on_demo()
    fake(window).tell("replay:demo", state="failed", trouble="The command ended with exit code 3")
    fake(window).finished.emit("replay:demo", SimpleNamespace(how="exit code 3", ok=False))
    assert window.notice.text.text() == "The command ended with exit code 3"
    assert not window.notice.button.isVisible()


def test_everything_that_takes_focus_has_a_name(window: MainWindow) -> None:
    """X-09: in every dock."""
    window.open_path("/a")
    window.actions_["insight"].trigger()
    window.actions_["inspector"].trigger()
    for widget in window.findChildren(QWidget):
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisibleTo(window):
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            known = widget.accessibleName() or text or widget.objectName().startswith("qt_")
            assert known, (type(widget).__name__, widget.parent())


def test_every_command_is_in_a_menu_or_has_a_key(window: MainWindow) -> None:
    """X-09: and the menu opens by keyboard; no key means two things."""
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    for command in COMMANDS:
        assert command.menu, command.name
        assert command.tip, command.name
    window.sessions.menu_button.setFocus()
    assert window.sessions.menu_button.focusPolicy() & Qt.FocusPolicy.TabFocus
    for button in window.header.findChildren(QAbstractButton):
        assert button.accessibleName(), button
        assert button.toolTip(), button


def test_004_23_events_for_no_open_session_are_counted_in_the_window(window: MainWindow) -> None:
    """G.1-17: not an exception, not a silent drop."""
    live = fake(window)
    live.ticked.emit(0)
    assert "no open session" not in window.status.facts.text()
    live.hub.unknown = {"ghost": 2, "gone": 3}
    live.ticked.emit(0)
    assert "5 events for no open session" in window.status.facts.text()
    assert not window.status.facts.isHidden()


def test_what_happened_to_the_database_is_said(window: MainWindow) -> None:
    fake(window).sessions.emit(SessionsDelta(trouble="playhead.db was damaged: it was set aside."))
    assert window.notice.isVisible()
    assert window.notice.text.text() == "playhead.db was damaged: it was set aside."
    fake(window).sessions.emit(SessionsDelta(scanned=1))
    assert window.notice.isVisible()
