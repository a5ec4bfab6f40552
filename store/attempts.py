"""What becomes of an accepted delivery: its thread is taken, its runs are made, and what came of them is kept.

A thread goes fresh → running → resumable → running → …, and back to fresh when its session is gone, when it is reset or
when it grew too long. Whether a session is gone is looked up on the disk before anything is started; afterwards the
result record decides, never a word on stderr. Then there is exactly one fresh retry.
"""

from __future__ import annotations

import logging
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Event as Bell
from typing import Any, Final, Protocol

from msgspec import Struct
from sqlalchemy import Connection

from store import aftermath, links
from store.aftermath import Doing, Fired, fired
from store.db import deliveries_db, reads, threads_db
from store.db.serving import Serving, ask
from store.errors import StoreError
from store.judge import ACCEPTED, Judged, judged, prompt_of
from store.runners import named
from store.runners.base import Ask, Runner
from store.runs import AtWorkError, RunRequest, RunResult
from store.stops import COMPACTED
from store.trigger import Trigger, resumable
from store.triggers import ask_of, list_triggers, why_fresh

log = logging.getLogger(__name__)

_LIVE: Final = f"SELECT {', '.join(deliveries_db.COLUMNS)}, payload FROM delivery WHERE id = ? AND handled IS NULL"  # noqa: S608
_CLOSED: Final = (
    "SELECT status FROM session WHERE agent_session = ? AND state = 'ready' AND status IN ('archived', 'deleted')"
)
WAITS: Final = "Waits:"  # how the log says of a delivery that its run has not begun, and why
AT_WORK: Final = f"{WAITS} a run is at work in its session."


class Starter(Protocol):
    """What is needed of `store.runs.Runs`."""

    def start(self, request: RunRequest, done: Callable[[RunResult], None], *, claim: Callable[[], None]) -> str: ...
    def stop(self, id: str, why: str) -> None: ...
    def holder(self, session: str, runner: str = "") -> str | None: ...
    def sweep(self) -> int: ...
    def owned(self, id: str) -> bool: ...
    def let_go(self, id: str) -> None: ...


class BusyError(Exception):
    """Somebody works in the thread or its session: later. With one sentence that says who."""


class TakenError(Exception):
    """Another Playhead makes its runs, or it was cancelled."""


class EndedError(Exception):
    """We are being closed: what has not begun is for the next Playhead."""


class StoppedError(Exception):
    """The user has ended a compaction, and with it the run that it was for."""

    def __init__(self, result: RunResult) -> None:
        super().__init__(result.reason)
        self.result = result


class Job(Struct):
    """One delivery with all that its runs need. `run_id`: the last run that was begun for it; `begun`: all of them.

    `logged`: what the delivery log says of it so far.
    """

    id: int
    trigger: Trigger
    found: Judged
    prompt: str
    payload: bytes
    logged: str = ""
    run_id: str | None = None
    begun: list[str] = []


