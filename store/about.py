"""What the tables say of a session, asked over one read connection that is kept: for figures, archiving and lists.

One statement per question. Reads with the standard library; writes nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from store.db import place, reads
from store.delta import Row, Spent
from store.digest_parts import version
from store.errors import StoreError
from store.ledger import LEDGER_VERSION
from store.sources import views
from store.states import CLOSED, FINE, Closed

log = logging.getLogger(__name__)

_LOOK: Final = """
SELECT s.id, s.key, s.status, s.agent, s.agent_session, CAST(s.agent_ids_json AS BLOB), l.version, l.entries,
  l.refused, d.schema_version, d.watermark, d.sealed
FROM pragma_user_version AS v, session AS s
LEFT JOIN ledger AS l ON l.session_id = s.id LEFT JOIN digest AS d ON d.session_id = s.id AND d.agent = 0
WHERE v.user_version = ? AND s.state = 'ready' AND s.key = ?
"""
_IDS: Final = """
SELECT s.key FROM pragma_user_version AS v, session AS s
WHERE v.user_version = ? AND s.state = 'ready' AND s.agent_session = ?
"""
_CLOSED: Final = """
SELECT s.key, s.status, coalesce(l.refused, 0) FROM pragma_user_version AS v, session AS s
LEFT JOIN ledger AS l ON l.session_id = s.id
WHERE v.user_version = ? AND s.state = 'ready' AND s.status IN ('archived', 'deleted') ORDER BY s.key
"""
_SPENT: Final = """
SELECT s.key, d.cost_micros, d.outcome, f.size FROM pragma_user_version AS v, session AS s
JOIN digest AS d ON d.session_id = s.id AND d.agent = 0 JOIN source AS f ON f.session_id = s.id AND f.file = 0
WHERE v.user_version = ? AND s.state = 'ready' AND d.schema_version = ?
"""
_KEPT: Final = """
SELECT s.key, s.agent, s.agent_session, s.title, s.cwd, s.started, s.updated,
  (SELECT CAST(coalesce(sum(f.size), 0) AS BIGINT) FROM source AS f WHERE f.session_id = s.id)
