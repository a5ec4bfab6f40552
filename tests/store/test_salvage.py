"""A database that is broken: set aside, made anew, and what only it had is taken over as far as it can be read."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from imports import Folded
from thorough import seeds

from store.catalog import Catalog
from store.db import reads
from store.db.engine import open_engine
from store.db.writer import Writer
from store.delta import SessionsDelta
from store.intake import take_in
from store.items import Item, Notice
from store.known import known
from store.paths import data_dir
from store.sources.discover import Discovery
from store.sources.watch import Watcher
from store.whole import Whole
from viewer.bench.make_session import write_session

PAGE = 16_384


@pytest.fixture
def db() -> Path:
    return data_dir() / "playhead.db"


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three sessions; the last one's file stays."""
    made = [tmp_path / "projects" / "-w" / f"{number}1111111-2222-4333-8444-555555555555.jsonl" for number in range(3)]
    for number, path in enumerate(made):
        write_session(path, records=400, seed=number, agents=number % 2)
    return made


@pytest.fixture
def wanted(db: Path, paths: list[Path]) -> list[list[Item]]:
    """They are in the database, and the files of the first two are gone."""
    rows = [Folded(Whole(path)).rows for path in paths]
    for path in paths:
        take_in(db, path)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("UPDATE session SET user_title = 'Mine' WHERE id = 3")
        connection.commit()
    for path in paths[:2]:
        path.unlink()
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    return rows


def open_again(db: Path) -> None:
    open_engine(db).dispose()


def aside(db: Path) -> list[Path]:
    return [path for path in db.parent.glob("playhead.db.damaged-*") if not path.name.endswith(("-wal", "-shm"))]


def rows_of(db: Path, path: Path) -> list[Item]:
    found = known(path, db)
    if found is None:
        return []
    try:
        assert found.kept
        assert len(found.window.weights()) == found.rows
        rows = found.window.read(0, found.rows)
        assert all(0 <= parent < row for row, parent in _pairs(found.window.nested()) if parent >= 0)
        assert all(found.window.find(rows[row].id) == row for row in range(0, len(rows), 61))
        return rows
    finally:
        found.window.close()


def _pairs(flat: object) -> Iterator[tuple[int, int]]:
    values = list(flat)  # type: ignore[call-overload]
    return zip(values[::2], values[1::2], strict=True)


def entries_of(db: Path, path: Path) -> list[tuple[int, bytes]]:
    """What the figures of a session are folded from."""
    sql = "SELECT e.first, e.data FROM entry AS e JOIN session AS s ON s.id = e.session_id WHERE s.key = ? ORDER BY 1"
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(sql, (str(path),)).fetchall()


def sound(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute(reads.VERSION).fetchone() == (reads.SCHEMA, reads.APPLICATION)


def test_what_can_be_read_comes_over_as_it_was(db: Path, paths: list[Path], wanted: list[list[Item]]) -> None:
    """A reader met damage that no other page has: both only copies are whole, with their figures, and it is said."""
    entries = [entries_of(db, path) for path in paths[:2]]
    assert all(entries)
    reads.damage(db)
    open_again(db)
    sound(db)
    assert [rows_of(db, path) for path in paths[:2]] == wanted[:2]
    assert [entries_of(db, path) for path in paths[:2]] == entries
    assert known(paths[2], db) is None  # read again from its file
    outcome = take_in(db, paths[2])
    assert outcome.anew
    with closing(sqlite3.connect(db)) as connection:
        title = connection.execute("SELECT user_title FROM session WHERE id = ?", (outcome.session,)).fetchone()
        assert title == ("Mine",)
        noted = connection.execute("SELECT action, detail FROM audit").fetchone()
    (kept,) = aside(db)
    said = reads.take_said(db)
    total = len(wanted[0]) + len(wanted[1])
    assert said == (
        f"playhead.db was damaged: it was set aside as {kept.name}, and sessions are read again from their files. "
        f"2 sessions whose files are gone came over, with {total:,} rows."
    )
    assert noted == ("database set aside", said)
    assert reads.take_said(db) == ""
    assert not list(db.parent.glob("*.aside"))


@pytest.mark.usefixtures("wanted")
def test_a_session_that_lost_its_name_is_said(db: Path, paths: list[Path]) -> None:
    """Its rows are there, and nothing tells where they belong: not silently."""
    with closing(sqlite3.connect(db)) as connection:
        ((number,),) = connection.execute("SELECT id FROM session WHERE key = ?", (str(paths[0]),))
        connection.execute("DELETE FROM source WHERE session_id = ?", (number,))
        connection.execute("DELETE FROM session WHERE id = ?", (number,))
        connection.commit()
    reads.damage(db)
    open_again(db)
    said = reads.take_said(db)
    assert "1 session whose files are gone came over" in said
    assert "1 session has lost the name: if the file is gone, too, the rows are only in what was set aside." in said


def test_helpers_whose_files_are_gone_come_over_and_are_gone_on_with(
    db: Path, paths: list[Path], wanted: list[list[Item]], tmp_path: Path
) -> None:
    path = tmp_path / "projects" / "-w" / "71111111-2222-4333-8444-555555555555.jsonl"
    write_session(path, records=60, seed=7, agents=2)
    rows = Folded(Whole(path)).rows
    take_in(db, path)
    shutil.rmtree(path.with_suffix(""))
    reads.damage(db)
    open_again(db)
    assert "3 sessions" in reads.take_said(db)
    assert rows_of(db, path) == rows
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines(keepends=True)[3])
    assert not take_in(db, path).anew
    assert rows_of(db, path)[: len(rows)] == rows


