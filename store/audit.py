"""The audit log: what was changed by hand or by the clock, when and by whom. For the panel and the commands.

Settings, resets, cleanups, triggers, removed and archived sessions, transcripts that went to the trash.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.db import reads
from store.figures import patiently

__all__ = ["Books", "Entry", "entries", "note"]
_ENTRIES: Final = """
SELECT a.ts, a.actor, a.action, a.detail, coalesce(s.key, ''), a.id FROM audit AS a
LEFT JOIN session AS s ON s.id = a.session_id ORDER BY a.ts DESC, a.id DESC LIMIT ?
"""
_COUNT: Final = "SELECT count(*) FROM audit"


class Entry(Struct, frozen=True, gc=False):
    """One thing that was done. `ts` is microseconds UTC; `session` is the path of the one it was done to, or ''."""

    ts: int
    actor: str  # user, playhead, cli, …
    action: str
    detail: str
    session: str = ""
    id: int = 0


class Books(Struct, frozen=True):
    """The newest entries, newest first, and how many there are in all."""

    rows: tuple[Entry, ...]
    total: int


def entries(db: Path, limit: int = 500) -> Books:
    """Read the log; two statements, nothing is changed. Raises StoreError."""
    if not reads.there(db):
        return Books((), 0)
    try:
        with closing(reads.connect(db)) as connection:
            version = connection.execute(reads.VERSION).fetchone()[0]
            if version != reads.SCHEMA:
                raise reads.unfit(db, version)
            rows = tuple(Entry(*row) for row in connection.execute(_ENTRIES, (limit,)).fetchall())
            ((total,),) = connection.execute(_COUNT).fetchall()
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    return Books(rows, total)


def note(db: Path, action: str, detail: str, actor: str = "user") -> None:
    """Write one thing down; a busy database is waited for. Raises StoreError."""
    patiently(db, lambda writer: writer.note(action, detail, actor))
