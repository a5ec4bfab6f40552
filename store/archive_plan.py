"""Which sessions an import of the archive has to read: those that the database does not know, or as they were before.

For `store.archive_import`. It costs a stat per file and opens none: what is known lies in the database, and what was
found to be a draft lies in the catalog.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from store.archive_talk import Task
from store.catalog import DRAFT
from store.db import place, reads
from store.delta import Row
from store.fold import FOLD_VERSION
from store.formats import formats
from store.formats.base import Format
from store.sources import views
from store.sources.scan import Found, is_database, scan
from store.states import CLOSED

_KNOWN: Final = (
    "SELECT s.key, s.id, s.agent, s.agent_session, s.status, s.fold_version, c.path, c.identity, c.size, c.mtime_ns "
    "FROM session AS s JOIN source AS c ON c.session_id = s.id WHERE s.state = 'ready'{} ORDER BY s.id, c.file"
)
_LISTED: Final = "SELECT size, mtime_ns, row FROM catalog WHERE path = ?"
_decoder: Final = msgspec.msgpack.Decoder(Row)


class Plan(Struct, frozen=True):
    """What was found below some folders."""

    tasks: list[Task]  # newest first
    files: int  # all that were looked at
    unchanged: int  # of the sessions


class _Session(Struct):
    number: int
    agent: str
    called: str  # by its agent
    sealed: bool  # archived: nothing comes in any more
    version: int
    files: list[tuple[str, str, int, int]]  # path, identity, size, mtime_ns; the main one first


def plan(db: Path, places: Iterable[Path], skip: Iterable[str] = (), before: int | None = None) -> Plan:
    """`skip` names sessions that are to be left alone; so are those written to since `before` (nanoseconds). Raises
    StoreError."""
    skip = frozenset(skip)
    places = list(places)
    for last in (False, True):
        if not _usable(db):
            from store.db.engine import open_engine  # an older or broken one is made right first

            open_engine(db).dispose()
        try:
            return _look(db, places, skip, before)
        except sqlite3.Error as error:
            trouble = reads.trouble(error, db)
            if last or not isinstance(trouble, reads.DamagedError):
                raise trouble from error
    raise AssertionError("unreachable")


def _look(db: Path, places: Iterable[Path], left: frozenset[str], before: int | None) -> Plan:
    tasks: list[Task] = []
    files = unchanged = 0
    with closing(reads.connect(db)) as archive:
        sessions = _sessions(archive, db)
    with closing(_list(db)) as listed:
        beside = _Beside(sessions, listed)
        for found in scan(places, {}):
            if found.path in left or (before is not None and found.mtime_ns > before):
                continue
            known = sessions.get(found.path)
            count = 1 if known is None else len(known.files)
            files += count
            if (known is not None and _current(known, found, beside)) or _draft(listed, found):
                unchanged += 1
                continue
            number = None if known is None else known.number
            tasks.append(Task(os.fsencode(found.path), found.size, found.mtime_ns, number, count))
    return Plan(tasks, files, unchanged)


def _usable(db: Path) -> bool:
    if not reads.there(db):
        return False
    try:
        with closing(reads.connect(db)) as connection:
            found: Any = connection.execute(reads.VERSION).fetchone()
    except sqlite3.Error:
        return False  # whoever opens it to write says what is wrong
    return bool(found == (reads.SCHEMA, reads.APPLICATION))


def _list(db: Path) -> sqlite3.Connection:
    """What lies on this machine, also where the archive is on a server: the list of last time. Raises sqlite3.Error."""
    if place.server(db) is not None and not (db.exists() and not reads.mark(db).exists()):
        from store.db.engine import open_file

        open_file(db).dispose()
    return reads.connect_file(db)


def _sessions(connection: reads.Connection, db: Path) -> dict[str, _Session]:
    sessions: dict[str, _Session] = {}
    for key, number, agent, called, status, version, *file in connection.execute(_KNOWN.format(place.mine(db, "s"))):
        path = place.path_of(key, db)
        one = sessions.get(path)
        if one is None:
            one = sessions[path] = _Session(number, agent, called, status in CLOSED, version, [])
        one.files.append(tuple(file))
    return sessions


def _draft(connection: sqlite3.Connection, found: Found) -> bool:
    """Whether it was a draft when it looked like this: then it is one."""
    return _noted(connection, found.path, found.size, found.mtime_ns) is not None


def _noted(connection: sqlite3.Connection, path: str, size: int, mtime_ns: int) -> Row | None:
    """The note of an import that a file, when it looked like this, was no session; None: there is none."""
    row = connection.execute(_LISTED, (path,)).fetchone()
    if row is None or row[:2] != (size, mtime_ns):
        return None
    try:
        noted = _decoder.decode(row[2])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # of another version: look again
    return noted if noted.state == DRAFT else None


def _current(known: _Session, found: Found, beside: _Beside) -> bool:
    # Of an archived one, too: what was written since is not read, but counted, once.
    return _same(known, found) and not beside.more(known, found.path)


def _same(known: _Session, found: Found) -> bool:
    """Whether nothing was written since. What another version folded is read again, as long as all of it is there."""
    missing = False
    for index, (path, identity, size, mtime_ns) in enumerate(known.files):
        view = views.at(path)
        if view is not None:  # its size is that of what is read, and to know it takes reading it
            inside = index == 0 and is_database(os.path.dirname(path))  # noqa: PTH120 - text only
            written = found.mtime_ns if inside else view.written()
            if written and written != mtime_ns:
                return False
            missing = missing or not written
            continue
        if index == 0:
            if (size, mtime_ns) != (found.size, found.mtime_ns):
                return False
            continue
        try:
            now = views.stat(path)
        except OSError:
            missing = True  # its rows stay
            continue
        if (identity, size, mtime_ns) != (str(now.st_ino), now.st_size, now.st_mtime_ns):
            return False
    return known.version == FOLD_VERSION or missing


class _Beside:
    """Files of subagents that no session has, where such files appear. A folder of many sessions is looked at once."""

    def __init__(self, sessions: Mapping[str, _Session], listed: sqlite3.Connection) -> None:
        self._had = {path for one in sessions.values() for path, *_ in one.files}
        self._listed = listed
        self._formats = {format.agent: format for format in formats()}
        self._parts: dict[tuple[str, str], set[str]] = {}  # agent, folder → whose they are; '' is for whoever asks

    def more(self, known: _Session, path: str) -> bool:
        """Whether there is one of this session."""
        format = self._formats.get(known.agent)
        if format is None or format.beside is None:
            return False
        for folder in format.beside(Path(path), known.called):
            where = (known.agent, os.fspath(folder))
            parts = self._parts.get(where)
            if parts is None:
                parts = self._parts[where] = self._look(format, where[1])
            if parts and any(part in path or part == known.called for part in parts):
                return True
        return False

    def _look(self, format: Format, folder: str) -> set[str]:
        found: set[str] = set()
        for here, _, names in os.walk(folder):  # nearly always there is none
            for name in names:
                name = name.removesuffix(views.PACKED)
                if name.endswith(".jsonl") and (format.joins is None or format.joins(name)):
                    file = os.path.join(here, name)  # noqa: PTH118 - many
                    if file not in self._had and (part := self._part(format, file)) is not None:
                        found.add(part)
        return found

    def _part(self, format: Format, file: str) -> str | None:
        """The session that a file is part of; None: it is one of its own, or will be when it has content."""
        if format.part_of is None:
            return ""
        try:
            now = views.stat(file)
        except OSError:
            return None
        noted = _noted(self._listed, file, now.st_size, now.st_mtime_ns)  # else the import looks at it anyway
        return (format.part_of(Path(file)) if noted is None else noted.session) or None