@pytest.mark.parametrize("seed", seeds(2, 20))
def test_broken_pages_cost_no_more_than_their_rows(
    db: Path, paths: list[Path], wanted: list[list[Item]], seed: int
) -> None:
    """Whatever pages: rows that come over are those that were there, in order, and what is missing is counted."""
    spoil(db, seed)
    reads.damage(db)
    open_again(db)
    sound(db)
    said = reads.take_said(db)
    saved = 0
    for path, before in zip(paths[:2], wanted[:2], strict=True):
        rows = rows_of(db, path)
        if not rows:
            continue  # nobody knows any more that it was there
        real = [row for row in rows if not row.id.startswith("lost:")]
        gaps = [row for row in rows if row.id.startswith("lost:")]
        assert all(isinstance(gap, Notice) and "missing here" in gap.text for gap in gaps)
        left = iter(before)
        assert all(any(row == other for other in left) for row in real)  # in order
        if len(real) < len(before):
            assert gaps
            assert "could not be read" in said
        saved += 1
    assert take_in(db, paths[2]).anew
    sound(db)
    assert (f"{saved} session" in said) == (saved > 0)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_end_in_rows_or_in_gaps(db: Path, paths: list[Path], wanted: list[list[Item]], seed: int) -> None:
    """Nothing tells that a letter was another one; what is no text, no number or no row any more is left out."""
    rng = random.Random(seed)
    with db.open("r+b") as file:
        for _ in range(db.stat().st_size // 100):
            file.seek(rng.randrange(PAGE, db.stat().st_size))
            file.write(rng.randbytes(1))
    reads.damage(db)
    open_again(db)
    sound(db)
    for path, before in zip(paths[:2], wanted[:2], strict=True):
        assert len(rows_of(db, path)) <= len(before)
    assert take_in(db, paths[2]).anew


def spoil(db: Path, seed: int) -> None:
    """A tenth of the pages, never the first: without it nothing says where anything is."""
    rng = random.Random(seed)
    pages = db.stat().st_size // PAGE
    with db.open("r+b") as file:
        for page in rng.sample(range(1, pages), max(1, pages // 10)):
            file.seek(page * PAGE)
            file.write(b"\xff" * PAGE if seed % 2 else rng.randbytes(PAGE))


def test_a_file_without_its_first_page_has_nothing_to_tell(
    db: Path, paths: list[Path], wanted: list[list[Item]]
) -> None:
    with db.open("r+b") as file:
        file.write(b"\xff" * PAGE)
    open_again(db)
    sound(db)
    assert [rows_of(db, path) for path in paths[:2]] == [[], []]
    (kept,) = aside(db)
    assert reads.take_said(db).endswith(f"set aside as {kept.name}, and sessions are read again from their files.")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
@pytest.mark.parametrize("transaction", [2, 5, 7])
def test_killed_while_it_is_saved_it_goes_on(
    db: Path, paths: list[Path], wanted: list[list[Item]], transaction: int
) -> None:
    """X-06: the note that names the old file stays until everything has come over."""
    reads.damage(db)
    pid = os.fork()
    if pid == 0:
        left = transaction

        def publish(*_: object, **__: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        real = Writer._tx
        Writer._tx = lambda self: (publish(), real(self))[1]  # type: ignore[assignment,func-returns-value,method-assign]
        try:
            open_again(db)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    open_again(db)
    sound(db)
    assert [rows_of(db, path) for path in paths[:2]] == wanted[:2]
    with closing(sqlite3.connect(db)) as connection:
        ready = connection.execute("SELECT count(*) FROM session WHERE state = 'ready'").fetchone()
    assert ready == (3,)  # and what no file says of the third
    assert len(aside(db)) == 1


def test_the_window_says_it_and_lists_what_was_saved(db: Path, paths: list[Path], wanted: list[list[Item]]) -> None:
    reads.damage(db)
    rows: dict[str, bool] = {}
    told: list[str] = []
    news = threading.Condition()

    def listed(delta: SessionsDelta) -> None:
        with news:
            rows.update({row.path: row.missing for row in delta.put})
            told.extend([delta.trouble] if delta.trouble else [])
            news.notify_all()

    watcher = Watcher()
    search = Discovery([paths[2].parents[1]], watcher, listed, cache=Catalog())
    search.start()
    with news:
        assert news.wait_for(lambda: told and len(rows) == 3, 30)
    search.stop()
    watcher.stop()
    assert rows == {str(paths[0]): True, str(paths[1]): True, str(paths[2]): False}
    assert len(told) == 1
    assert "2 sessions whose files are gone" in told[0]
