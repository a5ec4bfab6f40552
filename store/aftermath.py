"""What a run leaves in its thread and its delivery: written in one transaction, so that a kill leaves all or none.

Also for runs of a Playhead that was killed before it could write it: `sweep`, from the rows and the logs of those runs.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct
from sqlalchemy import Connection

from store import links, runs_left
from store.db import deliveries_db, runs_db, threads_db
from store.db.serving import Serving
from store.runners import named
from store.runs import RunResult
from store.trigger import Trigger
from store.triggers import list_triggers

HANDOVER: Final = 6_000  # characters that a fresh run is told of what was before
_SAID: Final = 1_200  # of these from one run
RESUMED: Final = 1  # how a run is marked: 0 fresh, 2 fresh because the session was gone, 3 after the turn limit
KINDS: Final = ("Fresh session.", "Resumed.", "", "")  # of the other two their notes say more
NOTES: Final = ("", "", "Its session was gone: begun anew.", "Begun anew with a summary.")  # where there are none
CUT_OFF: Final = "Interrupted: Playhead ended while its run went on. It can be fired again."


class Owners(Protocol):
    """What is needed of `store.runs.Runs`."""

    def sweep(self) -> int: ...
    def owned(self, id: str) -> bool: ...


class Doing(Struct, frozen=True):
    """Whose run it was: a delivery's, for a thread as it was taken. `event`: of the delivery, in words."""

    delivery: int
    thread: threads_db.Thread
    runner: str
    cwd: str
    event: str


class Fired(Struct, frozen=True):
    """How the last run of a delivery ended, for whoever is told of it. `state` as in `RunResult`.

    `session`: the key of the session that shows it, or ''.
    """

    trigger: str
    state: str
    reason: str
    duration_us: int | None = None
    session: str = ""


def fired(trigger: Trigger, result: RunResult) -> Fired:
    reason = "" if result.state == "ok" else why(result)
    return Fired(trigger.name, result.state, reason, result.duration_us, result.session_key or "")


def conclude(tx: Connection, doing: Doing, result: RunResult, resumed: int, notes: str, now: int) -> bool:
    """The last run of a delivery is over: its session is the thread's, its figures count, others may have the thread.

    Also of a run that failed, but not of one that was ended. False: no session of it was kept.
    """
    thread = doing.thread
    came = result.outcome.session if result.state in ("ok", "failed") and not result.outcome.stale else None
    names = {"ok": ("fresh", "resumed", "was stale", "compacted")[resumed]}
    count(tx, thread, result, names.get(result.state, result.state), now, hit=resumed == RESUMED, turn=came is not None)
    kept = False
    if came is not None:
        compacts = named(doing.runner).abilities.compact.ok
        summary = "" if compacts else _summed(thread, doing.event, result, anew=resumed != RESUMED)
        kept = threads_db.keep(
            tx, thread.id, thread.holder, thread.epoch, came, turns=1, runner=doing.runner, cwd=doing.cwd,
            summary=summary,
        )  # fmt: skip
        if not kept:  # reset while it ran
            threads_db.outlive(tx, thread.id, thread.epoch, came)
    deliveries_db.handled(tx, doing.delivery, now, " ".join(filter(None, (notes, KINDS[resumed], told(result)))))
    threads_db.release(tx, thread.id, thread.holder, stale=resumed == 2 and not kept and result.outcome.session is None)
    return kept


def lost(tx: Connection, thread: threads_db.Thread, result: RunResult | None, session: str, now: int) -> None:
    """The session that was to be gone on with is not there any more. `result`: of the run that found it out, if any."""
    if threads_db.lose(tx, thread.id, thread.holder, thread.epoch, session) and result is not None:
        count(tx, thread, result, "stale", now, hit=False, turn=False)


def count(
    tx: Connection, thread: threads_db.Thread, result: RunResult, outcome: str, now: int, *, hit: bool, turn: bool
) -> None:
    """The figures of a run, added to its thread's."""
    made = result.outcome
    known = [some for some in (made.input_tokens, made.output_tokens) if some is not None]
    threads_db.count(
        tx, thread.id, outcome=outcome, now=now, turns=int(turn), tokens=sum(known) if known else None,
        cost=made.cost_micros, hit=hit and result.state == "ok",
    )  # fmt: skip


