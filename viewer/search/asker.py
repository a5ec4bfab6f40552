"""Asks the store where a text is, off the GUI thread: a newer question interrupts an older one. For pane."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from store.errors import StoreError
from store.search import Found, Search
from viewer.jobs import Job, Jobs

LIMIT: Final = 200  # rows that are shown: the newest


class Asker(QObject):
    """See the module. Each question has a connection of its own, closed with its answer."""

    answered = Signal(object)  # Found, with at most LIMIT + 1 hits
    refused = Signal(str)  # a sentence: the query is none, or the database cannot be read

    def __init__(self, jobs: Jobs, db: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._db = db
        self._asked: tuple[Job, Search] | None = None

    def ask(self, text: str, within: str = "") -> None:
        """`within`: the path of the one session to look in; '' is every session."""
        self.stop()
        search = Search(self._db)

        def work() -> Found:
            try:
                return search.find(text, limit=LIMIT + 1, within=within or None)
            finally:
                search.close()

        self._asked = self._jobs.run(work, self.on_found, self.on_failed), search

    def stop(self) -> None:
        """Nobody waits for the answer any more."""
        if self._asked is not None:
            job, search = self._asked
            self._asked = None
            job.cancel()
            search.interrupt()

    def on_found(self, found: Found) -> None:
        self._asked = None
        self.answered.emit(found)

    def on_failed(self, error: Exception) -> None:
        self._asked = None
        if not isinstance(error, StoreError):
            raise error
        self.refused.emit(str(error))
