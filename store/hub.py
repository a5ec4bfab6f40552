"""Where workers put events and the tick takes them: order is kept per session, work per tick is bounded. No Qt.

`put` may be called from any worker. Everything else belongs to one thread, the GUI's when there is one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event as Event_
from threading import Lock
from typing import Final, TypeAlias

from store.delta import Delta
from store.events import Event
from store.session import Clock, Fact, Loaded, Session

BUDGET: Final = 0.008  # seconds of folding per tick; what is left goes to the next one, in order
CROWD: Final = 100_000  # waiting events at which sources are held back, as a full pipe holds back its writer
JOIN: Final = 4096  # events joined to one run; more would only be copied from tick to tick in a flood

News: TypeAlias = "Sequence[Event] | Loaded | Callable[[Session], None]"


class Hub:
    """All live sessions, and what waits for them."""

    def __init__(self, wake: Callable[[], None], clock: Clock = time.perf_counter, budget: float = BUDGET) -> None:
        """`wake` is called, from whichever thread puts first, when there is work again after a quiet time."""
        self.sessions: dict[str, Session] = {}
        self.unknown: dict[str, int] = {}  # events for sessions that nobody opened: counted, shown, not swallowed
        self.folded = 0  # events so far
        self.facts: list[Fact] = []
        self._wake = wake
        self._clock = clock
        self._budget = budget
        self._lock = Lock()
        self._inbox: dict[str, deque[News]] = {}
        self._armed = False
        self.backlog = 0  # events that wait
        self.room = Event_()  # cleared while too many wait; sources that can hold back look at it
        self.room.set()

    def put(self, key: str, news: News) -> None:
        """Hand over events, a loaded past, or a change to make in order between them. Any thread."""
        with self._lock:
            waiting = self._inbox.get(key)
            if waiting is None:
                waiting = self._inbox[key] = deque()
            waiting.append(news)
            if isinstance(news, Sequence):
                self.backlog += len(news)
                if self.backlog > CROWD:
                    self.room.clear()
            wake = not self._armed
            self._armed = True
        if wake:
            self._wake()

    @property
    def pending(self) -> bool:
        return bool(self._inbox)

    def flush(self, only: str | None = None, *, bounded: bool = True) -> list[Delta]:
        """One tick: take what came, session by session, until the budget is spent. One Delta per session at most.

        `only` restricts it to one session; `bounded=False` takes everything, for the moments when nothing visible may
        be missing (a permission question, a switch, export, quit).
        """
        clock = self._clock if bounded else None
        deadline = self._clock() + self._budget if bounded else 0.0
        touched: dict[str, None] = {}
        keys = [only] if only is not None else list(self._inbox)
        for turn, key in enumerate(keys):
            if turn and clock is not None and clock() >= deadline:
                break
            # Every session gets its share, so that one flood does not silence the others.
            share = deadline if clock is None else clock() + max(0.0005, (deadline - clock()) / (len(keys) - turn))
            self._flush_one(key, clock, share)
            touched[key] = None
        with self._lock:
            if self.backlog <= CROWD // 2:
                self.room.set()
            if len(keys) > 1 and self._inbox:  # those that waited longest come first in the next tick
                for key in [key for key in self._inbox if key in touched]:
                    self._inbox[key] = self._inbox.pop(key)
            if not self._inbox:
                self._armed = False
        deltas = []
        for key in touched:
            session = self.sessions.get(key)
            if session is not None:
                self.facts += session.facts
                session.facts = []
                delta = session.take(self.backlog if key in self._inbox else 0)
                if delta is not None:
                    deltas.append(delta)
        return deltas

    def _took(self, count: int) -> None:
        with self._lock:
            self.backlog -= count

    def forget(self, key: str) -> None:
        """The session is closed: what still waits for it is nobody's."""
        with self._lock:
            for news in self._inbox.pop(key, ()):
                if isinstance(news, Sequence):
                    self.backlog -= len(news)
            if self.backlog <= CROWD // 2:
                self.room.set()
        self.sessions.pop(key, None)

    def _flush_one(self, key: str, clock: Clock | None, deadline: float) -> None:
        while True:
            with self._lock:
                waiting = self._inbox.get(key)
                if not waiting:
                    self._inbox.pop(key, None)
                    return
                news = waiting.popleft()
                if isinstance(news, Sequence) and waiting and isinstance(waiting[0], Sequence):
                    # What several reads brought is one run.
                    joined = list(news)
                    while waiting and len(joined) < JOIN and isinstance(waiting[0], Sequence):
                        joined += waiting.popleft()  # type: ignore[arg-type]
                    news = joined
            session = self.sessions.get(key)
            if session is None:
                if isinstance(news, Sequence):
                    self.unknown[key] = self.unknown.get(key, 0) + len(news)
                    self._took(len(news))
            elif isinstance(news, Loaded):
                session.install(news)
            elif callable(news):
                news(session)
            else:
                done = session.feed(news, clock, deadline)
                self.folded += done
                self._took(done)
                if done < len(news):
                    with self._lock:
                        self._inbox[key].appendleft(news[done:])
                    return
            if clock is not None and clock() >= deadline:
                with self._lock:
                    if not self._inbox.get(key):
                        self._inbox.pop(key, None)
                return
