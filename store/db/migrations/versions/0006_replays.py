"""What a delivery's sender signed, so that it is run once; triggers that take it again. Older deliveries do not say."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("trigger", Column("repeats", Integer, nullable=False, server_default="0"))
    op.add_column("delivery", Column("signed", Text))
    op.create_index("ix_delivery_signed", "delivery", ["trigger_id", "signed"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_delivery_signed", "delivery")
    op.execute("ALTER TABLE delivery DROP COLUMN signed")
    op.execute('ALTER TABLE "trigger" DROP COLUMN repeats')
