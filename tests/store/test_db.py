"""Opening the database: pragmas, its number, and files that are not ours, not sound or not writable."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from store.db import reads, tables
from store.db.engine import open_engine
from store.db.lock import hold
from store.errors import StoreError
from store.intake import take_in
from store.known import known
from viewer.bench.make_session import write_session

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "data" / "playhead.db"


@contextmanager
def opened(db: Path) -> Iterator[Engine]:
    engine = open_engine(db)
    try:
        yield engine
    finally:
        engine.dispose()


def aside(db: Path, reason: str) -> list[Path]:
    return [path for path in db.parent.glob(f"playhead.db.{reason}-*") if not path.name.endswith(("-wal", "-shm"))]


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    """What means something in an address means nothing in a path."""
    db = tmp_path / "what? 100%20 #1" / "playhead.db"
    with opened(db), closing(reads.connect_file(db)) as connection:
        assert connection.execute(reads.VERSION).fetchone()[0] == reads.SCHEMA
    assert db.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [db.parent.name]


def test_a_new_database_has_every_table_and_the_pragmas(db: Path) -> None:
    """P-01: it makes its folder and its file itself."""
    with opened(db) as engine, engine.connect() as connection:
        wanted = {
            "journal_mode": "wal", "page_size": 16384, "synchronous": 1, "foreign_keys": 1, "temp_store": 2,
            "busy_timeout": 5000, "user_version": reads.SCHEMA, "application_id": reads.APPLICATION,
        }  # fmt: skip
        for name, value in wanted.items():
            assert connection.execute(text(f"PRAGMA {name}")).scalar() == value, name
        books = {"sqlite_sequence", "alembic_version"}
        names = {name for name in inspect(connection).get_table_names() if not name.startswith("fts_")}
        assert names - books == set(tables.metadata.tables)


def test_opening_again_changes_nothing(db: Path) -> None:
    with opened(db) as engine, engine.begin() as connection:
        connection.execute(tables.catalog.insert().values(path="a", size=1, mtime_ns=1, row=b"x"))
    with opened(db) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM catalog")).scalar() == 1
    assert sorted(path.name for path in db.parent.iterdir()) == ["playhead.db", "playhead.db.lock"]


def test_tables_are_rolled_back_like_rows(db: Path) -> None:
    with opened(db) as engine:
        with engine.connect() as connection, connection.begin() as tx:
            connection.execute(text("CREATE TABLE half (a)"))
            tx.rollback()
        assert "half" not in inspect(engine).get_table_names()


def test_reading_and_then_writing_beside_another_writer_works(db: Path) -> None:
    """A plain BEGIN would fail at once here, whatever the timeout."""
    with opened(db) as engine:
        first = engine.connect().execution_options(sqlite_immediate=True)
        with first.begin():
            assert first.execute(text("SELECT count(*) FROM catalog")).scalar() == 0
            other = sqlite3.connect(db, timeout=0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO catalog VALUES ('b', 1, 1, x'00')")
            first.execute(tables.catalog.insert().values(path="a", size=1, mtime_ns=1, row=b"x"))
        other.execute("INSERT INTO catalog VALUES ('b', 1, 1, x'00')")
        other.commit()
        other.close()
        first.close()


def test_vacuum_is_possible(db: Path) -> None:
    with opened(db) as engine, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))


def test_a_newer_database_is_refused_and_left_as_it_is(db: Path, tmp_path: Path) -> None:
    with opened(db):
        pass
    connection = sqlite3.connect(db)
    connection.execute(f"PRAGMA user_version={reads.SCHEMA + 1}")
    connection.close()
    before = db.read_bytes()
    path = tmp_path / "session.jsonl"
    write_session(path, records=20)
    with pytest.raises(StoreError, match="belongs to a newer Playhead"):
        open_engine(db)
    with pytest.raises(StoreError, match="newer"):
        take_in(db, path)
    assert known(path, db) is None
    assert db.read_bytes() == before
    assert not aside(db, "*")


@pytest.mark.parametrize("pragma", ["user_version=0", "application_id=77"])
def test_a_foreign_database_is_set_aside(db: Path, pragma: str) -> None:
    with opened(db):
        pass
    connection = sqlite3.connect(db)
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    with opened(db) as engine:
        assert set(inspect(engine).get_table_names()) >= set(tables.metadata.tables)
    assert len(aside(db, "foreign")) == 1


@pytest.mark.parametrize("content", [b"this is no database\n" * 400, b"SQLite format 3\0" + b"\xff" * 40_000])
def test_a_damaged_file_is_set_aside_and_kept(db: Path, content: bytes) -> None:
    db.parent.mkdir()
    db.write_bytes(content)
    with opened(db) as engine:
        assert set(inspect(engine).get_table_names()) >= set(tables.metadata.tables)
    (kept,) = aside(db, "damaged")
    assert kept.read_bytes() == content


def test_an_empty_file_becomes_a_database(db: Path) -> None:
    db.parent.mkdir()
    db.touch()
    with opened(db) as engine:
        assert set(inspect(engine).get_table_names()) >= set(tables.metadata.tables)
    assert not aside(db, "*")


def test_damage_that_a_reader_met_is_seen_by_the_next_writer(db: Path, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    write_session(path, records=60)
    take_in(db, path)
    connection = sqlite3.connect(db)
    connection.execute("UPDATE item SET payload = x'c1'")
    connection.commit()
    connection.close()
    found = known(path, db)
    assert found is not None
    with pytest.raises(StoreError, match="is damaged"):
        found.window.read(0, 1)
    found.window.close()
    assert known(path, db) is None
    assert take_in(db, path).anew
    again = known(path, db)
    assert again is not None
    assert again.window.read(0, 1)
    assert len(aside(db, "damaged")) == 1


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder that cannot be written; root gives up its rights meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_folder_that_cannot_be_written_is_a_sentence() -> None:
    with nobody() as folder:
        with pytest.raises(StoreError, match="cannot be written: check its owner and mode"):
            open_engine(folder / "playhead.db")
        with pytest.raises(StoreError, match="cannot be made: Permission denied"):
            open_engine(folder / "below" / "playhead.db")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_database_in_a_read_only_folder_is_still_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "session.jsonl"
        write_session(path, records=60)
        other = folder / "other.jsonl"
        write_session(other, records=5)
        rows = take_in(folder / "playhead.db", path).rows
        (folder / "playhead.db").chmod(0o444)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            found = known(path, folder / "playhead.db")
            assert found is not None
            assert len(found.window.read(0, rows)) == rows
            found.window.close()
            with pytest.raises(StoreError, match=r"cannot be (written|opened)"):
                take_in(folder / "playhead.db", other)
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_locked_database_is_a_sentence(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.db.engine.BUSY_MS", 50)
    with opened(db):
        pass
    holder = sqlite3.connect(db, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with opened(db) as engine:
        from sqlalchemy.exc import OperationalError

        from store.db.engine import sentence

        connection = engine.connect().execution_options(sqlite_immediate=True)
        with pytest.raises(OperationalError) as caught, connection.begin():
            pass
        connection.close()
        assert "is locked by another program" in str(sentence(caught.value, db))
    holder.close()


def test_two_processes_may_create_it_at_once(db: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from store.db.engine import open_engine; "
        "open_engine(Path(sys.argv[1])).dispose()"
    )
    command = [sys.executable, "-c", code, str(db)]
    both = [subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with opened(db) as engine:
        assert set(inspect(engine).get_table_names()) >= set(tables.metadata.tables)
    assert not aside(db, "*")


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = hold(path, wait=False)
    assert first is not None
    assert hold(path, wait=False) is None
    first.drop()
    second = hold(path, wait=False)
    assert second is not None
    second.drop()
    assert not path.exists()
