"""What a session is besides its rows: its life, its agents, turns, digests, prices, imports and who did what.

The new columns come before the long values, as in a new database. SQLite makes the table anew for that: its ids must go
on being counted from where they were.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, Text, text

revision = "0002"
down_revision = "0001"

_FIRST = ("id", "key", "state", "token", "agent", "agent_session", "title", "cwd", "branch", "llm")
_MORE = ("started", "updated", "rows", "turn", "fold_version")
_LAST = ("facts", "fold")
_PARENT = "fk_session_parent_session_id_session"


def _columns() -> list[Column[object]]:
    return [
        Column("status", Text, nullable=False, server_default="paused"),
        Column("origin", Text, nullable=False, server_default="unknown"),
        Column("missing", Integer, nullable=False, server_default="0"),
        Column("parent_session_id", Integer),
        Column("user_id", Text),
        Column("host", Text),
        Column("created", BigInteger),
        Column("ended", BigInteger),
        Column("closed", BigInteger),
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
        Column("agent_ids_json", Text),
        Column("model_config", Text),
        Column("system_prompt", Text),
    ]


def upgrade() -> None:
    last = _last_id()
    new = _columns()
    order = (*_FIRST, *_MORE, *(column.name for column in new), *_LAST)
    with op.batch_alter_table(
        "session",
        recreate="always" if _sqlite() else "never",
        partial_reordering=[order],
        table_kwargs={"sqlite_autoincrement": True},
    ) as batch:
        for column in new:
            batch.add_column(column)
        batch.create_foreign_key(_PARENT, "session", ["parent_session_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_session_parent_session_id", "session", ["parent_session_id"])
    _count_on(last)
    op.execute("UPDATE session SET origin = 'file'")  # until now nothing else was kept
    if not _sqlite():  # a key on a server is //HOST/path
        op.execute("UPDATE session SET host = split_part(key, '/', 3) WHERE key LIKE '//%'")
    op.create_table(
        "agent",
        Column("session_id", Integer, nullable=False),
        Column("agent", Integer, nullable=False),
        Column("name", Text, nullable=False),
        Column("kind", Text),
        Column("call", Text),
        Column("first", Integer),
        Column("parent", Integer),
        PrimaryKeyConstraint("session_id", "agent", name="pk_agent"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_agent_session_id_session", ondelete="CASCADE"),
    )
    op.create_index("ix_agent_session_id", "agent", ["session_id", "name"], unique=True)
    op.create_table(
        "turn",
        Column("session_id", Integer, nullable=False),
        Column("agent", Integer, nullable=False),
        Column("idx", Integer, nullable=False),
        Column("name", Text),
        Column("start_seq", BigInteger),
        Column("end_seq", BigInteger),
        Column("start_row", Integer, nullable=False),
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
        PrimaryKeyConstraint("session_id", "agent", "idx", name="pk_turn"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_turn_session_id_session", ondelete="CASCADE"),
    )
    op.create_index("ix_turn_session_id", "turn", ["session_id", "start_row"])
    op.create_table(
        "digest",
        Column("session_id", Integer, nullable=False),
        Column("agent", Integer, nullable=False),
        Column("schema_version", Integer, nullable=False),
        Column("watermark", BigInteger, nullable=False),
        Column("updated", BigInteger, nullable=False),
        Column("sealed", BigInteger),
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
        Column("figures", LargeBinary, nullable=False),
        PrimaryKeyConstraint("session_id", "agent", name="pk_digest"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_digest_session_id_session", ondelete="CASCADE"),
    )
    op.create_table(
        "price",
        Column("llm", Text, nullable=False),
        Column("day", BigInteger, nullable=False),
        Column("prices", Text, nullable=False),
        PrimaryKeyConstraint("llm", "day", name="pk_price"),
    )
    op.create_table(
        "import_run",
        Column("id", Integer, nullable=False),
        Column("started", BigInteger, nullable=False),
        Column("ended", BigInteger),
        Column("root", Text, nullable=False),
        Column("files", Integer),
        Column("parsed", Integer),
        Column("bytes", BigInteger),
        Column("records", BigInteger),
        Column("state", Text, nullable=False),
        Column("error", Text),
        PrimaryKeyConstraint("id", name="pk_import_run"),
    )
    op.create_table(
        "audit",
        Column("id", Integer, nullable=False),
        Column("ts", BigInteger, nullable=False),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("session_id", Integer),
        Column("detail", Text, nullable=False, server_default=""),
        PrimaryKeyConstraint("id", name="pk_audit"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_audit_session_id_session", ondelete="SET NULL"),
    )
    op.create_index("ix_audit_ts", "audit", ["ts"])
    op.create_index("ix_audit_session_id", "audit", ["session_id"])


def downgrade() -> None:
    for table in ("audit", "import_run", "price", "digest", "turn", "agent"):
        op.drop_table(table)
    last = _last_id()
    op.drop_index("ix_session_parent_session_id", "session")
    with op.batch_alter_table(
        "session", recreate="always" if _sqlite() else "never", table_kwargs={"sqlite_autoincrement": True}
    ) as batch:
        batch.drop_constraint(_PARENT, type_="foreignkey")
        for column in _columns():
            batch.drop_column(column.name)
    _count_on(last)


def _sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def _last_id() -> int | None:
    """The highest id that a session was ever given: SQLite forgets it with the table."""
    if not _sqlite():
        return None
    last: int | None = op.get_bind().execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'session'")).scalar()
    return last


def _count_on(last: int | None) -> None:
    if last is not None:
        bind = op.get_bind()
        bind.execute(text("DELETE FROM sqlite_sequence WHERE name = 'session'"))
        bind.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('session', :last)"), {"last": last})
