"""Opens the database for writing: pragmas, transactions, the schema and its number. For the importer and the catalog.

An older one is upgraded. A damaged or foreign one is moved aside and begun anew, and what only it had is taken over.
One made by a newer Playhead is refused and left as it is.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, create_mock_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import LRUCache

from store.db import place, reads, tables
from store.db.lock import hold
from store.errors import StoreError

log = logging.getLogger(__name__)

BUSY_MS: Final = 5_000
BEHIND: Final = "behind"
_REVISION: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_engine(path: Path) -> Engine:
    """An engine on a database of this schema. Raises StoreError: newer version, read-only folder, disk full, locked."""
    url = place.server(path)
    if url is not None:
        try:
            from store.db import engine_postgres  # psycopg: only for who has a server
        except ImportError as error:
            raise reads.unequipped(error).told from error
        return engine_postgres.open_engine(url)
    return open_file(path)


def open_file(path: Path) -> Engine:
    """The same of the file itself, also where a server holds the archive."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # transcripts are nobody else's business
    except OSError as error:
        raise StoreError(f"The folder {path.parent} cannot be made: {error.strerror or error}.") from error
    if _pending(path).exists() or _swapping(path).exists() or _wrong(path) is not None:
        # Two Playheads may start at once: only one does what is to be done, the other finds it done.
        with _alone(path):
            _make_right(path)
    return _engine(path)


def _make_right(path: Path) -> None:
    _finish_swap(path)
    reason = _wrong(path)
    if reason == BEHIND:
        _upgrade(path)
    elif reason is not None:
        if reason:
            set_aside(path, reason)
        _create(path)
    pending = _pending(path)
    if pending.exists():
        from store.db.salvage import salvage  # here, because it needs a writer, and that one an engine

        salvage(_engine(path), path, pending.with_name(pending.read_text("utf-8").strip()))
        pending.unlink(missing_ok=True)


def _wrong(path: Path) -> str | None:
    """None: a database of ours and of this schema. '': there is none yet. BEHIND, or else why it cannot be used."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    if reads.mark(path).exists():
        return "damaged"
    try:
        with closing(reads.connect_file(path)) as connection:
            version, application = connection.execute(reads.VERSION).fetchone()
            (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED:
            return "damaged"
        raise reads.trouble(error, path) from error
    if count == 0 and version == 0:
        return ""  # another process is about to create it, or was killed before it did
    if application != reads.APPLICATION or version == 0:
        return "foreign"
    if version > reads.SCHEMA:
        raise reads.newer(path, version)
    return None if version == reads.SCHEMA else BEHIND


def set_aside(path: Path, reason: str) -> Path:
    """Move a database and its log out of the way; they are kept for whoever wants to look.

    What only that file had is taken over next. Should we be killed before, whoever opens the new one finds the note.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.name}.{reason}-{stamp}")
    try:
        _pending(path).write_text(target.name, "utf-8")
        _move(path, target)
        reads.mark(path).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} is {reason} and cannot be moved aside: check the owner and mode of its folder."
        ) from error
    log.warning("%s was %s; moved to %s, sessions will be read again", path, reason, target)
    return target


def _move(path: Path, target: Path) -> None:
    for suffix in ("-wal", "-shm", ""):  # the log first: without its database nobody would take it for theirs
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(target.with_name(target.name + suffix))


