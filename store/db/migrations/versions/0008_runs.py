"""Which rows are in which chunk of marks, as runs; and marks of three words. The next import marks all of it anew."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_BEFORE = ("fts_chunk", "fts_mark", "fts_loose", "fts_stale")
_BEHIND = ("fts_chunk", "fts_run", "fts_mark", "fts_loose")


def upgrade() -> None:
    if not _sqlite():
        return  # a server has an index that needs none
    _drop(_BEFORE)
    op.execute(
        "CREATE TABLE fts_chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, "
        "live INTEGER NOT NULL, full INTEGER NOT NULL)"
    )
    op.execute(
        "CREATE TABLE fts_run (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, chunk INTEGER NOT NULL, "
        "at INTEGER NOT NULL)"
    )
    op.execute("CREATE INDEX fts_run_at ON fts_run (chunk, at, count)")
    _common()
    op.execute("CREATE INDEX fts_loose_first ON fts_loose (first)")
    _fill()


def downgrade() -> None:
    if not _sqlite():
        return
    _drop(_BEHIND)
    op.execute(
        "CREATE TABLE fts_chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, "
        "full INTEGER NOT NULL, runs BLOB NOT NULL)"
    )
    _common()
    op.execute(
        "CREATE TABLE fts_stale (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, "
        "count INTEGER NOT NULL, below INTEGER NOT NULL)"
    )
    _fill()


def _common() -> None:
    op.execute(
        "CREATE TABLE fts_mark (chunk INTEGER NOT NULL, word TEXT NOT NULL, bits BLOB NOT NULL, "
        "PRIMARY KEY (chunk, word)) WITHOUT ROWID"
    )
    op.execute(
        "CREATE TABLE fts_loose (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, count INTEGER NOT NULL)"
    )


def _fill() -> None:
    if op.get_bind().exec_driver_sql("SELECT 1 FROM indexed WHERE rows > 0 LIMIT 1").first() is not None:
        op.execute("INSERT INTO fts_loose (first, count) SELECT session_id << 32, rows FROM indexed WHERE rows > 0")


def _drop(tables: tuple[str, ...]) -> None:
    for table in tables:
        op.execute(f"DROP TABLE IF EXISTS {table}")


def _sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"
