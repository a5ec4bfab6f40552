"""The list of sessions as it was last time: one row per path, so that a restart costs a stat per file and no reading.

For discovery: `load` before the first scan, `save` and `forget` from its worker. It is a cache: whoever cannot load it
reads the files again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from store.db import reads
from store.delta import Row

if TYPE_CHECKING:
    from sqlalchemy import Engine

Entry: TypeAlias = tuple[int, int, Row]  # size, mtime_ns, what the list shows

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)
_PUT: Final = (
    "INSERT INTO catalog (path, size, mtime_ns, row) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET "
    "size = excluded.size, mtime_ns = excluded.mtime_ns, row = excluded.row"
)


class Catalog:
    """One thread at a time. `load` needs only the standard library; saving brings SQLAlchemy into that thread."""

    def __init__(self, db: Path | None = None) -> None:
        if db is None:
            from store.paths import data_dir

            db = data_dir() / "playhead.db"
        self.path = db
        self._engine: Engine | None = None

    def load(self) -> dict[str, Entry]:
        """Path → what was saved for it. Empty when there is no database, or none that can be read."""
        found: dict[str, Entry] = {}
        if not self.path.exists() or reads.mark(self.path).exists():
            return found
        try:
            connection = reads.connect(self.path)
        except sqlite3.Error:
            return found
        decode = _decoder.decode
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == reads.SCHEMA:
                for path, size, mtime_ns, row in connection.execute("SELECT path, size, mtime_ns, row FROM catalog"):
                    found[path] = (size, mtime_ns, decode(row))
        except (sqlite3.Error, msgspec.DecodeError):
            return {}
        finally:
            connection.close()
        return found

    def save(self, entries: Mapping[str, Entry]) -> None:
        """Remember these, in one transaction. Raises StoreError."""
        encode = _encoder.encode
        self._write(_PUT, [(path, size, mtime_ns, encode(row)) for path, (size, mtime_ns, row) in entries.items()])

    def forget(self, paths: Iterable[str]) -> None:
        """These files are gone. Raises StoreError."""
        self._write("DELETE FROM catalog WHERE path = ?", [(path,) for path in paths])

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _write(self, sql: str, values: list[tuple[object, ...]]) -> None:
        if not values:
            return
        from sqlalchemy.exc import DBAPIError

        from store.db.engine import open_engine, sentence

        if self._engine is None:
            self._engine = open_engine(self.path)
        try:
            with self._engine.connect().execution_options(sqlite_immediate=True) as connection, connection.begin():
                connection.exec_driver_sql(sql, values)
        except DBAPIError as error:
            self.close()  # the next attempt looks at the file anew: it may have to be set aside
            raise sentence(error, self.path) from error
