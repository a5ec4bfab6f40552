"""The statements on `trigger_session_threads`: found, held, gone on with, forgotten, brought back.

Parts of the caller's transaction. Every change of a row says in its WHERE what it relies on,
so that whoever comes second changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    Connection,
    RowMapping,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from store.db.run_tables import delivery, run, trigger
from store.db.run_tables import trigger_session_threads as table

c: Final = table.c
_ENSURE: Final = text(
    "INSERT INTO trigger_session_threads (trigger_id, dedup_key, last_used_at, created_at, runner, cwd) "
    "VALUES (:trigger, :key, :now, :now, :runner, :cwd) ON CONFLICT (trigger_id, dedup_key) DO NOTHING"
)
RUNNING: Final = "running"


class Thread(Struct, frozen=True):
    """A thread as a run finds it."""

    id: int
    session: str | None
    epoch: int
    compact_turns: int
    runs: int
    runner: str
    cwd: str
    parent: str | None
    summary: str
    turns: int
    holder: str  # who has it: the name of its process, a run's id, and the epoch in which it was taken


def ensure(tx: Connection, trigger_id: int, key: str, now: int, runner: str, cwd: str) -> None:
    """There is a row from here on, however many ask for it at once."""
    tx.execute(_ENSURE, {"trigger": trigger_id, "key": key, "now": now, "runner": runner, "cwd": cwd})


def holder(tx: Connection, trigger_id: int, key: str) -> str | None:
    """Who runs it now."""
    found: str | None = tx.execute(select(c.holder).where(c.trigger_id == trigger_id, c.dedup_key == key)).scalar()
    return found


def claim(tx: Connection, trigger_id: int, key: str, mine: str, now: int) -> Thread | None:
    """Take the thread for a run. None: somebody else has it."""
    wanted = update(table).where(c.trigger_id == trigger_id, c.dedup_key == key, c.holder.is_(None))
    name = literal(f"{mine}|").concat(cast(c.epoch, Text))
    found = tx.execute(wanted.values(holder=name, state=RUNNING, last_used_at=now).returning(*_THREAD)).one_or_none()
    return None if found is None else Thread(*found)


_THREAD: Final = (
    c.id, c.claude_session_id, c.epoch, c.compact_turns, c.runs, c.runner, c.cwd, c.parent_session,
    func.coalesce(c.summary, ""), c.turns, func.coalesce(c.holder, ""),
)  # fmt: skip


def get(tx: Connection, thread: int) -> Thread | None:
    """A thread as it is; of one that is held as it was taken: a reset since then is another epoch."""
    found = tx.execute(select(*_THREAD).where(c.id == thread)).one_or_none()
    if found is None:
        return None
    one = Thread(*found)
    epoch = one.holder.rpartition("|")[2]
    return replace(one, epoch=int(epoch)) if epoch.isdigit() else one


def lose(tx: Connection, thread: int, mine: str, epoch: int, session: str) -> bool:
    """The session is not there any more: nobody goes on with it again. False: it was reset meanwhile."""
    wanted = update(table).where(c.id == thread, c.holder == mine, c.epoch == epoch, c.claude_session_id == session)
    values = {"claude_session_id": None, "parent_session": session, "compact_turns": 0}
    return tx.execute(wanted.values(stale_retries=c.stale_retries + 1, **values)).rowcount > 0


def leave(tx: Connection, thread: int, epoch: int, parent: str | None) -> None:
    """The next run begins a new session on purpose."""
    wanted = update(table).where(c.id == thread, c.epoch == epoch)
    tx.execute(wanted.values(claude_session_id=None, parent_session=parent, compact_turns=0))


def compacted(tx: Connection, thread: int, epoch: int) -> None:
    tx.execute(update(table).where(c.id == thread, c.epoch == epoch).values(compact_turns=0))


def count(
    tx: Connection, thread: int, *, outcome: str, now: int, turns: int, tokens: int | None, cost: int | None, hit: bool
) -> None:
    """A run of it has ended. Unknown figures add nothing, and unknown it stays until something is known."""
    values: dict[str, Any] = {
        "runs": c.runs + 1, "turns": c.turns + turns, "last_outcome": outcome, "last_used_at": now,
        "resume_hits": c.resume_hits + int(hit),
    }  # fmt: skip
    if tokens is not None:
        values["tokens"] = func.coalesce(c.tokens, 0) + tokens
    if cost is not None:
        values["cost_micros"] = func.coalesce(c.cost_micros, 0) + cost
    tx.execute(update(table).where(c.id == thread).values(values))


def keep(
    tx: Connection, thread: int, mine: str, epoch: int, session: str, *, turns: int, runner: str, cwd: str, summary: str
) -> bool:
    """What came back is what the next run goes on with. False: it was reset while the run went on; nothing is kept."""
    wanted = update(table).where(c.id == thread, c.holder == mine, c.epoch == epoch)
    more = {"compact_turns": c.compact_turns + turns, "runner": runner, "cwd": cwd, "summary": summary or None}
    return tx.execute(wanted.values(claude_session_id=session, **more)).rowcount > 0


def outlive(tx: Connection, thread: int, epoch: int, session: str) -> None:
    """The run of a thread that was reset meanwhile: its session is what the next one comes after."""
    tx.execute(update(table).where(c.id == thread, c.epoch != epoch).values(parent_session=session))


def release(tx: Connection, thread: int, mine: str, *, stale: bool = False) -> None:
    """The run is over, and others may have the thread."""
    _free(tx, and_(c.id == thread, c.holder == mine), stale=stale)


def _free(tx: Connection, which: Any, *, stale: bool = False) -> int:
    state = case((c.claude_session_id.is_not(None), "resumable"), else_="stale" if stale else "fresh")
    return int(tx.execute(update(table).where(which).values(holder=None, state=state)).rowcount)


def held(tx: Connection, host: str) -> list[tuple[int, str]]:
    """(thread, holder) of all that somebody runs, or ran when it died."""
    wanted = select(c.id, c.holder).join(trigger).where(c.holder.is_not(None), trigger.c.host == host)
    return [(int(number), str(name)) for number, name in tx.execute(wanted)]


def interrupted(tx: Connection, thread: int, name: str) -> int:
    """Whoever ran it is gone."""
    which = and_(c.id == thread, c.holder == name)
    tx.execute(update(table).where(which).values(last_outcome="interrupted"))
    return _free(tx, which)


# ---- forgetting, and taking that back


def row(tx: Connection, thread: int) -> RowMapping | None:
    """All of a thread, and what its trigger is called."""
    wanted = select(table, trigger.c.name.label("trigger")).join(trigger).where(c.id == thread)
    return tx.execute(wanted).mappings().one_or_none()


def reset(tx: Connection, thread: int) -> None:
    """Forget the session. Who runs it now keeps the thread until then, and its end changes nothing any more."""
    values = {
        "epoch": c.epoch + 1, "claude_session_id": None, "compact_turns": 0, "summary": None,
        "parent_session": func.coalesce(c.claude_session_id, c.parent_session),
        "state": case((c.holder.is_not(None), RUNNING), else_="fresh"), "last_outcome": "reset",
    }  # fmt: skip
    tx.execute(update(table).where(c.id == thread).values(values))


def unset(tx: Connection, old: dict[str, Any]) -> bool:
    """As it was before a reset, unless it has gone on in a new session since."""
    same = c.holder.is_(None) if old["holder"] is None else or_(c.holder.is_(None), c.holder == old["holder"])
    wanted = update(table).where(c.id == old["id"], c.epoch == old["epoch"] + 1, c.claude_session_id.is_(None), same)
    names = ("epoch", "claude_session_id", "compact_turns", "summary", "parent_session", "last_outcome")
    state = case((c.holder.is_not(None), RUNNING), else_="resumable" if old["claude_session_id"] else "fresh")
    return tx.execute(wanted.values(state=state, **{name: old[name] for name in names})).rowcount > 0


def forget(tx: Connection, cutoff: int, host: str) -> list[dict[str, Any]]:
    """Delete what was not used since, in one statement; what somebody runs or waits for stays. Returns what it was."""
    found = tx.execute(delete(table).where(_old(cutoff, host), c.holder.is_(None), ~_waiting()).returning(table))
    return [dict(one) for one in found.mappings()]


def old(tx: Connection, cutoff: int, host: str) -> tuple[int, int]:
    """(how many `forget` would delete, how many it would leave for being in use)."""
    free = and_(c.holder.is_(None), ~_waiting())
    wanted = select(func.count(), func.count().filter(free)).select_from(table).where(_old(cutoff, host))
    every, some = tx.execute(wanted).one()
    return int(some), int(every) - int(some)


def _old(cutoff: int, host: str) -> Any:
    return and_(c.last_used_at < cutoff, c.trigger_id.in_(select(trigger.c.id).where(trigger.c.host == host)))


def _waiting() -> Any:
    d = delivery.c
    return exists().where(
        d.trigger_id == c.trigger_id, d.thread_key == c.dedup_key, d.handled.is_(None), d.verdict == "accepted"
    )


def bring_back(tx: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """What was forgotten is there again, where no new thread of that key has come, with its runs."""
    back = 0
    for one in rows:
        there = exists().where(c.trigger_id == one["trigger_id"], c.dedup_key == one["dedup_key"])
        if (
            tx.execute(select(there)).scalar()
            or not tx.execute(select(exists().where(trigger.c.id == one["trigger_id"]))).scalar()
        ):
            continue
        tx.execute(insert(table).values(one))
        d = delivery.c
        mine = select(d.id).where(d.trigger_id == one["trigger_id"], d.thread_key == one["dedup_key"])
        tx.execute(
            update(run).where(run.c.thread_id.is_(None), run.c.delivery_id.in_(mine)).values(thread_id=one["id"])
        )
        back += 1
    return back
