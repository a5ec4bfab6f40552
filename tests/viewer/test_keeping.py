"""Copies of every session: made behind the window's back, said in one line, and never in the reader's way."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from store import settings as st
from store.archive_import import Progress
from store.db.lock import hold
from store.db.writer import Writer
from store.delta import Row, SessionsDelta
from store.live import Live
from store.paths import data_dir
from store.session import Session
from viewer.app import App
from viewer.bench.make_session import write_session
from viewer.keeping import Keeping, clock, words
from viewer.options import Options

LONG = 60_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "sessions"
    for number in range(3):
        path = root / f"{number}.jsonl"
        write_session(path, records=40, seed=number)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


@pytest.fixture
def live(qtbot: QtBot) -> Iterator[Live]:
    live = Live()
    yield live
    live.shutdown()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.keeping.AFTER", 0)
    monkeypatch.setattr("viewer.keeping.QUIET", 0)


def ready() -> int:
    db = data_dir() / "playhead.db"
    if not db.exists():
        return 0
    with closing(sqlite3.connect(db)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone() is None:
            return 0  # somebody is just making it
        return int(connection.execute("SELECT count(*) FROM session WHERE state = 'ready'").fetchone()[0])


def test_it_begins_when_the_list_is_complete(root: Path, live: Live, soon: None, qtbot: QtBot) -> None:
    keeping = Keeping(live, lambda: [str(root)], lambda: True)
    said: list[str] = []
    keeping.told.connect(said.append)
    live.sessions.emit(SessionsDelta(scanned=1))
    assert not keeping._timer.isActive()
    live.sessions.emit(SessionsDelta(total=3))
    with qtbot.waitSignal(keeping.ran, timeout=LONG, check_params_cb=lambda runs, _: not runs):
        pass
    assert ready() == 3
    assert any("copying" in text for text in said)
    assert said[-1] == ""
    live.sessions.emit(SessionsDelta(total=3))  # once per start
    assert not keeping._timer.isActive()
    assert not keeping.running


def test_what_comes_later_is_copied_when_it_has_gone_quiet(
    root: Path, live: Live, soon: None, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by the search for sessions: one that is written to waits, and nothing looks again and again."""
    monkeypatch.setattr("viewer.keeping.FRESH", 0.0)
    keeping = Keeping(live, lambda: [str(root)], lambda: True)
    live.discover([str(root)])
    qtbot.waitUntil(lambda: ready() == 3 and not keeping.running, timeout=LONG)
    for number in (3, 4):
        path = root / f"{number}.jsonl"
        write_session(path.with_suffix(".new"), records=40, seed=number)
        os.utime(path.with_suffix(".new"), (1_700_000_000, 1_700_000_000))
        path.with_suffix(".new").rename(path)
        qtbot.waitUntil(lambda number=number: ready() == number + 1 and not keeping.running, timeout=LONG)
    qtbot.waitUntil(lambda: not keeping.running and not keeping._later.isActive(), timeout=LONG)


def test_a_session_that_grows_is_waited_for(live: Live, qtbot: QtBot) -> None:
    keeping = Keeping(live, lambda: [], lambda: True)
    live.sessions.emit(SessionsDelta(total=0))
    keeping._timer.stop()  # the first import, of all there was
    live.sessions.emit(SessionsDelta((Row("a", state="live"),)))
    assert keeping._later.isSingleShot()
    assert keeping._later.interval() > 50_000
    keeping._later.stop()
    keeping.on_later()  # whenever it comes: it has not been quiet
    assert not keeping.running
    assert keeping._later.isActive()
    live.sessions.emit(SessionsDelta((Row("b", state="ended"), Row("c", state="ended", missing=True))))
    assert set(keeping._news) == {"a", "b"}
    keeping.on_later()
    assert keeping.running
    assert set(keeping._news) == {"a"}
    keeping.end()
    live.sessions.emit(SessionsDelta((Row("d", state="ended"),)))
    assert not keeping._later.isActive()  # the user has ended it
    live.sessions.emit(SessionsDelta(gone=("a",)))


def test_switched_off_nothing_is_copied(root: Path, live: Live, soon: None) -> None:
    keeping = Keeping(live, lambda: [str(root)], lambda: False)
    live.sessions.emit(SessionsDelta(total=3))
    live.sessions.emit(SessionsDelta((Row("a", state="ended"),)))
    assert not keeping._timer.isActive()
    assert not keeping._later.isActive()


def test_the_reader_comes_first(root: Path, live: Live, soon: None, qtbot: QtBot) -> None:
    """A session of the user that is read in the background holds it, before it begins and later."""
    keeping = Keeping(live, lambda: [str(root)], lambda: True)
    live.hub.sessions.update({key: Session(key) for key in ("a", "b")})
    live.progress.emit("closed", 1, 10)
    live.progress.emit("a", 1, 10)
    keeping.on_quiet()
    assert not keeping.running
    live.progress.emit("a", 10, 10)
    keeping.on_quiet()
    assert keeping.running
    live.progress.emit("b", 1, 10)
    assert keeping.waiting
    keeping.on_quiet()  # still at it
    assert keeping.waiting
    live.progress.emit("b", 10, 10)
    qtbot.waitUntil(lambda: not keeping.running, timeout=LONG)
    assert ready() == 3


def test_the_user_pauses_and_ends_it_from_the_menu(root: Path, qtbot: QtBot) -> None:
    db = data_dir() / "playhead.db"
    Writer(db).close()
    turn = hold(db.with_name(f"{db.name}.archive-turn"), wait=True)  # nothing comes in while we have it
    assert turn is not None
    app = App(Options(paths=(str(root),)))
    qtbot.addWidget(app.window)
    window, keeping = app.window, app.keeping
    assert keeping is not None
    pause, end = window.actions_["keep_pause"], window.actions_["keep_end"]
    try:
        app.start(restore=False)
        assert not pause.isEnabled()
        keeping.begin()
        assert pause.isEnabled()
        assert end.isEnabled()
        qtbot.waitUntil(lambda: window.status.copies.text().startswith("copying 3 sessions"), timeout=LONG)
        pause.trigger()
        assert window.status.copies.text() == "copying paused"
        pause.trigger()
        assert window.status.copies.text().startswith("copying 3 sessions"), "the next word may be long in coming"
        end.trigger()
        assert not pause.isEnabled()
        assert not window.status.copies.text()
        assert not keeping.running
        assert ready() == 0
        keeping.begin()
        app.settings[st.KEEP] = False
        assert not keeping.running
    finally:
        turn.drop(remove=False)
        app.shutdown()


def test_words() -> None:
    now = Progress(done=4, total=1_204, bytes=1, size=9, records=20, rate=12_345.6, left=200.0)
    assert words(now) == "copying 1,200 sessions · 12,346 records/s, 3 min left"
    assert words(now, waiting=True) == "copying 1,200 sessions, waiting"
    assert words(Progress()) == ""
    assert words(Progress(done=3, total=3)) == "making copies searchable"
    index = Progress(done=3, total=3, left=72.0, indexed=430, to_index=1_000)
    assert words(index) == "making copies searchable: 43 %, 1 min left"
    assert words(index, waiting=True) == "making copies searchable: 43 %, waiting"
    assert words(Progress(done=3, total=3, indexed=9, to_index=9)) == "adding up what they cost"
    assert [clock(seconds) for seconds in (0.2, 59, 100, 7200)] == ["1 s", "59 s", "2 min", "2 h"]
