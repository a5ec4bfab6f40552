"""The tables, as SQLAlchemy Core, where `migrations/` leads to: made from session files, and outliving them.

Times are integer microseconds UTC, money is integer micro-dollars, unknown is NULL and never 0. Types are those that
both SQLite and PostgreSQL have. Used by engine, writer and catalog; readers know the names. Those of runs are
in `store.db.run_tables`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, event

from store.db import fts_sqlite, marks, run_tables

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite: only INTEGER PRIMARY KEY is the row's own key

metadata: Final = run_tables.run.metadata  # those of runs come first: what is here refers to none of them

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
    # Nobody is known to work in a session that was read from a file; archived is for ever.
    Column("status", Text, nullable=False, server_default="paused"),  # active, paused, archived
    Column("origin", Text, nullable=False, server_default="unknown"),  # file, run, stdin, webhook, …
    Column("missing", Integer, nullable=False, server_default="0"),  # 1: its agent deleted the file
    Column("parent_session_id", ForeignKey("session.id", ondelete="SET NULL")),
    Column("user_id", Text),
    Column("host", Text),
    Column("created", BigInteger),  # when its draft was made
    Column("ended", BigInteger),
    Column("closed", BigInteger),  # archived
    Column("end_reason", Text),
    Column("outcome", Text),
    Column("user_title", Text),
    Column("message_count", Integer),
    Column("tool_count", Integer),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("agent_ids_json", Text),  # the agents of an archived session, once somebody asked
    # Long values last: what comes after one is slow to reach.
    Column("model_config", Text),  # JSON
    Column("system_prompt", Text),
    Column("facts", LargeBinary),  # store.facts.Facts
    Column("fold", LargeBinary),  # where the fold stands; see store.known.Known.state
    Index("ix_session_updated", "state", "updated"),  # a search looks at the newest sessions first
    Index("ix_session_parent_session_id", "parent_session_id"),  # a delete looks for children
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

# Who spoke, with which tool and how that ended lies in the payload: as columns they cost a bulk insert a fifth more.

strip: Final = Table(
    "strip",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("first", Integer, primary_key=True),  # rows [first, first + STRIP)
    Column("weights", LargeBinary, nullable=False),  # uint16 per row
    Column("nested", LargeBinary, nullable=False),  # int32 pairs (row, parent row or -1)
    Column("ids", LargeBinary, nullable=False),  # uint32 per row: crc32 of the item's id
)

indexed: Final = Table(
    "indexed",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("rows", Integer, nullable=False),  # [0, rows) are in the full-text index
    Column("version", Integer, nullable=False),  # store.document.VERSION when they came in
)
for _statement in (*fts_sqlite.CREATE, *marks.CREATE):
    _ddl = DDL(_statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
    event.listen(indexed, "after_create", _ddl)

catalog: Final = Table(
    "catalog",
    metadata,
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("row", LargeBinary, nullable=False),  # store.delta.Row
)

agent: Final = Table(
    "agent",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("agent", Integer, primary_key=True, autoincrement=False),  # 0 is the main one
    Column("name", Text, nullable=False),  # as the items say it; '' is the main one
    Column("kind", Text),
    Column("call", Text),  # the tool call that spawned it
    Column("first", Integer),  # its first row, and the row of that call
    Column("parent", Integer),
    Index("ix_agent_session_id", "session_id", "name", unique=True),
)

turn: Final = Table(
    "turn",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("agent", Integer, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),  # from 0, per agent
    Column("name", Text),  # its id, as the agent says it
    Column("start_seq", BigInteger),  # of the entries that figures are folded from; what pages are cut by
    Column("end_seq", BigInteger),  # NULL: still open
    Column("start_row", Integer, nullable=False),  # what is shown of it
    Column("end_row", Integer),
    Column("start_ts", BigInteger),
    Column("end_ts", BigInteger),
    Column("duration_us", BigInteger),
    Column("status", Text),
    Column("reason", Text),
    Column("cost_micros", BigInteger),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("tool_count", Integer),
    Column("tool_failed", Integer),
    Column("error_count", Integer),
    Column("issue_count", Integer),
    Column("synthetic", Integer, nullable=False, server_default="0"),  # opened by content, not by a start
    Index("ix_turn_session_id", "session_id", "start_row"),
)

entry: Final = Table(
    "entry",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),  # entries before these
    Column("data", LargeBinary, nullable=False),  # store.db.figures.press
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, nullable=False),  # store.ledger.LEDGER_VERSION
    Column("entries", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False, server_default="0"),  # events that came after it was archived
    Column("state", LargeBinary, nullable=False),  # store.ledger.Ledger.dump
)

request: Final = Table(
    "request",
    metadata,
    Column("number", _KEY, primary_key=True, autoincrement=False),  # store.requests.number_of
    # Without an index: a session is replaced rarely, and every import would pay for it.
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), nullable=False),  # the one that counts it
)

digest: Final = Table(
    "digest",
    metadata,
    Column("session_id", ForeignKey(session.c.id, ondelete="CASCADE"), primary_key=True),
    Column("agent", Integer, primary_key=True, autoincrement=False),  # 0: the session, over all of its agents
    Column("schema_version", Integer, nullable=False),
    Column("watermark", BigInteger, nullable=False),  # the last entry that is in it
    Column("updated", BigInteger, nullable=False),
    Column("sealed", BigInteger),  # when; NULL: it may still grow
    # What lists sort by; the rest is in `figures`.
    Column("event_count", Integer),
    Column("turn_count", Integer),
    Column("first_ts", BigInteger),
    Column("last_ts", BigInteger),
    Column("duration_ms", BigInteger),
    Column("active_ms", BigInteger),
    Column("cost_micros", BigInteger),
    Column("error_count", Integer),
    Column("issue_count", Integer),
    Column("tool_total", Integer),
    Column("tool_failed", Integer),
    Column("outcome", Text),
    Column("figures", LargeBinary, nullable=False),  # and where the fold stands
)

price: Final = Table(
    "price",
    metadata,
    Column("llm", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),  # its first microsecond
    Column("prices", Text, nullable=False),  # JSON: what was counted with, in micro-dollars per million tokens
)

import_run: Final = Table(
    "import_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("root", Text, nullable=False),
    Column("files", Integer),
    Column("parsed", Integer),
    Column("bytes", BigInteger),
    Column("records", BigInteger),
    Column("state", Text, nullable=False),  # running, done, failed, cancelled
    Column("error", Text),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("session_id", ForeignKey(session.c.id, ondelete="SET NULL")),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_audit_ts", "ts"),
    Index("ix_audit_session_id", "session_id"),
)
