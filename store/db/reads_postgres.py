"""Reading from a PostgreSQL server with psycopg alone: a connection with sqlite3's face, for the statements of `reads`.

Statements are written for SQLite and translated once each. A connection that was lost is made anew by the next reader.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown
from typing_extensions import override

from store.db import place
from store.db.reads import BusyError, ServerError
from store.errors import StoreError

CONNECT_S: Final = 3  # until a server that does not answer counts as away
READ_MS: Final = 30_000
_REST: Final = (
    ("%", "%%"),
    ("?", "%s"),
    ("PRAGMA data_version", "SELECT pg_current_snapshot()::text"),  # another after every commit, ours and others'
    ("PRAGMA user_version", "SELECT user_version FROM pragma_user_version"),
    ("CAST(s.agent_ids_json AS BLOB)", "convert_to(s.agent_ids_json, 'UTF8')"),
    ("CAST(argv AS BLOB)", "convert_to(argv, 'UTF8')"),
)


@lru_cache(maxsize=1_024)
def translated(sql: str) -> str:
    """The statement as psycopg and PostgreSQL want it."""
    for ours, theirs in _REST:
        sql = sql.replace(ours, theirs)
    return sql


class Text(StrDumperUnknown):
    """A text without what PostgreSQL cannot hold: NUL becomes what decoders put for what they cannot read."""

    @override
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class BinaryText(StrBinaryDumper):
    """The same where values go over as they lie."""

    @override
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Have a connection send texts so."""
    connection.adapters.register_dumper(str, BinaryText)
    connection.adapters.register_dumper(str, Text)  # the last one is what is taken where either would do


def connected(url: str, **settings: object) -> psycopg.Connection[tuple[Any, ...]]:
    """A bare connection, each statement its own transaction. Raises psycopg.Error."""
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    connection = psycopg.connect(
        url, autocommit=True, connect_timeout=CONNECT_S, tcp_user_timeout=10_000, options=options,
        application_name="playhead",
    )  # fmt: skip
    adapt(connection)
    return connection


class Reader:
    """What sqlite3 calls a connection, read-only. From any one thread at a time; raises ServerError."""

    def __init__(self, url: str, patience: int = READ_MS) -> None:
        """`patience`: milliseconds that a statement may take."""
        self._url = url
        self._patience = patience
        self._whole = False  # inside of BEGIN: what is asked must see one state
        self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            return connected(
                self._url, statement_timeout=self._patience, default_transaction_read_only="on",
                default_transaction_isolation="repeatable\\ read",
            )  # fmt: skip
        except psycopg.Error as error:
            raise trouble(error, self._url) from error

    def execute(self, sql: str, values: Sequence[object] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        if sql == "ROLLBACK":
            self._whole = False
        for again in (True, False):
            try:
                if self._connection.closed and not self._whole:
                    self._connection = self._connect()
                found = self._connection.cursor(binary=True).execute(translated(sql), values)
            except psycopg.Error as error:
                lost = self._connection.broken or self._connection.closed
                if not (again and lost and not self._whole):
                    raise trouble(error, self._url) from error
            else:
                self._whole = self._whole or sql == "BEGIN"
                return found
        raise AssertionError  # the second time returns or raises

    def interrupt(self) -> None:
        """End what another thread asks right now."""
        self._connection.cancel()

    def close(self) -> None:
        self._connection.close()

    def __del__(self) -> None:
        """As sqlite3's: who lets go of one closes it."""
        if hasattr(self, "_connection"):
            self._connection.close()


def connect(url: str, patience: int = READ_MS) -> Reader:
    """Raises ServerError."""
    return Reader(url, patience)


def trouble(error: psycopg.Error, url: str) -> ServerError:
    """The error as one that readers of a file know, with its sentence."""
    found = ServerError(str(error).strip())
    found.told = sentence(error, url)
    if isinstance(error, errors.QueryCanceled) and "statement timeout" not in str(error):
        found.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
    return found


def sentence(error: BaseException, url: str) -> StoreError:
    """What is wrong with the server, and what to do."""
    name = place.name_of(url)
    match error:
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return BusyError(f"{name} is busy: another Playhead of this host is writing; try again in a moment.")
        case errors.QueryCanceled():
            return BusyError(f"{name} answers too slowly: try again in a moment.")
        case errors.DiskFull():
            return StoreError(f"The disk of {name} is full: free some space there, then try again.")
        case errors.InsufficientPrivilege() | errors.ReadOnlySqlTransaction():
            return StoreError(f"{name} does not let us write: ask for the rights to this database ({_first(error)}).")
        case errors.UndefinedTable():
            return StoreError(f"{name} has no archive yet: the first Playhead that writes makes it.")
        case psycopg.OperationalError() if getattr(error, "sqlstate", None) is None:
            return StoreError(f"{name} cannot be reached: check that the server runs ({_first(error)}).")
        case psycopg.OperationalError():
            return StoreError(f"{name} cannot be used right now: {_first(error)}.")
    return StoreError(f"{name} cannot be used: {_first(error)}.")


def _first(error: BaseException) -> str:
    """The last line of what the driver says: the others tell which addresses were tried."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".")