# ---- of a Playhead that was killed


def sweep(db: Path, serving: Serving, runs: Owners, pairs: links.Links) -> int:
    """Threads and deliveries of a Playhead that was killed are usable again. Returns how many threads were held."""
    runs.sweep()
    host, now = serving.host, time.time_ns() // 1000
    held, over, unstarted = serving.write(
        lambda tx: (threads_db.held(tx, host), deliveries_db.over(tx, host), deliveries_db.unstarted(tx, host))
    )
    gone = {thread: holder for thread, holder in held if serving.dead(holder)}
    for delivery, run_id in unstarted:
        if not runs.owned(run_id):
            serving.write(lambda tx, one=delivery, run=run_id: deliveries_db.again(tx, one, run))  # type: ignore[misc]
    for delivery, run_id in over:
        row = None if runs.owned(run_id) else runs_db.one(db, run_id)
        if row is not None and (row.thread_id is None or row.thread_id in gone):
            _settle(db, serving, delivery, row, now, pairs)

    def free(tx: Connection) -> None:
        for thread, holder in gone.items():
            if _compacted(db, tx, thread, host):
                found = threads_db.get(tx, thread)
                if found is not None and found.holder == holder:
                    threads_db.compacted(tx, thread, found.epoch)
            threads_db.interrupted(tx, thread, holder)

    serving.write(free)
    return len(gone)


def _settle(db: Path, serving: Serving, delivery: int, row: runs_db.RunRow, now: int, pairs: links.Links) -> None:
    """A delivery whose last run is over, and nobody lives who would say what follows from it."""
    result = runs_left.result_in(row)
    trigger = next((one for one in list_triggers(db) if one.id == row.trigger_id), None)
    cwd = row.cwd if trigger is None else trigger.cwd

    def write(tx: Connection) -> threads_db.Thread | None:
        thread = None if row.thread_id is None else threads_db.get(tx, row.thread_id)
        if thread is None or not thread.holder or row.state == "interrupted":
            why = CUT_OFF if row.state == "interrupted" else told(result)
            deliveries_db.handled(tx, delivery, now, why)
            return None
        if row.asked_session and result.outcome.stale:
            lost(tx, thread, result, row.asked_session, now)
            deliveries_db.retry(tx, delivery, row.id)  # the one fresh retry is still to come
            return None
        event = deliveries_db.event(tx, delivery)
        doing = Doing(delivery, thread, row.runner, cwd, event)
        conclude(tx, doing, result, row.resumed, NOTES[row.resumed], now)
        return thread

    thread = serving.write(write)
    came = result.outcome.session
    if thread is not None and came:
        parent = row.asked_session or thread.parent
        if parent:
            pairs.add(came, parent)


def _compacted(db: Path, tx: Connection, thread: int, host: str) -> bool:
    """Whether the last that a thread did was to be made shorter, for a delivery that still waits."""
    newest = next(iter(runs_db.listed(db, 1, thread=thread)), None)
    if newest is None or newest.resumed != 3 or not newest.asked_session or newest.state != "ok":
        return False
    return newest.delivery_id in {number for number, _, _ in deliveries_db.waiting(tx, host)}


# ---- in words


def told(result: RunResult) -> str:
    if result.state == "ok":
        return f"It ended well. {result.reason}".rstrip()
    return result.reason if result.state == "stopped" else f"It ended as {result.state}: {why(result)}"


def why(result: RunResult) -> str:
    return " ".join(result.outcome.errors)[:400] or result.reason or f"exit code {result.exit_code}"


def _summed(thread: threads_db.Thread, event: str, result: RunResult, *, anew: bool) -> str:
    """What the next session would be handed over: whole entries, the newest."""
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    said = " ".join((result.outcome.text or why(result)).split())
    more = f" … ({len(said) - _SAID:,} more characters)" if len(said) > _SAID else ""
    entries = [] if anew and not thread.summary else thread.summary.split("\n\n")
    entries = [one for one in entries if one] + [f"- {day} UTC, {event or 'an event'}: {said[:_SAID]}{more}"]
    while len(entries) > 1 and sum(map(len, entries)) > HANDOVER:
        del entries[0]
    return "\n\n".join(entries)
