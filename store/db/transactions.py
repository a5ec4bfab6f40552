"""What everything that writes stands on: one connection to the database, and its transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from store.db.engine import open_engine, sentence


class Transactions:
    """Everything raises StoreError when the disk or the database will not."""

    def __init__(self, path: Path, engine: Engine | None = None) -> None:
        """With an engine it is ours from now on; without one the database is opened, and made right before."""
        self.path = path
        self._engine = engine or open_engine(path)
        with self._said():
            self._connection = self._engine.connect().execution_options(sqlite_immediate=True)

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
    def _tx(self) -> Iterator[Connection]:
        with self._said(), self._connection.begin():
            yield self._connection
