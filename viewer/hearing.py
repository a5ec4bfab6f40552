"""What other Playheads of this machine do, as signals of the window: their runs, threads, deliveries, triggers,
and what becomes of sessions.

Nothing is asked for now and then: a word comes as it happens. Many words before the window gets to them are one.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal

from store import word
from store.word import Ear
from viewer.jobs import Jobs


class Hearing(QObject):
    """Made by app once the window is shown. `ear` is closed by whoever made it."""

    runs = Signal()  # a run began or ended, a thread or a delivery changed; here or elsewhere
    triggers = Signal()  # one was made, changed, switched or deleted; here or elsewhere
    sessions = Signal()  # one was named, archived, deleted or restored; here or elsewhere
    listens = Signal()  # from now on
    _told = Signal(str)  # queued: words come on the watcher's thread

    def __init__(self, ear: Ear, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ear = ear
        self._waiting: set[str] = set()
        self._told.connect(self.on_told, Qt.ConnectionType.QueuedConnection)
        jobs.run(self._listen, lambda _: self.listens.emit())

    def _listen(self) -> None:
        for one in (word.RUNS, word.TRIGGERS, word.SESSIONS):
            self._ear.on(one, partial(self._hear, one))

    def _hear(self, one: str) -> None:
        if one not in self._waiting:
            self._waiting.add(one)
            with suppress(RuntimeError):  # the window is gone
                self._told.emit(one)

    def on_told(self, one: str) -> None:
        self._waiting.discard(one)
        {word.TRIGGERS: self.triggers, word.SESSIONS: self.sessions}.get(one, self.runs).emit()
