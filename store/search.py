"""Full-text search over every session in the database: what the commands and the window ask. Standard library only.

Answers come newest first and fast whatever there is: a word of many rows is looked for in the newest sessions first,
and no further than what was asked for. What is not indexed yet is said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from store.db import fts_sqlite as fts
from store.db import reads
from store.document import texts
from store.errors import StoreError
from store.items import Notice, Tool
from store.query import Limits, Query, QueryError, Sessions, parse
from store.snippet import Finder, Snippet

__all__ = ["Found", "Hit", "Limits", "QueryError", "Search", "catch_up"]

MOST: Final = 20_000  # hits up to which they are counted, and can be ordered by relevance
_FEW: Final = 300  # hits that are simply taken all
_PROBES: Final = 200  # sessions looked into before it is asked which ones have hits at all
_AT_ONCE: Final = 500  # rows read in one statement
_OLD: Final = 1_000  # hits of a session in a row that are too old: so are those before

_SESSION: Final = "SELECT key, agent, agent_session, title, cwd FROM session WHERE id = ? AND state = 'ready'"
_IDS: Final = "SELECT id, updated FROM session WHERE state = 'ready' AND updated IS {} ORDER BY updated DESC"
_ALL: Final = "SELECT id, agent, cwd, key, updated, started FROM session WHERE state = 'ready'"
_WAITING: Final = (
    "SELECT count(*) FROM session AS s LEFT JOIN indexed AS i ON i.session_id = s.id "
    "WHERE s.state = 'ready' AND coalesce(i.rows, 0) < s.rows"
)
_STRANGERS: Final = (
    "SELECT i.session_id FROM indexed AS i LEFT JOIN session AS s ON s.id = i.session_id "
    "WHERE s.id IS NULL OR s.state <> 'ready'"
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
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """End what another thread asks right now: it raises StoreError."""
        if self._connection is not None:
            self._connection.interrupt()

    def find(
        self, query: str | Query, limits: Limits | None = None, *, limit: int = 50, relevance: bool = False,
        within: str | None = None,
    ) -> Found:  # fmt: skip
        """The newest hits, or the most relevant ones if there are few. `within`: in the session of this path only.

        Raises QueryError, with a sentence, when the query is not one.
        """
        asked = parse(query, limits=limits) if isinstance(query, str) else query
        match = fts.match(asked.node)
        with self._looking() as there:
            if not there:
                return Found((), 0, "No session is in the database yet.")
            scope = self._scope(asked.sessions, within)
            note = scope.note
            if relevance and self._count(match, scope) > MOST:
                relevance, note = False, f"More than {MOST:,} hits: shown newest first."
            rows = self._relevant(match, scope, limit) if relevance else self._newest(match, scope, limit)
            return Found(self._hits(rows, Finder(asked.node)), self._waiting(), note)

    def count(self, query: str | Query, limits: Limits | None = None, *, within: str | None = None) -> int:
        """How many rows match; MOST + 1 means more than MOST."""
        asked = parse(query, limits=limits) if isinstance(query, str) else query
        match = fts.match(asked.node)
        with self._looking() as there:
            return self._count(match, self._scope(asked.sessions, within)) if there else 0

    def waiting(self) -> int:
        """Sessions that are not wholly in the index yet."""
        with self._looking() as there:
            return self._waiting() if there else 0

    def _waiting(self) -> int:
        return int(self._ask(_WAITING).fetchone()[0])

    # ---- which sessions

    def _scope(self, wanted: Sessions, within: str | None) -> Scope:
        if wanted.all and within is None:
            return Scope(None, None, None)
        allowed: dict[int, tuple[int | None, bool]] = {}
        agents: set[str] = set()
        projects: set[str] = set()
        for number, agent, cwd, key, updated, started in self._ask(_ALL):
            if within is not None and key != within:
                continue
            agents.add(agent)
            projects.add(_project(cwd, key))
            if (
                _agent(agent, wanted.agents, True)
                and not _agent(agent, wanted.not_agents, False)
                and _in(cwd, key, wanted.projects, True)
                and not _in(cwd, key, wanted.not_projects, False)
                and not (wanted.since is not None and updated is not None and updated < wanted.since)
                and not (wanted.until is not None and started is not None and started > wanted.until)
            ):
                inside = (wanted.since is None or (started is not None and started >= wanted.since)) and (
                    wanted.until is None or (updated is not None and updated <= wanted.until)
                )
                allowed[number] = (updated, inside)
        note = ""
        for sort, names, there in (("agent", wanted.agents, agents), ("project", wanted.projects, projects)):
            for name in names:
                if not allowed and not any(name.casefold() == one.casefold() for one in there) and "/" not in name:
                    some = ", ".join(sorted(one for one in there if one)[:8])
                    note = f"No session has the {sort} {name}." + (f" There are: {some}." if some else "")
        return Scope(allowed, wanted.since, wanted.until, note)

    def _by_news(self, scope: Scope) -> Iterator[tuple[int, int | None]]:
        """Sessions with the time of their last news, those without first, then the newest."""
        if scope.allowed is None:
            for what in ("NULL", "NOT NULL"):
                yield from self._ask(_IDS.format(what))
            return
        found = [(number, updated) for number, (updated, _) in scope.allowed.items()]
        yield from sorted(found, key=lambda one: (one[1] is not None, -(one[1] or 0), -one[0]))

    # ---- newest first

    def _newest(self, match: str, scope: Scope, limit: int) -> list[tuple[int, int | None]]:
        some = [seq for (seq,) in self._ask(fts.NEWEST, match, _FEW + 1)]
        if len(some) <= _FEW:
            there = {seq >> reads.ROW_BITS for seq in some}
        elif scope.allowed is not None and len(scope.allowed) <= _PROBES:
            there = set(scope.allowed)
        else:
            found = self._merged(match, scope, limit, None, _PROBES)
            if found is not None:
                return found
            # The newest sessions have none of it: ask which ones do. That costs what there are hits.
            there = {number for (number,) in self._ask(fts.SESSIONS, match)}
        return self._merged(match, scope, limit, there, None) or []

    def _merged(
        self, match: str, scope: Scope, limit: int, there: set[int] | None, probes: int | None
    ) -> list[tuple[int, int | None]] | None:
        """The newest hits of all sessions, each looked into from its end; None: not among so many sessions."""
        best: list[tuple[int, int, int | None]] = []  # time to sort by, key, time
        for looked, (number, updated) in enumerate(self._known(there, scope)):
            # All that follow have nothing newer than this session's last news.
            if len(best) >= limit and updated is not None and best[limit - 1][0] >= updated:
                return [(seq, ts) for _, seq, ts in best[:limit]]
            if probes is not None and looked >= probes:
                return None
            last = updated if updated is not None else 0
            for seq, ts in self._within(match, number, scope, limit):
                best.append((last if ts is None else ts, seq, ts))
            best.sort(key=lambda one: (-one[0], -one[1]))
            del best[limit:]
        return [(seq, ts) for _, seq, ts in best]

    def _known(self, there: set[int] | None, scope: Scope) -> Iterable[tuple[int, int | None]]:
        if there is None:
            return self._by_news(scope)
        if scope.allowed is not None:
            return [one for one in self._by_news(scope) if one[0] in there]
        found = []
        for number in there:
            row = self._ask("SELECT id, updated FROM session WHERE id = ? AND state = 'ready'", number).fetchone()
            if row is not None:
                found.append(row)
        return sorted(found, key=lambda one: (one[1] is not None, -(one[1] or 0), -one[0]))

    def _within(self, match: str, number: int, scope: Scope, limit: int) -> Iterator[tuple[int, int | None]]:
        """The last hits of a session, newest first."""
        cursor = self._ask(fts.WITHIN, match, reads.key_of(number, 0), reads.key_of(number + 1, 0))
        old = 0
        for seq, ts in cursor:
            if scope.holds(ts):
                yield seq, ts
                limit -= 1
                if not limit:
                    break
            elif scope.since is not None and ts is not None and ts < scope.since:
                old += 1
                if old >= _OLD:
                    break
        cursor.close()

    # ---- how many, and which matter most

    def _count(self, match: str, scope: Scope) -> int:
        most = MOST + 1
        if scope.allowed is None:
            # Those that were replaced are still in the index for a while.
            total = int(self._ask(fts.COUNT, match, most).fetchone()[0])
            strangers = [number for (number,) in self._ask(_STRANGERS)]
            if not strangers:
                return total
            if total < most:
                return total - sum(self._count_within(match, number, most) for number in strangers)
            there = {number for (number,) in self._ask(fts.SESSIONS, match)} - set(strangers)
            scope = Scope(dict.fromkeys(there, (None, True)), None, None)
        total = 0
        for number, (_, inside) in (scope.allowed or {}).items():
            if inside:
                total += self._count_within(match, number, most - total)
            else:
                total += sum(1 for _ in self._within(match, number, scope, most - total))
            if total >= most:
                return most
        return total

    def _count_within(self, match: str, number: int, most: int) -> int:
        low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
        return int(self._ask(fts.COUNT_WITHIN, match, low, end, most).fetchone()[0])

    def _relevant(self, match: str, scope: Scope, limit: int) -> list[tuple[int, int | None]]:
        found: list[tuple[int, int | None]] = []
        known: dict[int, bool] = {}
        for (seq,) in self._ask(fts.RELEVANT, match):
            number = seq >> reads.ROW_BITS
            if number not in known:
                ready = self._ask(_SESSION, number).fetchone() is not None
                known[number] = ready and (scope.allowed is None or number in scope.allowed)
            if known[number]:
                row = self._ask("SELECT ts FROM item WHERE seq = ?", seq).fetchone()
                if row is not None and scope.holds(row[0]):
                    found.append((seq, row[0]))
                    if len(found) == limit:
                        break
        return found

    # ---- what is shown

    def _hits(self, rows: list[tuple[int, int | None]], finder: Finder) -> tuple[Hit, ...]:
        sessions: dict[int, Any] = {}
        found = self._rows([seq for seq, _ in rows])
        hits: list[Hit] = []
        for seq, ts in rows:
            number = seq >> reads.ROW_BITS
            if number not in sessions:
                key, agent, name, title, cwd = self._ask(_SESSION, number).fetchone()
                sessions[number] = (key, agent, name, title, cwd, _project(cwd, key))
            key, agent, name, title, cwd, project = sessions[number]
            kind, payload = found[seq]
            try:
                item = reads.unpress(payload)
            except reads.BROKEN as error:
                raise reads.damage(self.path) from error
            failed = (isinstance(item, Tool) and item.status == "failed") or (
                isinstance(item, Notice) and item.level == "error"
            )
            hits.append(
                Hit(
                    session=key,
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
                    error=failed,
                    snippet=finder.snippet(texts(item)),
                )
            )
        return tuple(hits)

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
        if not self.path.exists() or self.path.stat().st_size == 0:
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
        self._connection = connection
        return True

    def _ask(self, sql: str, *values: object) -> sqlite3.Cursor:
        assert self._connection is not None  # noqa: S101 - for the type checker
        return self._connection.execute(sql, values)

    @contextmanager
    def _looking(self) -> Iterator[bool]:
        """Whether there is something to look into; all that is asked meanwhile sees the database as it is now."""
        if not self._ready():
            yield False
            return
        try:
            self._ask("BEGIN")
            try:
                yield True
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


class Scope(Struct, frozen=True):
    """Where hits count. `allowed`: session → its last news, and whether all of it lies within the times."""

    allowed: dict[int, tuple[int | None, bool]] | None
    since: int | None
    until: int | None
    note: str = ""

    def holds(self, ts: int | None) -> bool:
        """Whether a row of that time counts. One without a time counts where no time is asked for."""
        if self.since is None and self.until is None:
            return True
        return ts is not None and (self.since is None or ts >= self.since) and (self.until is None or ts <= self.until)


def catch_up(db: Path | None = None) -> int:
    """Bring the index up to date here and now; returns the rows that came in. Raises StoreError."""
    from store.db.search import catch_up as work  # brings SQLAlchemy

    if db is None:
        from store.paths import data_dir

        db = data_dir() / "playhead.db"
    return work(db) if db.exists() else 0


def _project(cwd: str, key: str) -> str:
    """As the list of sessions calls it."""
    return Path(cwd).name if cwd else Path(key).parent.name


def _agent(agent: str, names: tuple[str, ...], empty: bool) -> bool:
    """By its name, or its beginning: claude is claude-code."""
    return any(f"{agent}-".casefold().startswith(f"{name}-".casefold()) for name in names) if names else empty


def _in(cwd: str, key: str, names: tuple[str, ...], empty: bool) -> bool:
    """By the name of the project's folder, or by the path of a folder that it is or lies in."""
    if not names:
        return empty
    project, folder = _project(cwd, key).casefold(), cwd.rstrip("/")
    for name in names:
        path = name.rstrip("/")
        if "/" in name and folder and (folder == path or folder.startswith(f"{path}/")):
            return True
        if project == path.casefold():
            return True
    return False
