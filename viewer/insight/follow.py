"""Which session's figures the dock shows, and when they are asked for again: at the due times. Made by the window.

Nothing is asked while the dock is closed, and no clock runs while nothing has come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, QTimer, Slot

from store.delta import Delta
from store.due import Due
from store.insight_talk import Told
from viewer.insight.pane import InsightPane
from viewer.theme.look import Look

if TYPE_CHECKING:
    from store.live import Live

LEAST: Final = 0.25  # seconds that even many events wait
REST: Final = 3  # times what the last answer took


class InsightFollow(QObject):
    """See the module. `keep` says whether the database may take in what it does not have."""

    def __init__(self, live: Live, look: Look, keep: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.pane = InsightPane(look)
        self.key = ""
        self.asked = 0  # questions; for tests
        self._live = live
        self._keep = keep
        self._seen = False  # the dock is open
        self._stale = False  # something came while it was not, or while it is read
        self._reading: set[str] = set()  # sessions that an import is at: their figures come with its end
        self._due: Due[str] = Due(least=LEAST)
        self._waiting = False  # for an answer
        self._began = 0.0  # when it was asked for
        self._rest = 0.0  # until then nothing is asked: figures cost a small part of a core, however much comes
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.on_due)
        self.pane.again.connect(self.ask)
        live.told.append(self.on_changed)
        live.finished.connect(self.on_finished)
        live.progress.connect(self.on_progress)
        live.figured.connect(self.on_told, Qt.ConnectionType.QueuedConnection)

    def show_session(self, key: str) -> None:
        """Another session is in the timeline; '' is none."""
        if key == self.key:
            return
        self.key = key
        self._reading &= set(self._live.hub.sessions)  # one that was closed meanwhile says no end
        self._timer.stop()
        self._due = Due(least=LEAST)
        self._waiting, self._rest = False, 0.0
        self.pane.clear()
        self._stale = bool(key)
        self._ask_if_seen()

    def set_seen(self, seen: bool) -> None:
        """The dock was opened or closed."""
        self._seen = seen
        if not seen:
            self._timer.stop()
        self._ask_if_seen()

    def ask(self) -> None:
        """Now."""
        self._timer.stop()
        self._due = Due(least=LEAST)
        self._stale = False
        if not self.key:
            return
        self.pane.wait()
        self.asked += 1
        self._waiting, self._began = True, time.monotonic()
        if not self._live.figures(self.key, len(self.pane.known), keep=self._keep()):
            self.pane.clear("This session is closed.")

    def _ask_if_seen(self) -> None:
        if not (self._seen and self._stale and self.key):
            return
        if self.key in self._reading:
            self.pane.clear("Its turns are added up when the whole of it has been read.")
        else:
            self.ask()

    @Slot(object)
    def on_changed(self, delta: Delta) -> None:
        if delta.session != self.key:
            return
        events = len(delta.added) + len(delta.changed)
        if not events and delta.keep is None and delta.rebase is None:
            return
        if not self._seen or self.key in self._reading:
            self._stale = True
            return
        self._due.note(self.key, time.monotonic(), events)
        self._plan()

    @Slot(str, object)
    def on_finished(self, key: str, outcome: object) -> None:
        """A turn is over, or the stream is."""
        if key == self.key and self._seen and key not in self._reading:
            self._due.note(key, time.monotonic(), closed=True)
            self._plan()

    def _plan(self) -> None:
        due = self._due.next()
        if due is None or self._waiting:
            return
        self._timer.start(max(1, round((max(due, self._rest) - time.monotonic()) * 1000)))

    @Slot()
    def on_due(self) -> None:
        if self._due.collect(time.monotonic()):
            self.ask()
        else:
            self._plan()

    @Slot(str, int, int)
    def on_progress(self, key: str, done: int, total: int) -> None:
        if done < total:
            self._reading.add(key)
        else:
            self._reading.discard(key)
            if key == self.key:
                self._stale = True
                self._ask_if_seen()

    @Slot(object)
    def on_told(self, told: Told) -> None:
        if told.key == self.key and not told.priced:  # the whole of it follows
            if told.first <= len(self.pane.known):
                self.pane.show_told(told)
        elif told.key == self.key:
            now = time.monotonic()
            self._waiting, self._rest = False, now + REST * (now - self._began)
            if told.first > len(self.pane.known):  # an answer to an older question: the session was left meanwhile
                self.ask()
                return
            self.pane.show_told(told)
            self._plan()
