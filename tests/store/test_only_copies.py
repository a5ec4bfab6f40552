"""Sessions whose agent has deleted the file: the database has the only copy, and nothing takes it away."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from imports import REPO, SESSION, Folded, count, take_in_anew

from store import report
from store.catalog import Catalog
from store.db.reads import damage
from store.db.writer import Writer
from store.delta import Delta, Row, SessionsDelta
from store.doctor import examine
from store.errors import StoreError
from store.hub import Hub
from store.ingest import FileIngest
from store.intake import take_in, tidy
from store.items import Item, Raw
from store.known import known
from store.paths import data_dir
from store.session import Session
from store.sources.discover import Discovery
from store.sources.watch import Watcher
from store.whole import Whole
from viewer.bench.make_session import write_session
from viewer.cli import window_options

WAIT = 30.0


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    return tmp_path / ".claude" / "projects"


@pytest.fixture
def session(projects: Path) -> Path:
    path = projects / "-w-atlas" / f"{SESSION}.jsonl"
    write_session(path, records=120, seed=4, agents=2)
    return path


@pytest.fixture
def db() -> Path:
    return data_dir() / "playhead.db"


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.stop()


def set_columns(db: Path, columns: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(f"UPDATE session SET {columns}")  # noqa: S608 - of this file
        connection.commit()


def rows_of(db: Path, path: Path) -> list[Item]:
    found = known(path, db)
    assert found is not None
    try:
        assert found.only_copy
        assert found.state().rows == found.rows
        return found.window.read(0, found.rows)
    finally:
        found.window.close()


def sources_of(db: Path, number: int) -> list[str]:
    with closing(sqlite3.connect(db)) as connection:
        return [path for (path,) in connection.execute("SELECT path FROM source WHERE session_id = ?", (number,))]


def delete(path: Path) -> None:
    for file in path.with_suffix("").rglob("*.jsonl"):
        file.unlink()
    path.unlink()


def test_its_rows_are_still_there(db: Path, session: Path) -> None:
    wanted = Folded(Whole(session)).rows
    take_in(db, session)
    delete(session)
    assert rows_of(db, session) == wanted
    again = take_in(db, session)
    assert (again.rows, again.read, again.anew) == (len(wanted), 0, False)
    assert rows_of(db, session) == wanted


def test_a_new_fold_version_folds_anew_only_what_has_a_file(db: Path, session: Path) -> None:
    """The other one stays readable, whatever its facts and its fold look like by now."""
    other = session.with_name("22222222-2222-4333-8444-555555555555.jsonl")
    write_session(other, records=60, seed=5)
    wanted = Folded(Whole(session)).rows
    take_in(db, session)
    take_in(db, other)
    delete(session)
    set_columns(db, "fold_version = 0, facts = x'c1', fold = x'c1'")
    assert known(other, db) is None
    assert rows_of(db, session) == wanted
    found = known(session, db)
    assert found is not None
    assert found.kept
    assert found.facts.id == SESSION
    assert found.facts.cwd
    found.window.close()
    assert take_in(db, session).read == 0
    outcome = take_in(db, other)
    assert outcome.anew
    tidy(db, outcome.leftovers)
    assert rows_of(db, session) == wanted


def test_rows_of_another_version_that_are_not_understood_are_no_damage(db: Path, session: Path) -> None:
    take_in(db, session)
    delete(session)
    set_columns(db, "fold_version = 0")
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE item SET payload = x'81a16ba17a' WHERE seq % 2")  # a kind of row that nobody knows
        connection.commit()
    rows = rows_of(db, session)
    strange = [row for row in rows if isinstance(row, Raw) and row.reason.startswith("kept by another version")]
    assert len(strange) == len(rows) // 2
    assert not list(db.parent.glob("*.damaged"))


def test_what_is_new_comes_behind_rows_of_subagents_whose_files_are_gone(db: Path, session: Path) -> None:
    """Agents clean up by age: a session is gone on with, and what its helpers said months ago is nowhere else."""
    wanted = Folded(Whole(session)).rows
    take_in(db, session)
    for file in session.with_suffix("").rglob("*.jsonl"):
        file.unlink()
    set_columns(db, "fold_version = 0, facts = x'c1', fold = x'c1'")
    for _ in "ab":
        with session.open("ab") as file:
            file.write(b"".join(session.read_bytes().splitlines(keepends=True)[3:5]))
        outcome = take_in(db, session)
        assert not outcome.anew
        assert outcome.read
        found = known(session, db)
        assert found is not None
        assert found.kept
        assert not found.only_copy
        assert found.rows == outcome.rows > len(wanted)
        assert found.window.read(0, len(wanted)) == wanted
        assert len(found.window.weights()) == found.rows
        found.window.close()
    assert examine(db).trouble == []


def test_a_file_that_comes_back_is_folded_anew(db: Path, session: Path) -> None:
    """All of them: of a subagent whose file is still gone there would be no rows but these."""
    data = {file: file.read_bytes() for file in (session, *session.with_suffix("").rglob("*.jsonl"))}
    assert len(data) == 3
    take_in(db, session)
    delete(session)
    set_columns(db, "fold_version = 0")
    for file, content in data.items():
        file.write_bytes(content)
    assert known(session, db) is None
    outcome = take_in(db, session)
    assert outcome.anew
    found = known(session, db)
    assert found is not None
    assert not found.kept
    assert not found.only_copy
    found.window.close()


def test_reading_again_keeps_what_no_file_says(db: Path, session: Path) -> None:
    """002-06: its state, its title by the user, where it came from, its parent and its children."""
    child = session.with_name("22222222-2222-4333-8444-555555555555.jsonl")
    write_session(child, records=10, seed=5)
    take_in(db, session)
    take_in(db, child)
    own = "status = 'active', user_title = 'Mine', origin = 'run', created = 7, model_config = '{}'"
    set_columns(db, f"{own}, parent_session_id = CASE id WHEN 1 THEN NULL ELSE 1 END")
    outcome = take_in_anew(db, session)
    tidy(db, [1])
    ask = "SELECT status, user_title, origin, created, model_config, parent_session_id, fold_version FROM session "
    with closing(sqlite3.connect(db)) as connection:
        mine = connection.execute(f"{ask} WHERE id = ?", (outcome.session,)).fetchone()
        assert mine[:6] == ("active", "Mine", "run", 7, "{}", None)
        assert connection.execute(f"{ask} WHERE id = 2").fetchone()[5] == outcome.session
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_was_replaced_goes_only_when_nothing_of_it_is_lost(db: Path, session: Path) -> None:
    """A subagent's file was deleted before its session was read again: its rows exist nowhere else."""
    first = take_in(db, session)
    for file in session.with_suffix("").rglob("*.jsonl"):
        file.unlink()
    outcome = take_in_anew(db, session)
    assert outcome.anew
    with closing(Writer(db)) as writer:
        assert writer.leftovers() == []
        paths = [Path(one) for one in sources_of(db, first.session)]
        (gone, *_) = missing = [path for path in paths if not path.exists()]
        for path in missing:
            path.symlink_to(gone.with_name("nowhere"))  # a name without a file is no file
        assert writer.leftovers() == []
        for path in missing:
            path.unlink()
    assert count(db, first.session) == first.rows
    write_session(session, records=120, seed=4, agents=2)
    with closing(Writer(db)) as writer:
        left = writer.leftovers()
        assert left == [first.session]
        writer.sweep(left)
    assert count(db, first.session) == 0


