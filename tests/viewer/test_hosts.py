"""A session of another host in the window: listed with its host, opened from the archive, never looked for here."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from imports import Folded
from pytestqt.qtbot import QtBot

from store.db import place
from store.intake import take_in
from store.items import text_of
from store.whole import Whole
from viewer.app import App
from viewer.bench.make_session import write_session
from viewer.options import Options
from viewer.timeline.pages import is_waiting

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
    finally:
        app.window.close()
        app.shutdown()
        app.window.deleteLater()


def _length(app: App) -> int:
    model = app.window.pane.view.timeline
    return 0 if model is None else model.length


@pytest.mark.parametrize("database", ["server"], indirect=True)
def test_a_slow_server_does_not_stall_the_window(database: Path, tmp_path: Path, qtbot: QtBot) -> None:
    """Rows stand for those that are on their way, and what the reader looks at stays where it is when they come."""
    path = tmp_path / "sessions" / NAME
    write_session(path, records=900, seed=4)
    rows = take_in(database, path).rows
    url = place.server(database)
    assert url is not None
    app = App(Options(paths=(str(path),), size=(900, 700)))
    try:
        app.window.show()
        app.start()
        qtbot.waitUntil(lambda: _length(app) == rows, timeout=WAIT)
        view = app.window.pane.view
        model = view.timeline
        assert model is not None
        qtbot.waitUntil(lambda: not app.live.hub.pending and not is_waiting(model.item(rows - 1)), timeout=WAIT)
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")  # whoever reads rows now waits
            view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 3)
            first = view.visible_rows()[0]
            view.viewport().grab()
            assert is_waiting(model.item(first)), "the window goes on while the server does not"
            assert not is_waiting(model.item(rows - 1)), "what was read stays"
            top = view.visualRect(model.index(first)).top()
            other.rollback()
        qtbot.waitUntil(lambda: not is_waiting(model.item(first)), timeout=WAIT)
        assert view.visible_rows()[0] == first
        assert view.visualRect(model.index(first)).top() == top, "rows never move"
        (whole,) = [item for item in Folded(Whole(path)).rows if item.id == model.item(first).id]
        assert text_of(whole) == text_of(model.item(first))
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
