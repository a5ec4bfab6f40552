"""Which rows have which words, as bits, beside the full-text index. Empty: the next import marks what is indexed."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_TABLES = ("fts_chunk", "fts_mark", "fts_loose", "fts_stale")


def upgrade() -> None:
    if not _sqlite():
        return  # a server has an index that needs none
    op.execute(
        "CREATE TABLE fts_chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, "
        "full INTEGER NOT NULL, runs BLOB NOT NULL)"
    )
    op.execute(
        "CREATE TABLE fts_mark (chunk INTEGER NOT NULL, word TEXT NOT NULL, bits BLOB NOT NULL, "
        "PRIMARY KEY (chunk, word)) WITHOUT ROWID"
    )
    op.execute(
        "CREATE TABLE fts_loose (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, count INTEGER NOT NULL)"
    )
    op.execute(
        "CREATE TABLE fts_stale (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, "
        "count INTEGER NOT NULL, below INTEGER NOT NULL)"
    )
    if op.get_bind().exec_driver_sql("SELECT 1 FROM indexed WHERE rows > 0 LIMIT 1").first() is not None:
        op.execute("INSERT INTO fts_loose (first, count) SELECT session_id << 32, rows FROM indexed WHERE rows > 0")


def downgrade() -> None:
    if _sqlite():
        for table in _TABLES:
            op.execute(f"DROP TABLE IF EXISTS {table}")


def _sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"
