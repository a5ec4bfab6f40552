"""OpenCode's database since 1.2: which sessions are in it, and a session's rows as lines. For opencode.py only.

A session in it is named `…/opencode.db/ses_…`. Its lines are its own row, each message followed by its parts, and at
the end its own row once more, with what may change: the title, and where it was reverted to.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from store.formats.base import Child, Inside
from store.formats.opencode_rows import NEWEST, one, whole
from store.sources import database

GUESS: Final = 4096  # bytes that a message takes with its parts
_CHILDREN: Final = "SELECT id, title FROM session WHERE parent_id = ? ORDER BY time_created, id"


def named(path: Path) -> tuple[Path, str] | None:
    """The database and the session in it that a path names."""
    db = path.parent
    if db.suffix != ".db" or not path.name.startswith("ses"):
        return None
    return db, path.name


def inside(db: Path) -> Iterator[Inside]:
    """Its sessions. Raises OSError."""
    found = database.read(db, lambda connection: connection.execute(NEWEST).fetchall())
    for id_, updated, messages, _ in found:
        if type(id_) is str and "/" not in id_:
            yield Inside(db / id_, whole(messages) * GUESS, whole(updated) * 1_000_000)


def parent_of(path: Path) -> str:
    """The session that started this one; ''."""
    known = named(path)
    row = one(known[0], "SELECT parent_id FROM session WHERE id = ?", known[1]) if known is not None else None
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
