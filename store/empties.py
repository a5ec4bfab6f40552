"""Sessions that were saved with nothing in them, by an earlier Playhead or another program: counted, and removed if the
user wants that. What is removed can be brought back for a month.

Guarded: only those that are over, that nobody has named, that no other session goes on from, and that hold no content.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from store.db import place, reads
from store.draft import KEPT_DAYS
from store.figures import patiently
from store.formats import named
from store.sources import views
from store.whole import live_state

__all__ = ["KEPT_DAYS", "Empties", "Empty", "empties", "remove", "restore"]
# As `KINDS` in `store.draft` has it, said of rows: what hooks add and what happens to a session is nobody's word.
_EMPTY: Final = """
SELECT s.id, s.key, s.agent, s.llm, s.origin, s.created, s.started, s.updated FROM session AS s
WHERE s.state = 'ready' AND s.status = 'paused' AND s.title = '' AND s.user_title IS NULL
AND NOT EXISTS (SELECT 1 FROM session AS c WHERE c.parent_session_id = s.id)
AND NOT EXISTS (
  SELECT 1 FROM item AS i WHERE i.seq >= CAST(s.id AS BIGINT) * 4294967296
  AND i.seq < (CAST(s.id AS BIGINT) + 1) * 4294967296 AND i.kind NOT LIKE 'notice.%' AND i.kind <> 'prompt.injected')
"""
_LLMS: Final = "SELECT llm, count(*) FROM session WHERE state = 'ready' GROUP BY llm"
_REMOVED: Final = "SELECT count(*) FROM session WHERE state = 'removed'"


class Empty(Struct, frozen=True):
    """A session with nothing in it. Times are microseconds UTC; None is unknown."""

    number: int
    key: str
    agent: str
    llm: str
    origin: str
    created: int | None
    started: int | None
    updated: int | None


class Empties(Struct, frozen=True):
    """What there is."""

    sessions: list[Empty]
    by_llm: dict[str, tuple[int, int]]  # model → (empty, of so many sessions); '' is unknown
    removed: int  # that can be brought back


def empties(db: Path) -> Empties:
    """Look; nothing is changed. Raises StoreError."""
    if not reads.there(db):
        return Empties([], {}, 0)
    try:
        with closing(reads.connect(db)) as connection:
            version = connection.execute(reads.VERSION).fetchone()[0]
            if version != reads.SCHEMA:
                raise reads.unfit(db, version)
            mine = place.mine(db, "s")
            found = [Empty(*row) for row in connection.execute(f"{_EMPTY}{mine} ORDER BY s.id").fetchall()]
            llms = dict(connection.execute(_LLMS).fetchall())
            ((removed,),) = connection.execute(_REMOVED).fetchall()
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    over = [one for one in found if _over(Path(place.path_of(one.key, db)), one.agent)]
    counts: dict[str, int] = {}
    for one in over:
        counts[one.llm] = counts.get(one.llm, 0) + 1
    return Empties(over, {llm: (counts.get(llm, 0), total) for llm, total in sorted(llms.items())}, removed)


def remove(db: Path, numbers: Sequence[int]) -> int:
    """Remove these, as far as they still are empty. Returns how many. Raises StoreError."""
    still = {one.number for one in empties(db).sessions}.intersection(numbers)
    return patiently(db, lambda writer: writer.set_removed(sorted(still))) if still else 0


def restore(db: Path, numbers: Sequence[int] | None = None) -> int:
    """Bring back what was removed, all or these, except where another session of that file has come. Returns how many.
    Raises StoreError."""
    return patiently(db, lambda writer: writer.unset_removed(numbers)) if reads.there(db) else 0


def _over(path: Path, agent: str) -> bool:
    """Whether nobody works in it, as its file says."""
    return not views.exists(path) or live_state(path, named(agent or "raw")) == "ended"
