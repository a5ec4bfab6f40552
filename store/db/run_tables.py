"""The tables of runs and of what starts them, where `migrations/` leads to: only copies, nothing makes them again.

Times, money and unknowns as in `store.db.tables`. Where a server holds the archive, `host` says whose a row is.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from store.db.metadata import metadata

trigger: Final = Table(
    "trigger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),  # what its address ends with
    Column("source", Text, nullable=False),  # github, linear, clickup, stripe, generic, file, schedule, hand
    Column("action", Text, nullable=False, server_default="prompt"),  # prompt, skill, script
    Column("runner", Text, nullable=False),
    Column("permission", Text, nullable=False, server_default=""),
    Column("model", Text, nullable=False, server_default=""),
    Column("resume_sessions", Integer, nullable=False, server_default="0"),
    Column("timeout_s", Integer, nullable=False, server_default="600"),
    Column("max_parallel", Integer, nullable=False, server_default="2"),
    Column("payload_limit", Integer, nullable=False, server_default="20000"),  # characters of it in a prompt
    Column("enabled", Integer, nullable=False, server_default="1"),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("secret_ref", Text, nullable=False, server_default=""),  # where the secret lies, never the secret
    Column("key_path", Text, nullable=False, server_default=""),
    Column("schedule", Text, nullable=False, server_default=""),
    Column("watch_path", Text, nullable=False, server_default=""),
    Column("cwd", Text, nullable=False, server_default=""),
    Column("command", Text, nullable=False, server_default=""),  # of the agent, where the runner needs one
    Column("own_authors", Text, nullable=False, server_default="[]"),  # JSON
    Column("filter", Text, nullable=False, server_default="{}"),  # JSON
    Column("prompt", Text, nullable=False, server_default=""),
    Column("repeats", Integer, nullable=False, server_default="0"),  # 1: the same signed body is taken again
    UniqueConstraint("host", "slug"),
    sqlite_autoincrement=True,  # deliveries and runs outlive it
)

trigger_session_threads: Final = Table(
    "trigger_session_threads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("trigger_id", ForeignKey(trigger.c.id, ondelete="CASCADE"), nullable=False),
    Column("dedup_key", Text, nullable=False),
    Column("claude_session_id", Text),  # the agent's, whatever agent; NULL: the next run begins a new one
    Column("last_used_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="fresh"),  # fresh, resumable, running, stale
    Column(
        "epoch", Integer, nullable=False, server_default="0"
    ),  # counts resets: a run that began before changes nothing
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("compact_turns", Integer, nullable=False, server_default="0"),  # since it was last made shorter
    Column("runs", Integer, nullable=False, server_default="0"),
    Column("resume_hits", Integer, nullable=False, server_default="0"),
    Column("stale_retries", Integer, nullable=False, server_default="0"),
    Column("tokens", BigInteger),
    Column("cost_micros", BigInteger),
    Column("last_outcome", Text),
    Column("holder", Text),  # who runs it now: a run's id and its process
    Column("runner", Text, nullable=False, server_default=""),
    Column("parent_session", Text),  # what came before a reset or a new beginning
    Column("cwd", Text, nullable=False, server_default=""),
    Column("summary", Text),  # what the next fresh run is handed over
    UniqueConstraint("trigger_id", "dedup_key"),
    Index("ix_trigger_session_threads_trigger_id", "trigger_id", "last_used_at"),
    sqlite_autoincrement=True,  # a run must never find another thread under its number
)

delivery: Final = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("trigger_id", ForeignKey(trigger.c.id, ondelete="SET NULL")),
    Column("host", Text, nullable=False, server_default=""),
    Column("received", BigInteger, nullable=False),
    Column("handled", BigInteger),  # NULL: accepted, and its run has not ended
    Column("source", Text, nullable=False),
    Column("delivery_id", Text),  # the sender's, of what was verified; NULL for repeats of it
    Column("event", Text, nullable=False, server_default=""),
    Column("action", Text, nullable=False, server_default=""),
    Column("sender", Text, nullable=False, server_default=""),
    Column("verdict", Text, nullable=False),  # accepted, skipped, refused, cancelled
    Column("bytes", BigInteger, nullable=False),
    Column("run_id", Text),
    Column("thread_key", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("payload", LargeBinary),  # compressed
    Column("signed", Text),  # hash of what its sender signed; NULL where that may come again
    UniqueConstraint("trigger_id", "delivery_id"),
    Index("ix_delivery_signed", "trigger_id", "signed", unique=True),
    Index("ix_delivery_received", "received"),
    Index("ix_delivery_handled", "handled", "verdict"),
)

run: Final = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False, server_default=""),
    Column("session_key", Text),  # of the session that shows it
    Column("agent_session", Text),  # what came back
    Column("asked_session", Text),  # what was asked for
    Column("runner", Text, nullable=False),
    Column("origin", Text, nullable=False),  # hand, composer, trigger
    Column("trigger_id", ForeignKey(trigger.c.id, ondelete="SET NULL")),
    Column("thread_id", ForeignKey(trigger_session_threads.c.id, ondelete="SET NULL")),
    Column("delivery_id", ForeignKey(delivery.c.id, ondelete="SET NULL")),
    Column("retry_of", Text),
    Column("resumed", Integer, nullable=False, server_default="0"),  # 1 resumed, 2 retried fresh, 3 compacted
    Column("state", Text, nullable=False),  # queued, running, ok, failed, cancelled, stopped, timeout, interrupted
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
    Column("pid_token", Text),  # when that process began: a number is given again
    Column("reason", Text, nullable=False, server_default=""),
    Column("log", Text),  # its journal
    Column("cwd", Text, nullable=False, server_default=""),
    Column("argv", Text, nullable=False, server_default="[]"),  # JSON
    Column("prompt", Text, nullable=False, server_default=""),
    Index("ix_run_session_key", "session_key"),
    Index("ix_run_thread_id", "thread_id", "queued"),
    Index("ix_run_state", "state"),
    Index("ix_run_delivery_id", "delivery_id"),  # a delete looks for what refers to it
    Index("ix_run_trigger_id", "trigger_id"),
)
