"""The tables, as SQLAlchemy Core: everything in them is derived from session files and can be made again.

Times are integer microseconds UTC; unknown is NULL. Used by engine, writer and catalog; readers know the names.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, event

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite: only INTEGER PRIMARY KEY is the row's own key

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

session: Final = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),  # the path of its main file
    Column("state", Text, nullable=False),  # staged (being read), ready, old (replaced; its rows go soon)
    Column("token", Text),  # names the lock file that its importer holds while it is staged
    Column("agent", Text, nullable=False, server_default=""),
    Column("agent_session", Text, nullable=False, server_default=""),
    Column("title", Text, nullable=False, server_default=""),
    Column("cwd", Text, nullable=False, server_default=""),
    Column("branch", Text, nullable=False, server_default=""),
    Column("llm", Text, nullable=False, server_default=""),
    Column("started", BigInteger),
    Column("updated", BigInteger),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("fold_version", Integer, nullable=False, server_default="0"),
    Column("facts", LargeBinary),  # store.facts.Facts
    Column("fold", LargeBinary),  # where the fold stands; see store.window.Known.state
    # Ids are never given twice: a window on a session that was replaced must not show another's rows.
    sqlite_autoincrement=True,
)
# One ready session per file. As DDL, because Index(…, postgresql_where=) makes every import load that dialect (0.1 s).
_ONE_READY: Final = "CREATE UNIQUE INDEX ix_session_key_ready ON session (key) WHERE state = 'ready'"
event.listen(session, "after_create", DDL(_ONE_READY))  # type: ignore[no-untyped-call]

source: Final = Table(
    "source",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("file", Integer, primary_key=True),  # 0 is the main one; what Span.file counts
    Column("path", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("parent", Text),
    Column("identity", Text, nullable=False),  # inode, as text: it can have more than 63 bits
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),  # folded so far
    Column("head", LargeBinary, nullable=False),  # hash of the first bytes
    Column("tail", LargeBinary, nullable=False),  # hash of the bytes before the offset
)

item: Final = Table(
    "item",
    metadata,
    Column("seq", _KEY, primary_key=True, autoincrement=False),  # store.db.reads.key_of(session, row)
    Column("kind", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("ts", BigInteger),
    Column("chars", Integer, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # last: what comes after a long value is slow to reach
)

strip: Final = Table(
    "strip",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("first", Integer, primary_key=True),  # rows [first, first + STRIP)
    Column("weights", LargeBinary, nullable=False),  # uint16 per row
    Column("nested", LargeBinary, nullable=False),  # int32 pairs (row, parent row or -1)
    Column("ids", LargeBinary, nullable=False),  # uint32 per row: crc32 of the item's id
)

catalog: Final = Table(
    "catalog",
    metadata,
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("row", LargeBinary, nullable=False),  # store.delta.Row
)
