"""Ends a trigger's run from the window: looks, asks, has it ended by whoever is at it, and says how that went.

For the panel's tables and the line above the composer. Everything of the store is done in jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from store import stops
from store.errors import StoreError
from store.stops import AtWork
from viewer.jobs import Jobs
from viewer.panel.questions import ask
from viewer.panel.toast import Say
from viewer.panel.words import brief

if TYPE_CHECKING:
    from store.runs import RunRow

NET: Final = 3_000  # ms until it is looked whether it is over though nothing was told: its owner may have been killed
LOOKS: Final = 7  # of those; then it is said that it goes on

Find = Callable[[], AtWork | None]


class Ending(QObject):
    """See the module. `say` has sentences for the user; one run at a time."""

    changed = Signal()  # it was asked to end, or is over: what shows it is read again

    def __init__(self, jobs: Jobs, db: Path, say: Say, parent: QWidget) -> None:
        super().__init__(parent)
        self._jobs, self._db, self._say, self._over = jobs, db, say, parent
        self.question: QMessageBox | None = None
        self._work: AtWork | None = None  # asked to end, and not over
        self._left = 0
        self._clock = QTimer(self)
        self._clock.setInterval(NET)
        self._clock.timeout.connect(self.on_time)

    @property
    def busy(self) -> bool:
        return self._work is not None

    def ask(self, find: Find) -> None:
        """Look what runs there, and ask whether it is to be ended."""
        if not self.busy:
            self._jobs.run(find, self._found, self._failed)

    def _found(self, work: AtWork | None) -> None:
        if work is None:
            self._say("Nothing runs there any more.")
            self.changed.emit()
            return
        what = "Its session is being made shorter; that and the run behind it are ended." if work.compacts else (
            "The agent and all that it has started are ended. What it has done so far stays."
        )  # fmt: skip
        self.question = ask(
            self._over, "stop-run", f"Stop the run of {brief(work.thread or work.trigger)}?",
            f"{what} Its thread stays as it was before this run. {stops.told(work)} This cannot be undone.".replace(
                "  ", " "), "Stop", partial(self.end, work),
        )  # fmt: skip

    def end(self, work: AtWork) -> None:
        """End it."""
        db, self._work, self._left = self._db, work, LOOKS
        self._jobs.run(lambda: stops.stop(db, work), self._begun, self._failed)

    def _begun(self, asked: bool) -> None:
        if self.busy:  # else its end was told before this
            self._clock.start()
        if not asked:  # it is over, and nobody tells that any more
            self.look()
        self.changed.emit()

    def on_time(self) -> None:
        self._left -= 1
        self.look()

    def look(self) -> None:
        """A run has ended somewhere: look whether it was this one."""
        db, work = self._db, self._work
        if work is not None:
            self._jobs.run(lambda: stops.over(db, work, 0), partial(self._looked, work), partial(self._missed, work))

    def _missed(self, work: AtWork, error: Exception) -> None:
        """It was asked to end, also when the database cannot say now what came of that."""
        if isinstance(error, StoreError):
            self._looked(work, None)
        else:
            self._failed(error)

    def _looked(self, work: AtWork, row: RunRow | None) -> None:
        if work is not self._work:
            return
        name = brief(work.thread or work.trigger)
        if row is None and self._left > 0:
            return
        self._done()
        if row is None:
            self._say(f"{name} was asked to stop, and goes on still: it is ended as soon as it can be.", failed=True)
        elif row.state == "stopped":
            self._say(f"The run of {name} is stopped. {stops.told(work)}".rstrip())
        else:
            self._say(f"The run of {name} had ended before: {row.state}. {row.reason}".rstrip())
        self.changed.emit()

    def _done(self) -> None:
        self._clock.stop()
        self._work = None

    def _failed(self, error: Exception) -> None:
        self._done()
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self._say(f"Not stopped: {error}", failed=True)
        self.changed.emit()
