"""Opens the database for writing: pragmas, transactions, the schema and its number. For the importer and the catalog.

Everything in the file can be made again from session files, so a damaged, foreign or older one is moved aside and begun
anew. One made by a newer Playhead is refused and left as it is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from store.db import reads, tables
from store.db.lock import hold
from store.errors import StoreError

log = logging.getLogger(__name__)

BUSY_MS: Final = 5_000
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_engine(path: Path) -> Engine:
    """An engine on a database of this schema. Raises StoreError: newer version, read-only folder, disk full, locked."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # transcripts are nobody else's business
    except OSError as error:
        raise StoreError(f"The folder {path.parent} cannot be made: {error.strerror or error}.") from error
    if _wrong(path) is not None:
        # Two Playheads may start at once: only one sets aside and creates, the other finds it done.
        with _alone(path):
            reason = _wrong(path)
            if reason:
                set_aside(path, reason)
            if reason is not None:
                _create(path)
    return _engine(path)


def _wrong(path: Path) -> str | None:
    """None: a database of ours and of this schema. '': there is none yet. Else why it cannot be used."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    if reads.mark(path).exists():
        return "damaged"
    try:
        connection = reads.connect(path)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED:
            return "damaged"
        raise reads.trouble(error, path) from error
    if count == 0 and version == 0:
        return ""  # another process is about to create it, or was killed before it did
    if application != reads.APPLICATION:
        return "foreign"
    if version > reads.SCHEMA:
        raise reads.newer(path, version)
    return None if version == reads.SCHEMA else f"schema-{version}"


def set_aside(path: Path, reason: str) -> Path:
    """Move a database and its log out of the way; they are kept for whoever wants to look."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.with_name(f"{path.name}.{reason}-{stamp}")
    try:
        for suffix in ("-wal", "-shm", ""):  # the log first: without its database nobody would take it for theirs
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
        reads.mark(path).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} is {reason} and cannot be moved aside: check the owner and mode of its folder."
        ) from error
    log.warning("%s was %s; moved to %s, sessions will be read again", path, reason, target)
    return target


def sentence(error: DBAPIError, path: Path) -> StoreError:
    """One sentence for the user."""
    if isinstance(error.orig, sqlite3.Error):
        return reads.trouble(error.orig, path)
    return StoreError(f"{path} cannot be used: {error.orig}.")


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path.absolute()}",
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN leaves DDL outside of the transaction
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")  # first: the next one may have to wait for a lock
        connection.execute("PRAGMA page_size=16384")  # only counts while the file is empty
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA journal_size_limit=67108864")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A plain BEGIN that reads and then writes fails at once when somebody else wrote in between.
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":  # that is what VACUUM needs
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("sqlite_immediate") else "BEGIN")

    return engine


def _create(path: Path) -> None:
    engine = _engine(path)
    try:
        with engine.connect().execution_options(sqlite_immediate=True) as connection, connection.begin():
            tables.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id={reads.APPLICATION}")
            connection.exec_driver_sql(f"PRAGMA user_version={reads.SCHEMA}")
    except DBAPIError as error:
        raise sentence(error, path) from error
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
