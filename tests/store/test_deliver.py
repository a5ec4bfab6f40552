"""The queue behind a thread that somebody else works in: it is looked at when there is news, and never for its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hooks import Web, comment
from msgspec import Struct

from store import deliver, runs_who, word
from store.attempts import Attempts
from store.db.lock import Lock
from store.triggers import deliveries


class Busy(Struct):
    """A service with one delivery whose thread's session is somebody else's, who tells nothing."""

    web: Web
    lock: Lock
    looks: list[int]
    told: list[str]  # words that the queue's workers have told others
    during: list[Callable[[], None]]  # what else happens while a worker looks, once

    def until(self, looks: int) -> None:
        """So many looks are over, and the workers wait."""
        queue = self.web.service.queue

        def there() -> bool:
            with queue._turn:
                return len(self.looks) >= looks and bool(queue._later) and queue._idle == len(queue._workers)

        self.web.until(there)


@pytest.fixture
def busy(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    monkeypatch.setattr(deliver, "BUSY_S", 7_200.0)
    monkeypatch.setattr(deliver, "SOON_S", 0.01)
    web.trigger()
    web.sent_and_done()
    lock = runs_who.hold_session(web.db.parent, "claude-code", web.thread().session or "")
    assert lock is not None
    made = Busy(web, lock, [], [], [])
    perform, tell = Attempts.perform, word.tell

    def looked(self: Attempts, number: int) -> None:
        made.looks.append(number)
        try:
            perform(self, number)
        finally:
            while made.during:
                made.during.pop()()

    def told(data: object, name: str) -> None:
        if threading.current_thread().name == "deliver":
            made.told.append(name)
        tell(data, name)  # type: ignore[arg-type]

    monkeypatch.setattr(Attempts, "perform", looked)
    monkeypatch.setattr(word, "tell", told)
    yield made
    lock.drop()


def test_a_look_at_a_busy_thread_is_no_news(busy: Busy) -> None:
    """Why it waits is told once. A word per look would be heard by the one who looked, and make him look again."""
    web, before = busy.web, busy.web.last
    web.post(comment(text="Say hello"))
    busy.until(looks=2)  # that one word is news as any other is
    assert deliveries(web.db)[0].reason.startswith("Waits:")
    assert busy.told == [word.RUNS]
    for _ in range(2):
        looks = len(busy.looks)
        web.service.queue.soon()
        busy.until(looks + 1)
    assert busy.told == [word.RUNS]
    busy.lock.drop()
    word.tell(web.db.parent, word.RUNS)  # as whoever worked there does
    assert web.done(before).reason == "Resumed. It ended well."


def test_a_worker_misses_nothing_while_it_looks_or_waits(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told during a look may be that the thread is free, and nobody says it again. What he waits without work
    counts for nothing once that time is over."""
    monkeypatch.setattr(deliver, "IDLE_S", 1_800.0)
    monkeypatch.setattr(deliver, "SOON_S", 0.1)  # longer than it takes to wake him
    ahead = [0.0]
    monkeypatch.setattr(deliver, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0]))
    web, queue = busy.web, busy.web.service.queue
    for end in web.service._deaf:  # what comes is what is told here
        end()
    busy.during.append(queue.soon)
    web.post(comment(text="Say hello"))
    busy.until(looks=2)

    ahead[0] = 2_000.0
    queue.soon()
    busy.until(looks=3)
