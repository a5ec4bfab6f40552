"""Imports the archive: every session below some folders that the database does not know, or as it was before. No Qt.

Newest first, in several processes (`store.archive_work`); what they are given and what becomes of it is decided here.
Killed at any moment it leaves whole sessions only, and the next one goes on. One at a time per database.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct, field

from store.archive_hand import Hand
from store.archive_plan import Plan, plan
from store.archive_talk import GO, PAUSE, Stop, Task, Word, line
from store.catalog import DRAFT, Catalog
from store.child import started
from store.db import reads
from store.db.lock import Lock, hold
from store.delta import Row
from store.errors import StoreError
from store.relay import cores, environment

if TYPE_CHECKING:
    from store.db.writer import Writer

EVERY: Final = 0.1  # seconds between two reports
AHEAD: Final = 16 << 20  # bytes of tasks that a process is given before it has done the first of them
MANY: Final = 256  # such tasks
LEAST: Final = 4 << 20  # bytes that are worth a process
DEATHS: Final = 8  # processes that may end before their time until we give up
TRIES: Final = 2  # times that a session is begun on which a process has died


class Progress(Struct, frozen=True):
    """How far it is. `left` is in seconds; None while nobody can know."""

    done: int = 0  # sessions
    total: int = 0
    bytes: int = 0
    size: int = 0
    records: int = 0
    rate: float = 0.0  # records per second
    left: float | None = None
    indexed: int = 0  # rows that can be searched by now,
    to_index: int = 0  # of so many that could not; 0: the import is not that far


class Totals(Struct):
    """What was done. Files and bytes are those of the sessions that were read, except `files`."""

    files: int = 0  # that were found
    files_parsed: int = 0
    bytes: int = 0
    records: int = 0
    sessions: int = 0  # that came into the database, or grew there
    seconds: float = 0.0
    unchanged: int = 0  # sessions
    drafts: int = 0  # with nothing in them: not kept
    failed: list[str] = field(default_factory=list)  # a sentence for each
    state: str = "running"  # done, cancelled, failed


_behind: Final[list[subprocess.Popen[bytes]]] = []  # nobody waits for them
Tell: TypeAlias = Callable[[Progress], None]


class Busy(StoreError):  # noqa: N818
    """Another import is at it."""


class ArchiveImport:
    """See the module. `run` once, in any thread; the others may be called from any other."""

    def __init__(
        self,
        db: Path,
        places: Sequence[Path],
        tell: Tell | None = None,
        *,
        workers: int | None = None,
        skip: Iterable[str] = (),
        before: int | None = None,
    ) -> None:
        """`skip` and `before` are as in `plan`; `workers` processes at most, else one per core."""
        self.db = db
        self.places = [place.absolute() for place in places]
        self.totals = Totals()
        self._tell = tell
        self._workers = cores() if workers is None else workers
        self._skip = list(skip)
        self._before = before
        self._news: SimpleQueue[tuple[Hand, Word | None] | None] = SimpleQueue()
        self._lock = threading.Lock()  # of the three below
        self._hands: list[Hand] = []
        self._paused = False
        self._rested = 0.0  # seconds of pauses
        self._since = 0.0  # when the present one began
        self._cancelled = False
        self._todo: deque[Task] = deque()
        self._left = 0  # bytes of it
        self._tries: dict[bytes, int] = {}
        self._deaths = 0
        self._drafts: dict[str, tuple[int, int, Row]] = {}
        self._total = self._size = self._done = self._passed = 0  # sessions and bytes, in all and behind us
        self._started = self._told = 0.0

    # ---- from other threads

    def pause(self) -> None:
        """As soon as those at work are between two pieces. Nothing is held meanwhile."""
        with self._lock:
            if not self._paused:
                self._paused, self._since = True, time.monotonic()
                for hand in self._hands:
                    hand.send(PAUSE)

    def resume(self) -> None:
        with self._lock:
            if self._paused:
                self._paused = False
                self._rested += time.monotonic() - self._since
                for hand in self._hands:
                    hand.send(GO)

    def cancel(self) -> None:
        """End it now. What is in stays, and the rest comes another time. A signal may call it."""
        self._cancelled = True
        self._news.put(None)

    # ---- the run

    def run(self) -> Totals:
        """Do it. Raises StoreError: Busy, or when nothing can be written; what came in until then stays."""
        self._started = time.monotonic()
        with closing(_Alone(self.db)):
            found = plan(self.db, self.places, self._skip, self._before)
            self.totals.files, self.totals.unchanged = found.files, found.unchanged
            try:
                if found.tasks and not self._cancelled:
                    self._import(found)
                self.totals.state = "cancelled" if self._cancelled else "done"
            finally:
                self.totals.seconds = round(time.monotonic() - self._started, 3)
        return self.totals

    def _import(self, found: Plan) -> None:
        self._todo = deque(found.tasks)
        self._total = len(self._todo)
        self._size = self._left = sum(task.size for task in self._todo)
        writer: Writer | None = None
        run = 0
        state, why = "failed", None
        try:
            for _ in range(max(1, min(self._workers, self._total, self._size // LEAST))):
                self._hire()
            from store.db.writer import Writer  # those at work load all of SQLAlchemy at the same time

            opened = writer = reads.patiently(lambda: Writer(self.db), self._enough)
            places = "\n".join(map(str, self.places))
            run = reads.patiently(lambda: opened.begin_run(places, self.totals.files), self._enough)
            leftovers = writer.leftovers()
            self._serve()
            state = "cancelled" if self._cancelled else "done"
            if state == "done":  # else the next one does it
                # Not what this one replaced: a window may still show it.
                reads.patiently(lambda: opened.sweep(leftovers))
        except StoreError as error:
            why = str(error)
            raise
        finally:
            self._dismiss()
            self.totals.state = state
            with suppress(StoreError):  # then they are looked at once more
                self._remember()
            if writer is not None:
                totals = self.totals
                with suppress(StoreError):  # the database is the trouble, and that has been said
                    if run:
                        why = why or (totals.failed[0] if totals.failed else None)
                        writer.end_run(run, state, totals.files_parsed, totals.bytes, totals.records, why)
                writer.close()

    def _enough(self) -> bool:
        return self._cancelled

    def _serve(self) -> None:
        """Until everything is done, or somebody cancels."""
        self._report(force=True)
        while not self._cancelled and (self._todo or any(hand.doing for hand in self._hands)):
            for hand in list(self._hands):
                self._give(hand)
            try:
                news = self._news.get(timeout=EVERY)
            except Empty:
                self._report()
                continue
            if news is not None:
                hand, said = news
                if said is None:
                    self._died(hand)
                else:
                    self._hear(hand, said)
            self._report()
        self._report(force=True)

    def _give(self, hand: Hand) -> None:
        """Enough for it to go on; little at the end, so that all are done at the same time."""
        fair = min(AHEAD, self._left // (2 * len(self._hands)))
        while self._todo and len(hand.doing) < MANY and (not hand.doing or hand.ahead < fair):
            again = self._todo[0].path in self._tries
            if hand.doing and (again or hand.alone):
                return  # what a process has died on is tried alone
            task = self._todo.popleft()
            self._left -= task.size
            hand.alone = again
            hand.doing[task.path] = task
            hand.ahead += task.size
            hand.send(line(task))

    def _hear(self, hand: Hand, said: Word) -> None:
        if isinstance(said, Stop):
            raise StoreError(said.why)
        task = hand.doing.get(said.path)
        if task is None:
            return
        if said.what == "at":
            hand.at = min(said.read, task.size)
            return
        self._finish(hand, task)
        totals = self.totals
        if said.what == "failed":
            totals.failed.append(said.why)
            return
        totals.files += max(0, said.files - task.files)  # subagents' files are found with their session
        totals.files_parsed += said.files if said.read else 0
        totals.bytes += said.read
        totals.records += said.records
        totals.sessions += said.what in ("new", "grown")
        totals.unchanged += said.what == "same"
        if said.what == DRAFT:
            totals.drafts += 1
            path = os.fsdecode(task.path)
            row = Row(id=path, agent="", state=DRAFT, bytes=task.size, path=path, session=said.part)
            self._drafts[path] = (task.size, task.mtime_ns, row)

    def _finish(self, hand: Hand, task: Task) -> None:
        del hand.doing[task.path]
        hand.ahead -= task.size
        hand.at = 0
        self._done += 1
        self._passed += task.size

    def _died(self, hand: Hand) -> None:
        """It ended before its time: what it was at is tried once more, each session alone."""
        hand.end()
        code = hand.process.returncode
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._deaths += 1
        if self._deaths > DEATHS:
            raise StoreError(f"The import stopped unexpectedly ({why}): see the log, then start it again.")
        with self._lock:
            self._hands.remove(hand)
        for task in reversed(list(hand.doing.values())):
            self._tries[task.path] = self._tries.get(task.path, 0) + 1
            if self._tries[task.path] >= TRIES and hand.alone:
                self._finish(hand, task)
                self.totals.failed.append(f"{os.fsdecode(task.path)} was not imported: it stopped ({why}).")
            else:
                self._todo.appendleft(task)
                self._left += task.size
        self._hire()

    def _hire(self) -> None:
        try:
            hand = Hand(self.db, self._news)
        except OSError as error:
            raise StoreError(f"The import could not be started: {error.strerror or error}.") from error
        with self._lock:
            self._hands.append(hand)
            if self._paused:
                hand.send(PAUSE)

    def _dismiss(self) -> None:
        with self._lock:
            hands, self._hands = self._hands, []
        for hand in hands:
            hand.end()

    def _remember(self) -> None:
        """Drafts are in no table: the next one is not to read them again."""
        if self._drafts:
            with closing(Catalog(self.db)) as catalog:
                catalog.save(self._drafts)

    def _report(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._tell is None or (now - self._told < EVERY and not force):
            return
        self._told = now
        done = self._passed + sum(hand.at for hand in self._hands)
        rested = self._rested + (now - self._since if self._paused else 0.0)
        spent = max(0.001, now - self._started - rested)
        left = (self._size - done) * spent / done if done else None
        records = self.totals.records
        self._tell(Progress(self._done, self._total, done, self._size, records, records / spent, left))


class _Alone:
    """Held while an import runs: the next one is told that there is one. It ends with the process."""

    def __init__(self, db: Path) -> None:
        try:
            db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock: Lock | None = hold(db.with_name(f"{db.name}.archive"), wait=False)
        except OSError as error:
            raise StoreError(f"{db.parent} cannot be written: check its owner and mode.") from error
        if self._lock is None:
            raise Busy("Another import of the archive is running: wait for it, or end it.")

    def close(self) -> None:
        if self._lock is not None:
            self._lock.drop(remove=False)  # it stays: who holds a file that is gone holds nothing
            self._lock = None


def index_behind(db: Path, *, wait: bool = False) -> None:
    """Have the new rows indexed: in a process of its own that outlives this one, or here and now. Raises StoreError."""
    if wait:
        from store.db.search import catch_up

        catch_up(db)
        return
    command = [*started("store.archive_index"), "--db", str(db)]
    null = subprocess.DEVNULL
    try:
        _behind.append(
            subprocess.Popen(command, stdin=null, stdout=null, stderr=null, env=environment(), start_new_session=True)
        )
    except OSError as error:
        raise StoreError(f"The search index is behind: {error.strerror or error}.") from error
