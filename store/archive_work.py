"""One of the processes that an import of the archive works with: folds session after session into the database.

`python -m store.archive_work` takes tasks on its standard input and says on its standard output what became of each.
Small sessions come in together, many in one transaction, each whole or not at all; big ones as `store.intake` does it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from store.archive_talk import GO, PAUSE, Said, Stop, Task, line, lines, task
from store.db.lock import hold
from store.db.reads import patiently
from store.db.rows import Rows
from store.db.session_rows import Overtaken
from store.db.writer import Made, Writer
from store.draft import has_content
from store.errors import StoreError
from store.facts import Facts
from store.fold import State
from store.formats import named
from store.intake import Outcome, begin, bring_up, sources_of
from store.known import known
from store.sources.journal import draft_of

log = logging.getLogger(__name__)

SMALL: Final = 8 << 20  # bytes of a session that is folded in memory and comes in with others
ROWS: Final = 4_000  # rows per transaction, about: few, because whoever writes besides waits meanwhile
BYTES: Final = 8 << 20  # read for it, whatever the rows
EVERY: Final = 0.1  # seconds between two words about a big session
GARBAGE: Final = 128 << 20  # bytes read between two looks for cycles, of which there are hardly any

Say: TypeAlias = Callable[[Said], None]


class Halted(Exception):  # noqa: N818
    """The database takes nothing any more: why, in a sentence."""


class Work:
    """See the module. `say` is told of a session when it lies in the database, and not before."""

    def __init__(self, db: Path, say: Say, between: Callable[[], None] = lambda: None) -> None:
        """`between` is called often, and never while anything is locked: it may wait."""
        self.db = db
        self._say = say
        self._between = between
        self._writer: Writer | None = None
        self._made: list[tuple[Made, Said]] = []
        self._rows = self._bytes = 0
        self._garbage = 0

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def take(self, task: Task) -> None:
        """Read one session. Raises Halted."""
        path = Path(os.fsdecode(task.path))
        try:
            made = patiently(lambda: self._read(path, task), self._between)
        except (Halted, BrokenPipeError):
            raise
        except (StoreError, Overtaken) as error:
            changing = f"{path} keeps changing while it is read: try again in a moment."
            self._say(Said(task.path, "failed", why=changing if isinstance(error, Overtaken) else str(error)))
            return
        except OSError as error:
            self._say(Said(task.path, "failed", why=f"{path} cannot be read: {error.strerror or error}."))
            return
        except Exception as error:
            # Ours. One session must not cost the others.
            log.exception("the import of %s failed", path)
            self._say(Said(task.path, "failed", why=f"{path} was not imported: {error!r} (see the log)."))
            return
        if isinstance(made, Said):
            self._say(made)
            return
        self._made.append(made)
        self._rows += made[0].rows.rows
        self._bytes += made[1].read
        if self._rows >= ROWS or self._bytes >= BYTES:
            self.flush()

    def flush(self) -> None:
        """What waits in memory comes into the database. Raises Halted."""
        if not self._made:
            return
        many, self._made = self._made, []
        read, self._rows, self._bytes = self._bytes, 0, 0
        writer = self._open()
        try:
            with closing(_Turn(self.db)):
                told = patiently(lambda: writer.admit([made for made, _ in many]), self._between)
        except StoreError as error:
            raise Halted(str(error)) from error
        for (_, said), there in zip(many, told, strict=True):
            if not there:
                said.what = "same"  # a window was faster
            self._say(said)
        self._garbage += read
        if self._garbage >= GARBAGE:
            self._garbage = 0
            gc.collect()

    def _open(self) -> Writer:
        if self._writer is None:
            try:
                self._writer = patiently(lambda: Writer(self.db), self._between)
            except StoreError as error:
                raise Halted(str(error)) from error
        return self._writer

    def _read(self, path: Path, task: Task) -> tuple[Made, Said] | Said:
        if task.session is not None:
            before = known(path, self.db)
            if before is not None:
                before.window.close()
                return self._bring_up(path, task)
        for attempt in range(3):
            try:
                return self._fold(path, task) or self._bring_up(path, task)
            except Overtaken:
                if attempt == 2:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _fold(self, path: Path, task: Task) -> tuple[Made, Said] | Said | None:
        """The session in memory; None if it is too big for that."""
        begun = begin(path, None, alone=True)
        part_of = named(begun.agent).part_of
        if part_of is not None and (part := part_of(path)):
            return Said(task.path, "draft", 1, 0, 0, part=part)  # it is read with the session that it is part of
        if begun.total > SMALL:
            return None
        draft, state = draft_of(path), State()
        facts = Facts().named(draft.title)
        rows, book = Rows(0, state), self._open().first_book(str(path))
        content = False
        reading = begun.reading
        for events in reading:
            content = content or has_content(events)
            rows.add(book.fold(state, facts.sift(events)))
            self._between()
        sources = sources_of(reading, begun.looks, None)
        records = sum(pipe.records for pipe in reading.pipes)
        said = Said(task.path, "new" if content else "draft", len(reading.files), reading.read, records)
        if not content:
            return said  # what the database may have had of it is more, and stays
        taken = rows.take()
        return Made(draft, rows, taken, state, facts, begun.agent, sources, task.session, book), said

    def _bring_up(self, path: Path, task: Task) -> Said:
        self.flush()
        told = time.monotonic()

        def tell(done: int, _total: int, _rows: int) -> None:
            nonlocal told
            self._between()
            if time.monotonic() - told >= EVERY:
                told = time.monotonic()
                self._say(Said(task.path, "at", read=done))

        try:
            outcome: Outcome = bring_up(self._open(), path, None, tell, alone=True)
        except BaseException:
            self.close()  # it may hold a session that will not be finished
            raise
        what = "draft" if outcome.session is None else "new" if outcome.anew else "grown" if outcome.read else "same"
        return Said(task.path, what, outcome.files, outcome.read, outcome.records)


class _Turn:
    """Held while many sessions are written: two of us wait for each other in the system, not in SQLite's sleep."""

    def __init__(self, db: Path) -> None:
        try:
            self._lock = hold(db.with_name(f"{db.name}.archive-turn"), wait=True)
        except OSError as error:
            raise StoreError(f"{db.parent} cannot be written: {error.strerror or error}.") from error

    def close(self) -> None:
        if self._lock is not None:
            self._lock.drop(remove=False)


