"""What everything that writes stands on: one connection to the database, its transactions, and the names it holds.

In a file a name is held by a lock beside it, on a server by the connection: either goes with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from store.db import place, reads
from store.db.engine import open_engine, sentence
from store.db.lock import hold
from store.draft import Draft
from store.errors import StoreError


class Held(Protocol):
    """A name that is held."""

    def drop(self) -> None: ...


class Transactions:
    """Everything raises StoreError when the disk or the database will not."""

    def __init__(self, path: Path, engine: Engine | None = None, *, host: str = "") -> None:
        """With an engine it is ours from now on; without one the database is opened, and made right before.

        `host`: the other host in an archive on a server whose sessions are written.
        """
        self.path = path
        self._engine = engine or open_engine(path)
        self.on_server = self._engine.dialect.name != "sqlite"
        with self._said():
            options = {"sqlite_immediate": True, "playhead_host": host}
            self._connection = self._engine.connect().execution_options(**options)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise sentence(error, self.path) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise reads.trouble(error, self.path) from error

    @contextmanager
    def _tx(self) -> Iterator[Connection]:
        with self._said(), self._connection.begin():
            yield self._connection

    def run(self, sql: str, values: list[tuple[Any, ...]]) -> None:
        """A plain statement, once for each, in one transaction."""
        with self._tx() as tx:
            tx.exec_driver_sql(sql, values)

    def _placed(self, draft: Draft) -> None:
        """On a server a session is called by its host and its file."""
        if self.on_server:
            draft.key = place.key_of(draft.key, self.path)
            draft.parent = place.key_of(draft.parent, self.path) if draft.parent else ""
            draft.host = draft.host or place.host()

    # ---- names

    def _hold(self, token: str) -> Held | None:
        """Inside of a transaction or not; None: somebody else holds it."""
        if self.on_server:
            from store.db import engine_postgres

            return engine_postgres.hold(self._connection, token)
        try:
            return hold(self._lock_path(token), wait=False)
        except OSError as error:
            raise StoreError(f"{self.path.parent} cannot be written: {error.strerror or error}.") from error

    def _dead(self, token: str | None) -> bool:
        """Whether nobody holds it."""
        if token is None:
            return True
        if self.on_server:
            from store.db import engine_postgres

            return not engine_postgres.held(self._connection, token)
        try:
            lock = hold(self._lock_path(token), wait=False)
        except OSError:
            return False
        if lock is None:
            return False
        lock.drop()
        return True

    def _lock_path(self, token: str) -> Path:
        return self.path.with_name(f"{self.path.name}.import-{token}")
