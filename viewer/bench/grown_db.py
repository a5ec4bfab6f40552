"""A session of any size in a database: the rows of a recording that names their tables, put where its agent would.

For `bench fold`. The tables are those of OpenCode's published schema as far as a reader asks for them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

SCHEMA: Final = """
CREATE TABLE session (id text PRIMARY KEY, project_id text, parent_id text, slug text, directory text, title text,
    version text, revert text, time_created integer, time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, time_updated integer, data text);
CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, time_created integer, time_updated integer,
    data text);
CREATE INDEX message_session ON message (session_id, time_created, id);
CREATE INDEX part_message ON part (message_id, id);
CREATE INDEX part_session ON part (session_id);
"""
_COLUMNS: Final = {
    "session": ("id", "project_id", "parent_id", "slug", "directory", "title", "version", "revert", "time_created",
                "time_updated"),
    "message": ("id", "session_id", "time_created", "time_updated", "data"),
    "part": ("id", "message_id", "session_id", "time_created", "time_updated", "data"),
}  # fmt: skip


def has_tables(recording: Path) -> bool:
    """Whether the records of a recording are rows that name their tables."""
    with recording.open("rb") as file:
        try:
            first = orjson.loads(file.readline())
        except orjson.JSONDecodeError:
            return False
    return isinstance(first, dict) and first.get("table") in _COLUMNS


def stored(grown: Path, target: Path) -> tuple[str, int]:
    """Put the rows that were grown into a new database, each later than the one before: (name of the session, rows)."""
    session, count = "", 0
    with closing(sqlite3.connect(target)) as connection:
        connection.executescript(SCHEMA)
        for line in grown.read_bytes().splitlines():
            row: dict[str, Any] = orjson.loads(line)
            table = row["table"]
            if table == "session":
                if session:
                    continue  # each time the recording is told again, it is the same one
                session = row["id"]
            count += 1
            row["time_created"] = row.get("time_created", 0) + count
            row["time_updated"] = row["time_created"]
            columns = _COLUMNS[table]
            values = [_column(row.get(name)) for name in columns]
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)  # noqa: S608 - from above
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")
    return session, count


def _column(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value
