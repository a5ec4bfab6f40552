"""The rows of one session in OpenCode's database as pieces of a stream: its own, its messages, their parts.

The table of parts has no index by time, so what was changed is found by a look at each part of the session. While the
program writes, that is done now and then only; each look in between asks for what is new, and for the messages of late,
whose parts are what changes while an agent works. Who waits for the end of the news sees the rest of it then.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from orjson import dumps

from store.decode import dump
from store.formats.values import string
from store.sources import database
from store.sources.pieces import Key, Stamp
from store.sources.views import Watched

EVERY: Final = 2.0  # seconds after which all parts are, while somebody writes
BUSY: Final = 0.9 * database.AGAIN  # seconds since the last news in which a further look is sure to come
TICK: Final = 2.0  # seconds after which no row has the time of one that was read
_FIXED: Final = ("id", "project_id", "parent_id", "slug", "directory", "version", "time_created")
NEWEST: Final = """
SELECT id, max(time_updated, coalesce((SELECT max(time_updated) FROM message WHERE session_id = s.id), 0),
               coalesce((SELECT max(time_updated) FROM part WHERE message_id = (
                   SELECT id FROM message WHERE session_id = s.id ORDER BY time_created DESC, id DESC LIMIT 1)), 0)),
       (SELECT count(*) FROM message WHERE session_id = s.id), s.revert
FROM session AS s
"""
_LATELY: Final = """
WITH late AS MATERIALIZED (
    SELECT id, time_updated FROM message WHERE session_id = ?1 ORDER BY time_created DESC, id DESC LIMIT 8)
SELECT id, max(time_updated, coalesce((SELECT max(time_updated) FROM late), 0),
               coalesce((SELECT max(time_updated) FROM part WHERE message_id = (SELECT id FROM late LIMIT 1)), 0)),
       0, revert
