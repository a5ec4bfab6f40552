"""What figures are folded from, and who counts which request. Empty: whoever asks for figures has the file read."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "entry",
        Column("session_id", Integer, nullable=False),
        Column("first", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=False),
        PrimaryKeyConstraint("session_id", "first", name="pk_entry"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_entry_session_id_session", ondelete="CASCADE"),
    )
    op.create_table(
        "ledger",
        Column("session_id", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("refused", BigInteger, nullable=False, server_default="0"),
        Column("state", LargeBinary, nullable=False),
        PrimaryKeyConstraint("session_id", name="pk_ledger"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_ledger_session_id_session", ondelete="CASCADE"),
    )
    op.create_table(
        "request",
        Column("number", Integer if _sqlite() else BigInteger, nullable=False, autoincrement=False),
        Column("session_id", Integer, nullable=False),
        PrimaryKeyConstraint("number", name="pk_request"),
        ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_request_session_id_session", ondelete="CASCADE"),
    )
    op.add_column("turn", Column("synthetic", Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    for table in ("turn", "digest", "agent"):  # nothing is left to go on with
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - written here
    with op.batch_alter_table("turn") as batch:
        batch.drop_column("synthetic")
    for table in ("request", "ledger", "entry"):
        op.drop_table(table)


def _sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"