def swap(path: Path, fresh: Path) -> Path:
    """Put `fresh`, which nobody has open and which has no log, in place of the database; that becomes a backup."""
    target = reads.backup(path, reads.SCHEMA)
    with _alone(path):
        try:
            _swapping(path).write_text(f"{fresh.name}\n{target.name}", "utf-8")
            _finish_swap(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be replaced: check the owner and mode of its folder.") from error
    return target


def _finish_swap(path: Path) -> None:
    """Go on where the note says, should we have been killed in between: for a moment there is no database."""
    note = _swapping(path)
    if not note.exists():
        return
    fresh, target = (path.with_name(name) for name in note.read_text("utf-8").split("\n"))
    if fresh.exists():
        _move(path, target)
        with suppress(FileNotFoundError):
            os.utime(target)  # it is as old as a backup as this
        fresh.replace(path)
    note.unlink()


def _swapping(path: Path) -> Path:
    return path.with_name(path.name + ".swap")


def _pending(path: Path) -> Path:
    """The note that names a file whose sessions are still to be looked through."""
    return path.with_name(path.name + ".aside")


def sentence(error: DBAPIError, path: Path) -> StoreError:
    """One sentence for the user."""
    if isinstance(error.orig, sqlite3.Error):
        return reads.trouble(error.orig, path)
    url = place.server(path)
    if url is not None:
        from store.db import reads_postgres

        return reads_postgres.sentence(error.orig or error, url)
    return StoreError(f"{path} cannot be used: {error.orig}.")


def _engine(path: Path, *, enforce: bool = True) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path.absolute())), connect_args={"check_same_thread": False}
    )
    engine.dialect, compiled = _compiler()
    engine.update_execution_options(compiled_cache=compiled)

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        _prepare(connection, enforce=enforce)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A plain BEGIN that reads and then writes fails at once when somebody else wrote in between.
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":  # that is what VACUUM needs
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("sqlite_immediate") else "BEGIN")

    return engine


def _prepare(connection: sqlite3.Connection, *, enforce: bool) -> None:
    connection.isolation_level = None  # the driver's own BEGIN leaves DDL outside of the transaction
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")  # first: the next one may have to wait for a lock
    connection.execute("PRAGMA page_size=16384")  # only counts while the file is empty
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA foreign_keys={'ON' if enforce else 'OFF'}")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA journal_size_limit=67108864")


@cache
def _compiler() -> tuple[Dialect, MutableMapping[Any, Any]]:
    """One for all engines, with what it has compiled: whoever opens the database for one small thing, as commands and
    the panel do, would spend a third of its time on compiling the same statements again."""
    first = create_engine("sqlite://", json_serializer=_dumped, json_deserializer=orjson.loads)
    first.connect().close()  # it looks what it is connected to
    first.dispose()
    return first.dialect, LRUCache(500)


@cache
def _schema() -> tuple[str, ...]:
    """The statements that make our tables: to compile them takes three times as long as to run them."""
    dialect, _ = _compiler()
    made: list[str] = []
    mock = create_mock_engine("sqlite://", lambda sql, *_, **__: made.append(str(sql.compile(dialect=dialect))))
    tables.metadata.create_all(mock, checkfirst=False)
    return tuple(made)


def _dumped(value: object) -> str:
    return orjson.dumps(value).decode()


def _create(path: Path) -> None:
    """A new database, as the migrations would make it (a test compares): that needs no Alembic."""
    try:
        # The driver's own connection: with an engine around it this takes twice as long.
        with closing(sqlite3.connect(path)) as connection:
            _prepare(connection, enforce=True)
            connection.execute("BEGIN IMMEDIATE")
            for statement in (*_schema(), _REVISION):
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version VALUES (?)", (f"{reads.SCHEMA:04}",))
            connection.execute(f"PRAGMA application_id={reads.APPLICATION}")
            connection.execute(f"PRAGMA user_version={reads.SCHEMA}")
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise reads.trouble(error, path) from error


def _upgrade(path: Path) -> None:
    from store.db.upgrade import upgrade  # Alembic: only when there is work for it

    engine = _engine(path, enforce=False)
    try:
        upgrade(engine, path)
    except DBAPIError as error:
        raise sentence(error, path) from error
    except sqlite3.Error as error:
        raise reads.trouble(error, path) from error
    finally:
        engine.dispose()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock file beside the database; it stays, so that all who wait wait for the same one."""
    try:
        lock = hold(path.with_name(path.name + ".lock"), wait=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: check its owner and mode.") from error
    try:
        yield
    finally:
        if lock is not None:
            lock.drop(remove=False)
