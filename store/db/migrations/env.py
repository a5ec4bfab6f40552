"""What Alembic runs for every command: our tables, and the connection that `store.db.upgrade` hands over.

The transaction is the caller's, so an upgrade of many revisions is one. There is no alembic.ini and no offline mode.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from alembic import context

from store.db import tables

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy.schema import SchemaItem

# Full-text tables bring shadow tables of their own, and SQLite keeps its own books: neither is in our metadata.
_STRANGERS = ("sqlite_", "fts_")
# Made by plain DDL, see store.db.tables.
_OURS = ("ix_session_key_ready",)


def _include(item: SchemaItem, name: str | None, kind: str, reflected: bool, _other: SchemaItem | None) -> bool:
    if not reflected or name is None:
        return True
    return not (kind == "table" and name.startswith(_STRANGERS)) and not (kind == "index" and name in _OURS)


def _other_default(
    ctx: MigrationContext, _there: object, _ours: object, there: str | None, _default: object, ours: str | None
) -> bool | None:
    """Alembic takes '' and ('') for two defaults in SQLite; elsewhere it may say itself."""
    if ctx.dialect.name != "sqlite":
        return None
    return _bare(there) != _bare(ours)


def _bare(default: str | None) -> str | None:
    return None if default is None else default.strip("()'")


def _number(ctx: MigrationContext, step: MigrationInfo, heads: Collection[str], run_args: Mapping[str, object]) -> None:
    """The quick number that readers compare goes with the revision, in the same transaction."""
    if ctx.dialect.name == "sqlite" and ctx.connection is not None:
        ctx.connection.exec_driver_sql(f"PRAGMA user_version={max(map(int, heads), default=0)}")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=True,  # our engine says BEGIN itself, so that SQLite rolls back tables as well
    render_as_batch=True,
    include_object=_include,
    compare_type=True,
    compare_server_default=_other_default,
    on_version_apply=_number,
)
with context.begin_transaction():
    context.run_migrations()
