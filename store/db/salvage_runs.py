"""Takes triggers, threads, deliveries and runs out of a database that was set aside: nothing makes them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Table, insert

from store.db.run_tables import delivery, run, trigger, trigger_session_threads
from store.db.serving import note
from store.db.transactions import Transactions

CHUNK: Final = 256  # rows asked for at once
TABLES: Final = (trigger, trigger_session_threads, delivery, run)  # what others refer to first


def take_over(writer: Transactions, old: sqlite3.Connection) -> int:
    """All that can be read, in one transaction; once. Returns how many rows came over. Raises StoreError."""
    there = {str(name) for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    with writer._tx() as tx:
        came: dict[str, set[Any]] = {}
        for table in TABLES:
            came[table.name] = _one(tx, old, table, came) if table.name in there else set()
        count = sum(map(len, came.values()))
        if count:
            triggers, threads = len(came["trigger"]), len(came["trigger_session_threads"])
            note(tx, "triggers taken over", f"{triggers} triggers, {threads} threads", "playhead")
    return count


def _one(tx: Connection, old: sqlite3.Connection, table: Table, came: dict[str, set[Any]]) -> set[Any]:
    known = {str(row[1]) for row in old.execute(f'PRAGMA table_info("{table.name}")')}
    names = [column.name for column in table.columns if column.name in known]
    taken: set[Any] = set()
    for row in _rows(old, table.name, names):
        lost = False
        for column in table.columns:
            for key in column.foreign_keys:
                wanted = row.get(column.name)
                if wanted is not None and wanted not in came.get(key.column.table.name, ()):
                    row[column.name] = None
                    lost = lost or not column.nullable
        if not lost and tx.execute(insert(table).prefix_with("OR IGNORE").values(row)).rowcount:
            taken.add(row["id"])
    return taken


def _rows(old: sqlite3.Connection, table: str, names: list[str]) -> Iterator[dict[str, Any]]:
    """As far as its pages can be read."""
    columns = ", ".join(f'"{name}"' for name in names)
    sql = f'SELECT {columns} FROM "{table}" WHERE rowid >= ? AND rowid < ?'  # noqa: S608 - tables of our own
    try:
        (last,) = old.execute(f'SELECT coalesce(max(rowid), 0) FROM "{table}"').fetchone()  # noqa: S608
    except sqlite3.Error:
        return
    for low in range(0, last + 1, CHUNK):
        try:
            found = old.execute(sql, (low, low + CHUNK)).fetchall()
        except sqlite3.Error:
            found = []
            for one in range(low, low + CHUNK):
                try:
                    found += old.execute(sql, (one, one + 1)).fetchall()
                except sqlite3.Error:
                    continue
        for row in found:
            yield dict(zip(names, row, strict=True))
