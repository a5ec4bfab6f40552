"""OpenCode's database since 1.2: which sessions are in it, and a session's rows as lines. For opencode.py only.

A session in it is named `…/opencode.db/ses_…`. Its lines are its own row, each message followed by its parts, and at
the end its own row once more, with what may change: the title, and where it was reverted to.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from store.decode import dump
from store.formats.base import Child, Inside
from store.formats.values import string
from store.sources import database
from store.sources.pieces import Key, Stamp
from store.sources.views import Watched

GUESS: Final = 4096  # bytes that a message takes with its parts
_FIXED: Final = ("id", "project_id", "parent_id", "slug", "directory", "version", "time_created")
_NEWEST: Final = """
SELECT id, max(time_updated, coalesce((SELECT max(time_updated) FROM message WHERE session_id = s.id), 0),
               coalesce((SELECT max(time_updated) FROM part WHERE message_id = (
                   SELECT id FROM message WHERE session_id = s.id ORDER BY time_created DESC, id DESC LIMIT 1)), 0)),
       (SELECT count(*) FROM message WHERE session_id = s.id), s.revert
FROM session AS s
"""
_TABLES: Final = ("message", "part")
_SIGNATURE: Final = "SELECT count(*), max(time_updated), sum(time_updated) FROM {} WHERE session_id = ?"
TICK: Final = 2.0  # seconds after which no row has the time of one that was read
_CHILDREN: Final = "SELECT id, title FROM session WHERE parent_id = ? ORDER BY time_created, id"


def named(path: Path) -> tuple[Path, str] | None:
    """The database and the session in it that a path names."""
    db = path.parent
    if db.suffix != ".db" or not path.name.startswith("ses"):
        return None
    return db, path.name


def inside(db: Path) -> Iterator[Inside]:
    """Its sessions. Raises OSError."""
    found = database.read(db, lambda connection: connection.execute(_NEWEST).fetchall())
    for id_, updated, messages, _ in found:
        if type(id_) is str and "/" not in id_:
            yield Inside(db / id_, _whole(messages) * GUESS, _whole(updated) * 1_000_000)


def parent_of(path: Path) -> str:
    """The session that started this one; ''."""
    known = named(path)
    row = _one(known[0], "SELECT parent_id FROM session WHERE id = ?", known[1]) if known is not None else None
    return row[0] if row is not None and type(row[0]) is str else ""


def children(path: Path) -> Iterator[Child]:
    known = named(path)
    if known is None:
        return
    db, session = known
    try:
        found = database.read(db, lambda connection: connection.execute(_CHILDREN, (session,)).fetchall())
    except OSError:
        return
    for id_, title in found:
        if type(id_) is str and "/" not in id_:
            yield Child(db / id_, id_, None, title if type(title) is str else "")


class Rows:
    """A session's rows, as `store.sources.pieces` wants them."""

    def __init__(self, db: Path, session: str) -> None:
        self.db = db
        self.session = session
        self._newest = 0  # milliseconds: of what `looks` saw last

    def looks(self) -> tuple[int, int]:
        row = _one(self.db, f"{_NEWEST} WHERE s.id = ?", self.session)
        if row is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.db / self.session))
        reverted = zlib.crc32(string(told, "messageID").encode()) if type(told := _plain(row[3])) is dict else 0
        self._newest = _whole(row[1])
        return self.db.stat().st_ino ^ reverted, self._newest * 1_000_000

    def signature(self) -> object:
        if time.time() - self._newest / 1000 <= TICK:
            return None  # it is being written: to sum up what is not relied on would cost as much as the list

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            given = (self.session,)
            return [connection.execute(_SIGNATURE.format(table), given).fetchone() for table in _TABLES]

        found = database.read(self.db, work)
        newest = max((_whole(row[1]) for row in found), default=0)
        return tuple(found) if time.time() - newest / 1000 > TICK else None

    def listed(self, since: int = 0) -> list[tuple[Key, Stamp]]:
        def work(connection: sqlite3.Connection) -> list[tuple[Key, Stamp]]:
            given = (self.session, since)
            own = connection.execute("SELECT time_updated FROM session WHERE id = ?", given[:1]).fetchone()
            if own is None:
                return []
            parts: dict[str, list[tuple[str, Stamp]]] = {}
            sql = (
                "SELECT message_id, id, time_updated FROM part WHERE session_id = ? AND time_updated >= ? "
                "ORDER BY message_id, id"
            )
            for message, id_, updated in connection.execute(sql, given):
                parts.setdefault(message, []).append((f"part {id_}", (_whole(updated),)))
            found: list[tuple[Key, Stamp]] = [] if since else [("begin", (0,))]
            sql = (
                "SELECT id, time_updated FROM message WHERE session_id = ? AND time_updated >= ? "
                "ORDER BY time_created, id"
            )
            for id_, updated in connection.execute(sql, given):
                found.append((f"message {id_}", (_whole(updated),)))
                found += parts.pop(id_, ())
            for orphans in parts.values():  # of a message that is not there
                found += orphans
            found.append(("end", (_whole(own[0]),)))
            return found

        return database.read(self.db, work)

    def fetched(self, keys: Sequence[Key]) -> Iterable[tuple[Key, Stamp, bytes]]:
        return database.read(self.db, lambda connection: list(self._fetched(connection, keys)))

    def _fetched(self, connection: sqlite3.Connection, keys: Sequence[Key]) -> Iterator[tuple[Key, Stamp, bytes]]:
        wanted = {"begin", "end"} & set(keys)
        if wanted:
            cursor = connection.execute("SELECT * FROM session WHERE id = ?", (self.session,))
            names = [column[0] for column in cursor.description]
            for values in cursor:
                row = dict(zip(names, map(_plain, values), strict=True))
                fixed = {key: value for key, value in row.items() if key in _FIXED}
                for key, stamp, told in (("begin", 0, fixed), ("end", _whole(row.get("time_updated")), row)):
                    if key in wanted:
                        yield key, (stamp,), dump({"table": "session", **told}).encode() + b"\n"
        for table, columns in (("message", ""), ("part", "message_id, ")):
            ids = [key.removeprefix(f"{table} ") for key in keys if key.startswith(f"{table} ")]
            if not ids:
                continue
            marks = ", ".join("?" * len(ids))
            sql = (
                f"SELECT id, {columns}session_id, time_created, time_updated, CAST(data AS BLOB) FROM {table} "  # noqa: S608
                f"WHERE id IN ({marks}) AND +session_id = ?"
            )
            cursor = connection.execute(sql, (*ids, self.session))
            names = [column[0] for column in cursor.description][:-1]
            for *values, data in cursor:
                row = {"table": table, **dict(zip(names, values, strict=True))}
                try:
                    head = orjson.dumps(row)
                except TypeError:  # a column holds bytes, or a number that is too big
                    head = orjson.dumps({key: _plain(value) for key, value in row.items()}, default=str)
                at = (_whole(values[-1]),)
                yield f"{table} {values[0]}", at, b'%b,"data":%b}\n' % (head[:-1], _line(data))

    def watched(self) -> Watched:
        return Watched(database.watched(self.db), again=database.AGAIN)

    def label(self, key: Key) -> str:
        return ""


def _one(db: Path, sql: str, session: str) -> tuple[Any, ...] | None:
    def work(connection: sqlite3.Connection) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = connection.execute(sql, (session,)).fetchone()
        return row

    return database.read(db, work)


def _whole(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 1 << 50 else 0


def _plain(value: Any) -> Any:
    """A column's value; JSON in a text is taken apart."""
    if type(value) is str and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value.decode("utf-8", "replace") if type(value) is bytes else value


def _line(data: bytes | None) -> bytes:
    """JSON as it lies there, on one line; what is no JSON, as a text."""
    data = (data or b"null").strip()
    if b"\n" not in data and data[:1] == b"{" and data[-1:] == b"}":
        return data
    try:
        return orjson.dumps(orjson.loads(data))
    except orjson.JSONDecodeError:
        return orjson.dumps(data.decode("utf-8", "replace"))
