"""Streams on their way into the database: drafts first, then a commit with every tick. Real processes and journals."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from builders import begun, line, piece, said
from recorded_stream import Live, check

from store.about import about
from store.archive import archive
from store.db.writer import Writer
from store.errors import StoreError
from store.intake import take_in
from store.items import text_of
from store.report import rows_of
from store.told import Started

INIT = {
    "type": "system",
    "subtype": "init",
    "session_id": "s",
    "model": "opus",
    "cwd": "/w",
    "claude_code_version": "2",
}
ALIVE = {"type": "keep_alive"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYHEAD_DATA_DIR", str(tmp_path / "own"))
    from store.paths import data_dir

    return data_dir()


@pytest.fixture
def live(data: Path) -> Iterator[Live]:
    made = Live(data)
    yield made
    made.shutdown()


def test_001_01_connecting_pinging_and_settings_are_no_session(live: Live) -> None:
    """001-12: a draft until its first word, and said to be one."""
    live.write(INIT, ALIVE, {"type": "system", "subtype": "hook_started", "hook_name": "SessionStart"})
    live.until(lambda: live.hub.sessions[live.key].header.llm == "opus")
    recorder = live.feeds.recorder
    assert recorder is not None
    live.until(lambda: not recorder._news)
    assert live.header.draft
    assert not live.db.exists(), "nobody has looked for a database"
    live.write(said("Hello"))
    live.until(lambda: live.sessions() == [(1,)])
    live.until(lambda: not live.header.draft)
    assert live.sessions("status, origin, llm, cwd, rows") == [("active", "stdin", "claude-opus-5", "/w", 1)]


def test_002_06_created_is_when_the_draft_was_made(live: Live) -> None:
    from store.sources.journal import read_meta

    journal = live.feeds.files(live.key)[0]
    live.write(INIT, said("Hello"))
    live.until(lambda: live.sessions() == [(1,)])
    meta = read_meta(journal)
    assert meta is not None
    ((created, user, config),) = live.sessions("created, user_id, model_config")
    assert isinstance(created, int)
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created // 1_000_000)) == meta.started[:19]
    assert (user, config) == (meta.user or None, None)


def test_x01_a_tick_is_one_commit(live: Live) -> None:
    """X-01: one model change, one commit, one mark of the digest; a tick without news is none of them."""
    live.write(INIT, said("Hello", id="m0"))
    live.until(lambda: live.commits() == 1)
    recorder = live.feeds.recorder
    assert recorder is not None
    for number in range(1, 6):
        live.write(*[said(f"{number} {part}", id=f"m{number}.{part}") for part in range(15)])
        live.until(lambda number=number: live.hub.sessions[live.key].state.rows == 1 + 15 * number)  # type: ignore[misc]
        live.until(lambda number=number: live.commits() > number)  # type: ignore[misc]
        assert recorder.due._waiting[live.key].entries >= 15 * number
    before = live.commits()
    for _ in range(50):
        live.tick()
    assert live.commits() == before
    live.close_pipe()
    live.until(lambda: live.sessions("status") == [("paused",)])
    path = live.feeds.files(live.key)[0]
    check(live.db, path)


def test_001_07_row_then_start_then_dispatch(live: Live) -> None:
    """001-11: once per new session, and what waits for it comes behind it; a failed one holds nobody back."""
    there: list[object] = []
    live.write(INIT)
    live.until(lambda: live.hub.sessions[live.key].header.llm == "opus")
    live.write(said("Hello"))
    live.until(lambda: live.hub.sessions[live.key].state.rows > 0)
    recorder = live.feeds.recorder
    assert recorder is not None
    recorder.after(live.key, lambda: there.append([*live.told, *live.sessions("id")]))
    live.until(lambda: there)
    assert there == [[Started(live.key, 1), (1,)]]
    live.write(said("More", id="m2"))
    live.until(lambda: live.commits() >= 2)
    assert [one for one in live.told if isinstance(one, Started)] == [Started(live.key, 1)]


def test_001_11_a_restored_session_does_not_start_again(live: Live, data: Path) -> None:
    live.write(INIT, said("Hello"))
    live.until(lambda: live.told)
    path = live.feeds.files(live.key)[0]
    live.close_pipe()
    live.until(lambda: live.sessions("status") == [("paused",)])
    live.told.clear()
    live.feeds.open(str(path))
    live.until(lambda: live.hub.sessions[str(path)].state.rows == 1)
    assert not [one for one in live.told if isinstance(one, Started)]
    assert live.sessions() == [(1,)]


def test_001_09_a_locked_database_loses_nothing_and_is_said_once(
    live: Live, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X-01, 002-04: the row appears with the next attempt, with everything that came meanwhile, once."""
    monkeypatch.setattr("store.db.engine.BUSY_MS", 20)
    monkeypatch.setattr("store.recorder.AGAIN", 0.02)
    Writer(live.db).close()
    said_: list[str] = []

    def look() -> str:
        trouble = live.hub.sessions[live.key].header.trouble
        if not said_ or said_[-1] != trouble:
            said_.append(trouble)
        return trouble

    with closing(sqlite3.connect(live.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        live.write(INIT, said("Hello", id="m0"))
        live.until(look)
        live.write(*[said(f"{number}", id=f"m{number}") for number in range(1, 30)])
        live.until(lambda: look() and live.hub.sessions[live.key].state.rows == 30)
        recorder = live.feeds.recorder
        assert recorder is not None
        recorder.after(live.key, lambda: live.told.append("dispatched"))
        live.until(lambda: look() and "dispatched" in live.told)
        other.execute("ROLLBACK")
    live.until(lambda: not look() and live.sessions("rows") == [(30,)])
    assert [text for text in said_ if text] == [text for text in said_ if "is locked by another program" in text]
    assert len([text for text in said_ if text]) == 1, "one warning"
    live.close_pipe()
    live.until(lambda: live.sessions("status") == [("paused",)])
    path = live.feeds.files(live.key)[0]
    check(live.db, path)


def test_002_08_a_title_before_the_first_word_is_applied_once(live: Live) -> None:
    """An invalid one is dropped with a message, and never tried again."""
    live.feeds.rename(live.key, "First try")
    with pytest.raises(StoreError, match="at least one letter"):
        live.feeds.rename(live.key, " ")
    live.write(INIT)
    live.until(lambda: live.hub.sessions[live.key].header.llm == "opus")
    assert live.hub.sessions[live.key].header.title == "First try"
    live.feeds.rename(live.key, "Mine")
    assert not live.db.exists(), "nobody has looked for a database"
    live.write(said("Hello"))
    live.until(lambda: live.sessions("user_title") == [("Mine",)])
    live.feeds.rename(live.key, "Later")
    live.until(lambda: live.sessions("user_title, title") == [("Later", "Later")])
    with pytest.raises(StoreError, match="runs here"):
        live.feeds.rename("elsewhere", "x")


def test_001_12_a_silent_stream_leaves_nothing(data: Path) -> None:
    """Its window closes: no row, no journal, no line in the list of the next start."""
    made = Live(data)
    path = made.feeds.files(made.key)[0]
    assert path.exists()
    made.shutdown()
    assert not path.exists()
    assert list(path.parent.iterdir()) == []
    assert not made.db.exists()


STARTS = {
    "not there": (["/no/such/agent"], "/no/such/agent"),
    "refused": ([sys.executable, "-c", "raise SystemExit('no key')"], "exit code 1: no key"),
    "killed": ([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], "SIGKILL"),
    "connected": ([sys.executable, "-c", f"print({line(INIT).decode()!r}); raise SystemExit(2)"], "exit code 2"),
}


@pytest.mark.parametrize("name", STARTS)
def test_002_02_a_failed_start_is_shown_and_no_row(live: Live, name: str) -> None:
    """001-01: the failure is not hidden together with its row."""
    argv, how = STARTS[name]
    try:
        key = live.feeds.run(argv)
    except StoreError:
        key = next(key for key in live.hub.sessions if key != live.key)
    live.until(lambda: live.hub.sessions[key].header.state == "failed")
    recorder = live.feeds.recorder
    assert recorder is not None
    live.until(lambda: key not in recorder._streams)
    assert how in live.hub.sessions[key].header.trouble
    assert not live.db.exists()


def test_001_06_without_a_database_it_is_only_shown(data: Path) -> None:
    made = Live(data, database=False)
    try:
        made.write(INIT, said("Hello"))
        made.until(lambda: made.hub.sessions[made.key].state.rows == 1)
        assert not made.header.draft, "nobody is going to save it"
        assert made.feeds.recorder is None
        assert not made.db.exists()
    finally:
        made.shutdown()


def test_somebody_else_imports_the_journal_meanwhile(live: Live) -> None:
    """The archive's import is faster: no second row, nothing twice, and what it has is gone on from."""
    path = live.feeds.files(live.key)[0]
    live.write(INIT, said("Hello", id="m0"))
    live.until(lambda: live.commits() == 1)
    for number in range(1, 8):
        live.write(said(f"{number}", id=f"m{number}"))
        live.until(lambda number=number: path.read_bytes().count(b"\n") == number + 2)  # type: ignore[misc]
        take_in(live.db, path)  # now this one is faster, now the recorder
    live.close_pipe()
    live.until(lambda: live.sessions("status, rows") == [("paused", 8)])
    check(live.db, path)


def test_archived_while_it_runs(live: Live) -> None:
    """000-08, X-03: what comes late is refused, counted and said; the rest of the stream goes on."""
    path = live.feeds.files(live.key)[0]
    live.write(INIT, said("Hello", id="m0"))
    live.until(lambda: live.commits() == 1)
    archive(live.db, path)
    live.write(said("Late", id="m1"))
    live.until(lambda: "archived" in live.hub.sessions[live.key].header.trouble)
    live.until(lambda: (found := about(path, live.db)) is not None and found.refused)
    assert live.sessions("status, rows") == [("archived", 1)]
    live.close_pipe()
    recorder = live.feeds.recorder
    assert recorder is not None
    live.until(lambda: not recorder._streams)
    assert live.sessions("status, rows") == [("archived", 1)]
    assert live.hub.sessions[live.key].state.rows == 2, "it is shown all the same"


def test_pieces_of_one_message_over_many_ticks(live: Live) -> None:
    """A row that grows is the same row: written again, never twice."""
    live.write(INIT, begun(), piece("a"))
    live.until(lambda: live.commits() == 1)
    for number in range(2, 12):
        live.write(piece("b"))
        live.until(lambda number=number: live.commits() >= number)  # type: ignore[misc]
    live.close_pipe()
    live.until(lambda: live.sessions("status, rows") == [("paused", 1)])
    path = live.feeds.files(live.key)[0]
    rows = rows_of(path)[0]
    assert [text_of(row) for row in rows] == ["a" + "b" * 10]
    check(live.db, path)


KILLED = """
import threading
from store.feeds import Feeds
from store.hub import Hub
news = threading.Event()
hub = Hub(news.set)
feeds = Feeds(hub, lambda _: None, lambda *_: None, lambda _: None)
feeds.stdin()
while True:
    print(feeds.recorder.commits, flush=True)
    news.wait()
    news.clear()
    hub.flush()
    hub.flushed()
"""


@pytest.mark.parametrize("commits", [0, 2, *(pytest.param(commits, marks=pytest.mark.soak) for commits in (1, 5))])
def test_x06_killed_at_any_moment_leaves_whole_sessions(data: Path, commits: int) -> None:
    """X-06: no half session, no empty row, nothing twice; who worked in it is gone, so it is paused."""
    child = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(line(INIT))
    child.stdin.flush()
    for number, told in enumerate(child.stdout):
        if int(told) >= commits and number >= commits:
            break
        child.stdin.write(line(said(f"{number}", id=f"m{number}")))
        child.stdin.flush()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    (path,) = (data / "journals").glob("*.jsonl")
    db = data / "playhead.db"
    if commits:
        with closing(Writer(db)) as writer:
            assert writer.interrupted() == 1
            assert writer.interrupted() == 0
        with closing(sqlite3.connect(db)) as connection:
            told_ = connection.execute("SELECT status, end_reason, rows > 0, origin FROM session").fetchall()
            assert told_ == [("paused", "interrupted", 1, "stdin")]
    take_in(db, path)
    if rows_of(path)[0]:
        check(db, path)
