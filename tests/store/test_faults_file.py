"""X-06: a newer or broken database, two Playheads at once, a clock that goes back, files rewritten while read."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from deeds import (
    ALL,
    DONE,
    MANY,
    OLD,
    attempt,
    copy_of,
    db,
    do_archive,
    do_figures,
    do_import,
    failed,
    paths,
    root,
    write,
)
from faults import forked, sound, statements, told, whole
from sqlalchemy import Engine, event

from store import archive
from store.about import closed, kept
from store.archive_import import ArchiveImport
from store.archive_plan import plan
from store.archive_work import Work
from store.audit import entries
from store.catalog import Catalog
from store.db import reads
from store.db.engine import open_engine
from store.db.runs_db import listed
from store.db.search import catch_up
from store.db.serving import ask
from store.empties import empties
from store.errors import StoreError
from store.figures import figures
from store.intake import take_in
from store.prices import unknown

__all__ = ["db", "paths", "root"]  # fixtures

# ---- a database of a newer Playhead


@MANY
def test_x06_a_newer_database_is_refused_and_untouched(db: Path, paths: list[Path], what: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(f"PRAGMA user_version={reads.SCHEMA + 1}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = hashlib.sha256(db.read_bytes()).digest()
    if what == "figures":
        assert figures(paths[0], db, unknown) is None  # then they are made from the file
    else:
        with pytest.raises(StoreError, match=r"newer Playhead|is not in the database"):
            ALL[what](db, paths)
    with pytest.raises(StoreError, match="newer Playhead"):
        take_in(db, paths[0])
    assert hashlib.sha256(db.read_bytes()).digest() == kept
    assert sorted(path.name for path in db.parent.glob("playhead.db*") if "damaged" in path.name) == []


@pytest.mark.parametrize("read", [empties, entries, closed, kept, listed, partial(ask, sql="SELECT 1")])
def test_x06_who_only_reads_says_that_it_is_newer(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """And not that there is nothing."""
    path = tmp_path / "playhead.db"
    open_engine(path).dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={reads.SCHEMA + 1}")
    with pytest.raises(StoreError, match="newer Playhead"):
        read(path)


# ---- a broken file


def test_x06_of_a_broken_database_an_archived_only_copy_is_saved(db: Path, paths: list[Path]) -> None:
    """Its rows, its figures and that it is archived; what has a file is read again, and found again."""
    do_import(db, paths)
    archive.archive(db, paths[2], unknown)
    before = told(paths[2], db)
    paths[2].unlink()
    shutil.rmtree(paths[2].with_suffix(""), ignore_errors=True)
    assert told(paths[2], db) == before
    reads.damage(db)
    open_engine(db).dispose()
    assert "set aside" in reads.take_said(db)
    do_import(db, paths[:2])
    whole(db, paths[:2])
    assert closed(db)[str(paths[2])].status == "archived"
    assert told(paths[2], db) == before


@pytest.mark.parametrize("what", ["figures", "archive", "index", "import", "list"])
def test_x06_pages_that_break_meanwhile_are_met_by_all(db: Path, paths: list[Path], what: str) -> None:
    """Whoever meets them says so, and whoever opens the database next begins anew; nothing but rows is lost."""
    do_import(db, paths)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = db.stat().st_size
    with db.open("r+b") as file:
        file.seek(16384 * 2)
        file.write(b"\xff" * (size - 16384 * 2))
    for _ in range(3):  # said, set aside, done
        attempt(what, db, paths, "damaged", *DONE)
    if what in ("index", "list"):
        do_figures(db, paths)
    do_import(db, paths)
    assert list(db.parent.glob("playhead.db.damaged-*"))
    whole(db, [path for path in paths if what != "archive" or path != paths[1]])


# ---- two at once


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_x06_two_playheads_do_everything_at_once(db: Path, paths: list[Path]) -> None:
    def everything(order: list[str]) -> Callable[[], None]:
        def run() -> None:
            for what in order:
                attempt(what, db, paths, "anew meanwhile", *DONE)

        return run

    pids = []
    for order in (list(ALL), list(reversed(ALL)), ["import", "archive", "figures"]):
        pid = os.fork()
        if pid == 0:
            os._exit(forked(everything([name for name in order if name != "delete"])))
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0, 0]
    whole(db, [paths[0], paths[2]])
    assert closed(db)[str(paths[1])].status == "archived"


# ---- the clock


def test_x06_a_clock_that_goes_back_changes_nothing(
    db: Path, root: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step happens a day before the one before it."""
    real, real_ns = time.time, time.time_ns
    back = [0]
    monkeypatch.setattr(time, "time", lambda: real() - back[0])
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() - back[0] * 1_000_000_000)
    for what in ("import", "figures", "list", "index"):
        ALL[what](db, paths)
        back[0] += 86_400
    with paths[0].open("ab") as file:
        file.write(write(db.parent / "more", 30, 50).read_bytes())
    os.utime(paths[0], (1_600_000_000, 1_600_000_000))  # written by the clock that went back
    do_import(db, paths)
    do_figures(db, paths)
    back[0] += 86_400
    do_archive(db, paths)
    archive.delete(db, paths[1])
    back[0] += 86_400
    archive.restore(db, paths[1])
    assert ArchiveImport(db, [root]).run().failed == []
    catch_up(db)
    whole(db, [paths[0], paths[2]])
    with closing(Catalog(db)) as catalog:
        assert set(catalog.load()) == {str(path) for path in paths}


# ---- a file that is rewritten while it is read


@pytest.mark.parametrize("small", [True, False])
def test_x06_a_file_that_is_rewritten_while_it_is_imported_is_read_again(
    db: Path, paths: list[Path], small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.whole.CHUNK", 4_096)
    monkeypatch.setattr("store.intake.BATCH", 20)
    if not small:
        monkeypatch.setattr("store.archive_work.SMALL", 0)
    other = write(paths[2].with_name("other.new"), 30, 77)
    swapped: list[bool] = []

    def between() -> None:
        if not swapped:
            swapped.append(True)
            other.replace(paths[2])

    with closing(Work(db, failed, between)) as doing:
        for task in plan(db, [paths[0].parent.parent], skip=map(str, paths[:2])).tasks:
            doing.take(task)
        doing.flush()
    assert swapped
    do_import(db, paths)
    whole(db, paths)


@pytest.mark.parametrize("what", ["figures", "archive"])
def test_x06_a_file_that_is_rewritten_while_it_is_folded_is_folded_again(
    db: Path, paths: list[Path], what: str
) -> None:
    """In the middle of the transactions that take it in, fold it and seal it."""
    most = statements(lambda: ALL[what](copy_of(db, db.parent / "counted"), paths))
    for point in random.Random(3).sample(range(1, most), 4):
        copy = copy_of(db, db.parent / f"at{point}")
        kept = paths[1].read_bytes()
        other = write(paths[1].with_name("other.new"), 30, 3 * point)
        left = point

        def on_statement(*_: object, other: Path = other) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                other.replace(paths[1])

        event.listen(Engine, "before_cursor_execute", on_statement)
        try:
            ALL[what](copy, paths)
        finally:
            event.remove(Engine, "before_cursor_execute", on_statement)
        sound(copy)
        do_import(copy, paths)
        if what == "figures":
            whole(copy, paths)
        paths[1].write_bytes(kept)
        os.utime(paths[1], OLD)
