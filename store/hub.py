"""Where workers put events and the tick takes them: order is kept per session, work per tick is bounded. No Qt.

`put` may be called from any worker. Everything else belongs to one thread, the GUI's when there is one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Event as Event_
from threading import Lock
from typing import Final, TypeAlias

from store.delta import Delta
from store.events import WITH_ID, Event
from store.session import SLICE, Session
from store.told import Clock, Fact, Loaded

BUDGET: Final = 0.008  # seconds of folding per tick; what is left goes to the next one, in order
CROWD: Final = 100_000  # waiting events at which sources are held back, as a full pipe holds back its writer
_PLAIN: Final = frozenset(WITH_ID).isdisjoint
JOIN: Final = 4096  # events joined to one run; more would only be copied from tick to tick in a flood

News: TypeAlias = list[Event] | Loaded | Callable[[Session], None]


class Hub:
    """All live sessions, and what waits for them."""

    def __init__(self, wake: Callable[[], None], clock: Clock = time.perf_counter, budget: float = BUDGET) -> None:
        """`wake` is called, from whichever thread puts first, when there is work again after a quiet time."""
        self.sessions: dict[str, Session] = {}
        self.unknown: dict[str, int] = {}  # events for sessions that nobody opened: counted, shown, not swallowed
        self.folded = 0  # events so far
        self.facts: list[Fact] = []
        self.flushed: Callable[[], None] | None = None  # called with every tick: what came so far is to be saved
        self._wake = wake
        self._clock = clock
        self._budget = budget
        self._lock = Lock()
        self._inbox: dict[str, deque[News]] = {}
        self._armed = False
        self._held = False
        self.backlog = 0  # events that wait
        self.loaded = False  # a past waits, or what was collected before: there is nothing to collect here
        self.room = Event_()  # cleared while too many wait; sources that can hold back look at it
        self.room.set()

    def put(self, key: str, news: News, *, collected: bool = False) -> None:
        """Hand over events (a list that is not changed any more), a loaded past, or a change to make between them.

        `collected`: they have waited for others already, longer than a tick; they are told at once like a past.
        """
        with self._lock:
            waiting = self._inbox.get(key)
            if waiting is None:
                waiting = self._inbox[key] = deque()
            waiting.append(news)
            if type(news) is list:
                self.backlog += len(news)
                if self.backlog > CROWD:
                    self._held = True
                    self.room.clear()
            elif type(news) is Loaded:
                self.loaded = True
            if collected:
                self.loaded = True
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
        with self._lock:
            if only is None:
                work, self._inbox = self._inbox, {}
                self.loaded = False
            else:
                mine = self._inbox.pop(only, None)
                work = {} if mine is None else {only: mine}
        if len(work) == 1:
            # The way of nearly every tick, in one piece: one session has news, and they are few.
            [(key, waiting)] = work.items()
            news = waiting[0] if len(waiting) == 1 else _joined(waiting)
            session = self.sessions.get(key)
            if session is not None and type(news) is list:
                taken = len(news)
                delta = session.grown(news)
                done = delta is not None
                if not done and taken <= SLICE and _PLAIN(map(type, news)):
                    # As much as is folded without a look at the clock: there is nothing to share out.
                    session.feed(news)
                    delta = session.take()
                    done = True
                if done:
                    self.folded += taken
                    with self._lock:
                        self.backlog -= taken
                        if self._held:
                            self._let_go()
                        if not self._inbox:
                            self._armed = False
                    if session.facts:
                        self._collect(session)
                    return [] if delta is None else [delta]
        return self._tick(work, bounded)

    def _tick(self, work: dict[str, deque[News]], bounded: bool) -> list[Delta]:
        """Whatever came, session by session."""
        clock = self._clock if bounded else None
        deadline = self._clock() + self._budget if bounded else 0.0
        left = len(work)
        taken = 0
        done: list[str] = []
        rest: dict[str, deque[News]] = {}  # not reached, or not done: in the order of the next tick
        for key, waiting in work.items():
            share = deadline
            if clock is not None and left > 1:
                now = clock()
                if done and now >= deadline:
                    rest[key] = waiting
                    continue
                # Every session gets its share, so that one flood does not silence the others.
                share = now + max(0.0005, (deadline - now) / left)
            left -= 1
            taken += self._flush_one(key, waiting, clock, share)
            done.append(key)
        with self._lock:
            if rest or any(work.values()):
                self._put_back(work, done, rest)
            self.backlog -= taken
            if self._held:
                self._let_go()
            if not self._inbox:
                self._armed = False
        deltas = []
        for key in done:
            session = self.sessions.get(key)
            if session is not None:
                if session.facts:
                    self._collect(session)
                delta = session.take(self.backlog if work[key] else 0)
                if delta is not None:
                    deltas.append(delta)
        return deltas

    def _let_go(self) -> None:
        """Sources may go on once half of what was too much is taken. Called with the lock."""
        if self.backlog <= CROWD // 2:
            self._held = False
            self.room.set()

    def _collect(self, session: Session) -> None:
        self.facts += session.facts
        session.facts = []

    def _put_back(self, work: dict[str, deque[News]], done: list[str], rest: dict[str, deque[News]]) -> None:
        """What is left goes before what came meanwhile; sessions that were not reached go before those that were."""
        left = {**rest, **{key: work[key] for key in done if work[key]}}
        for key, waiting in left.items():
            waiting.extend(self._inbox.pop(key, ()))
        self._inbox = {**left, **self._inbox}

    def forget(self, key: str) -> None:
        """The session is closed: what still waits for it is nobody's."""
        with self._lock:
            for news in self._inbox.pop(key, ()):
                if type(news) is list:
                    self.backlog -= len(news)
            if self._held:
                self._let_go()
        self.sessions.pop(key, None)

    def _flush_one(self, key: str, waiting: deque[News], clock: Clock | None, deadline: float) -> int:
        """Feed one session until nothing waits or its share is spent; what is not taken stays in `waiting`."""
        session = self.sessions.get(key)
        total = 0
        while waiting:
            news = waiting.popleft()
            if type(news) is list:
                if waiting and type(waiting[0]) is list:
                    # What several reads brought is one run.
                    news = list(news)
                    while waiting and len(news) < JOIN and type(waiting[0]) is list:
                        news += waiting.popleft()  # type: ignore[arg-type]
                count = len(news)
                if session is None:
                    self.unknown[key] = self.unknown.get(key, 0) + count
                    total += count
                    continue
                done = session.feed(news, clock, deadline)
                self.folded += done
                total += done
                if done < count:
                    waiting.appendleft(news[done:])
                    break
            elif session is None:
                continue
            elif type(news) is Loaded:
                session.install(news)
            else:
                news(session)  # type: ignore[operator]
            if clock is not None and waiting and clock() >= deadline:
                break
        return total


def _joined(waiting: deque[News]) -> list[Event] | None:
    """What several reads brought as one run; None if there is anything else, or too much for one slice."""
    news: list[Event] = []
    for more in waiting:
        if type(more) is not list or len(news) + len(more) > SLICE:
            return None
        news += more
    return news
