"""The statements on `trigger`: what may start a run. Parts of transactions; readers use `SELECT`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, delete, exists, insert, select, update

from store.db.run_tables import delivery
from store.db.run_tables import trigger as table

COLUMNS: Final = (
    "id", "name", "slug", "source", "action", "runner", "cwd", "prompt", "permission", "model", "resume_sessions",
    "timeout_s", "max_parallel", "payload_limit", "enabled", "key_path", "own_authors", "filter", "schedule",
    "watch_path", "command", "repeats", "secret_ref", "created", "updated",
)  # fmt: skip
SELECT: Final = f'SELECT {", ".join(COLUMNS)} FROM "trigger" WHERE host = ?'  # noqa: S608 - names from above


def add(tx: Connection, values: dict[str, Any]) -> int:
    return int(tx.execute(insert(table).values(values).returning(table.c.id)).scalar_one())


def change(tx: Connection, number: int, values: dict[str, Any], host: str) -> bool:
    """False: there is none of that number."""
    wanted = update(table).where(table.c.id == number, table.c.host == host)
    return tx.execute(wanted.values(values)).rowcount > 0


def remove(tx: Connection, number: int, host: str) -> bool:
    """Its threads go with it; deliveries and runs stay, and waiting ones are over."""
    d = delivery.c
    waiting = update(delivery).where(d.trigger_id == number, d.handled.is_(None), d.verdict == "accepted")
    tx.execute(waiting.values(handled=d.received, reason="The trigger was deleted."))
    return tx.execute(delete(table).where(table.c.id == number, table.c.host == host)).rowcount > 0


def taken(tx: Connection, slug: str, host: str, besides: int | None) -> bool:
    """Whether another trigger has this address."""
    wanted = exists().where(table.c.slug == slug, table.c.host == host, table.c.id != (besides or 0))
    return bool(tx.execute(select(wanted)).scalar())