# ---- opened


class Screen:
    """What a window would show of one session."""

    def __init__(self, path: Path, watcher: Watcher) -> None:
        self.news = threading.Event()
        self.hub = Hub(self.news.set)
        self.key = str(path)
        self.session = self.hub.sessions[self.key] = Session(self.key)
        self.deltas: list[Delta] = []
        self.ingest = FileIngest(self.key, path, self.hub, watcher)
        self.ingest.start()

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT
        while not done():
            assert time.monotonic() < end, self.session.header
            self.news.wait(0.05)
            self.news.clear()
            self.deltas += self.hub.flush()

    def windows(self) -> list[int]:
        shown = [delta.rebase for delta in self.deltas if delta.rebase is not None]
        return [rebase.window.length for rebase in shown if rebase.window is not None]


@pytest.mark.parametrize("version", ["", "fold_version = 0"], ids=["this version", "another version"])
def test_it_is_opened_from_the_database_and_says_so(db: Path, session: Path, watcher: Watcher, version: str) -> None:
    rows = take_in(db, session).rows
    data = session.read_bytes()
    delete(session)
    if version:
        set_columns(db, version)
    screen = Screen(session, watcher)
    try:
        screen.until(lambda: screen.session.header.state == "ended")
        assert screen.windows() == [rows]
        assert screen.session.header.trouble.endswith("This is the copy that Playhead has kept of it.")
        assert screen.session.header.title
        session.write_bytes(data)  # it is back: read like any other, and nothing is said any more
        screen.until(lambda: not screen.session.header.trouble)
    finally:
        screen.ingest.stop()


