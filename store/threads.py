"""Threads as the panel and the commands see them: listed, reset, cleaned up, brought back. And when that is due.

A thread maps what a trigger's events have in common to the session that its next run goes on with. Forgetting one never
touches a transcript. Every function opens the database itself and is slow: call it off the GUI thread. All raise
StoreError.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from store import clock, word
from store.db import threads_db
from store.db.serving import ask, asked, host_here, note, once
from store.errors import StoreError

Done = TypeVar("Done")
DAY: Final = 86_400_000_000
MOST: Final = 500
_ROWS: Final = """
SELECT t.id, t.trigger_id, g.name, g.slug, t.dedup_key, t.state, t.claude_session_id, t.parent_session, t.last_used_at,
  t.created_at, t.turns, t.compact_turns, t.runs, t.last_outcome, t.tokens, t.cost_micros, t.resume_hits,
  t.stale_retries, t.runner, t.cwd, t.holder, count(*) OVER (), count(t.claude_session_id) OVER (),
  sum(CASE WHEN t.last_used_at < ? THEN 1 ELSE 0 END) OVER ()
FROM trigger_session_threads AS t JOIN "trigger" AS g ON g.id = t.trigger_id WHERE g.host = ?
ORDER BY t.last_used_at DESC, t.id DESC LIMIT ?
"""
# One row for fresh runs and one for resumed ones: of those that ended well, for only they did the whole work.
_FIGURES: Final = """
SELECT r.thread_id, CASE WHEN r.resumed = 1 THEN 1 ELSE 0 END AS again, count(*), avg(r.ended - r.started),
  avg(r.output_tokens), avg(r.cost_micros)
FROM run AS r WHERE r.thread_id IS NOT NULL AND r.state = 'ok' AND r.resumed IN (0, 1, 2) AND r.host = ?
GROUP BY r.thread_id, again
"""
_DONE: Final = "SELECT ts, detail FROM audit WHERE action = 'cleanup'{} ORDER BY ts DESC, id DESC LIMIT 1"
_SAID: Final = re.compile(
    r"(\d+) forgotten, (\d+) in use skipped; not used since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC \((\d+) days?\)"
)


class Figures(Struct, frozen=True):
    """Means per run that ended well: microseconds, output tokens, micro-dollars. None: unknown."""

    n: int = 0
    duration_us: int | None = None
    tokens: int | None = None
    cost_micros: int | None = None


class Change(Struct, frozen=True):
    """Resumed runs against fresh ones, in whole per cent: −60 is 60 % less. None: there is nothing to compare."""

    time: int | None = None
    tokens: int | None = None
    cost: int | None = None


class ThreadRow(Struct, frozen=True):
    """One thread. `stale`: past the limit's days, and nobody uses it now. `was_stale`: its session was gone once."""

    id: int
    trigger_id: int
    trigger: str
    slug: str
    key: str
    state: str  # fresh, resumable, running, stale
    session: str | None
    parent_session: str | None
    last_used: int
    created: int
    age_us: int
    turns: int
    compact_turns: int
    runs: int
    last_outcome: str | None
    tokens: int | None
    cost_micros: int | None
    resume_hits: int
    stale_retries: int
    runner: str
    cwd: str
    holder: str | None
    stale: bool
    was_stale: bool
    fresh: Figures = Figures()
    resumed: Figures = Figures()


class Threads(Struct, frozen=True):
    """The newest rows; in all there are `total`, of which `active` have a session and `stale` are past the limit."""

    rows: tuple[ThreadRow, ...]
    total: int = 0
    active: int = 0
    stale: int = 0


class Undo(Struct, frozen=True):
    """What `undo` needs to take a reset or a cleanup back."""

    kind: str  # reset, cleanup
    rows: tuple[dict[str, Any], ...] = ()


class Reset(Struct, frozen=True):
    """`waits`: a run goes on in it; it takes effect with that run's end, which changes nothing any more."""

    undo: Undo
    key: str
    trigger: str
    waits: bool


class Cleanup(Struct, frozen=True):
    """What a cleanup did, or would do. `cutoff` and `ts` are microseconds UTC."""

    deleted: int
    skipped: int
    cutoff: int
    days: int
    ts: int = 0
    dry: bool = False
    undo: Undo = Undo("cleanup")


def list_threads(db: Path, days: int = 7, limit: int = MOST, now: int | None = None) -> Threads:
    """The threads used last, two statements in all."""
    now, host = _now(now), host_here(db)
    cutoff = now - days * DAY
    rows, figures = asked(db, [(_ROWS, (cutoff, host, limit)), (_FIGURES, (host,))])
    if not rows:
        return Threads(())
    known: dict[tuple[int, int], Figures] = {}
    for thread, again, n, *means in figures:
        known[thread, again] = Figures(n, *(None if mean is None else round(float(mean)) for mean in means))
    return Threads(tuple(_row(row, now, cutoff, known) for row in rows), *map(int, rows[0][-3:]))


def _row(row: tuple[Any, ...], now: int, cutoff: int, known: dict[tuple[int, int], Figures]) -> ThreadRow:
    number, used = row[0], row[8]
    values: list[Any] = [*row[:10], max(0, now - used), *row[10:21]]
    values += [used < cutoff and row[20] is None, row[17] > 0]  # stale now; was stale once
    values += [known.get((number, again), Figures()) for again in (0, 1)]
    return ThreadRow(*values)


