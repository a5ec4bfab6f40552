"""Which sessions are archived or deleted, and the commands for it: what may be done, and doing it. Used by window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from store.delta import Row
from store.paths import data_dir
from store.states import Closed, hint
from viewer.jobs import Jobs

ACTIONS: Final = {
    "archive": "Archive…",
    "fork": "Copy the command of a fork",
    "delete": "Delete",
    "restore": "Restore",
}
DONE: Final = {
    "archive": "Archived. Nothing that its agent writes from now on is added to it.",
    "delete": "Deleted from the list. Its file and its rows are still there.",
    "restore": "Restored. It is archived as before.",
}


class Shelf(QObject):
    """See the module. Reads and writes off the GUI thread; a failure is told as an exception."""

    changed = Signal(object)  # path → Closed, of all of them
    moved = Signal(str, str)  # action, path: it is done
    elsewhere = Signal(str, str)  # path, its state now: another Playhead or a command has done it
    command = Signal(str)  # a line for a terminal

    def __init__(self, jobs: Jobs, failed: Callable[[Exception], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.closed: Mapping[str, Closed] = {}
        self._jobs = jobs
        self._failed = failed
        self._busy: set[str] = set()  # sessions that something is being done with
        self.loaded = False  # somebody has asked the database
        self._asked = self._answered = 0  # two workers: an older answer may come last

    def load(self) -> None:
        """Ask the database."""
        self.loaded = True
        number = self._next()
        self._jobs.run(_read, lambda closed: self._take(number, closed), self._failed)

    def state_of(self, path: str) -> str:
        found = self.closed.get(path)
        return found.status if found is not None else "paused"

    def refusal(self, action: str, path: str, row: Row | None = None) -> str:
        """Why it cannot be done now, as a sentence; '' when it can."""
        if not path.startswith("/") and not Path(path).is_absolute():
            return "This is a stream, and no file of an agent." if path else "No session is open."
        if path in self._busy:
            return "It is being done."
        why = hint(self.state_of(path), action)
        if not why and action == "archive" and row is not None and row.state == "draft":
            why = "there is nothing in it yet"
        return f"{why[0].upper()}{why[1:]}." if why else ""

    def do(self, action: str, path: str) -> None:
        """Begin it. What came of it is told by the signals."""
        if self.refusal(action, path):
            return
        self._busy.add(path)
        number = self._next()

        def done(told: tuple[str, Mapping[str, Closed]]) -> None:
            self._busy.discard(path)
            line, closed = told
            if number < self._answered:  # what was asked later was answered sooner, and may not know of this
                others = {other: one for other, one in self.closed.items() if other != path}
                own = {path: closed[path]} if path in closed else {}
                self._take(self._next(), others | own, path)
            else:
                self._take(number, closed, path)
            if line:
                self.command.emit(line)
            else:
                self.moved.emit(action, path)

        def failed(error: Exception) -> None:
            self._busy.discard(path)
            self.changed.emit(self.closed)
            self._failed(error)

        self._jobs.run(lambda: _act(action, Path(path)), done, failed)

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _take(self, number: int, closed: Mapping[str, Closed], own: str = "") -> None:
        if number <= self._answered:
            return
        first, before = not self._answered, self.closed
        self._answered, self.closed = number, closed
        self.changed.emit(closed)
        for path in () if first else sorted({*before, *closed} - self._busy - {own}):
            old, new = before.get(path), closed.get(path)
            if (old and old.status) != (new and new.status):
                self.elsewhere.emit(path, self.state_of(path))


def _read() -> Mapping[str, Closed]:
    from store.about import closed  # no start waits for it

    return closed(_db())


def _act(action: str, path: Path) -> tuple[str, Mapping[str, Closed]]:
    from store import archive
    from store.about import closed

    db = _db()
    line = ""
    if action == "fork":
        line = archive.fork_command(db, path)
    else:
        getattr(archive, action)(db, path)
    return line, closed(db)


def _db() -> Path:
    return data_dir() / "playhead.db"
