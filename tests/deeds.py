"""Everything that writes into the database, as deeds by name: what tests of faults do while something is wrong."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults import sound, told, whole

from store import archive
from store.about import closed
from store.archive_plan import plan
from store.archive_talk import Said
from store.archive_work import Halted, Work
from store.catalog import Catalog
from store.db.search import catch_up
from store.errors import StoreError
from store.figures import figures
from store.intake import take_in
from store.prices import unknown
from store.sources.listing import row_of
from viewer.bench.make_session import write_session

OLD = (1_700_000_000, 1_700_000_000)


def write(path: Path, records: int, seed: int) -> Path:
    agents = {"agents": 1, "agent_records": 10} if seed % 3 == 1 else {}
    write_session(path, records=records, seed=seed, **agents)
    os.utime(path, OLD)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "claude" / "projects"


@pytest.fixture
def paths(root: Path) -> list[Path]:
    return [
        write(root / "-p" / f"{number:08x}-0000-4000-8000-000000000000.jsonl", 40 + 20 * number, number)
        for number in range(3)
    ]


@pytest.fixture
def db(home: Path, paths: list[Path]) -> Path:
    """With the first session in it, where the commands look for it."""
    db = home / "playhead" / "data" / "playhead.db"
    take_in(db, paths[0])
    return db


# ---- everything that writes, as (what is done, what it needs)


def do_figures(db: Path, paths: list[Path]) -> None:
    for path in paths[:2]:
        take_in(db, path)
        found = figures(path, db, unknown)
        if found is not None:  # else its file is another one by now
            found.close()


def do_archive(db: Path, paths: list[Path]) -> None:
    archive.archive(db, paths[1], unknown)


def do_delete(db: Path, paths: list[Path]) -> None:
    """What is gone for whoever looks is archived before."""
    if closed(db).get(str(paths[0])) is None:
        archive.archive(db, paths[0], unknown)
    archive.delete(db, paths[0])


def do_index(db: Path, paths: list[Path]) -> None:
    catch_up(db)


def do_import(db: Path, paths: list[Path]) -> None:
    try:
        with closing(Work(db, failed)) as doing:
            for task in plan(db, [paths[0].parent.parent]).tasks:
                doing.take(task)
            doing.flush()
    except Halted as error:
        raise StoreError(str(error)) from error


def do_list(db: Path, paths: list[Path]) -> None:
    with closing(Catalog(db)) as catalog:
        catalog.save({str(path): (path.stat().st_size, path.stat().st_mtime_ns, row_of(path)) for path in paths})


def failed(said: Said) -> None:
    if said.what == "failed":
        raise StoreError(said.why)


ALL: dict[str, Callable[[Path, list[Path]], None]] = {
    "figures": do_figures, "archive": do_archive, "delete": do_delete, "index": do_index, "import": do_import,
    "list": do_list,
}  # fmt: skip
DONE = ("is archived", "is deleted")  # what is said to whoever does again what was done
MANY = pytest.mark.parametrize("what", list(ALL))


def attempt(what: str, db: Path, paths: list[Path], *words: str) -> bool:
    """Whether it was done. If not, the sentence that says why has one of these words in it."""
    try:
        ALL[what](db, paths)
    except StoreError as error:
        if not any(word in str(error) for word in words):
            raise
        return False
    return True


def copy_of(db: Path, where: Path) -> Path:
    """The database as it is now, in a folder of its own."""
    where.mkdir(parents=True)
    copy = where / db.name
    with closing(sqlite3.connect(db)) as old, closing(sqlite3.connect(copy)) as new:
        new.execute("PRAGMA page_size=16384")
        old.backup(new)
    return copy


def all_is_well(db: Path, paths: list[Path], what: str) -> None:
    """It is done again, now that nothing is in its way, and then everything is there."""
    sound(db)
    attempt(what, db, paths, *DONE)
    do_import(db, paths)
    catch_up(db)
    keys = sound(db)
    assert {str(path) for path in paths} == set(keys)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT count(*) FROM session WHERE state = 'staged'").fetchone() == (0,)
        hidden = {key for (key,) in connection.execute("SELECT key FROM session WHERE status = 'deleted'")}
    if what == "delete":
        assert hidden == {str(paths[0])}
        archive.restore(db, paths[0])
    whole(db, [path for path in paths if what != "archive" or path != paths[1]])
    if what == "archive":
        digest, _ = told(paths[1], db)  # type: ignore[misc]
        assert digest["digest"]["sealed"] if "digest" in digest else digest["sealed"]