FROM pragma_user_version AS v, session AS s
WHERE v.user_version = ? AND s.state = 'ready' AND s.status <> 'deleted' AND s."rows" > 0
"""
_names = msgspec.json.Decoder(list[str])


class About(Struct, frozen=True):
    """What the tables say of a session, in one statement."""

    number: int
    key: str
    status: str
    agent: str
    id: str
    names: bytes | None  # the cached agent set, as it lies there
    version: int | None  # of its entries; None: they were never made
    entries: int | None
    refused: int | None  # events that came after it was archived
    folded: int | None  # version and last entry of its digest
    watermark: int | None
    sealed: int | None

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def complete(self) -> bool:
        """Its entries are there, and made as they would be now."""
        return self.version == LEDGER_VERSION

    @property
    def fresh(self) -> bool:
        """Its digest has all of its entries, and nothing is to be done."""
        done = self.folded == version() and self.watermark == self.entries
        return done and (not self.closed or self.sealed is not None)

    @property
    def agents(self) -> list[str] | None:
        """The agents of an archived session, as somebody found them once; None: they have to be found."""
        return parse_names(self.names) if self.closed else None


class Reader:
    """One connection for many questions, of one thread at a time. Close it. Raises StoreError."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self._connection: reads.Connection | None = None
        self._file = (0, 0)  # the database that is open: another one may have taken its place

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def there(self) -> bool:
        """Whether there is a database that can be asked."""
        return self._open() is not None

    def ask(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Rows; none where there is no database."""
        try:
            connection = self._open()
            return [] if connection is None else connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise reads.trouble(error, self.db) from error

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> reads.Rows:
        """The same, as they come. Raises sqlite3.Error, and StoreError where there is no database."""
        connection = self._open()
        if connection is None:
            raise StoreError(f"{self.db} is not there any more: try again.")
        return connection.execute(sql, values)

    def about(self, path: Path) -> About | None:
        """What the database says of a session, however its file is now; None: it has none of that path."""
        try:
            connection = self._open()
            if connection is None:
                return None
            found = connection.execute(_LOOK, (reads.SCHEMA, place.key_of(path, self.db))).fetchone()
        except sqlite3.Error as error:
            log.warning("%s", reads.trouble(error, self.db))
            return None
        if found is None:
            return None
        number, key, *rest = found
        return About(number, place.path_of(key, self.db), *rest)

    def path_of(self, id: str) -> Path | None:
        """The main file of the session of that id, be it there or gone; None: the database knows none, or several."""
        try:
            connection = self._open()
            if connection is None:
                return None
            found = connection.execute(_IDS, (reads.SCHEMA, id)).fetchall()
        except sqlite3.Error as error:
            log.warning("%s", reads.trouble(error, self.db))
            return None
        return Path(place.path_of(found[0][0], self.db)) if len(found) == 1 else None

    def _open(self) -> reads.Connection | None:
        """Raises sqlite3.Error."""
        if place.server(self.db) is not None:
            if self._connection is None:
                self._connection = reads.connect(self.db)
            return self._connection
        try:
            stat = self.db.stat()
        except OSError:
            self.close()
            return None
        if reads.mark(self.db).exists():
            self.close()
            return None
        file = (stat.st_dev, stat.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection, self._file = reads.connect(self.db), file
            # Asked as a pragma, which needs no schema: reading that is most of what an opening costs.
            if not self._connection.execute("PRAGMA user_version").fetchone()[0]:  # another one is just making it
                self.close()
        return self._connection


def about(path: Path, db: Path) -> About | None:
    """The same for one question."""
    with closing(Reader(db)) as reader:
        return reader.about(path)


def path_of(id: str, db: Path) -> Path | None:
    """The same for one question."""
    with closing(Reader(db)) as reader:
        return reader.path_of(id)


def closed(db: Path) -> dict[str, Closed]:
    """Every session that is archived or deleted, by the path of its main file. Raises StoreError."""
    with closing(Reader(db)) as reader:
        found = reader.ask(_CLOSED, (reads.SCHEMA,)) or _nothing(reader)
    return {place.path_of(key, db): Closed(status, refused) for key, status, refused in found}


def kept(db: Path) -> list[Row]:
    """Sessions whose file is gone, or on another host, and that are not deleted. Raises StoreError."""
    with closing(Reader(db)) as reader:
        found = reader.ask(_KEPT, (reads.SCHEMA,)) or _nothing(reader)
    rows: list[Row] = []
    for key, agent, session, title, cwd, started, updated, size in found:
        path = place.path_of(key, db)
        host = place.host_of(path, db)
        if host or not views.exists(path):
            rows.append(
                Row(path, agent, title, cwd, "", started, updated, bytes=size, path=path, session=session,
                    missing=not host, host=host)
            )  # fmt: skip
    return rows


def _nothing(reader: Reader) -> list[Any]:
    """None were found; StoreError where that is because a newer Playhead made the database."""
    for schema, _ in reader.ask(reads.VERSION):
        if schema > reads.SCHEMA:
            raise reads.unfit(reader.db, schema)
    return []


def spent(db: Path) -> dict[str, Spent]:
    """What is known of the figures of sessions, by the path of the main file; none are made. Raises StoreError."""
    with closing(Reader(db)) as reader:
        found = reader.ask(_SPENT, (reads.SCHEMA, version()))
    return {place.path_of(key, db): Spent(cost, outcome not in FINE, size) for key, cost, outcome, size in found}


def parse_names(data: bytes | None) -> list[str] | None:
    """The cached agent set; None when it is none: what nobody can read is made again."""
    if not data:
        return None
    try:
        names = _names.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return names if names and len(set(names)) == len(names) else None
