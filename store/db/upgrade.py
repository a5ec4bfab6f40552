"""Brings a database to our revision: a copy first, then all steps in one transaction. The only caller of Alembic.

Engine calls it when a database is behind, and tests; never the GUI thread, for importing Alembic takes as long as
opening a window.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from store.db import reads
from store.errors import StoreError

log = logging.getLogger(__name__)

SCRIPTS: Final = Path(__file__).parent / "migrations"


def config(connection: Connection) -> Config:
    """What Alembic's commands want to know, without a file."""
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return made


def upgrade(engine: Engine, path: Path) -> None:
    """To our revision; the file as it was lies beside it until the next start. Raises StoreError, DBAPIError.

    The engine must not enforce foreign keys: a table that is made anew is dropped, and what refers to it would go, too.
    """
    version = keep(path)
    with engine.connect().execution_options(sqlite_immediate=True) as connection, connection.begin():
        made = config(connection)
        stamped = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
        if not connection.exec_driver_sql(stamped).scalar():
            command.stamp(made, "0001")  # as Playhead made it before there were revisions
        command.upgrade(made, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreError(f"{path} could not be upgraded: {len(broken)} rows refer to what is not there.")
    log.info("%s was upgraded from schema %d to %d", path, version, reads.SCHEMA)


def keep(path: Path) -> int:
    """Copy the database as it is, also what lies in its log; returns its schema. Raises StoreError."""
    part = path.with_name(path.name + ".copy")
    try:
        part.unlink(missing_ok=True)
        with closing(reads.connect_file(path)) as source, closing(sqlite3.connect(part)) as copy:
            version: int = source.execute("PRAGMA user_version").fetchone()[0]
            source.backup(copy)
        part.replace(reads.backup(path, version))
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise reads.trouble(error, path) from error
        raise StoreError(f"{path} must be copied before it is upgraded: {error.strerror or error}.") from error
    return version
