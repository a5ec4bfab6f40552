"""Opens an archive on a PostgreSQL server for writing: transactions, locks in place of SQLite's, the schema.

A host writes its own sessions only. So one lock per host does what BEGIN IMMEDIATE does for a file, and hosts do not
wait for each other; whoever changes the schema waits for all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from zlib import crc32

from psycopg import Connection as Driver
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.exc import DBAPIError

from store.db import fts_postgres, place, reads, reads_postgres, tables
from store.errors import StoreError

log = logging.getLogger(__name__)

LOCK_MS: Final = 5_000  # as SQLite's busy_timeout
# Advisory locks: (kind, number). They end with their transaction, or with the connection that holds them.
SCHEMA: Final = 0x504C01
HOST: Final = 0x504C02
TOKEN: Final = 0x504C03
_BEGIN: Final = f"SELECT pg_advisory_xact_lock_shared({SCHEMA}, 0), pg_advisory_xact_lock({HOST}, %s)"
_ALONE: Final = f"SELECT pg_advisory_xact_lock({SCHEMA}, 0)"
_REVISION: Final = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
# What readers ask a file for its number with; here they are views, so that the statements are the same.
_VIEWS: Final = (
    "CREATE OR REPLACE VIEW pragma_user_version AS "
    "SELECT coalesce(max(version_num::integer), 0) AS user_version FROM alembic_version",
    f"CREATE OR REPLACE VIEW pragma_application_id AS SELECT {reads.APPLICATION} AS application_id",
)
_COPY: Final = "COPY item (seq, kind, turn, ts, chars, lines, payload) FROM STDIN (FORMAT BINARY)"
_TYPES: Final = ("int8", "text", "int4", "int8", "int4", "int4", "bytea")
_THERE: Final = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"


def open_engine(url: str) -> Engine:
    """An engine on an archive of this schema. Raises StoreError: newer version, another program's, away, no rights."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            right = _right(connection, url)
            connection.rollback()
            if not right:
                with connection.begin():
                    connection.exec_driver_sql(_ALONE)
                    if not _right(connection, url):  # another Playhead may have done it meanwhile
                        _make_right(connection, url)
    except DBAPIError as error:
        engine.dispose()
        raise reads_postgres.sentence(error.orig or error, url) from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def _right(connection: Connection, url: str) -> bool:
    """Whether there is an archive of this schema."""
    ours = connection.exec_driver_sql("SELECT to_regclass('pragma_application_id') IS NOT NULL").scalar()
    if not ours:
        if connection.exec_driver_sql(_THERE).scalar():
            raise StoreError(f"{place.name_of(url)} belongs to another program: name a database of its own.")
        return False
    version, application = connection.exec_driver_sql(
        "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id"
    ).one()
    if application != reads.APPLICATION:
        raise StoreError(f"{place.name_of(url)} belongs to another program: name a database of its own.")
    if version > reads.SCHEMA:
        raise reads.newer(place.name_of(url), version)
    return bool(version == reads.SCHEMA)


def _make_right(connection: Connection, url: str) -> None:
    if connection.exec_driver_sql("SELECT to_regclass('pragma_application_id') IS NOT NULL").scalar():
        from alembic import command

        from store.db.upgrade import config  # Alembic: only when there is work for it

        command.upgrade(config(connection), "head")
        log.info("%s was upgraded to schema %d", place.name_of(url), reads.SCHEMA)
        return
    tables.metadata.create_all(connection)
    fts_postgres.create(connection)
    connection.exec_driver_sql(_REVISION)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (%s)", (f"{reads.SCHEMA:04}",))
    views(connection)


def views(connection: Connection) -> None:
    """What says whose archive this is, and of which schema."""
    for statement in _VIEWS:
        connection.exec_driver_sql(statement)


def _engine(url: str) -> Engine:
    name = url.partition("://")[2]
    engine = create_engine(
        f"postgresql+psycopg://{name}",
        connect_args={
            "connect_timeout": reads_postgres.CONNECT_S,
            "application_name": "playhead",
            "options": f"-c lock_timeout={LOCK_MS}",
        },
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: Driver[Any], _: object) -> None:
        reads_postgres.adapt(connection)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("sqlite_immediate"):
            connection.exec_driver_sql(_BEGIN, (number_of(options.get("playhead_host") or place.host()),))

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def on_execute(
        _connection: Connection,
        _cursor: DBAPICursor,
        statement: str,
        parameters: Any,
        context: ExecutionContext | None,
        _many: bool,
    ) -> tuple[str, Any]:
        """Plain statements are written for SQLite."""
        if context is not None and context.compiled is None and "?" in statement:
            statement = reads_postgres.translated(statement)
        return statement, parameters

    return engine


def copy_items(tx: Connection, rows: Sequence[Sequence[object]]) -> None:
    """Rows of table `item`, in the order of its columns, as one stream."""
    driver = tx.connection.driver_connection
    assert driver is not None  # noqa: S101 - for the type checker
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)


def number_of(name: str) -> int:
    """A name as the second number of an advisory lock."""
    return crc32(name.encode()) - (1 << 31)


# ---- who is alive


class Name:
    """A name that is held for as long as a connection lives."""

    def __init__(self, connection: Connection, token: str) -> None:
        self._connection = connection
        self._token = token

    def drop(self) -> None:
        if not self._connection.closed:
            statement = "SELECT pg_advisory_unlock(%s, %s)"
            with _within(self._connection):
                self._connection.exec_driver_sql(statement, (TOKEN, number_of(self._token)))


def hold(connection: Connection, token: str) -> Name | None:
    """Hold a name; None: another connection does."""
    with _within(connection):
        statement = "SELECT pg_try_advisory_lock(%s, %s)"
        held = connection.exec_driver_sql(statement, (TOKEN, number_of(token))).scalar()
    return Name(connection, token) if held else None


def held(connection: Connection, token: str) -> bool:
    """Whether any connection holds it, this one too."""
    with _within(connection):
        statement = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid::bigint = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        number = number_of(token) & 0xFFFFFFFF
        return bool(connection.exec_driver_sql(statement, (TOKEN, number)).scalar())


@contextmanager
def _within(connection: Connection) -> Iterator[None]:
    """In the transaction that there is, or in one of its own."""
    if connection.in_transaction():
        yield
    else:
        with connection.begin():
            yield
