"""Runs: agents and commands that Playhead starts, for the window and for `playhead serve` alike. No Qt, thread-safe.

A run is one process in a group of its own, with the environment of the login shell. Its output is journaled as it
comes; its row says what was started, by whom, and how it ended. An agent's session has one run at a time: a lock beside
the database says so to every Playhead of this machine, and goes with its holder.
"""

from __future__ import annotations

import logging
import shlex
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from store import runs_left, runs_who, secrets, word
from store.db.lock import Lock
from store.db.reads import BusyError
from store.db.runs_db import RunRow, RunRows, unfinished
from store.errors import StoreError
from store.paths import data_dir
from store.runners import named
from store.runners.base import Ask, Command, Outcome, Reply, Runner, refuse
from store.runs_shell import Environment, environment
from store.runs_work import AtWorkError, RunRequest, RunResult, Work
from store.sources.journal import Journal
from store.sources.journal import folder as journals
from store.sources.process import Process

__all__ = ["Ask", "AtWorkError", "Outcome", "RunRequest", "RunResult", "RunRow", "Runs", "listed", "shown"]

T = TypeVar("T")
log = logging.getLogger(__name__)

KEPT: Final = 100  # results of runs that are over, for whoever waits for them late


class Runs:
    """See the module. `data`: our data folder, or the database in it."""

    def __init__(
        self,
        data: Path | None = None,
        launch: Callable[..., Process] = Process,
        environment: Callable[[], Environment] = environment,
        ear: word.Ear | None = None,
    ) -> None:
        """`ear`: one that listens already; who gives it closes it."""
        place = data or data_dir()
        self.data = place.parent if place.suffix == ".db" else place
        self.db = self.data / "playhead.db"
        self.ear = ear or word.Ear(self.data)
        self._own_ear = ear is None
        self._deaf: Callable[[], None] | None = None  # ends that words to stop are heard
        self._launch = launch
        self._environment = environment
        self._lock = threading.Lock()  # the lists below
        self._writing = threading.Lock()
        self._rows: RunRows | None = None
        self._working: dict[str, Work] = {}
        self._results: dict[str, RunResult] = {}
        self._held: dict[str, Lock] = {}  # of runs that are over and `kept`
        self._closed = False

    # ---- before

    def preview(self, request: RunRequest) -> Command:
        """What would be started, without starting it. Raises StoreError when the runner cannot do what is asked."""
        runner = named(request.runner)
        if why := refuse(request.ask, runner.abilities, runner.title):
            raise StoreError(why)
        return runner.command(request.ask)

    def missing(self, runner: Runner) -> str:
        """The sentence that says that a runner's program is not installed; '' when it is. May block for seconds."""
        if not runner.program or self.has(runner.program):
            return ""
        return f"{runner.program} was not found on your PATH: install {runner.title}, then try again."

    def has(self, program: str) -> bool:
        """Whether there is such a program on the login shell's PATH. May block for seconds."""
        return self._environment().find(program) is not None

    def holder(self, session: str, runner: str = "") -> str | None:
        """The run that works in an agent's session, of any Playhead on this machine; None: there is none."""
        with self._lock:
            for work in self._working.values():
                if session in work.sessions and runner in ("", work.row.runner):
                    return work.row.id
        for row in unfinished(self.db, session):
            if runner in ("", row.runner) and runs_who.owned(self.data, row.id):
                return row.id
        return None

    # ---- a run

    def start(
        self,
        request: RunRequest,
        done: Callable[[RunResult], None] = lambda _: None,
        *,
        out: Callable[[bytes], None] | None = None,
        seen: Callable[[str, Path | None], None] | None = None,
        journal: Journal | None = None,
        claim: Callable[[], None] = lambda: None,
    ) -> str:
        """Start it; returns its id. `done` is called exactly once, on a thread of ours, if this returns.

        Raises StoreError, and then nothing runs. Blocks for as long as the login shell takes to say its environment,
        the first time. `out`: gets the output as it comes, on a reader's thread; who blocks there holds the process
        back. `seen`: gets the agent's session and its file, once either is known; on such a thread too. `journal`:
        where the output is kept instead of a new file. `claim`: called when the run is ours (`owned`) and before there
        is a row or a process of it; what it raises comes out of here.
        """
        command = self.preview(request)
        runner, asked = named(request.runner), request.ask
        if not asked.cwd.is_dir():
            raise StoreError(f"{asked.cwd} is no folder (any more), so {runner.title} cannot be started in it.")
        around = self._environment()
        program = around.find(command.argv[0])
        if program is None:
            raise StoreError(f"{command.argv[0]} was not found on your PATH: install it, then try again.")
        if request.origin == "trigger":  # the end of others is asked for by nobody elsewhere
            self._listen()
        locks = self._take(runner, asked, request.id or uuid.uuid4().hex)
        work: Work | None = None
        try:
            claim()
            id = locks[0].path.stem.removeprefix("run-")
            before = self._spent(runner, asked)
            kept = journal or Journal(
                journals(self.data) if runner.transcript is None else runs_who.folder(self.data),
                runner.name, command.argv, asked.cwd, log.warning, "run", before,
            )  # fmt: skip
            row = RunRow(
                id=id, asked_session=asked.resume or None, runner=runner.name, argv=command.argv, cwd=str(asked.cwd),
                origin=request.origin, trigger_id=request.trigger_id, thread_id=request.thread_id,
                delivery_id=request.delivery_id, retry_of=request.retry_of, resumed=request.resumed, state="running",
                queued=time.time_ns() // 1000, started=time.time_ns() // 1000, log=str(kept.path),
                session_key=kept.key if runner.transcript is None else self._file(runner, asked), prompt=asked.prompt,
            )  # fmt: skip
            work = Work(self, row, runner, asked, kept, locks, request.timeout_s, done, out, seen)
            work.before, work.kept = before, request.kept
            self._write(lambda rows: rows.add(row))
            with self._lock:
                if self._closed:
                    raise StoreError("Playhead is being closed: nothing is started any more.")
                self._working[id] = work
            env = {**around.values, **command.env, runs_who.MARK: id}
            env = {name: value for name, value in env.items() if value and name not in secrets.withheld()}
            argv = (program, *command.argv[1:])
            launch = runner.talk if asked.attended and runner.talk is not None else runner.launch
            if launch is not None:
                work.begin(partial(launch, asked, argv, asked.cwd, env))
            else:
                work.begin(partial(self._launch, argv, asked.cwd, env, given=command.stdin))
            word.tell(self.data, word.RUNS)
        except BaseException as error:
            if work is not None:
                work.never(str(error))
            else:
                _drop(locks)
            raise
        return row.id

    def stop(self, id: str, why: str = "Stopped by you.") -> None:
        """Interrupt a run, and end it with its group if it goes on. Does not wait; one that is over stays as it is."""
        with self._lock:
            work = self._working.get(id)
        if work is not None:
            work.stop(why)

    def answer(self, id: str, rpc: str, option: str) -> Reply | None:
        """Answer what the agent of a run asks. None: it does not ask that (any more). Does not wait."""
        with self._lock:
            work = self._working.get(id)
        return None if work is None else work.answer(rpc, option)

    def wait(self, id: str, timeout: float | None = None) -> RunResult | None:
        """Until a run of ours is over; None: the time was, or there is no such run."""
        with self._lock:
            work = self._working.get(id)
        if work is not None and not work.over.wait(timeout):
            return None
        with self._lock:
            return self._results.get(id)

    def running(self) -> list[RunRow]:
        """The runs that are ours and not over."""
        with self._lock:
            return [work.row for work in self._working.values()]

    def owned(self, id: str) -> bool:
        """Whether a Playhead of this machine that lives is at that run: from before its row until after its end.

        Of one that is `kept` until `let_go`.
        """
        return runs_who.owned(self.data, id)

    def let_go(self, id: str) -> None:
        """What follows from the end of a run that was `kept` is written down."""
        with self._lock:
            lock = self._held.pop(id, None)
        if lock is not None:
            lock.drop()
            word.tell(self.data, word.RUNS)

    def sweep(self) -> int:
        """Runs that nobody owns any more are over, and what is left of them is ended: how many they are.

        Each ended as its kept log says; where that does not say how, it was interrupted.
        """
        found = [row for row in unfinished(self.db) if not runs_who.owned(self.data, row.id)]
        count = 0
        runs_who.forget_stops(self.data)
        for row in found:
            left = runs_who.end_orphan(*runs_who.process_of(row.id, row.pid, row.pid_token))
            why = "Playhead was ended while it ran." + (" The agent went on alone, and was ended." if left else "")
            values: dict[str, Any] = {"state": "interrupted", "reason": why, "ended": time.time_ns() // 1000}
            if (result := runs_left.result_of(row)) is not None:
                values = runs_left.columns(row, result)
            count += self._write(partial(RunRows.finish, id=row.id, **values))
        if count:
            word.tell(self.data, word.RUNS)
        return count

    def close(self, why: str = "Playhead was closed.") -> None:
        """Stop what runs and let nothing start any more. Blocks until it is over."""
        with self._lock:
            self._closed = True
            working = list(self._working.values())
        for work in working:
            work.stop(why)
        for work in working:
            work.join()
        for id in list(self._held):
            self.let_go(id)
        if self._deaf is not None:
            self._deaf()
        if self._own_ear:
            self.ear.close()
        with self._writing:
            if self._rows is not None:
                self._rows.close()
                self._rows = None

    # ---- for a run's work, on its threads

    def seen(self, work: Work, session: str, file: Path | None) -> None:
        """The agent said its session's id: nobody else shall work in it, and the row tells which file shows it."""
        lock = runs_who.hold_session(self.data, work.runner.name, session)
        if lock is not None:
            work.locks.append(lock)
        key = work.row.session_key if file is None else str(file)
        self._write(lambda rows: rows.change(work.row.id, agent_session=session, session_key=key))
        word.tell(self.data, word.RUNS)

    def began(self, work: Work, pid: int) -> None:
        token = runs_who.token_of(pid)
        self._write(lambda rows: rows.change(work.row.id, pid=pid, pid_token=token))

    def ended(self, work: Work, row: RunRow, result: RunResult | None) -> None:
        """Its row, its locks, its place in the lists; in this order, so that who waits finds all of it done."""
        columns = {name: getattr(row, name) for name in _LATE}
        try:
            self._write(lambda rows: rows.finish(row.id, **columns))
        except StoreError as error:  # the run is over all the same; the next start says "interrupted"
            log.warning("run %s ended as %s, which is not written: %s", row.id, row.state, error)
        with self._lock:
            self._working.pop(row.id, None)
            if result is not None:
                self._results[row.id] = result
                while len(self._results) > KEPT:
                    del self._results[next(iter(self._results))]
                if work.kept:
                    self._held[row.id] = work.locks[0]
        _drop(work.locks, first=row.id not in self._held)
        word.tell(self.data, word.RUNS)

    # ---- how

    def _listen(self) -> None:
        with self._lock:
            if self._deaf is None and not self._closed:
                self._deaf = self.ear.on(word.STOPS, self._on_stops)

    def _on_stops(self) -> None:
        with self._lock:
            working = list(self._working.values())
        for work in working:
            work.heed()

    def _take(self, runner: Runner, asked: Ask, id: str) -> list[Lock]:
        """The locks of a run: its own first. Raises StoreError when somebody works in the session."""
        locks = [runs_who.hold_run(self.data, id)]
        if not asked.resume or asked.fork:
            return locks
        try:
            lock = runs_who.hold_session(self.data, runner.name, asked.resume)
            if lock is None:
                raise AtWorkError("A run is at work in this session: wait for its end, or go on as a fork.")
            locks.append(lock)
            if runner.holder is not None and runner.transcript is not None:
                file = runner.transcript(asked.resume, asked.cwd)
                pid = None if file is None else runner.holder(file)
                if pid is not None:
                    raise AtWorkError(
                        f"This session is open in another {runner.program} (process {pid}): end it there, or go on as "
                        "a fork."
                    )
        except BaseException:
            _drop(locks)
            raise
        return locks

    def _file(self, runner: Runner, asked: Ask) -> str | None:
        if runner.transcript is None or not asked.resume or asked.fork:
            return None
        file = runner.transcript(asked.resume, asked.cwd)
        return None if file is None else str(file)

    def _spent(self, runner: Runner, asked: Ask) -> int | None:
        """What the session had cost before: agents tell the sum of all its runs."""
        if not asked.resume:
            return 0
        if runner.spent is None or runner.transcript is None:
            return None
        file = runner.transcript(asked.resume, asked.cwd)
        return None if file is None else runner.spent(file)

    def _write(self, do: Callable[[RunRows], T], tries: int = 4) -> T:
        """One transaction at a time; a busy database is waited for, a broken connection made anew."""
        with self._writing:
            for attempt in range(tries):
                try:
                    if self._rows is None:
                        self._rows = RunRows(self.db)
                    return do(self._rows)
                except StoreError as error:
                    rows, self._rows = self._rows, None
                    if rows is not None:
                        rows.close()
                    if not isinstance(error, BusyError) or attempt + 1 == tries:
                        raise
        raise AssertionError("unreachable")


_LATE: Final = (
    "state", "reason", "exit_code", "signal", "ended", "agent_session", "session_key", "turns", "input_tokens",
    "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_micros", "log",
)  # fmt: skip


def _drop(locks: list[Lock], *, first: bool = True) -> None:
    for number, lock in enumerate(locks):
        if number or first:
            lock.drop(remove=number == 0)


def listed(limit: int = 50, data: Path | None = None) -> list[RunRow]:
    """The newest runs of this machine. Raises StoreError."""
    from store.db import runs_db

    return runs_db.listed((data or data_dir()) / "playhead.db", limit)


def shown(command: Command, cwd: Path | None = None) -> str:
    """A command as a terminal would be given it: folder, words, and what stands on its standard input."""
    words = shlex.join(command.argv)
    if command.stdin is not None:
        words += f" <<< {shlex.quote(command.stdin.decode('utf-8', 'replace'))}"
    return f"cd {shlex.quote(str(cwd))} && {words}" if cwd is not None else words