def saved(fresh: Figures, resumed: Figures) -> Change:
    """How much less, or more, a resumed run took."""
    return Change(
        _change(fresh.duration_us, resumed.duration_us),
        _change(fresh.tokens, resumed.tokens),
        _change(fresh.cost_micros, resumed.cost_micros),
    )


def _change(before: int | None, after: int | None) -> int | None:
    return None if not before or after is None else round((after - before) * 100 / before)


def session_of(db: Path, thread_id: int) -> str | None:
    """The session in the list that a thread goes on with, by its key; None when there is none."""
    found = ask(
        db,
        "SELECT s.key FROM trigger_session_threads AS t JOIN session AS s ON s.agent_session = t.claude_session_id "
        "WHERE t.id = ? AND s.state = 'ready' ORDER BY s.updated DESC LIMIT 1",
        (thread_id,),
    )
    return str(found[0][0]) if found else None


# ---- forgetting


def reset(db: Path, thread_id: int, actor: str = "user") -> Reset:
    """The next event of this thread begins a new session. The old transcript stays as it is."""

    def write(tx: Connection) -> Reset:
        found = threads_db.row(tx, thread_id)
        if found is None:
            raise StoreError(f"There is no thread {thread_id}: it was cleaned up, or its trigger was deleted.")
        old = dict(found)
        name = old.pop("trigger")
        threads_db.reset(tx, thread_id)
        waits = old["holder"] is not None
        note(tx, "thread reset", f"{name}: {old['dedup_key']}{' (while it runs)' if waits else ''}", actor)
        return Reset(Undo("reset", (old,)), old["dedup_key"], name, waits)

    return _told(db, once(db, write))


def cleanup(db: Path, days: int, now: int | None = None, dry_run: bool = False, actor: str = "user") -> Cleanup:
    """Forget every thread that was last used more than so many days ago; what is in use stays."""
    now, host = _now(now), host_here(db)
    cutoff = now - days * DAY

    def write(tx: Connection) -> Cleanup:
        if dry_run:
            return Cleanup(*threads_db.old(tx, cutoff, host), cutoff, days, now, dry=True)
        rows = threads_db.forget(tx, cutoff, host)
        _, skipped = threads_db.old(tx, cutoff, host)
        since = datetime.fromtimestamp(cutoff / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
        unit = "day" if days == 1 else "days"
        told = f"{len(rows)} forgotten, {skipped} in use skipped; not used since {since} UTC ({days} {unit})"
        note(tx, "cleanup", told, actor, now)
        return Cleanup(len(rows), skipped, cutoff, days, now, undo=Undo("cleanup", tuple(rows)))

    done = once(db, write)
    return done if dry_run else _told(db, done)


def undo(db: Path, undone: Undo, actor: str = "user") -> int:
    """Take a reset or a cleanup back. Returns how many threads are as they were; one that has gone on since is not."""

    def write(tx: Connection) -> int:
        if undone.kind == "reset":
            back = sum(threads_db.unset(tx, one) for one in undone.rows)
            if not back:
                raise StoreError("This thread has gone on in a new session since: the reset cannot be taken back.")
        else:
            back = threads_db.bring_back(tx, undone.rows)
        keys = ", ".join(str(one["dedup_key"]) for one in undone.rows[:3])
        more = f" and {len(undone.rows) - 3} more" if len(undone.rows) > 3 else ""
        note(tx, f"{undone.kind} undone", f"{back} of {len(undone.rows)}: {keys}{more}", actor)
        return back

    return _told(db, once(db, write))


# ---- by the clock


def next_cleanup(now: int, hour: int, zone: tzinfo | None = None) -> int:
    """When threads are cleaned up next: at the full hour of the local day. Microseconds UTC."""
    return clock.next_due(clock.Schedule(hour=hour), now, zone)


def cleanup_due(last: int, now: int, hour: int, zone: tzinfo | None = None) -> bool:
    """Whether a time for it has passed since it was done last, asleep or not."""
    return last < clock.last_due(clock.Schedule(hour=hour), now, zone)


def last_cleanup(db: Path, actor: str | None = None, until: int | None = None) -> Cleanup | None:
    """What the last one did, by hand or by the clock; None when there was none. `actor`: only theirs.

    `until`: only those up to then: what lies ahead was written by a clock that was wrong.
    """
    where, values = (" AND actor = ?", (actor,)) if actor else ("", tuple[Any, ...]())
    if until is not None:
        where, values = f"{where} AND ts <= ?", (*values, until)
    found = ask(db, _DONE.format(where), values)
    match = _SAID.match(found[0][1]) if found else None
    if match is None:
        return None
    deleted, skipped, since, days = match.groups()
    cutoff = int(datetime.strptime(since, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 1_000_000
    return Cleanup(int(deleted), int(skipped), cutoff, int(days), int(found[0][0]))


def _told(db: Path, done: Done) -> Done:
    """Whoever lists threads sees it."""
    word.tell(db.parent, word.RUNS)
    return done


def _now(now: int | None) -> int:
    return time.time_ns() // 1000 if now is None else now
