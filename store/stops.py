"""Stopping a run of a trigger, and cancelling what waits for one, whichever Playhead of this machine is at it.

The owner of a run is told, and finds the word beside the run's lock: the agent is interrupted, and what goes on is
ended with its group. Its thread stays as it was before, and what waits in it goes on. Every function opens the
database itself and is slow: call it off the GUI thread. All raise StoreError. What costs an import comes in when there
is a run: a window asks this of every session that it shows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from store import runs_who, word
from store.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from store.db.runs_db import RunRow

COMPACTED: Final = 3  # how the run is marked that makes a session shorter
NET_S: Final = 2.0  # until it is looked for without a word: its owner may have been killed
CANCELLED: Final = "Cancelled by you before its run began."
BACK: Final = "Brought back after it was cancelled."
_RUN: Final = (
    "SELECT r.id, g.name, d.thread_key, r.started, r.resumed, r.asked_session, d.id, d.trigger_id FROM run AS r "
    'LEFT JOIN "trigger" AS g ON g.id = r.trigger_id LEFT JOIN delivery AS d ON d.id = r.delivery_id '
    "WHERE r.state IN ('queued', 'running') AND r.origin = 'trigger' AND r.host = ? AND "
)
_WAITING: Final = (
    "SELECT count(*) FROM delivery WHERE trigger_id = ? AND thread_key = ? AND verdict = 'accepted' "
    "AND handled IS NULL AND run_id IS NULL AND id <> ?"
)


_CANCEL: Final = (
    'SELECT d.id, g.name, d.thread_key FROM delivery AS d LEFT JOIN "trigger" AS g ON g.id = d.trigger_id '
    "WHERE d.host = ? AND "
)


class AtWork(Struct, frozen=True):
    """A trigger's run that goes on. `thread`: its key, or ''. `compacts`: its session is only made shorter first.

    `waiting`: deliveries behind it in its thread. `started`: microseconds UTC.
    """

    run_id: str
    trigger: str
    thread: str
    started: int | None
    compacts: bool
    waiting: int


def of_thread(db: Path, thread_id: int) -> AtWork | None:
    """The run that works in a thread; None: nothing does."""
    return _found(db, "r.thread_id = ?", (thread_id,))


def of_delivery(db: Path, delivery_id: int) -> AtWork | None:
    """The run that was made of a delivery, as long as it goes on."""
    return _found(db, "r.delivery_id = ?", (delivery_id,))


def of_session(db: Path, keys: Sequence[str]) -> AtWork | None:
    """The run that works in a session, by what it is called in the list."""
    if not runs_who.left(db.parent):  # nobody runs anything
        return None
    marks = ", ".join("?" * len(keys))
    return _found(db, f"r.session_key IN ({marks})", tuple(keys)) if keys else None


def stop(db: Path, work: AtWork, actor: str = "user") -> bool:
    """Ask for its end, and write that down. False: it is over already; what a killed Playhead left of it is settled."""
    from store.db.serving import note, once

    data = db.parent
    if not runs_who.owned(data, work.run_id):
        _settle(db)
        return False
    once(db, lambda tx: note(tx, "run stopped", ": ".join(filter(None, (work.trigger, work.thread))), actor))
    return runs_who.ask_to_stop(data, work.run_id)


def over(db: Path, work: AtWork, timeout_s: float) -> RunRow | None:
    """How it ended, as soon as it has; None: the time was over first. Blocks."""
    row = _ended(db, work)
    if row is not None or timeout_s <= 0:
        return row
    news, end = threading.Event(), time.monotonic() + timeout_s
    with closing(word.Ear(db.parent)) as ear:
        ear.on(word.RUNS, news.set)
        while (row := _ended(db, work)) is None and (left := end - time.monotonic()) > 0:
            news.wait(min(left, NET_S))
            news.clear()
    return row


def _ended(db: Path, work: AtWork) -> RunRow | None:
    from store.db import runs_db

    row = runs_db.one(db, work.run_id)
    over = row is not None and row.state not in runs_db.LIVE and not runs_who.owned(db.parent, work.run_id)
    return row if over else None


def _found(db: Path, which: str, values: tuple[Any, ...]) -> AtWork | None:
    from store.db.serving import ask, host_here

    rows = ask(db, f"{_RUN}{which} ORDER BY r.queued DESC LIMIT 1", (host_here(db), *values))
    if not rows:
        return None
    run_id, name, key, started, resumed, asked, delivery, trigger = rows[0]
    waiting = ask(db, _WAITING, (trigger, key, delivery))[0][0] if key and trigger is not None else 0
    compacts = resumed == COMPACTED and asked is not None
    return AtWork(run_id, name or "", key or "", started, compacts, int(waiting))


def _settle(db: Path) -> None:
    from store import aftermath, links
    from store.db.serving import Serving
    from store.runs import Runs

    with closing(Runs(db)) as runs, closing(Serving(db)) as serving:
        pairs = links.Links(db)
        aftermath.sweep(db, serving, runs, pairs)
        pairs.write(serving)


def told(work: AtWork) -> str:
    """What becomes of what waits behind it; '' where nothing does."""
    if work.waiting == 1:
        return "The event that waits in its thread goes on."
    return f"The {work.waiting:,} events that wait in its thread go on, in order." if work.waiting else ""


# ---- what waits


class Cancelled(Struct, frozen=True):
    """Deliveries that were taken out of the queue. `thread`: its key, or ''."""

    ids: tuple[int, ...]
    trigger: str
    thread: str

    @property
    def name(self) -> str:
        return self.thread or self.trigger or "a deleted trigger"


def cancel(db: Path, delivery_id: int, actor: str = "user") -> Cancelled:
    """One that waits is not run. What its thread goes on with stays as it is."""
    found = _cancel(db, "d.id = ?", (delivery_id,), actor)
    if found is None:
        raise StoreError(f"There is no delivery {delivery_id}.")
    if not found.ids:
        raise StoreError(f"Delivery {delivery_id} does not wait: its run has begun, or it is over.")
    return found


def cancel_thread(db: Path, thread_id: int, actor: str = "user") -> Cancelled:
    """The same of all that wait in a thread; the run that works in it goes on."""
    thread = "d.handled IS NULL AND (d.trigger_id, d.thread_key) IN (SELECT t.trigger_id, t.dedup_key "
    found = _cancel(db, f"{thread}FROM trigger_session_threads AS t WHERE t.id = ?)", (thread_id,), actor)
    if found is None or not found.ids:
        raise StoreError(f"Nothing waits in thread {thread_id}.")
    return found


def bring_back(db: Path, ids: Sequence[int], actor: str = "user") -> int:
    """They wait again, each where it stood. Returns how many: not those whose trigger or payload is gone."""
    from store.db import deliveries_db
    from store.db.serving import ask, host_here, note, once

    host = host_here(db)
    rows = [row for number in ids for row in ask(db, f"{_CANCEL}d.id = ?", (host, number))]

    def write(tx: Connection) -> int:
        back = sum(deliveries_db.bring_back(tx, number, host, BACK) for number in ids)
        if not back:
            raise StoreError("It cannot be brought back: it was not cancelled, or its trigger or its payload is gone.")
        note(tx, "cancelling undone", f"{_named(rows[0]).name}: {_many(back)}", actor)
        return back

    back = once(db, write)
    _tell(db)
    return back


def _cancel(db: Path, which: str, values: tuple[Any, ...], actor: str) -> Cancelled | None:
    """None: there is none such; without ids: none of them waits."""
    from store.db import deliveries_db
    from store.db.serving import ask, host_here, note, once

    host, now = host_here(db), time.time_ns() // 1000
    rows = ask(db, f"{_CANCEL}{which} ORDER BY d.id", (host, *values))
    if not rows:
        return None

    def write(tx: Connection) -> Cancelled:
        ids = tuple(row[0] for row in rows if deliveries_db.cancel(tx, row[0], host, now, CANCELLED))
        done = _named(rows[0], ids)
        if ids:
            note(tx, "delivery cancelled", f"{done.name}: {_many(len(ids))}", actor)
        return done

    done = once(db, write)
    _tell(db)
    return done


def _named(row: tuple[Any, ...], ids: tuple[int, ...] = ()) -> Cancelled:
    return Cancelled(ids, row[1] or "", row[2] or "")


def _many(count: int) -> str:
    return f"{count:,} deliver{'y' if count == 1 else 'ies'}"


def _tell(db: Path) -> None:
    word.tell(db.parent, word.QUEUE)
    word.tell(db.parent, word.RUNS)
