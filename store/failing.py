"""The rows of a session in the database that tell of a failure: out of the search index, and for a worker.

The index has a word for them, so a look costs what there are failures and not what there are rows. Rows that are not in
the index yet, or no more because it is damaged, are read one after the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from store.db import fts_sqlite, reads
from store.document import VERSION
from store.items import Item, failed
from store.query import Facet

if TYPE_CHECKING:
    from store.window import DbWindow

FIRST: Final = 4_096  # rows of the index that are looked into first; each further look takes so many times more
MORE: Final = 8
BLOCK: Final = 512  # rows that are read at once where there is no index
_FAILED: Final = Facet("s", "failed")  # what `document` says of such a row
_INDEXED: Final = "SELECT rows FROM indexed WHERE session_id = ? AND version = ?"


def failing(
    window: DbWindow, connection: reads.Connection, first: int, end: int, by: int
) -> Iterator[tuple[int, Item]]:
    """Row and item of those in [first, end), upwards or (`by` < 0) downwards. Raises StoreError."""
    known = _indexed(window, connection)
    edge = min(end, max(first, known))
    for low, high, look in ((first, edge, _found), (edge, end, _walked))[:: 1 if by > 0 else -1]:
        yield from look(window, connection, low, high, by)


def _indexed(window: DbWindow, connection: reads.Connection) -> int:
    """How many rows of the session, from its first, are in the index."""
    try:
        rows = connection.execute(_INDEXED, (window.session, VERSION)).fetchone()
    except sqlite3.Error as error:
        raise reads.trouble(error, window.path) from error
    return 0 if rows is None else int(rows[0])


def _found(window: DbWindow, connection: reads.Connection, first: int, end: int, by: int) -> Iterator[tuple[int, Item]]:
    size = FIRST
    while first < end:
        low, high = (first, min(end, first + size)) if by > 0 else (max(first, end - size), end)
        try:
            rows = _rows(window, connection, low, high)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) != fts_sqlite.CORRUPT:
                raise reads.trouble(error, window.path) from error
            yield from _walked(window, connection, first, end, by)  # the index is broken, and no row with it
            return
        for row in rows[:: -1 if by > 0 else 1]:
            (item,) = window.read(row, 1)
            if failed(item):  # it may have changed since
                yield row, item
        first, end, size = (high, end, size * MORE) if by > 0 else (first, low, size * MORE)


def _rows(window: DbWindow, connection: reads.Connection, first: int, end: int) -> list[int]:
    """The last one first."""
    base = reads.key_of(window.session, 0)
    sql, values = fts_sqlite.WITHIN, (fts_sqlite.match(_FAILED),)
    if not reads.is_file(connection):
        from store.db import fts_postgres

        asked = fts_postgres.asked(_FAILED)
        sql, values = asked.within, asked.values  # type: ignore[assignment]
    return [seq - base for seq, _ in connection.execute(sql, (*values, base + first, base + end)).fetchall()]


def _walked(
    window: DbWindow, connection: reads.Connection, first: int, end: int, by: int
) -> Iterator[tuple[int, Item]]:
    blocks = range(first, end, BLOCK)
    for low in blocks if by > 0 else reversed(blocks):
        rows = list(enumerate(window.read(low, min(BLOCK, end - low)), low))
        for row, item in rows[:: 1 if by > 0 else -1]:
            if failed(item):
                yield row, item
