"""Runs, and what starts them: triggers, threads of events, deliveries. Empty: nothing of it was kept before."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "trigger",
        Column("id", Integer, nullable=False),
        Column("host", Text, nullable=False, server_default=""),
        Column("name", Text, nullable=False),
        Column("slug", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("action", Text, nullable=False, server_default="prompt"),
        Column("runner", Text, nullable=False),
        Column("permission", Text, nullable=False, server_default=""),
        Column("model", Text, nullable=False, server_default=""),
        Column("resume_sessions", Integer, nullable=False, server_default="0"),
        Column("timeout_s", Integer, nullable=False, server_default="600"),
        Column("max_parallel", Integer, nullable=False, server_default="2"),
        Column("payload_limit", Integer, nullable=False, server_default="20000"),
        Column("enabled", Integer, nullable=False, server_default="1"),
        Column("created", BigInteger, nullable=False),
        Column("updated", BigInteger, nullable=False),
        Column("secret_ref", Text, nullable=False, server_default=""),
        Column("key_path", Text, nullable=False, server_default=""),
        Column("schedule", Text, nullable=False, server_default=""),
        Column("watch_path", Text, nullable=False, server_default=""),
        Column("cwd", Text, nullable=False, server_default=""),
        Column("command", Text, nullable=False, server_default=""),
        Column("own_authors", Text, nullable=False, server_default="[]"),
        Column("filter", Text, nullable=False, server_default="{}"),
        Column("prompt", Text, nullable=False, server_default=""),
        PrimaryKeyConstraint("id", name="pk_trigger"),
        UniqueConstraint("host", "slug", name="uq_trigger_host"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "trigger_session_threads",
        Column("id", Integer, nullable=False),
        Column("trigger_id", Integer, nullable=False),
        Column("dedup_key", Text, nullable=False),
        Column("claude_session_id", Text),
        Column("last_used_at", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("state", Text, nullable=False, server_default="fresh"),
        Column("epoch", Integer, nullable=False, server_default="0"),
        Column("turns", Integer, nullable=False, server_default="0"),
        Column("compact_turns", Integer, nullable=False, server_default="0"),
        Column("runs", Integer, nullable=False, server_default="0"),
        Column("resume_hits", Integer, nullable=False, server_default="0"),
        Column("stale_retries", Integer, nullable=False, server_default="0"),
        Column("tokens", BigInteger),
        Column("cost_micros", BigInteger),
        Column("last_outcome", Text),
        Column("holder", Text),
        Column("runner", Text, nullable=False, server_default=""),
        Column("parent_session", Text),
        Column("cwd", Text, nullable=False, server_default=""),
        Column("summary", Text),
        PrimaryKeyConstraint("id", name="pk_trigger_session_threads"),
        ForeignKeyConstraint(
            ["trigger_id"], ["trigger.id"], name="fk_trigger_session_threads_trigger_id_trigger", ondelete="CASCADE"
        ),
        UniqueConstraint("trigger_id", "dedup_key", name="uq_trigger_session_threads_trigger_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trigger_session_threads_trigger_id", "trigger_session_threads", ["trigger_id", "last_used_at"])
    op.create_table(
        "delivery",
        Column("id", Integer, nullable=False),
        Column("trigger_id", Integer),
        Column("host", Text, nullable=False, server_default=""),
        Column("received", BigInteger, nullable=False),
        Column("handled", BigInteger),
        Column("source", Text, nullable=False),
        Column("delivery_id", Text),
        Column("event", Text, nullable=False, server_default=""),
        Column("action", Text, nullable=False, server_default=""),
        Column("sender", Text, nullable=False, server_default=""),
        Column("verdict", Text, nullable=False),
        Column("bytes", BigInteger, nullable=False),
        Column("run_id", Text),
        Column("thread_key", Text),
        Column("reason", Text, nullable=False, server_default=""),
        Column("payload", LargeBinary),
        PrimaryKeyConstraint("id", name="pk_delivery"),
        ForeignKeyConstraint(
            ["trigger_id"], ["trigger.id"], name="fk_delivery_trigger_id_trigger", ondelete="SET NULL"
        ),
        UniqueConstraint("trigger_id", "delivery_id", name="uq_delivery_trigger_id"),
    )
    op.create_index("ix_delivery_received", "delivery", ["received"])
    op.create_index("ix_delivery_handled", "delivery", ["handled", "verdict"])
    op.create_table(
        "run",
        Column("id", Text, nullable=False),
        Column("host", Text, nullable=False, server_default=""),
        Column("session_key", Text),
        Column("agent_session", Text),
        Column("asked_session", Text),
        Column("runner", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("trigger_id", Integer),
        Column("thread_id", Integer),
        Column("delivery_id", Integer),
        Column("retry_of", Text),
        Column("resumed", Integer, nullable=False, server_default="0"),
        Column("state", Text, nullable=False),
        Column("exit_code", Integer),
        Column("signal", Integer),
        Column("queued", BigInteger, nullable=False),
        Column("started", BigInteger),
        Column("ended", BigInteger),
        Column("turns", Integer),
        Column("input_tokens", BigInteger),
        Column("output_tokens", BigInteger),
        Column("cache_read_tokens", BigInteger),
        Column("cache_write_tokens", BigInteger),
        Column("cost_micros", BigInteger),
        Column("pid", BigInteger),
        Column("pid_token", Text),
        Column("reason", Text, nullable=False, server_default=""),
        Column("log", Text),
        Column("cwd", Text, nullable=False, server_default=""),
        Column("argv", Text, nullable=False, server_default="[]"),
        Column("prompt", Text, nullable=False, server_default=""),
        PrimaryKeyConstraint("id", name="pk_run"),
        ForeignKeyConstraint(["trigger_id"], ["trigger.id"], name="fk_run_trigger_id_trigger", ondelete="SET NULL"),
        ForeignKeyConstraint(
            ["thread_id"],
            ["trigger_session_threads.id"],
            name="fk_run_thread_id_trigger_session_threads",
            ondelete="SET NULL",
        ),
        ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_run_delivery_id_delivery", ondelete="SET NULL"),
    )
    op.create_index("ix_run_session_key", "run", ["session_key"])
    op.create_index("ix_run_thread_id", "run", ["thread_id", "queued"])
    op.create_index("ix_run_state", "run", ["state"])
    op.create_index("ix_run_delivery_id", "run", ["delivery_id"])
    op.create_index("ix_run_trigger_id", "run", ["trigger_id"])


def downgrade() -> None:
    for table in ("run", "delivery", "trigger_session_threads", "trigger"):
        op.drop_table(table)