class Attempts:
    """Blocking, one call per worker; any number at a time. `tell`: hears how the last run of a delivery ended;
    `changed`: that one has begun, or why it waits."""

    def __init__(
        self, db: Path, serving: Serving, runs: Starter, compact_turns: Callable[[], int],
        tell: Callable[[Fired], None] = lambda _: None, changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._db, self._serving, self._runs, self._compact_turns, self._tell = db, serving, runs, compact_turns, tell
        self._changed = changed
        self._ended = False
        self.links = links.Links(db)

    def end(self) -> None:
        """No run is started any more: not of a delivery that is being worked on either."""
        self._ended = True

    def sweep(self) -> int:
        """What a Playhead that was killed has left is settled. Returns how many threads it held."""
        return aftermath.sweep(self._db, self._serving, self._runs, self.links)

    def perform(self, number: int) -> None:
        """Everything that a delivery leads to. Raises BusyError: no run was made of it yet; StoreError: look again."""
        try:
            job = self._load(number)
        except StoreError:
            raise
        except Exception:  # ours: it would be no other the next time
            log.exception("delivery %d", number)
            why = "Playhead could not make a prompt of it: its log says why."
            self._serving.write(lambda tx: deliveries_db.handled(tx, number, _now(), why))
            return
        if job is None:
            return
        resumes = job.trigger.resume_sessions and resumable(job.trigger).ok and job.found.key
        try:
            if resumes:
                self._threaded(job)
            else:
                self._alone(job)
        except TakenError:
            log.info("delivery %d is run by another Playhead, or was cancelled", number)
        except EndedError:
            log.info("delivery %d is for the next Playhead", number)
        except StoppedError as error:
            self._over(job, aftermath.told(error.result))
        except BusyError as error:
            self._waits(job, str(error))
            raise
        except (AtWorkError, reads.BusyError) as error:
            if job.run_id is not None:
                raise
            self._waits(job, AT_WORK if isinstance(error, AtWorkError) else "")
            raise BusyError from error
        except StoreError as error:  # a folder that is gone, a program that is missing
            self._over(job, f"It could not be started: {error}")
            self._tell(Fired(job.trigger.name, "failed", f"It could not be started: {error}"))
        finally:
            for id in job.begun:
                self._runs.let_go(id)

    def _load(self, number: int) -> Job | None:
        rows = ask(self._db, _LIVE, (number,))
        if not rows:
            return None
        row = dict(zip((*deliveries_db.COLUMNS, "payload"), rows[0], strict=True))
        trigger = next((one for one in list_triggers(self._db) if one.id == row["trigger_id"]), None)
        if trigger is None:
            self._serving.write(lambda tx: deliveries_db.handled(tx, number, _now(), "The trigger was deleted."))
            return None
        payload = zlib.decompress(row["payload"] or zlib.compress(b"{}"))
        headers = {"x-github-event": row["event"], "linear-event": row["event"], "x-event": row["event"]}
        found = judged(trigger, headers, payload)  # for its fields; the verdict was given when it came
        key, logged = row["thread_key"] or "", row["reason"]
        reason = found.reason if logged.startswith(WAITS) else logged
        found = Judged(ACCEPTED, reason, found.event, found.payload, key, found.how)
        return Job(number, trigger, found, prompt_of(trigger, found).text, payload, logged)

    # ---- without a thread

    def _alone(self, job: Job) -> None:
        result = self._run(job, ask_of(job.trigger, job.prompt, job.payload))
        self._over(job, f"{why_fresh(job.trigger, job.found)} {aftermath.told(result)}")
        self._tell(fired(job.trigger, result))

    # ---- with one

    def _threaded(self, job: Job) -> None:
        run_id = uuid.uuid4().hex
        thread = self._claim(job, f"{self._serving.live()}|{run_id}")
        try:
            self._thread_runs(job, thread, run_id)
        except StoppedError as error:
            ended, count = error.result, aftermath.count
            self._serving.write(lambda tx: count(tx, thread, ended, ended.state, _now(), hit=False, turn=False))
            raise
        finally:  # of runs that could not be made
            self._serving.write(lambda tx: threads_db.release(tx, thread.id, thread.holder))

    def _claim(self, job: Job, mine: str) -> threads_db.Thread:
        trigger, key, now = job.trigger, job.found.key, _now()

        def take(tx: Connection) -> threads_db.Thread | str:
            threads_db.ensure(tx, trigger.id, key, now, trigger.runner, trigger.cwd)
            found = threads_db.claim(tx, trigger.id, key, mine, now)
            return found if found is not None else threads_db.holder(tx, trigger.id, key) or ""

        found = self._serving.write(take)
        if isinstance(found, str) and self._serving.dead(found):
            self.sweep()  # its run may have outlived it, and what came of it is the thread's
            found = self._serving.write(take)
        if isinstance(found, str):
            raise BusyError(f"{WAITS} a run is at work in its thread.")
        return found

    def _thread_runs(self, job: Job, thread: threads_db.Thread, run_id: str) -> None:
        trigger, runner = job.trigger, named(job.trigger.runner)
        session, resumed, notes, prompt, parent = thread.session, 1, list[str](), job.prompt, thread.parent
        if session and thread.runner != trigger.runner:
            notes.append(f"The session is one of {thread.runner}'s: a new one is begun.")
            self._serving.write(lambda tx: threads_db.leave(tx, thread.id, thread.epoch, thread.session))
            parent, session = session, None
        if session and (closed := ask(self._db, _CLOSED, (session,))):
            state = closed[0][0]
            notes.append(f"The session {session[:12]} is {state}, and nothing is added to it: a new one is begun.")
            self._serving.write(lambda tx: threads_db.leave(tx, thread.id, thread.epoch, thread.session))
            parent, session = session, None
        if session:
            self._wait_for(session, runner, Path(thread.cwd or trigger.cwd))
            if runner.transcript is not None and runner.transcript(session, Path(thread.cwd or trigger.cwd)) is None:
                notes.append(f"The transcript of {session[:12]} is gone: begun anew.")
                self._lost(thread, None, session)
                parent, session, resumed = session, None, 2
        limit = self._compact_turns()
        if session and thread.compact_turns >= limit:
            if runner.abilities.compact.ok:
                note, gone = self._compact(job, thread, session)
                notes.append(note)
                if gone:
                    parent, session, resumed = session, None, 2
            else:
                notes.append(
                    f"{thread.compact_turns} turns: begun anew with a summary ({runner.abilities.compact.why})"
                )
                prompt = _handed_over(thread, prompt)
                self._serving.write(lambda tx: threads_db.leave(tx, thread.id, thread.epoch, thread.session))
                parent, session, resumed = session, None, 3
        asked = ask_of(trigger, prompt, job.payload, session or "")
        result = self._run(job, asked, thread=thread.id, resumed=_kind(session, resumed), id=run_id)
        if session and result.outcome.stale and result.state != "stopped":
            notes.append(f"The session {session[:12]} is not known any more: tried again afresh.")
            self._lost(thread, result, session)
            asked = ask_of(trigger, prompt, job.payload)
            result = self._run(job, asked, thread=thread.id, resumed=2, retry_of=result.run_id)
            parent, session, resumed = session, None, 2
        event = " ".join(filter(None, (job.found.event.event, job.found.event.action)))
        doing, kind = Doing(job.id, thread, trigger.runner, trigger.cwd, event), _kind(session, resumed)
        self._serving.write(lambda tx: aftermath.conclude(tx, doing, result, kind, " ".join(notes), _now()))
        self._tell(fired(trigger, result))
        if result.outcome.session and parent and result.outcome.session != parent:
            self.links.add(result.outcome.session, parent)

    def _wait_for(self, session: str, runner: Runner, cwd: Path) -> None:
        """Never two runs in one session, not even with the user's own terminal."""
        if self._runs.holder(session, runner.name) is not None:
            raise BusyError(AT_WORK)
        if runner.holder is not None and runner.transcript is not None:
            file = runner.transcript(session, cwd)
            pid = None if file is None else runner.holder(file)
            if pid is not None:
                raise BusyError(
                    f"{WAITS} its session is open in another {runner.program} (process {pid}). It runs when that ends."
                )

    def _compact(self, job: Job, thread: threads_db.Thread, session: str) -> tuple[str, bool]:
        asked = Ask(
            "", Path(job.trigger.cwd), session, permission=job.trigger.permission, llm=job.trigger.model, compact=True
        )
        result = self._run(job, asked, begins=False, thread=thread.id, resumed=COMPACTED)
        if result.state == "stopped":
            raise StoppedError(result)
        if result.outcome.stale:
            self._lost(thread, None, session)
            return f"The session {session[:12]} is not known any more: begun anew.", True
        if result.outcome.ok:
            self._serving.write(lambda tx: threads_db.compacted(tx, thread.id, thread.epoch))
            return f"Compacted after {thread.compact_turns} turns.", False
        return f"Compacting after {thread.compact_turns} turns failed ({aftermath.why(result)}).", False

    # ---- what is kept

    def _lost(self, thread: threads_db.Thread, result: RunResult | None, session: str) -> None:
        self._serving.write(lambda tx: aftermath.lost(tx, thread, result, session, _now()))

    def _waits(self, job: Job, why: str) -> None:
        """Once per reason: it is asked again every other second."""
        if why and why != job.logged:
            try:
                self._serving.write(lambda tx: deliveries_db.say(tx, job.id, why))
                self._changed()
            except StoreError as error:  # it waits all the same
                log.info("why delivery %d waits is not written: %s", job.id, error)

    def _over(self, job: Job, told: str) -> None:
        self._serving.write(lambda tx: deliveries_db.handled(tx, job.id, _now(), told.strip()))

    # ---- a run

    def _run(self, job: Job, asked: Ask, *, begins: bool = True, **more: Any) -> RunResult:
        """Until it is over. Raises StoreError when it could not be started.

        `begins`: with it the delivery has begun and is not run again by itself; a compaction before it is none of that.
        """
        bell, results = Bell(), list[RunResult]()

        def done(result: RunResult) -> None:
            results.append(result)
            bell.set()

        run_id = more.pop("id", "") or uuid.uuid4().hex
        request = RunRequest(
            runner=job.trigger.runner, ask=asked, origin="trigger", trigger_id=job.trigger.id,
            thread_id=more.pop("thread", None), delivery_id=job.id, timeout_s=job.trigger.timeout_s,
            title=job.trigger.name, id=run_id, kept=begins, **more,
        )  # fmt: skip

        def begin(tx: Connection) -> bool:
            begun = deliveries_db.begin(tx, job.id, run_id, job.run_id)
            if begun and job.logged.startswith(WAITS):
                deliveries_db.say(tx, job.id, job.found.reason)
            return begun

        def claim() -> None:
            if self._ended:
                raise EndedError
            if begins:
                if not self._serving.write(begin):
                    raise TakenError
                job.run_id = run_id
                job.begun.append(run_id)

        self._runs.start(request, done, claim=claim)
        self._changed()
        if self._ended:  # it may have come too late for whoever stopped all that ran
            self._runs.stop(run_id, "Playhead was closed.")
        bell.wait()
        return results[0]


def _kind(session: str | None, resumed: int) -> int:
    """How a run is marked: 0 fresh, 1 resumed, 2 fresh because the session was gone, 3 after the turn limit."""
    if session:
        return 1
    return resumed if resumed != 1 else 0


def _handed_over(thread: threads_db.Thread, prompt: str) -> str:
    before = thread.summary or "Nothing was written down of what was said."
    return (
        f"This goes on a thread of {thread.turns} turns in a new session. Earlier sessions reported, oldest first:\n\n"
        f"{before}\n\nWhat is to be done now:\n\n{prompt}"
    )


def _now() -> int:
    return time.time_ns() // 1000
