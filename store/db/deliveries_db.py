"""The statements on `delivery`: every event that came in, its verdict, and whether its run is over."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, delete, exists, select, text, update

from store.db.run_tables import delivery as table
from store.db.run_tables import run
from store.db.runs_db import LIVE

c: Final = table.c
REFUSALS: Final = 5_000  # that the log keeps
COLUMNS: Final = (
    "id", "trigger_id", "received", "handled", "source", "delivery_id", "event", "action", "sender", "verdict", "bytes",
    "run_id", "thread_key", "reason",
)  # fmt: skip
# And whether a run of it goes on before its own has begun: that one makes its thread's session shorter.
_COMPACTS: Final = (
    "CASE WHEN handled IS NULL AND run_id IS NULL THEN (SELECT count(*) FROM run AS r "
    "WHERE r.delivery_id = delivery.id AND r.state IN ('queued', 'running')) ELSE 0 END"
)
SELECT: Final = f"SELECT {', '.join(COLUMNS)}, {_COMPACTS} FROM delivery WHERE host = ?"  # noqa: S608 - names from above
PAYLOAD: Final = "SELECT payload FROM delivery WHERE id = ?"
_INTO: Final = (
    "trigger_id", "host", "received", "handled", "source", "delivery_id", "event", "action", "sender", "verdict",
    "bytes", "thread_key", "reason", "payload", "signed",
)  # fmt: skip
_ADD: Final = text(
    f"INSERT INTO delivery ({', '.join(_INTO)}) VALUES ({', '.join(':' + name for name in _INTO)}) "  # noqa: S608
    "ON CONFLICT DO NOTHING RETURNING id"
)


def add(tx: Connection, values: dict[str, Any]) -> int | None:
    """The new row's number; None: this delivery, or what was signed with it, has been here before."""
    found = tx.execute(_ADD, {name: values.get(name) for name in _INTO}).scalar()
    return None if found is None else int(found)


def signed_before(tx: Connection, trigger: int, delivery_id: str, signed: str | None) -> str | None:
    """The delivery that brought just what was signed under another id; None: it is this delivery that comes again."""
    mine = select(c.id).where(c.trigger_id == trigger, c.delivery_id == delivery_id)
    if signed is None or (delivery_id and tx.execute(mine).scalar() is not None):
        return None
    found = tx.execute(select(c.delivery_id).where(c.trigger_id == trigger, c.signed == signed)).scalar()
    return str(found or "")


def waiting(tx: Connection, host: str) -> list[tuple[int, int, str]]:
    """(delivery, trigger, key) of all that were accepted and have not been run, in order."""
    wanted = select(c.id, c.trigger_id, c.thread_key).where(
        c.handled.is_(None), c.verdict == "accepted", c.host == host, c.trigger_id.is_not(None), c.run_id.is_(None)
    )
    return [(int(one), int(which), str(key or "")) for one, which, key in tx.execute(wanted.order_by(c.id))]


def begin(tx: Connection, number: int, run_id: str, before: str | None) -> bool:
    """A run of it is about to start, behind that one. False: another process has begun, or it is over.

    Should we be killed from here on, it is not started again by itself, unless that run never came to have a row.
    """
    same = c.run_id.is_(None) if before is None else c.run_id == before
    wanted = update(table).where(c.id == number, c.handled.is_(None), same)
    return tx.execute(wanted.values(run_id=run_id)).rowcount > 0


def handled(tx: Connection, number: int, now: int, reason: str, *, verdict: str = "accepted") -> None:
    """Nothing more is to be done for it."""
    wanted = update(table).where(c.id == number, c.handled.is_(None))
    tx.execute(wanted.values(handled=now, reason=reason, verdict=verdict))


def say(tx: Connection, number: int, reason: str) -> None:
    """What there is to say of one that is not over."""
    tx.execute(update(table).where(c.id == number, c.handled.is_(None)).values(reason=reason))


def cancel(tx: Connection, number: int, host: str, now: int, reason: str) -> bool:
    """It is not run. False: it does not wait (any more), or its thread's session is being made shorter for it."""
    at_work = exists().where(run.c.delivery_id == c.id, run.c.state.in_(LIVE))
    wanted = update(table).where(c.id == number, c.host == host, c.handled.is_(None), c.run_id.is_(None), ~at_work)
    values = wanted.where(c.verdict == "accepted").values(handled=now, reason=reason, verdict="cancelled")
    return tx.execute(values).rowcount > 0


def bring_back(tx: Connection, number: int, host: str, reason: str) -> bool:
    """One that was cancelled waits again. False: it was not, its trigger is gone, or what came with it (`prune`)."""
    wanted = update(table).where(c.id == number, c.host == host, c.verdict == "cancelled", c.trigger_id.is_not(None))
    wanted = wanted.where(c.payload.is_not(None))
    return tx.execute(wanted.values(handled=None, reason=reason, verdict="accepted")).rowcount > 0


def over(tx: Connection, host: str) -> list[tuple[int, str]]:
    """(delivery, run) of all whose last run is over: its owner is about to say what follows, or was killed before."""
    wanted = select(c.id, c.run_id).select_from(table.join(run, run.c.id == c.run_id))
    wanted = wanted.where(c.handled.is_(None), c.verdict == "accepted", c.host == host, run.c.state.not_in(LIVE))
    return [(int(number), str(run_id)) for number, run_id in tx.execute(wanted.order_by(c.id))]


def retry(tx: Connection, number: int, run_id: str) -> None:
    """That run could not go on with its session: it waits for one that begins anew."""
    tx.execute(update(table).where(c.id == number, c.run_id == run_id, c.handled.is_(None)).values(run_id=None))


def event(tx: Connection, number: int) -> str:
    """What it was, in words."""
    found = tx.execute(select(c.event, c.action).where(c.id == number)).one_or_none()
    return "" if found is None else " ".join(filter(None, found))


def unstarted(tx: Connection, host: str) -> list[tuple[int, str]]:
    """(delivery, run) of all whose run has no row yet: its owner is about to write one, or was killed before."""
    wanted = select(c.id, c.run_id).where(
        c.handled.is_(None), c.verdict == "accepted", c.host == host, c.run_id.is_not(None), ~_begun()
    )
    return [(int(number), str(run_id)) for number, run_id in tx.execute(wanted)]


def again(tx: Connection, number: int, run_id: str) -> bool:
    """That run was never started and its owner is gone: it waits as before."""
    wanted = update(table).where(c.id == number, c.run_id == run_id, c.handled.is_(None), ~_begun())
    return tx.execute(wanted.values(run_id=None)).rowcount > 0


def _begun() -> Any:
    return exists().where(run.c.id == c.run_id)


def forget_refused(tx: Connection, keep: int) -> None:
    """All but the newest of those that were refused go: anybody who finds the address can bring them."""
    many = select(c.id).where(c.verdict == "refused").order_by(c.id.desc()).offset(keep).limit(1)
    last = tx.execute(many).scalar()
    if last is not None:
        tx.execute(delete(table).where(c.id <= last, c.verdict == "refused"))


def prune(tx: Connection, before: int, keep: int, refused: int = REFUSALS) -> int:
    """Old ones go, and all but the newest of those that were refused; the newest `keep` have their payloads."""
    forget_refused(tx, refused)
    count = int(tx.execute(delete(table).where(c.received < before, c.handled.is_not(None))).rowcount)
    edge = tx.execute(select(c.id).order_by(c.id.desc()).offset(keep).limit(1)).scalar()
    if edge is not None:
        old = update(table).where(c.id <= edge, c.handled.is_not(None), c.payload.is_not(None))
        tx.execute(old.values(payload=None))
    return count
