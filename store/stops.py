"""Stopping a run of a trigger, whichever Playhead of this machine is at it: asked here, done by its owner.

The owner finds the word beside the run's lock within a quarter of a second: the agent is interrupted, and what goes on
is ended with its group. Its thread stays as it was before, and what waits in it goes on. Every function opens the
database itself and is slow: call it off the GUI thread. All raise StoreError. What costs an import comes in when there
is a run: a window asks this of every session that it shows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from store import runs_who

if TYPE_CHECKING:
    from store.db.runs_db import RunRow

COMPACTED: Final = 3  # how the run is marked that makes a session shorter
STEP_S: Final = 0.05  # between two looks whether it is over
_RUN: Final = (
    "SELECT r.id, g.name, d.thread_key, r.started, r.resumed, r.asked_session, d.id, d.trigger_id FROM run AS r "
    'LEFT JOIN "trigger" AS g ON g.id = r.trigger_id LEFT JOIN delivery AS d ON d.id = r.delivery_id '
    "WHERE r.state IN ('queued', 'running') AND r.origin = 'trigger' AND r.host = ? AND "
)
_WAITING: Final = (
    "SELECT count(*) FROM delivery WHERE trigger_id = ? AND thread_key = ? AND verdict = 'accepted' "
    "AND handled IS NULL AND run_id IS NULL AND id <> ?"
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
    from store.db import runs_db

    end = time.monotonic() + timeout_s
    while True:
        row = runs_db.one(db, work.run_id)
        if row is not None and row.state not in runs_db.LIVE and not runs_who.owned(db.parent, work.run_id):
            return row
        if time.monotonic() >= end:
            return None
        time.sleep(STEP_S)  # it is another process's: nobody tells us


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