# ---- the process


class Orders:
    """What comes in on standard input, taken by a thread of its own: a pause is heard in the middle of a session."""

    def __init__(self, stdin: int) -> None:
        self.tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._go = threading.Event()
        self._go.set()
        self._stdin = stdin
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    def wait(self) -> None:
        """Until there is no pause."""
        self._go.wait()

    def _listen(self) -> None:
        for order in lines(self._stdin):
            if order == PAUSE:
                self._go.clear()
            elif order == GO:
                self._go.set()
            else:
                self.tasks.put(task(order))
        self._go.set()
        self.tasks.put(None)


def work(db: Path, orders: Orders, say: Say) -> None:
    """Task by task until there are no more. Raises Halted."""
    doing = Work(db, say, orders.wait)
    try:
        while True:
            if orders.paused:
                doing.flush()
                orders.wait()
            try:
                one = orders.tasks.get_nowait()
            except Empty:
                doing.flush()
                one = orders.tasks.get()
            if one is None:
                doing.flush()
                return
            doing.take(one)
    finally:
        doing.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="store.archive_work", description="Fold sessions into the database.")
    parser.add_argument("--db", type=Path, required=True)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    gc.disable()
    gc.freeze()
    with os.fdopen(os.dup(1), "wb", buffering=0) as out:
        os.dup2(2, 1)  # whatever else is printed must not come between

        def say(message: Said | Stop) -> None:
            out.write(line(message))

        try:
            work(options.db, Orders(sys.stdin.fileno()), say)
        except Halted as error:
            say(Stop(str(error)))
            return 1
        except BrokenPipeError:
            return 1  # whoever wanted to know is gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
