"""Looks up what sessions cost, for their lines in the list: when they are listed, and when figures were made.

For window. Off the GUI thread, one statement for all; `store.figures` adds up, at quiet times.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from store.delta import Row, Spent
from store.errors import StoreError
from store.paths import data_dir
from store.states import FINE
from viewer.jobs import Jobs

if TYPE_CHECKING:
    from store.insight_talk import Told

log = logging.getLogger(__name__)


class Spending(QObject):
    """See the module."""

    found = Signal(object)  # path → Spent

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loads = 0  # for tests
        self._jobs = jobs
        self._busy = False  # one at a time: an older answer must not come last
        self._again = False

    def load(self) -> None:
        """Ask the database."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        self.loads += 1
        self._jobs.run(_read, self._take, self._fail)

    def told(self, told: Told, row: Row | None) -> None:
        """Figures of a session were made for the window: its line has them at once. `row`: as it is listed."""
        figures = told.figures
        if row is None or not told.priced or not figures:
            return
        usd = figures.get("cost_usd")
        whole = usd is not None and not figures.get("unpriced_requests")
        cost = round(usd * 1_000_000) if whole and usd is not None else None
        self.found.emit({row.path or row.id: Spent(cost, figures.get("outcome") not in FINE, row.bytes)})

    def _take(self, found: Mapping[str, Spent]) -> None:
        self._over()
        self.found.emit(found)

    def _fail(self, error: Exception) -> None:
        self._over()
        if not isinstance(error, StoreError):
            raise error
        log.info("what sessions cost is not known: %s", error)  # whoever opens one is told why

    def _over(self) -> None:
        self._busy = False
        if self._again:
            self._again = False
            self.load()


def _read() -> Mapping[str, Spent]:
    from store.about import spent  # no start waits for it

    return spent(data_dir() / "playhead.db")
