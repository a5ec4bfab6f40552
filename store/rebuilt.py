"""What a rebuild did, and what is otherwise than before. For `store.rebuild` and `store.rebuild_server`."""

from __future__ import annotations

import sqlite3
from typing import Final

from msgspec import Struct, field

from store.db import reads

_KINDS: Final = "SELECT kind, count(*) FROM item WHERE seq >= ? AND seq < ? GROUP BY kind"


class Differs(Struct):
    """A session that is not what it was. `because`: its file has grown, or cannot be read."""

    key: str
    rows: tuple[int, int]
    kinds: dict[str, tuple[int, int]]
    because: str = ""


class Rebuilt(Struct):
    """What a rebuild did. `copied`: sessions that stay as they were. `backup`: the old file; '' there is none."""

    made: int = 0
    copied: int = 0
    rows: int = 0
    differs: list[Differs] = field(default_factory=list)
    backup: str = ""


def kinds_of(connection: reads.Connection | sqlite3.Connection, number: int) -> dict[str, int]:
    """How many rows of each kind a session has."""
    found = connection.execute(_KINDS, (reads.key_of(number, 0), reads.key_of(number + 1, 0)))
    return dict(found.fetchall())


def compare(
    key: str, rows: tuple[int, int], kinds: tuple[dict[str, int], dict[str, int]], because: str, done: Rebuilt
) -> None:
    """Note a session that is not what it was: `rows` and `kinds` before and after."""
    before, after = kinds
    differ = {
        kind: (before.get(kind, 0), after.get(kind, 0))
        for kind in sorted({*before, *after})
        if before.get(kind, 0) != after.get(kind, 0)
    }
    if differ or rows[0] != rows[1]:
        done.differs.append(Differs(key, rows, differ, because))
