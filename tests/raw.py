"""The database itself, in a file or on a server: what a test asks it and changes in it behind everybody's back."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store.db import place, reads, reads_postgres

_BYTES = re.compile(r"\bx'([0-9a-f]*)'")
IN_A_FILE = pytest.mark.parametrize("database", ["file"], indirect=True)  # of SQLite's own ways, or told often enough


def ask(db: Path, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
    with closing(reads.connect(db)) as connection:
        return connection.execute(sql, values).fetchall()


def change(db: Path, sql: str, values: tuple[object, ...] = ()) -> None:
    url = place.server(db)
    if url is None:
        with closing(sqlite3.connect(db)) as connection:
            connection.execute(sql, values)
            connection.commit()
        return
    with reads_postgres.connected(url) as server:
        server.execute(_BYTES.sub(r"'\\x\1'::bytea", reads_postgres.translated(sql)), values)


def check_sound(db: Path) -> None:
    """A file may be torn; a server's is its own to look after."""
    if place.server(db) is None:
        assert ask(db, "PRAGMA integrity_check") == [("ok",)]
