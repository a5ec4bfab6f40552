"""A session of another host in the window: listed with its host, opened from the archive, never looked for here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from builders import assistant, lines, user
from imports import Folded
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from store.db import place
from store.delta import Delta, Header, Rebase
from store.events import ItemId
from store.ingest import SMALL
from store.intake import take_in
from store.items import Thought, Tool, failed, text_of
from store.known import known
from store.whole import Whole
from store.window_away import AwayWindow
from viewer.app import App
from viewer.bench.make_session import write_session
from viewer.opened import row_of
from viewer.options import Options
from viewer.theme import make_look
from viewer.timeline.copying import GAP
from viewer.timeline.model import TimelineModel
from viewer.timeline.pages import is_waiting
from viewer.timeline.view import TimelineView

WAIT = 30_000
NAME = "11111111-2222-4333-8444-555555555555.jsonl"


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_session_of_another_host_is_listed_and_opens(
    database: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "elsewhere" / "-w" / NAME
    write_session(path, records=80, seed=3)
    monkeypatch.setenv("PLAYHEAD_HOST", "there")
    rows = take_in(database, path).rows
    path.unlink()
    monkeypatch.setenv("PLAYHEAD_HOST", "here")
    theirs = f"//there{path}"
    app = App(Options())
    try:
        window = app.window
        window.show()
        app.start()
        sessions = window.sessions.sessions
        qtbot.waitUntil(lambda: sessions.session(theirs) is not None, timeout=WAIT)
        row = sessions.session(theirs)
        assert row is not None
        assert (row.host, row.missing) == ("there", False)
        window.open_listed(theirs)
        qtbot.waitUntil(lambda: _length(app) == rows, timeout=WAIT)
        opened = window.desk.current
        assert opened is not None
        qtbot.waitUntil(lambda: opened.header is not None and "on there" in opened.header.trouble, timeout=WAIT)
        assert opened.header is not None
        line = row_of(theirs, opened.header, True, opened.since)  # one that was opened by its path, before it is listed
        assert (line.state, line.host) == ("ended", "there"), "what the archive has of it is no failure"
        assert row_of(str(path), Header(state="failed"), True, 0).state == "failed"
    finally:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()


def _length(app: App) -> int:
    model = app.window.pane.view.timeline
    return 0 if model is None else model.length


@pytest.fixture
def askers(monkeypatch: pytest.MonkeyPatch) -> set[threading.Thread]:
    """The threads that ask the server."""
    from store.db.reads_postgres import Reader

    found: set[threading.Thread] = set()
    execute = Reader.execute

    def noted(self: Reader, sql: str, values: Sequence[object] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        found.add(threading.current_thread())
        return execute(self, sql, values)

    monkeypatch.setattr(Reader, "execute", noted)
    return found


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_slow_server_does_not_stall_the_window(
    database: Path, tmp_path: Path, qtbot: QtBot, askers: set[threading.Thread]
) -> None:
    """Rows stand for those that are on their way, and what the reader looks at stays where it is when they come. Where
    a row is, what is copied and the next failure: none of it is asked by the thread that paints."""
    path = tmp_path / "sessions" / NAME
    write_session(path, records=1_300, seed=4)
    rows = take_in(database, path).rows
    told = Folded(Whole(path)).rows
    failures = [row for row, item in enumerate(told) if failed(item)]
    url = place.server(database)
    assert url is not None
    askers.clear()
    app = App(Options(paths=(str(path),), size=(900, 700)))
    try:
        app.window.show()
        app.start()
        qtbot.waitUntil(lambda: _length(app) == rows, timeout=WAIT)
        view = app.window.pane.view
        model = view.timeline
        assert model is not None
        qtbot.waitUntil(lambda: not app.live.hub.pending, timeout=WAIT)
        assert not is_waiting(model.item(rows - 1)), "the end comes with the window"
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE item, strip IN ACCESS EXCLUSIVE MODE")  # whoever reads rows now waits
            view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 3)
            first = view.visible_rows()[0]
            view.viewport().grab()
            assert is_waiting(model.item(first)), "the window goes on while the server does not"
            assert not is_waiting(model.item(rows - 1)), "what was read stays"
            assert [model.position_of(told[row].id) for row in range(0, rows, 97)] == [*range(0, rows, 97)]
            assert model.position_of(ItemId("nowhere")) is None
            assert view.reveal(told[first].id)
            assert view.currentIndex().row() == first
            view.selectAll()
            view.copy()
            above = view.visible_rows()[0]
            top = view.visualRect(model.index(above)).top()
            other.rollback()
        qtbot.waitUntil(lambda: not any(map(is_waiting, map(model.item, view.visible_rows()))), timeout=WAIT)
        assert view.visible_rows()[0] == above
        assert view.visualRect(model.index(above)).top() == top, "rows never move"
        assert text_of(told[first]) == text_of(model.item(first))
        app.window.on_next_failure()
        qtbot.waitUntil(lambda: view.currentIndex().row() == min(row for row in failures if row > first), timeout=WAIT)
        text = GAP.join(text_of(item) for row, item in enumerate(told) if not view.folds.hidden(row))
        qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == text, timeout=WAIT)
        assert threading.main_thread() not in askers
    finally:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()


SAME_HASH: Final = ("toolu_2326a64763372b5689ca4c79", "toolu_dec72379d9fdcd2b8f733ab3")


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_row_that_only_seems_to_be_another_is_found_out(database: Path, tmp_path: Path, qtbot: QtBot) -> None:
    """Until a row is here only a hash of its id is known, and two ids may have one."""
    path = tmp_path / "sessions" / NAME
    write_session(path, records=600, seed=4)
    call = next(item for item in Folded(Whole(path)).rows if isinstance(item, Tool)).id
    path.write_bytes(path.read_bytes().replace(call.encode(), SAME_HASH[0].encode()))
    rows = take_in(database, path).rows
    row = next(row for row, item in enumerate(Folded(Whole(path)).rows) if item.id == SAME_HASH[0])
    url = place.server(database)
    assert url is not None
    found = known(path, database)
    assert found is not None
    window = AwayWindow(found.window)
    model = TimelineModel()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        model.apply(Delta("s", rebase=Rebase(window, {}, ())))
        assert model.length == rows
        assert [model.position_of(ItemId(id)) for id in SAME_HASH[::-1]] == [row, row]
        with qtbot.waitSignal(model.modelReset, timeout=WAIT):
            other.rollback()
    assert [model.position_of(ItemId(id)) for id in SAME_HASH] == [row, None]
    window.close()


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_word_in_a_row_that_is_on_its_way_is_shown_when_it_comes(
    database: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    """Unless the reader has gone on meanwhile."""
    path = tmp_path / "sessions" / NAME
    hay = [assistant(f"hay {number}", id=f"m{number}", uuid=f"a{number}") for number in range(600)]
    thoughts = [{"type": "thinking", "thinking": "hay " * 400 + word, "signature": ""} for word in ("needle", "pin")]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(lines(user("go"), *(assistant(one) for one in thoughts), *hay))
    take_in(database, path)
    url = place.server(database)
    assert url is not None
    view = TimelineView(make_look("light"))
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    for word, stays, found in (("pin", False, ""), ("needle", True, "needle")):
        known_ = known(path, database)
        assert known_ is not None
        told = Folded(Whole(path)).rows
        sought = next(item.id for item in told if isinstance(item, Thought) and str(item.text).endswith(word))
        window, model = AwayWindow(known_.window), TimelineModel()
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
            model.apply(Delta("s", rebase=Rebase(window, {}, ())))
            view.setModel(model)
            assert view.reveal(sought, word)
            row = view.currentIndex().row()
            assert is_waiting(view.item(row))
            if not stays:
                view.set_current(model.length - 1)
            with qtbot.waitSignal(model.dataChanged, timeout=WAIT):
                other.rollback()
        qtbot.waitUntil(lambda view=view: view._awaited is None, timeout=WAIT)
        assert view.selected_text() == found
        view.setModel(None)
        window.close()


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_big_session_comes_to_stand_on_a_server_without_a_wait(
    database: Path, tmp_path: Path, qtbot: QtBot, askers: set[threading.Thread]
) -> None:
    """It is read by its end first; the whole of it takes its place above, and what is looked at stays."""
    path = tmp_path / "sessions" / NAME
    write_session(path, records=700, seed=4)
    assert path.stat().st_size > SMALL
    told = Folded(Whole(path)).rows
    app = App(Options(paths=(str(path),), size=(900, 700)))
    try:
        app.window.show()
        app.start()
        qtbot.waitUntil(lambda: _length(app) > 0, timeout=WAIT)
        view = app.window.pane.view
        qtbot.waitUntil(lambda: _length(app) == len(told), timeout=WAIT)
        model = view.timeline
        assert model is not None
        assert model.late is not None
        assert [model.item(row).id for row in view.visible_rows()] == [told[row].id for row in view.visible_rows()]
        assert model.position_of(told[len(told) // 2].id) == len(told) // 2
        assert threading.main_thread() not in askers
    finally:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()


def test_a_server_that_is_away_is_said_in_the_window(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence, as what happened to the copies; sessions are read from their files all the same."""
    path = tmp_path / "sessions" / NAME
    write_session(path, records=30, seed=3)
    monkeypatch.setenv("PLAYHEAD_DATABASE_URL", f"postgresql://ada:secret@/team?host={tmp_path / 'no-socket'}")
    monkeypatch.setattr("viewer.keeping.AFTER", 0)
    monkeypatch.setattr("viewer.keeping.QUIET", 0)
    app = App(Options(paths=(str(path),)))
    try:
        window = app.window
        window.show()
        app.start()
        qtbot.waitUntil(lambda: _length(app) > 0, timeout=WAIT)
        said = window.notice.text
        qtbot.waitUntil(lambda: "cannot be reached: check that the server runs" in said.text(), timeout=WAIT)
        assert "secret" not in said.text()
    finally:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()
