"""The full-text index and how far it is; sessions by their last news. Empty: the next import fills it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "indexed",
        Column("session_id", Integer, nullable=False),
        Column("rows", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        PrimaryKeyConstraint("session_id", name="pk_indexed"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_indexed_session_id_session", ondelete="CASCADE"),
    )
    op.create_index("ix_session_updated", "session", ["state", "updated"])
    if _sqlite():
        op.execute(
            "CREATE VIRTUAL TABLE fts_row USING fts5"
            "(said, thought, input, output, facets, content='', tokenize='unicode61 remove_diacritics 2')"
        )
        op.execute("INSERT INTO fts_row (fts_row, rank) VALUES ('hashsize', 33554432)")
    else:
        op.execute(
            "CREATE TABLE fts_row (rowid BIGINT PRIMARY KEY, part BOOLEAN NOT NULL, tsv TSVECTOR NOT NULL, "
            'words TEXT COLLATE "C" NOT NULL)'
        )
        op.execute("CREATE INDEX fts_row_tsv ON fts_row USING gin (tsv)")
        op.execute("CREATE INDEX fts_row_part ON fts_row (rowid) WHERE part")


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS fts_row")
    op.drop_index("ix_session_updated", "session")
    op.drop_table("indexed")


def _sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"
