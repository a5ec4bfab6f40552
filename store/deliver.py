"""The queue of accepted deliveries: one at a time per thread, in order; threads beside each other up to a limit.

Only numbers wait in memory; everything else lies in the database, and who is killed leaves his queue there.
"""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

from store.attempts import Attempts, BusyError
from store.calm import Calm
from store.inbox import Accepted
from store.trigger import Trigger

log = logging.getLogger(__name__)

LANE: Final = 20  # deliveries that may wait in one thread
MOST: Final = 10_000  # in all
BUSY_S: Final = 5.0  # until a thread that somebody else works in is asked again: not everybody tells when it ends
SOON_S: Final = 0.25  # and when a run somewhere has ended
IDLE_S: Final = 5.0  # how long a worker without work stays

Lane = tuple[int, str]  # trigger, key; one without a key has a lane of its own


class Deliver:
    """Workers come with the work and go without it. `told`: something has changed."""

    def __init__(
        self,
        attempts: Attempts,
        parallel: Callable[[], int],
        trigger: Callable[[int | None], Trigger | None],
        told: Callable[[], None],
        calm: Calm | None = None,
    ) -> None:
        self._calm = calm or Calm()
        self._attempts, self._parallel, self._trigger, self._told = attempts, parallel, trigger, told
        self._turn = threading.Condition()
        self._lanes: dict[Lane, deque[int]] = {}
        self._later: dict[Lane, float] = {}  # lanes that are busy, and when to look again
        self._news = 0  # words that a run somewhere has begun or ended
        self._known: set[int] = set()
        self._running: dict[Lane, int] = {}
        self._per_trigger: Counter[int] = Counter()
        self._workers: set[threading.Thread] = set()
        self._idle = 0
        self._stopping = False
        self.done = 0
        self.most = 0  # deliveries that went on at the same time

    # ---- coming in

    def take(self, one: Accepted) -> None:
        """Put it where it stands in its lane, the oldest first; one that is there already stays."""
        with self._turn:
            if one.id in self._known or self._stopping:
                return
            self._known.add(one.id)
            lane = (one.trigger_id, one.key or f"#{one.id}")
            bisect.insort(self._lanes.setdefault(lane, deque()), one.id)  # what is brought back is no newer for that
            self._staff()
            self._turn.notify_all()  # one alone may be somebody who waits for the end of all, see `settled`

    def known(self) -> set[int]:
        """All that wait or go on."""
        with self._turn:
            return set(self._known)

    def forget(self, gone: Iterable[int]) -> None:
        """These are not run from here; one that goes on is left alone."""
        wanted = set(gone)
        with self._turn:
            for lane, waiting in list(self._lanes.items()):
                left = deque(number for number in waiting if number not in wanted)
                self._known -= set(waiting) - set(left)
                if left:
                    self._lanes[lane] = left
                else:
                    del self._lanes[lane]
                    self._later.pop(lane, None)
            self._turn.notify_all()

    def soon(self) -> None:
        """A run somewhere has begun or ended: ask again for threads that were busy. Quick, for any thread."""
        with self._turn:
            self._news += 1
            if self._later:
                again = time.monotonic() + SOON_S
                self._later = {lane: min(later, again) for lane, later in self._later.items()}
                self._turn.notify_all()

    def room(self, trigger: int, key: str, beside: int = 0) -> str:
        """Why there is no room for one more; ''."""
        with self._turn:
            waiting = len(self._lanes.get((trigger, key), ())) if key else 0
            if waiting + beside >= LANE:
                return f"{waiting + beside} events of this thread wait already: send it again later."
            if len(self._known) + beside >= MOST:
                return f"{len(self._known):,} events wait already: send it again later."
        return ""

    def waiting(self) -> int:
        """Deliveries that have not begun."""
        with self._turn:
            return len(self._known) - len(self._running)

    def running(self) -> int:
        with self._turn:
            return len(self._running)

    # ---- the end

    def stop(self) -> None:
        """Nothing begins any more; what waits stays in the database. Does not wait for what goes on: see `join`."""
        with self._turn:
            self._stopping = True
            self._lanes.clear()
            self._turn.notify_all()

    def join(self) -> None:
        for worker in list(self._workers):
            worker.join()

    def settled(self, timeout: float | None = None) -> bool:
        """Wait until nothing waits and nothing goes on. False: the time was over first."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._known, timeout)

    # ---- the workers

    def _staff(self) -> None:
        wanted = min(self._parallel(), len(self._lanes) + len(self._running))
        if self._idle == 0 and len(self._workers) < wanted:
            worker = threading.Thread(target=self._work, name="deliver", daemon=True)
            self._workers.add(worker)
            worker.start()

    def _work(self) -> None:
        try:
            while True:
                with self._turn:
                    found = self._next()
                    if found is None:
                        return
                    lane, number = found
                    self._running[lane] = number
                    self._per_trigger[lane[0]] += 1
                    self.most = max(self.most, len(self._running))
                    self._staff()
                self._calm.wait()
                if self._one(lane, number):
                    self._told()
        finally:
            with self._turn:
                self._workers.discard(threading.current_thread())
                if not self._stopping and self._lanes:
                    self._staff()

    def _one(self, lane: Lane, number: int) -> bool:
        """Whether something came of it. Of a look that found its thread busy nobody is told: the word would be heard
        here too, as news on which to look again."""
        busy, news = False, self._news
        try:
            self._attempts.perform(number)
        except BusyError:
            busy = True
        except Exception:  # one delivery must not end the worker of all others
            log.exception("delivery %d", number)
        with self._turn:
            del self._running[lane]
            self._per_trigger[lane[0]] -= 1
            if busy and not self._stopping:
                bisect.insort(self._lanes.setdefault(lane, deque()), number)
                # What was told while it was looked may be that the thread is free.
                self._later[lane] = time.monotonic() + (BUSY_S if news == self._news else SOON_S)
            else:
                self._known.discard(number)
                self.done += 1
            self._turn.notify_all()
        return not busy

    def _next(self) -> tuple[Lane, int] | None:
        """The first of the lane that waits longest and may go on; None: this worker is not needed any more."""
        end = time.monotonic() + IDLE_S
        while not self._stopping and len(self._workers) <= self._parallel():
            now = time.monotonic()
            until = end if end > now else now + IDLE_S
            for lane in self._lanes:
                later = self._later.get(lane, 0.0)
                if lane in self._running or self._full(lane[0]):
                    continue
                if later > now:
                    until = min(until, later)
                    continue
                self._later.pop(lane, None)
                waiting = self._lanes.pop(lane)
                number = waiting.popleft()
                if waiting:
                    self._lanes[lane] = waiting  # behind all others
                return lane, number
            if now >= end and not self._later:
                return None
            self._idle += 1
            try:
                self._turn.wait(max(0.01, until - now))
            finally:
                self._idle -= 1
        return None

    def _full(self, number: int) -> bool:
        trigger = self._trigger(number)
        return trigger is not None and self._per_trigger[number] >= trigger.max_parallel
