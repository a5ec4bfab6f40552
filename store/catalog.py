"""The list of sessions as it was last time: one row per path, so that a restart costs a stat per file and no reading.

For discovery: `load` before the first scan, `save` and `forget` from its worker. It is a cache: whoever cannot load it
reads the files again. Of sessions whose files are gone it tells as well, if the archive has kept them, and of those of
other hosts. It lies in the file of this machine, also where the archive is on a server.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from store.db import place, reads
from store.delta import Row
from store.errors import StoreError
from store.sources import views

if TYPE_CHECKING:
    from sqlalchemy import Engine

DRAFT: Final = "draft"  # the state of a session that nobody has said or done anything in
Entry: TypeAlias = tuple[int, int, Row]  # size, mtime_ns, what the list shows

log = logging.getLogger(__name__)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)
_PUT: Final = (
    "INSERT INTO catalog (path, size, mtime_ns, row) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET "
    "size = excluded.size, mtime_ns = excluded.mtime_ns, row = excluded.row"
)


_KEPT: Final = """
SELECT key, agent, agent_session, title, cwd, started, updated,
    (SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM source WHERE session_id = id) FROM session
WHERE key = ? AND state = 'ready' AND "rows" > 0
"""
_MISSING: Final = "UPDATE session SET missing = ? WHERE key = ? AND state = 'ready' AND missing <> ?"


class Catalog:
    """One thread at a time. `load` needs only the standard library; saving brings SQLAlchemy into that thread."""

    def __init__(self, db: Path | None = None) -> None:
        if db is None:
            from store.paths import data_dir

            db = data_dir() / "playhead.db"
        self.path = db
        self._engine: Engine | None = None
        self._shared = place.server(db) is not None

    def load(self) -> dict[str, Entry]:
        """Path → what was saved for it. Empty when there is no database, or none that can be read."""
        connection = self._connect()
        found = {} if connection is None else self._listed(connection)
        if connection is not None or self._shared:
            self._add_kept(found)
        if connection is not None:
            reads.drop_backups(self.path)  # it was opened and read
        return found

    def warm(self) -> None:
        """Bring in what `save` and `forget` need. Any thread."""
        import store.db.engine  # noqa: F401

    def listed(self) -> dict[str, Entry]:
        """The same of files that were there, and nothing is made right for it."""
        connection = self._current() if self.path.exists() else None
        return {} if connection is None else self._listed(connection)

    def _listed(self, connection: sqlite3.Connection) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        decode = _decoder.decode
        try:
            for path, size, mtime_ns, row in connection.execute("SELECT path, size, mtime_ns, row FROM catalog"):
                known = decode(row)
                if known.state != DRAFT:  # the import's note that there is nothing in it: the list looks for itself
                    found[path] = (size, mtime_ns, known)
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError):
            return {}
        finally:
            connection.close()
        return found

    def _add_kept(self, found: dict[str, Entry]) -> None:
        try:
            with closing(reads.connect(self.path)) as archive:
                for (key,) in archive.execute("SELECT key FROM session WHERE state = 'ready'").fetchall():
                    path = place.path_of(key, self.path)
                    if path not in found and (place.host_of(path, self.path) or not views.exists(path)):
                        kept = archive.execute(_KEPT, (key,)).fetchone()
                        if kept is not None:
                            found[path] = (kept[-1], 0, self._kept(kept))
        except sqlite3.Error as error:
            log.warning("nobody knows what was kept of sessions whose files are gone: %s", error)

    def kept(self, path: str) -> Row | None:
        """What is to be shown of a session whose file is gone, or on another host, if its rows are in the archive."""
        if self._shared:
            return self._look_up(path)
        connection = self._connect()
        if connection is None:
            return None
        connection.close()
        return self._look_up(path)

    def _look_up(self, path: str) -> Row | None:
        try:
            with closing(reads.connect(self.path)) as archive:
                found = archive.execute(_KEPT, (place.key_of(path, self.path),)).fetchone()
        except sqlite3.Error as error:
            log.info("nobody knows what was kept of %s: %s", path, error)
            return None
        return None if found is None else self._kept(found)

    def _kept(self, found: tuple[Any, ...]) -> Row:
        key, agent, session, title, cwd, started, updated, size = found
        path = place.path_of(key, self.path)
        if cwd:
            project = Path(cwd).name
        else:  # imported here: a start that reads no session needs no format
            from store.formats import formats
            from store.summary import project_of

            places = next((format.where for format in formats() if format.agent == agent), ())
            project = project_of("", Path(path), places)
        host = place.host_of(path, self.path)
        return Row(
            path, agent, title, cwd, project, started, updated, bytes=size, path=path, session=session,
            missing=not host, host=host,
        )  # fmt: skip

    def _connect(self) -> sqlite3.Connection | None:
        """A connection to read with, to a database of ours: an older or broken one is made right first."""
        if not self.path.exists():
            return None
        connection = self._current()
        if connection is None:
            try:
                self._open()
            except StoreError as error:
                log.info("the list of last time cannot be read: %s", error)
                return None
            connection = self._current()
        return connection

    def _current(self) -> sqlite3.Connection | None:
        if reads.mark(self.path).exists():
            return None
        try:
            connection = reads.connect_file(self.path)
        except sqlite3.Error:
            return None
        try:
            if connection.execute(reads.VERSION).fetchone() == (reads.SCHEMA, reads.APPLICATION):
                return connection
        except sqlite3.Error as error:
            log.info("%s cannot be read: %s", self.path, error)
        connection.close()
        return None

    def said(self) -> str:
        """What has happened to the database and is to be said, once."""
        return reads.take_said(self.path)

    def save(self, entries: Mapping[str, Entry]) -> None:
        """Remember these, in one transaction. Raises StoreError."""
        encode = _encoder.encode
        self._write(_PUT, [(path, size, mtime_ns, encode(row)) for path, (size, mtime_ns, row) in entries.items()])
        missing = [(int(row.missing), path, int(row.missing)) for path, (_, _, row) in entries.items() if not row.host]
        if self._shared:
            self._write_shared(missing)
        else:
            self._write(_MISSING, missing)

    def forget(self, paths: Iterable[str]) -> None:
        """These files are gone. Raises StoreError."""
        self._write("DELETE FROM catalog WHERE path = ?", [(path,) for path in paths])

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _write(self, sql: str, values: Sequence[tuple[object, ...]]) -> None:
        if not values:
            return
        from sqlalchemy.exc import DBAPIError

        from store.db.engine import sentence

        engine = self._open()
        try:
            with engine.connect().execution_options(sqlite_immediate=True) as connection, connection.begin():
                connection.exec_driver_sql(sql, list(values))
        except DBAPIError as error:
            self.close()  # the next attempt looks at the file anew: it may have to be set aside
            raise sentence(error, self.path) from error

    def _write_shared(self, missing: list[tuple[int, str, int]]) -> None:
        """On a server: only what has changed, and whoever finds it away does it another time."""
        from store.db.transactions import Transactions

        keys = {place.key_of(path, self.path): value for value, path, _ in missing}
        try:
            with closing(reads.connect(self.path)) as archive:
                there = dict(archive.execute("SELECT key, missing FROM session WHERE state = 'ready'").fetchall())
            values = [(value, key, value) for key, value in keys.items() if there.get(key, value) != value]
            if values:
                with closing(Transactions(self.path)) as writer:
                    writer.run(_MISSING, values)
        except (sqlite3.Error, StoreError) as error:
            log.info("the archive does not know yet which files are gone: %s", error)

    def _open(self) -> Engine:
        from store.db.engine import open_file

        if self._engine is None:
            self._engine = open_file(self.path)
        return self._engine
