"""What the database knows of a session: its rows, how far its files were folded, and whether they have grown since.

Two statements say so. A session whose file is gone stands on its rows for ever, whoever folded them. Standard library
only: this is first paint.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from store import facts as facts_
from store.db import place, reads
from store.events import ItemId
from store.facts import Facts
from store.fold import FOLD_VERSION, State
from store.sources import views
from store.states import CLOSED
from store.window import PATIENCE, DbWindow

CHECKED: Final = 4096  # bytes at the start and before the offset that tell whether a file is still the same


class Source(Struct, frozen=True):
    """One file of a known session: what was folded of it, and what it looked like then."""

    path: Path
    agent: str
    parent: ItemId | None
    identity: str  # inode; devices are numbered anew at every start of the machine
    size: int
    mtime_ns: int
    offset: int  # folded so far: go on from here
    head: bytes
    tail: bytes
    touched: bool = False  # it is not exactly as it was
    missing: bool = False  # deleted; its rows are still here
    reader: bytes = b""  # what who folded it remembers of it; only `Known.reading` has it


class Known(Struct, frozen=True):
    """A session as the database knows it. All of its files still begin with what was folded."""

    session: int
    agent: str
    rows: int
    turn: int
    facts: Facts
    sources: tuple[Source, ...]
    fold: bytes
    window: DbWindow
    kept: bool = False  # another version folded it, and of some of its files there are only these rows
    host: str = ""  # where its files are, if that is another one than this
    archived: bool = False  # nothing comes in any more, whatever its files say

    @property
    def only_copy(self) -> bool:
        """Its rows are all there is here: its agent has deleted the file, or it is on another host."""
        return bool(self.sources) and self.sources[0].missing

    @property
    def unchanged(self) -> bool:
        """No file was touched: there is nothing new to fold (new subagent files aside)."""
        return not any(source.touched for source in self.sources)

    def reading(self) -> tuple[Source, ...]:
        """The sources, with what the readers of their files remember."""
        told = [] if self.kept or not self.fold else msgspec.msgpack.decode(self.fold)[6:7]
        readers = [one for one in told[0] if type(one) is bytes] if told else []
        if len(readers) != len(self.sources):
            return self.sources
        pairs = zip(self.sources, readers, strict=True)
        return tuple(msgspec.structs.replace(source, reader=reader) for source, reader in pairs)

    def state(self, window: DbWindow | None = None) -> State:
        """Where the fold stands; the rows that may still change are read from the window (it is their one place)."""
        window = window or self.window
        if self.kept:  # what is new comes behind rows that nothing can change any more
            return State(self.rows, self.turn)
        _, rows, turn, recent, last, unmatched, *_ = msgspec.msgpack.decode(self.fold)
        state = State(rows, turn)
        state.last, state.unmatched = last, unmatched
        position = 0
        while position < len(recent):
            stop = position + 1
            while stop < len(recent) and recent[stop] == recent[stop - 1] + 1:
                stop += 1
            first = recent[position]
            for row, item in enumerate(window.read(first, stop - position), first):
                state.recent[item.id] = (row, item)
            position = stop
        return state


def fold_of(state: State, sources: Sequence[Source]) -> bytes:
    """The state without the items, which lie in the database anyway: `Known.state` turns it back. And what the readers
    of its files remember, which `Known.reading` gives."""
    recent = [row for row, _ in state.recent.values()]
    readers = [source.reader for source in sources]
    told = (FOLD_VERSION, state.rows, state.turn, recent, state.last, state.unmatched, readers)
    return msgspec.msgpack.encode(told)


def known(path: Path, db: Path | None = None) -> Known | None:
    """The session as it lies in the database, or None: never seen, rewritten since, or no database that we can read.

    Costs two statements and a stat per file; only files that changed are opened, for twice 4 KB.
    """
    db = db or _ours()
    if not reads.there(db):
        return None
    try:
        connection = reads.connect(db, PATIENCE)
    except sqlite3.Error:
        return None  # whoever writes next says what is wrong with it
    found = None
    try:
        found = _known(connection, db, path)
    except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        if found is None:
            connection.close()
    return found


def said() -> str:
    """What has happened to the database and is to be said, once; '' is nothing."""
    return reads.take_said(_ours())


def _ours() -> Path:
    from store.paths import data_dir

    return data_dir() / "playhead.db"


_SESSION: Final = """
SELECT id, agent, rows, turn, fold_version, status, facts, fold FROM session, pragma_user_version AS v
WHERE key = ? AND state = 'ready' AND v.user_version = ?
"""
_COLUMNS: Final = "SELECT agent_session, title, cwd, branch, llm, started, updated FROM session WHERE id = ?"
_SOURCES: Final = """
SELECT path, agent, parent, identity, size, mtime_ns, "offset", head, tail FROM source
WHERE session_id = ? ORDER BY file
"""


def _known(connection: reads.Connection, db: Path, path: Path) -> Known | None:
    row = connection.execute(_SESSION, (place.key_of(path.absolute(), db), reads.SCHEMA)).fetchone()
    if row is None:
        return None
    session, agent, rows, turn, version, status, facts, fold = row
    archived = status in CLOSED
    kept = version != FOLD_VERSION
    host = place.host_of(path, db)
    sources: list[Source] = []
    for name, *rest in connection.execute(_SOURCES, (session,)):
        told = Source(Path(name), *rest)
        gone = msgspec.structs.replace(told, missing=True)
        # A file of another host is not looked for here, where another one may have its name.
        source = gone if host else look(told)
        if source is None:
            if not (archived or (sources and sources[0].missing)):
                return None
            # What became of it changes nothing any more: a subagent's file, or one of a session that is archived.
            source = gone if archived else told
        sources.append(source)
    if kept and not (rows and any(source.missing for source in sources)):
        return None  # every file is there to fold it anew from
    facts_told = _told(connection, session) if kept else facts_.load(facts)
    window = DbWindow(db, session, rows, connection, kept=kept)
    return Known(session, agent, rows, turn, facts_told, tuple(sources), fold or b"", window, kept, host, archived)


def _told(connection: reads.Connection, session: int) -> Facts:
    """What the columns say: the facts of another version may lie otherwise."""
    id, title, cwd, branch, llm, started, updated = connection.execute(_COLUMNS, (session,)).fetchone()
    facts = Facts(id, title, 0, cwd, branch, llm or None)
    facts.started, facts.updated = started, updated
    return facts


def look(source: Source) -> Source | None:
    """The source as its file is now, or None when the file no longer begins with what was folded."""
    try:
        now = views.stat(source.path)
    except FileNotFoundError:
        return msgspec.structs.replace(source, missing=True)
    except OSError:
        return None
    identity = str(now.st_ino)
    if (identity, now.st_size, now.st_mtime_ns) == (source.identity, source.size, source.mtime_ns):
        return source
    if identity != source.identity or now.st_size < source.offset:
        return None
    try:
        with views.opened(source.path) as file:
            if prints(file, source.offset) != (source.head, source.tail):
                return None
    except OSError:
        return None
    return msgspec.structs.replace(source, touched=True)


def prints(file: BinaryIO, offset: int) -> tuple[bytes, bytes]:
    """Hashes of a file's first bytes and of those before the offset."""
    from hashlib import blake2b  # here, because it loads OpenSSL, and a session that did not change needs none of it

    size = min(CHECKED, offset)
    found: list[bytes] = []
    for start in (0, offset - size):
        file.seek(start)
        data = b""
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
        found.append(blake2b(data, digest_size=16).digest())
    return found[0], found[1]


def source_of(path: Path, agent: str, parent: ItemId | None, offset: int) -> Source:
    """What to remember of a file that was folded up to `offset`. Raises OSError."""
    with views.opened(path) as file:
        now = views.looks_of(file)
        head, tail = prints(file, offset)
    identity = str(now.st_ino)
    return Source(path, agent, parent, identity, now.st_size, now.st_mtime_ns, offset, head, tail)