FROM session WHERE id = ?1
"""
_TABLES: Final = ("message", "part")
_SIGNATURE: Final = "SELECT count(*), max(time_updated), sum(time_updated) FROM {} WHERE session_id = ?"
_MESSAGES: Final = """
SELECT id, time_updated FROM message WHERE session_id = ? AND time_updated >= ? ORDER BY time_created, id
"""
_LATE: Final = """
SELECT id, time_updated FROM message WHERE session_id = ? ORDER BY time_created DESC, id DESC LIMIT 8
"""
_PARTS: Final = """
SELECT message_id, id, time_updated FROM part WHERE session_id = ? AND time_updated >= ? ORDER BY message_id, id
"""
_NEW: Final = "SELECT message_id FROM part WHERE session_id = ? AND rowid > ?"
_OF: Final = "SELECT id, time_updated FROM part WHERE message_id = ? AND session_id = ? ORDER BY id"


class Rows:
    """A session's rows, as `store.sources.pieces` wants them."""

    def __init__(self, db: Path, session: str) -> None:
        self.db = db
        self.session = session
        self.looked = 0  # how often each part was looked at, for tests
        self._newest = 0  # milliseconds: of what `looks` saw last
        self._whole: float | None = None  # when each part was looked at (monotonic)
        self._last = 0  # the newest part of the database by then; parts are new behind it

    def looks(self) -> tuple[int, int]:
        quick = self._quick()
        row = one(self.db, _LATELY if quick else f"{NEWEST} WHERE s.id = ?", self.session)
        if row is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.db / self.session))
        reverted = zlib.crc32(string(told, "messageID").encode()) if type(told := _plain(row[3])) is dict else 0
        self._newest = max(whole(row[1]), self._newest if quick else 0)
        return self.db.stat().st_ino ^ reverted, self._newest * 1_000_000

    def signature(self) -> object:
        if self._quick() or time.time() - self._newest / 1000 <= TICK:
            return None  # it is being written: to sum up what is not relied on would cost as much as the list

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            given = (self.session,)
            return [connection.execute(_SIGNATURE.format(table), given).fetchone() for table in _TABLES]

        found = database.read(self.db, work)
        newest = max((whole(row[1]) for row in found), default=0)
        return tuple(found) if time.time() - newest / 1000 > TICK else None

    def listed(self, since: int = 0) -> list[tuple[Key, Stamp]]:
        quick = bool(since) and self._quick()

        def work(connection: sqlite3.Connection) -> list[tuple[Key, Stamp]]:
            own = connection.execute("SELECT time_updated FROM session WHERE id = ?", (self.session,)).fetchone()
            if own is None:
                return []
            found = self._late(connection, since) if quick else None
            if found is None:
                found = self._all(connection, since)
            found.append(("end", (whole(own[0]),)))
            return found

        return database.read(self.db, work)

    def _quick(self) -> bool:
        """Whether a look at what is new is enough: all was looked at a moment ago, and soon will be."""
        if self._whole is None or not 0 <= time.monotonic() - self._whole < EVERY:
            return False
        try:
            return 0 <= time.time() - os.stat(f"{self.db}-wal").st_mtime < BUSY  # noqa: PTH116
        except OSError:
            return False

    def _late(self, connection: sqlite3.Connection, since: int) -> list[tuple[Key, Stamp]] | None:
        """The last messages with their parts; None when there is news of others."""
        late = connection.execute(_LATE, (self.session,)).fetchall()
        known = {id_ for id_, _ in late}
        if any(message not in known for (message,) in connection.execute(_NEW, (self.session, self._last))):
            return None
        found: list[tuple[Key, Stamp]] = []
        for id_, updated in reversed(late):
            if whole(updated) >= since:
                found.append((f"message {id_}", (whole(updated),)))
            for part, when in connection.execute(_OF, (id_, self.session)):
                if whole(when) >= since:
                    found.append((f"part {part}", (whole(when),)))
        return found

    def _all(self, connection: sqlite3.Connection, since: int) -> list[tuple[Key, Stamp]]:
        """Every message with its parts."""
        self.looked += 1
        self._whole = time.monotonic()
        try:
            self._last = whole(connection.execute("SELECT max(rowid) FROM part").fetchone()[0])
        except sqlite3.OperationalError:
            self._whole = None  # a table without numbers: nothing tells what is new in it
        parts: dict[str, list[tuple[str, Stamp]]] = {}
        last: str | None = None
        of: list[tuple[str, Stamp]] = []
        for message, id_, updated in connection.execute(_PARTS, (self.session, since)):
            if message != last:
                last, of = message, parts.setdefault(message, [])
            of.append((f"part {id_}", (whole(updated),)))
        found: list[tuple[Key, Stamp]] = [] if since else [("begin", (0,))]
        for id_, updated in connection.execute(_MESSAGES, (self.session, since)):
            found.append((f"message {id_}", (whole(updated),)))
            found += parts.pop(id_, ())
        for orphans in parts.values():  # of a message that is not there
            found += orphans
        return found

    def fetched(self, keys: Sequence[Key]) -> Iterable[tuple[Key, Stamp, bytes]]:
        return database.read(self.db, lambda connection: self._fetched(connection, keys))

    def _fetched(self, connection: sqlite3.Connection, keys: Sequence[Key]) -> list[tuple[Key, Stamp, bytes]]:
        found: list[tuple[Key, Stamp, bytes]] = []
        wanted = {"begin", "end"} & set(keys)
        if wanted:
            cursor = connection.execute("SELECT * FROM session WHERE id = ?", (self.session,))
            names = [column[0] for column in cursor.description]
            for values in cursor:
                row = dict(zip(names, map(_plain, values), strict=True))
                fixed = {key: value for key, value in row.items() if key in _FIXED}
                for key, stamp, told in (("begin", 0, fixed), ("end", whole(row.get("time_updated")), row)):
                    if key in wanted:
                        line = dump({"table": "session", **told}).encode() + b"\n"
                        found.append((key, (stamp,), line))
        for table, column in (("message", "NULL"), ("part", "message_id")):
            ids = [key[len(table) + 1 :] for key in keys if key.startswith(table)]
            if not ids:
                continue
            sql = (  # one parameter: to prepare a statement of many takes longer than to look them up
                f"SELECT id, {column}, session_id, time_created, time_updated, CAST(data AS BLOB) FROM {table} "  # noqa: S608
                "WHERE id IN (SELECT value FROM json_each(?)) AND +session_id = ?"
            )
            of = {"message_id": ""} if column != "NULL" else {}
            one_: dict[str, Any] = {"table": table, "id": "", **of}  # in this order, and filled for each
            for id_, message, session, created, updated, data in connection.execute(sql, (dump(ids), self.session)):
                one_["id"] = id_
                if of:
                    one_["message_id"] = message
                one_["session_id"], one_["time_created"], one_["time_updated"] = session, created, updated
                try:
                    head = dumps(one_)
                except TypeError:  # a column holds bytes, or a number that is too big
                    head = dumps({key: _plain(value) for key, value in one_.items()}, default=str)
                line = b'%b,"data":%b}\n' % (head[:-1], data if _is_line(data) else _line(data))
                found.append((f"{table} {id_}", (whole(updated),), line))
        return found

    def watched(self) -> Watched:
        return Watched(database.watched(self.db), again=database.AGAIN)

    def label(self, key: Key) -> str:
        return ""


def one(db: Path, sql: str, session: str) -> tuple[Any, ...] | None:
    """The first row of a statement about a session. Raises OSError."""

    def work(connection: sqlite3.Connection) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = connection.execute(sql, (session,)).fetchone()
        return row

    return database.read(db, work)


def whole(value: Any) -> int:
    """A number that can be relied on; 0 for what is none."""
    return value if type(value) is int and 0 <= value < 1 << 50 else 0


def _plain(value: Any) -> Any:
    """A column's value; JSON in a text is taken apart."""
    if type(value) is str and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value.decode("utf-8", "replace") if type(value) is bytes else value


def _is_line(data: bytes | None) -> bool:
    """Whether it is an object as it lies there, on one line; as nearly all are."""
    return data is not None and data[:1] == b"{" and data[-1:] == b"}" and b"\n" not in data


def _line(data: bytes | None) -> bytes:
    """JSON on one line; what is no JSON, as a text."""
    data = (data or b"null").strip()
    if _is_line(data):
        return data
    try:
        return dumps(orjson.loads(data))
    except orjson.JSONDecodeError:
        return dumps(data.decode("utf-8", "replace"))