def test_a_session_that_nobody_kept_is_still_a_sentence(session: Path, watcher: Watcher) -> None:
    delete(session)
    screen = Screen(session, watcher)
    try:
        screen.until(lambda: screen.session.header.state == "failed")
        assert screen.session.header.trouble == f"{session} does not exist (any more)."
    finally:
        screen.ingest.stop()


def test_a_database_that_had_to_be_set_aside_is_said_with_the_import(
    db: Path, session: Path, watcher: Watcher, tmp_path: Path
) -> None:
    take_in(db, session)
    delete(session)
    big = tmp_path / "22222222-2222-4333-8444-555555555555.jsonl"
    write_session(big, size=1_300_000, seed=3)
    damage(db)
    screen = Screen(big, watcher)
    try:
        screen.until(lambda: "1 session whose files are gone came over" in screen.session.header.trouble)
        screen.until(lambda: bool(screen.windows()))
    finally:
        screen.ingest.stop()


# ---- listed


class Listed:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.totals = 0
        self.troubles: list[str] = []
        self.news = threading.Condition()

    def __call__(self, delta: SessionsDelta) -> None:
        with self.news:
            self.rows.update({row.id: row for row in delta.put})
            for gone in delta.gone:
                del self.rows[gone]
            self.totals += delta.total is not None
            self.troubles += [delta.trouble] if delta.trouble else []
            self.news.notify_all()

    def until(self, done: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(done, WAIT), self.rows


def test_the_list_keeps_it_and_says_that_it_is_the_only_copy(
    db: Path, projects: Path, session: Path, watcher: Watcher
) -> None:
    """Deleted while the list is shown, known from last time, and known from the database alone."""
    other = session.with_name("33333333-2222-4333-8444-555555555555.jsonl")
    write_session(other, records=20, seed=6)
    data = session.read_bytes()
    take_in(db, session)
    listed = Listed()
    search = Discovery([projects], watcher, listed, cache=Catalog())
    search.start()
    listed.until(lambda: listed.totals == 1)
    title = listed.rows[str(session)].title
    assert title
    delete(session)
    other.unlink()
    listed.until(lambda: listed.rows[str(session)].missing and str(other) not in listed.rows)
    row = listed.rows[str(session)]
    assert (row.title, row.state, row.path) == (title, "ended", str(session))
    search.stop()

    for forgotten in (False, True):
        if forgotten:
            catalog = Catalog()
            catalog.forget([str(session)])
            catalog.close()
        listed = Listed()
        search = Discovery([projects], watcher, listed, cache=Catalog())
        search.start()
        listed.until(lambda listed=listed: listed.totals == 1 and str(session) in listed.rows)  # type: ignore[misc]
        assert set(listed.rows) == {str(session)}
        assert listed.rows[str(session)].missing
        assert listed.rows[str(session)].title
        if not forgotten:
            search.stop()
    session.parent.mkdir(exist_ok=True)
    session.write_bytes(data)
    listed.until(lambda: str(session) in listed.rows and not listed.rows[str(session)].missing)
    search.stop()


def test_the_command_lists_it_unless_it_is_asked_for_a_folder(db: Path, projects: Path, session: Path) -> None:
    take_in(db, session)
    (before,) = report.sessions([projects])
    shown = list(report.show(session))
    delete(session)
    assert list(report.show(session)) == shown
    assert window_options([str(session)]).paths == (str(session),), "a window opens it, too"
    with pytest.raises(StoreError, match="does not exist"):
        window_options([str(session.with_name("never.jsonl"))])
    (entry,) = report.sessions()
    said = ("id", "agent", "title", "cwd", "started", "path")
    assert [entry[name] for name in said] == [before[name] for name in said]
    assert (entry["state"], entry["records"]) == ("only copy", None)
    command = [sys.executable, "-m", "viewer", "sessions", "--json", "--root", str(projects)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == ""
    with closing(sqlite3.connect(db)) as connection, connection:
        for gone in ("status = 'deleted'", "status = 'paused', rows = 0"):
            connection.execute(f"UPDATE session SET {gone}")  # noqa: S608
            connection.commit()
            assert list(report.sessions()) == []
        connection.execute("PRAGMA user_version = 9999")
    refused: list[str] = []
    assert [list(report.sessions(refused=refused.append)), len(refused)] == [[], 1], "said, and files are listed still"
