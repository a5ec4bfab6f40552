"""Rows of an archive on a server for the screen: read by a thread of their own, so that it never stalls the window.

What is there within a moment is given at once. For the rest the screen shows rows that stand for others, until
`arrived` says that they are here. What is asked of all rows (heights, nesting, where an id may stand) and the last
rows are fetched when this is made, by whoever opens the session: no question of the screen goes to the server itself.
"""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final, TypeAlias

from store.db import place
from store.errors import LaterError, StoreError
from store.events import ItemId
from store.items import Item
from store.window import SLOW, DbWindow, hash_of, places

log = logging.getLogger(__name__)

MOMENT: Final = 0.008  # seconds that the screen waits: half a frame, and several answers of a server nearby
BEAT: Final = 0.1  # seconds in which it waits no longer than a moment, however many questions there are
IDLE: Final = 10.0  # seconds without a question after which thread and connection go
WAITING: Final = 16  # questions that wait at most: whoever scrolls fast does not want all that went by
KEPT: Final = 16  # answers that nobody has taken
LAST: Final = 256  # rows that are fetched with the window: more than a screen at the end
ALIGNED: Final = 64  # rows: the screen asks for pages of them

Span: TypeAlias = tuple[int, int]  # first row, how many


class AwayWindow:
    """A Window, see the module. `arrived` (first, count, here) is called on a thread of ours; `here`: with an answer,
    else the question was given up for newer ones."""

    def __init__(self, window: DbWindow, last: int = LAST) -> None:
        """On a worker: reads three columns of the session, and so many `last` rows. Raises StoreError."""
        self.arrived: Callable[[int, int, bool], None] | None = None
        window.close()  # it had to be quick; what is read here may take its time
        self._window = window
        with closing(window.again(SLOW)) as asked:
            self._weights, self._nested, self._hashes = asked.weights(), asked.nested(), asked.hashes()
            self._first = max(0, window.length - last) // ALIGNED * ALIGNED
            self._last = asked.read(self._first, window.length - self._first)
        self._changing = threading.Condition()
        self._wanted: OrderedDict[Span, None] = OrderedDict()  # the newest question is answered first
        self._late: set[Span] = set()  # whoever asked has gone on
        self._there: OrderedDict[Span, list[Item] | StoreError] = OrderedDict()
        self._thread: threading.Thread | None = None
        self._beat, self._patience = 0.0, MOMENT

    @property
    def length(self) -> int:
        return self._window.length

    def weights(self) -> array[int]:
        return self._weights

    def nested(self) -> array[int]:
        return self._nested

    def may_be(self, row: int, item: ItemId) -> bool:
        """Whether a row has the hash of an id. Asks nobody."""
        return self._hashes[4 * row : 4 * row + 4] == hash_of(item)

    def candidates(self, item: ItemId) -> list[int]:
        """The rows that have it, the newest first: nearly always one, and none if there is no such row. Asks nobody."""
        return [*places(self._hashes, hash_of(item))][::-1]

    def find(self, item: ItemId) -> int | None:
        """The newest row that may be it."""
        return next(iter(self.candidates(item)), None)

    def run(self, first: int, end: int) -> Iterator[Item]:
        return self._window.run(first, end)

    def failing(self, first: int, end: int, by: int) -> Iterator[tuple[int, Item]]:
        return self._window.failing(first, end, by)

    def close(self) -> None:
        self._window.close()

    def read(self, first: int, count: int) -> list[Item]:
        """Raises LaterError when they take longer than a moment: `arrived` is called when it is worth to ask again."""
        if first >= self._first:
            return self._last[first - self._first : first - self._first + count]
        span = (first, count)
        with self._changing:
            if span not in self._there:
                self._ask(span)
                self._wait(span)
            answer = self._there.pop(span, None)
            if answer is None:
                self._late.add(span)
                raise LaterError("These rows are being read from the server.")
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def _wait(self, span: Span) -> None:
        """What is left of a moment, for all questions of a beat together."""
        now = time.monotonic()
        if now >= self._beat:
            self._beat, self._patience = now + BEAT, MOMENT
        if self._patience > 0:
            self._changing.wait_for(lambda: span in self._there, self._patience)
            self._patience -= time.monotonic() - now

    def _ask(self, span: Span) -> None:
        self._wanted[span] = None
        self._wanted.move_to_end(span)
        while len(self._wanted) > WAITING:
            given_up, _ = self._wanted.popitem(last=False)
            self._late.discard(given_up)
            self._tell(given_up, here=False)  # should it be seen again, it is asked for again
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
                    window = window or self._window.again(SLOW)
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

    def _answer(self, span: Span, answer: list[Item] | StoreError) -> None:
        with self._changing:
            self._wanted.pop(span, None)
            self._there[span] = answer
            while len(self._there) > KEPT:
                self._there.popitem(last=False)
            late = span in self._late
            self._late.discard(span)
            self._changing.notify_all()
        if late:
            self._tell(span, here=True)

    def _tell(self, span: Span, *, here: bool) -> None:
        arrived = self.arrived
        if arrived is None:
            return
        try:
            arrived(*span, here)
        except RuntimeError:  # the window is gone: nobody waits for it
            log.debug("rows %d… came too late", span[0])


def for_screen(window: DbWindow, last: int = 0) -> DbWindow | AwayWindow:
    """What the screen reads: the file itself, or a server through a thread. `last`: rows that it shows already."""
    return window if place.server(window.path) is None else AwayWindow(window, max(last, LAST))
