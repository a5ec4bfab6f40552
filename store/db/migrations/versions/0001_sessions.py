"""Sessions, their files, rows and strips, and the list: the tables of Playhead 0.1."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, Text

revision = "0001"
down_revision = None

_KEY = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "session",
        Column("id", Integer, primary_key=True),
        Column("key", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("token", Text),
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
        Column("facts", LargeBinary),
        Column("fold", LargeBinary),
        PrimaryKeyConstraint("id", name="pk_session"),
        sqlite_autoincrement=True,
    )
    op.execute("CREATE UNIQUE INDEX ix_session_key_ready ON session (key) WHERE state = 'ready'")
    op.create_table(
        "source",
        Column("session_id", Integer, nullable=False),
        Column("file", Integer, nullable=False),
        Column("path", Text, nullable=False),
        Column("agent", Text, nullable=False),
        Column("parent", Text),
        Column("identity", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", BigInteger, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("head", LargeBinary, nullable=False),
        Column("tail", LargeBinary, nullable=False),
        PrimaryKeyConstraint("session_id", "file", name="pk_source"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_source_session_id_session", ondelete="CASCADE"),
    )
    op.create_table(
        "item",
        Column("seq", _KEY, autoincrement=False, nullable=False),
        Column("kind", Text, nullable=False),
        Column("turn", Integer, nullable=False),
        Column("ts", BigInteger),
        Column("chars", Integer, nullable=False),
        Column("lines", Integer, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("seq", name="pk_item"),
    )
    op.create_table(
        "strip",
        Column("session_id", Integer, nullable=False),
        Column("first", Integer, nullable=False),
        Column("weights", LargeBinary, nullable=False),
        Column("nested", LargeBinary, nullable=False),
        Column("ids", LargeBinary, nullable=False),
        PrimaryKeyConstraint("session_id", "first", name="pk_strip"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_strip_session_id_session", ondelete="CASCADE"),
    )
    op.create_table(
        "catalog",
        Column("path", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", BigInteger, nullable=False),
        Column("row", LargeBinary, nullable=False),
        PrimaryKeyConstraint("path", name="pk_catalog"),
    )


def downgrade() -> None:
    for table in ("catalog", "strip", "item", "source", "session"):
        op.drop_table(table)
