"""One run at work: its process, its journal, its clock, and what came of it. For `store.runs`.

A thread waits for the first of three: the process ends, its time is over, somebody stops it. What it left running in
its group is ended with it; what it said on its pipes is read by threads of their own, so none of them can hold it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from store import runs_who
from store.db.lock import Lock
from store.db.runs_db import RunRow
from store.errors import StoreError
from store.paths import put
from store.runners.base import LINE, Answering, Ask, Child, Outcome, Reply, Runner
from store.sources.journal import Journal
from store.sources.process import Closed, Exited, Fact, Killed, wording

if TYPE_CHECKING:
    from store.runs import Runs

log = logging.getLogger(__name__)

TIMEOUT: Final = 600.0  # seconds that a run has, if nobody says otherwise
POLITE: Final = 3.0  # seconds that an agent has to write down what it was doing when it is interrupted
GRACE: Final = 2.0  # and then to end
HEAD: Final = 256 << 10  # bytes of output in which the session's id is looked for
KEPT: Final = 1 << 20  # bytes of output that are remembered in case the disk takes none


class AtWorkError(StoreError):
    """Somebody works in the session; later nobody will."""


class RunRequest(Struct, frozen=True):
    """What to start. `origin`: hand, composer or trigger. `timeout_s`: 0 is for ever. `id`: '' is a new one.

    `resumed`: 0 fresh, 1 resumed, 2 retried fresh, 3 compacted.
    """

    runner: str
    ask: Ask
    origin: str = "hand"
    trigger_id: int | None = None
    thread_id: int | None = None
    delivery_id: int | None = None
    retry_of: str | None = None
    timeout_s: float = TIMEOUT
    resumed: int = 0
    title: str = ""
    id: str = ""
    kept: bool = False  # it is `owned` until `let_go`: what follows from its end is still to be written down


class RunResult(Struct, frozen=True):
    """How a run ended. `state`: ok, failed, cancelled, stopped (a trigger's, by the user), timeout.

    `reason`: a sentence, '' when all is well.
    """

    run_id: str
    state: str
    outcome: Outcome
    exit_code: int | None
    reason: str
    duration_us: int | None
    signal: int | None = None
    log: str | None = None
    session_key: str | None = None  # of the session that shows it


class Work:
    """See the module. Made by `Runs.start`; everything else happens on its own threads."""

    def __init__(
        self,
        runs: Runs,
        row: RunRow,
        runner: Runner,
        asked: Ask,
        journal: Journal,
        locks: list[Lock],
        timeout_s: float,
        done: Callable[[RunResult], None],
        out: Callable[[bytes], None] | None,
        seen: Callable[[str, Path | None], None] | None = None,
    ) -> None:
        self.row = row
        self.runner = runner
        self.asked = asked
        self.locks = locks
        self.over = threading.Event()
        self.sessions: set[str] = {asked.resume} if asked.resume and not asked.fork else set()
        self.before: int | None = None  # what the session had cost, in micros
        self.kept = False  # see `RunRequest`
        self._runs = runs
        self._journal = journal
        self._timeout = timeout_s
        self._done = done
        self._out = out
        self._seen = seen
        self._why = ""  # somebody stopped it
        self._stopped = "cancelled"  # and how that is called
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._head = b""
        self._looked = 0
        self._looking = True
        self._tail = bytearray()
        self._process: Child | None = None
        self._began = 0.0
        self._thread: threading.Thread | None = None

    # ---- the way in

    def begin(self, launch: Callable[..., Child]) -> None:
        """Raises StoreError when there is nothing to start."""
        self._began = time.monotonic()
        self._process = launch(out=self._take, fact=self._fact)
        self._thread = threading.Thread(target=self._wait, name=f"run {self.row.id[:8]}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Until it is over and nothing of it is left."""
        self.over.wait()
        if self._thread is not None:
            self._thread.join()

    def never(self, why: str) -> None:
        """Nothing was started."""
        self._journal.end("never started")
        now = time.time_ns() // 1000
        row = msgspec.structs.replace(self.row, state="failed", reason=why, ended=now, log=self._log())
        self._runs.ended(self, row, None)
        self.over.set()

    def stop(self, why: str) -> None:
        self._why = self._why or why
        self._wake.set()

    def heed(self) -> None:
        """Somebody elsewhere may have asked for its end: look. Only a trigger's run can be asked for that."""
        if self.row.origin == "trigger" and runs_who.asked_to_stop(self._runs.data, self.row.id):
            self._stopped = "stopped"
            self.stop("Stopped by you.")

    def answer(self, rpc: str, option: str) -> Reply | None:
        process: object = self._process  # most take no answers
        return process.answer(rpc, option) if isinstance(process, Answering) else None

    # ---- the process's threads

    def _take(self, data: bytes) -> None:
        self._journal.write(data)
        self._tail += data
        if len(self._tail) > 2 * KEPT:
            del self._tail[:-KEPT]
        if self._looking and self._looked < HEAD:
            self._look(data)
        if self.runner.over and self.runner.over in data:
            self._journal.soon()  # should we be killed now, the log says how it ended
        if self._out is not None:
            self._out(data)

    def _look(self, data: bytes) -> None:
        """The id of the agent's session, as soon as it is said, and then its file, as soon as it is there."""
        self._looked += len(data)
        session = self.row.agent_session
        if session is None:
            self._head += data
            end = self._head.rfind(b"\n") + 1
            session = self.runner.outcome(self._head[:end].split(b"\n"), b"", None).session if end else None
        if session is None:
            return
        find = self.runner.transcript
        file = None if find is None else find(session, self.asked.cwd)
        first = self.row.agent_session is None
        self._looking = find is not None and file is None
        self._head = b""
        self.sessions.add(session)
        self.row = msgspec.structs.replace(
            self.row, agent_session=session, session_key=self.row.session_key if file is None else str(file)
        )
        if first or file is not None:
            try:
                self._runs.seen(self, session, file)
            except StoreError as error:  # it is told again with the end
                log.info("run %s: %s", self.row.id, error)
            if self._seen is not None:
                self._seen(session, file)

    def _fact(self, fact: Fact) -> None:
        if isinstance(fact, Closed):
            self._closed.set()
        else:
            self._wake.set()

    # ---- our thread

    def _wait(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - for the type checker
        state = ""
        try:
            try:
                self._runs.began(self, process.pid)
            except StoreError as error:
                log.warning("run %s has no process in its row: %s", self.row.id, error)
            self.heed()  # it may have been asked for before anybody heard of it
            late = not self._wake.wait(self._timeout or None)
            if process.ended is None:
                state = "timeout" if late else self._stopped
                if not late:
                    process.interrupt()
                    process.join(POLITE)
            if state or not self._closed.is_set():
                process.terminate(GRACE)  # and whoever is left of its group and goes on talking
                self._closed.wait(GRACE)
        except Exception:
            log.exception("run %s is not watched any more", self.row.id)
        finally:
            self._finish(state, process)
            process.terminate(GRACE)  # what it left running and what says nothing keeps nobody waiting

    def _finish(self, state: str, process: Child) -> None:
        fact = process.ended
        try:
            duration = round((time.monotonic() - self._began) * 1_000_000)
            self._journal.end(wording(fact) if fact is not None else "did not end")
            outcome = self.runner.outcome(self._lines(), process.stderr(), fact)
            outcome = settled(outcome, bool(self.asked.resume), self.before)
            self._complain(process.stderr())
            state = state or ("ok" if outcome.ok else "failed")
            row = self._row(state, outcome, fact)
            result = RunResult(
                row.id, state, outcome, row.exit_code, row.reason, duration, row.signal, row.log, row.session_key
            )
        except Exception as error:
            log.exception("the end of run %s", self.row.id)
            why = f"Playhead could not tell how it ended: {error}."
            row = msgspec.structs.replace(self.row, state="failed", reason=why, ended=time.time_ns() // 1000)
            result = RunResult(row.id, "failed", Outcome(False, errors=(why,)), None, why, None)
        self.row = row
        self._runs.ended(self, row, result)
        runs_who.forget_stop(self._runs.data, row.id)
        try:
            self._done(result)
        except Exception:
            log.exception("who waited for run %s", row.id)
        self.over.set()

    def _row(self, state: str, outcome: Outcome, fact: Exited | Killed | None) -> RunRow:
        key = self.row.session_key
        session = outcome.session or self.row.agent_session
        if self.runner.transcript is not None and session and (key is None or session != self.row.agent_session):
            file = self.runner.transcript(session, self.asked.cwd)
            key = key if file is None else str(file)
        return msgspec.structs.replace(
            self.row, state=state, reason=self._reason(state, outcome, fact), ended=time.time_ns() // 1000,
            exit_code=fact.code if isinstance(fact, Exited) else None,
            signal=fact.signal if isinstance(fact, Killed) else None,
            agent_session=session, session_key=key if self.runner.transcript or self._log() else None,
            turns=outcome.turns, input_tokens=outcome.input_tokens, output_tokens=outcome.output_tokens,
            cache_read_tokens=outcome.cache_read_tokens, cache_write_tokens=outcome.cache_write_tokens,
            cost_micros=outcome.cost_micros, log=self._log(),
        )  # fmt: skip

    def _reason(self, state: str, outcome: Outcome, fact: Exited | Killed | None) -> str:
        asked = self.asked.resume
        match state:
            case "cancelled" | "stopped":
                return self._why
            case "timeout":
                return f"It was ended after {self._timeout:g} s, the time it had."
            case "failed":
                how = wording(fact) if fact is not None else "did not end"
                return "; ".join(outcome.errors) or f"{self.runner.title} {how}."
        if asked and not self.asked.fork and outcome.session and outcome.session != asked:
            return f"The agent went on in another session than it was asked to: {outcome.session}."
        return outcome.note

    def _lines(self) -> Iterator[bytes]:
        """What it printed, line by line: from the journal, or as much as is remembered when the disk took none."""
        if not self._journal.lost:
            try:
                yield from lines_of(self._journal.path)
                return
            except FileNotFoundError:
                return  # it printed nothing
            except OSError as error:
                log.warning("%s cannot be read again: %s", self._journal.path, error)
        yield from bytes(self._tail).split(b"\n")

    def _log(self) -> str | None:
        return str(self._journal.path) if self._journal.path.exists() else None

    def _complain(self, stderr: bytes) -> None:
        """Beside the log of what it printed, what it complained about."""
        if stderr.strip():
            try:
                put(complaints(self._journal.path), stderr, private=True)
            except OSError as error:
                log.warning("the complaints of run %s are not kept: %s", self.row.id, error)


def settled(outcome: Outcome, resumed: bool, before: int | None) -> Outcome:
    """What only we know: whether there was a session that could be gone, and what it had cost before, in micros."""
    cost = outcome.cost_micros
    if outcome.in_all and cost is not None:
        cost = None if before is None else max(0, cost - before)
    return msgspec.structs.replace(outcome, cost_micros=cost, in_all=False, stale=outcome.stale and resumed)


def lines_of(path: Path, most: int = LINE) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than any record the beginning. Raises OSError."""
    with path.open("rb") as file:
        while line := file.readline(most):
            yield line
            while line and not line.endswith(b"\n"):
                line = file.readline(most)


def complaints(journal: Path) -> Path:
    """Where the end of a run's stderr is kept."""
    return journal.with_suffix(".stderr.txt")
