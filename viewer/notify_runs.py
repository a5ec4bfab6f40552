"""Runs of triggers on the desktop: one by one, and several that end together in one sentence. For the window.

A burst of webhooks is one notification, however many runs it makes: what ends within a moment is told of together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

from viewer import wording
from viewer.notify import Notifier
from viewer.rows.sheet import span_text

if TYPE_CHECKING:
    from store.service import Fired

MOMENT: Final = 1_000  # ms from the first on


class FiredRuns(QObject):
    """See the module. `opened`: whether a session is open here; the ends of its turns are told of anyway."""

    def __init__(self, notifier: Notifier, opened: Callable[[str], bool]) -> None:
        super().__init__(notifier)
        self._notifier, self._opened = notifier, opened
        self._ended: list[Fired] = []
        self.clock = QTimer(self)
        self.clock.setSingleShot(True)
        self.clock.setInterval(MOMENT)
        self.clock.timeout.connect(self.tell)

    def take(self, run: Fired) -> None:
        """It is over. What the user has stopped is no news."""
        if run.state in ("cancelled", "stopped") or (run.state == "ok" and self._opened(run.session)):
            return
        self._ended.append(run)
        if not self.clock.isActive():
            self.clock.start()

    def tell(self) -> None:
        """Of all that has ended since the first."""
        ended, self._ended = self._ended, []
        if len(ended) == 1:
            (one,) = ended
            took = span_text(one.duration_us)
            text = f"Finished after {took}" if took else "Finished"
            self._notifier.tell(one.session, text if one.state == "ok" else f"Failed: {one.reason}", one.trigger)
        elif ended:
            bad = sum(one.state != "ok" for one in ended)
            good = wording.many(len(ended) - bad, "run") + " finished" if bad < len(ended) else ""
            failed = (f"{bad:,} failed" if good else f"{wording.many(bad, 'run')} failed") if bad else ""
            names = ", ".join(dict.fromkeys(one.trigger for one in ended))
            self._notifier.tell("", ", ".join(filter(None, (good, failed))), names)
