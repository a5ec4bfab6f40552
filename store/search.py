"""Full-text search over every session in the database: what the commands and the window ask. Standard library only.

Which rows: store.hits and store.scope. What is not indexed yet is said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from store.db import fts_sqlite as fts
from store.db import place, reads
from store.document import texts
from store.errors import StoreError
from store.hits import MOST, Place, hits
from store.items import Tool, failed
from store.query import Limits, Query, parse
from store.query_tokens import QueryError
from store.scope import project_of, scope_of
from store.snippet import Finder, Snippet

__all__ = ["MOST", "Found", "Hit", "Limits", "QueryError", "Search", "Snippet", "catch_up"]

_AT_ONCE: Final = 500  # rows read in one statement
_CACHE: Final = "PRAGMA cache_size = -8192"  # KB: a search looks into many places of a big file
_SESSION: Final = (
    "SELECT key, agent, agent_session, coalesce(user_title, title), cwd FROM session WHERE id = ? AND state = 'ready'"
)
_WAITING: Final = (
    "SELECT count(*) FROM session AS s LEFT JOIN indexed AS i ON i.session_id = s.id "
    "WHERE s.state = 'ready' AND coalesce(i.rows, 0) < s.rows"
)


class Hit(Struct, frozen=True):
    """One row that matches. `session` is the path of its main file, which opens it."""

    session: str
    id: str  # as the agent calls the session
    agent: str
    title: str
    project: str
    cwd: str
    row: int
    item: str
    kind: str
    tool: str
    ts: int | None  # microseconds UTC
    error: bool
    snippet: Snippet


class Found(Struct, frozen=True):
    """An answer. `note` is a sentence for the user about it, or ''."""

    hits: tuple[Hit, ...]
    waiting: int  # sessions that are not wholly in the index yet
    note: str = ""


class Search:
    """One thread at a time; keeps a connection. Everything raises StoreError."""

    def __init__(self, db: Path | None = None) -> None:
        if db is None:
            from store.paths import data_dir

            db = data_dir() / "playhead.db"
        self.path = db
        self._connection: reads.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """End what another thread asks right now: it raises StoreError."""
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it has answered meanwhile, and is closed
                connection.interrupt()

    def find(
        self, query: str | Query, limits: Limits | None = None, *, limit: int = 50, relevance: bool = False,
        within: str | None = None,
    ) -> Found:  # fmt: skip
        """The newest hits, or the most relevant ones if there are few. `within`: in the session of this path only.

        Raises QueryError, with a sentence, when the query is not one.
        """
        asked = parse(query, limits=limits) if isinstance(query, str) else query
        with self._looking() as connection:
            if connection is None:
                return Found((), 0, "No session is in the database yet.")
            scope = scope_of(connection, asked.sessions, self._key(within))
            look = hits(connection, asked.node, scope)
            note = ""
            if relevance and look.count() > MOST:
                relevance, note = False, f"More than {MOST:,} hits: shown newest first."
            rows = look.relevant(limit) if relevance else look.newest(limit)
            if not rows:
                note = scope.note()
            return Found(self._shown(rows, Finder(asked.node)), self._waiting(), note)

    def count(self, query: str | Query, limits: Limits | None = None, *, within: str | None = None) -> int:
        """How many rows match; MOST + 1 means more than MOST."""
        asked = parse(query, limits=limits) if isinstance(query, str) else query
        with self._looking() as connection:
            if connection is None:
                return 0
            return hits(connection, asked.node, scope_of(connection, asked.sessions, self._key(within))).count()

    def _key(self, path: str | None) -> str | None:
        return None if path is None else place.key_of(path, self.path)

    def waiting(self) -> int:
        """Sessions that are not wholly in the index yet."""
        with self._looking() as connection:
            return 0 if connection is None else self._waiting()

    def _waiting(self) -> int:
        return int(self._ask(_WAITING).fetchone()[0])

    # ---- what is shown

    def _shown(self, rows: list[Place], finder: Finder) -> tuple[Hit, ...]:
        sessions: dict[int, Any] = {}
        found = self._rows([seq for seq, _ in rows])
        shown: list[Hit] = []
        for seq, ts in rows:
            number = seq >> reads.ROW_BITS
            if number not in sessions:
                key, agent, name, title, cwd = self._ask(_SESSION, number).fetchone()
                sessions[number] = (place.path_of(key, self.path), agent, name, title, cwd, project_of(cwd, key))
            path, agent, name, title, cwd, project = sessions[number]
            kind, payload = found[seq]
            try:
                item = reads.unpress(payload)
            except reads.BROKEN as error:
                raise reads.damage(self.path) from error
            shown.append(
                Hit(
                    session=path,
                    id=name,
                    agent=agent,
                    title=title,
                    project=project,
                    cwd=cwd,
                    row=seq & (1 << reads.ROW_BITS) - 1,
                    item=item.id,
                    kind=kind,
                    tool=item.name if isinstance(item, Tool) else "",
                    ts=ts,
                    error=failed(item),
                    snippet=finder.snippet(texts(item)),
                )
            )
        return tuple(shown)

    def _rows(self, seqs: list[int]) -> dict[int, tuple[str, bytes]]:
        found: dict[int, tuple[str, bytes]] = {}
        for first in range(0, len(seqs), _AT_ONCE):
            some = seqs[first : first + _AT_ONCE]
            wanted = f"SELECT seq, kind, payload FROM item WHERE seq IN ({', '.join('?' * len(some))})"  # noqa: S608
            for seq, kind, payload in self._ask(wanted, *some):
                found[seq] = (kind, payload)
        return found

    # ---- the database

    def _ready(self) -> bool:
        """Whether there is a database of this schema; opens it."""
        if self._connection is not None:
            return True
        if place.server(self.path) is None and (not self.path.exists() or self.path.stat().st_size == 0):
            return False
        try:
            connection = reads.connect(self.path)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise reads.trouble(error, self.path) from error
        if version > reads.SCHEMA:
            connection.close()
            raise reads.newer(self.path, version)
        if version < reads.SCHEMA:
            connection.close()
            return False  # the next one who writes brings it up to date
        try:
            if reads.is_file(connection):
                connection.execute(fts.VOCABULARY)
                connection.execute(_CACHE)
        except sqlite3.Error as error:
            connection.close()
            raise self._trouble(error) from error
        self._connection = connection
        return True

    def _ask(self, sql: str, *values: object) -> reads.Rows:
        assert self._connection is not None  # noqa: S101 - for the type checker
        return self._connection.execute(sql, values)

    @contextmanager
    def _looking(self) -> Iterator[reads.Connection | None]:
        """What to look into, if there is something; all that is asked meanwhile sees the database as it is now."""
        if not self._ready() or self._connection is None:
            yield None
            return
        try:
            self._ask("BEGIN")
            try:
                yield self._connection
            finally:
                self._ask("ROLLBACK")
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def _trouble(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_INTERRUPT:
            return StoreError("The search was ended.")
        if code == fts.CORRUPT:
            return StoreError(fts.sentence(self.path))
        return reads.trouble(error, self.path)


def catch_up(db: Path | None = None) -> int:
    """Bring the index up to date here and now; returns the rows that came in. Raises StoreError."""
    from store.db.search import catch_up as work  # brings SQLAlchemy

    if db is None:
        from store.paths import data_dir

        db = data_dir() / "playhead.db"
    return work(db) if place.server(db) is not None or db.exists() else 0
