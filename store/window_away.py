"""Rows of an archive on a server for the screen: read by a thread of their own, so that it never stalls the window.

What is there within a moment is given at once. For the rest the screen shows rows that stand for others, until
`arrived` says that they are here. Heights and nesting are fetched when this is made, by whoever opens the session.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from store.db import place, reads
from store.errors import LaterError, StoreError
from store.events import ItemId
from store.items import Item
from store.window import DbWindow

log = logging.getLogger(__name__)

MOMENT: Final = 0.008  # seconds that the screen waits: half a frame, and several answers of a server nearby
SLOW: Final = 30_000  # milliseconds that the server has
IDLE: Final = 10.0  # seconds without a question after which thread and connection go
WAITING: Final = 16  # questions that wait at most: whoever scrolls fast does not want all that went by
KEPT: Final = 16  # answers that nobody has taken

Span: TypeAlias = tuple[int, int]  # first row, how many


class AwayWindow:
    """A Window, see the module. `arrived` (first, count) is called on a thread of ours."""

    def __init__(self, window: DbWindow) -> None:
        """On a worker: reads two columns of the session. Raises StoreError."""
        self.arrived: Callable[[int, int], None] | None = None
        self._window = window
        self._weights, self._nested = window.weights(), window.nested()
        self._changing = threading.Condition()
        self._wanted: OrderedDict[Span, None] = OrderedDict()  # the newest question is answered first
        self._late: set[Span] = set()  # whoever asked has gone on
        self._there: OrderedDict[Span, list[Item] | StoreError] = OrderedDict()
        self._thread: threading.Thread | None = None

    @property
    def length(self) -> int:
        return self._window.length

    def weights(self) -> array[int]:
        return self._weights

    def nested(self) -> array[int]:
        return self._nested

    def find(self, item: ItemId) -> int | None:
        return self._window.find(item)

    def close(self) -> None:
        self._window.close()

    def read_now(self, first: int, count: int) -> list[Item]:
        """For whoever cannot go on without them."""
        return self._window.read(first, count)

    def read(self, first: int, count: int) -> list[Item]:
        """Raises LaterError when they take longer than a moment: `arrived` is called when it is worth to ask again."""
        span = (first, count)
        with self._changing:
            if span not in self._there:
                self._ask(span)
                self._changing.wait_for(lambda: span in self._there, MOMENT)
            answer = self._there.pop(span, None)
            if answer is None:
                self._late.add(span)
                raise LaterError("These rows are being read from the server.")
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def _ask(self, span: Span) -> None:
        self._wanted[span] = None
        self._wanted.move_to_end(span)
        while len(self._wanted) > WAITING:
            given_up, _ = self._wanted.popitem(last=False)
            self._late.discard(given_up)
            if self.arrived is not None:  # should it be seen again, it is asked for again
                self.arrived(*given_up)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="rows from a server", daemon=True)
            self._thread.start()
        self._changing.notify_all()

    # ---- the thread

    def _run(self) -> None:
        window: DbWindow | None = None
        try:
            while True:
                with self._changing:
                    if not self._changing.wait_for(lambda: bool(self._wanted), IDLE):
                        self._thread = None
                        return
                    span = next(reversed(self._wanted))
                answer: list[Item] | StoreError
                try:
                    window = window or self._open()
                    answer = window.read(*span)
                except StoreError as error:
                    answer = error
                    if window is not None:  # it may be the connection
                        window.close()
                        window = None
                self._answer(span, answer)
        finally:
            if window is not None:
                window.close()

    def _open(self) -> DbWindow:
        mine = self._window
        try:
            connection = reads.connect(mine.path, SLOW)
        except sqlite3.Error as error:
            raise reads.trouble(error, mine.path) from error
        return DbWindow(mine.path, mine.session, mine.length, connection, kept=mine.kept)

    def _answer(self, span: Span, answer: list[Item] | StoreError) -> None:
        with self._changing:
            self._wanted.pop(span, None)
            self._there[span] = answer
            while len(self._there) > KEPT:
                self._there.popitem(last=False)
            late = span in self._late
            self._late.discard(span)
            self._changing.notify_all()
        arrived = self.arrived
        if late and arrived is not None:
            try:
                arrived(*span)
            except RuntimeError:  # the window is gone: nobody waits for it
                log.debug("rows %d… came too late", span[0])


def for_screen(window: DbWindow) -> DbWindow | AwayWindow:
    """What the screen reads: the file itself, or a server through a thread."""
    return window if place.server(window.path) is None else AwayWindow(window)
