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

    def until(self, looks: int, waiting: int = 1) -> None:
        """So many looks are over, and the worker waits; so many do, with others."""
        queue = self.web.service.queue
        self.web.until(lambda: len(self.looks) == looks and queue._later and len(queue._turn._waiters) == waiting)  # type: ignore[attr-defined]


@pytest.fixture
def busy(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    monkeypatch.setattr(deliver, "BUSY_S", 7_200.0)
    monkeypatch.setattr(deliver, "SOON_S", 0.01)
    web.trigger()
    web.sent_and_done()
    for end in web.service._deaf:  # what comes is what the test says
        end()
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


def begun(busy: Busy) -> None:
    busy.web.post(comment(text="Say hello"))
    busy.until(looks=1)


def test_a_look_at_a_busy_thread_is_no_news(busy: Busy) -> None:
    """Why it waits is told once. A word per look would be heard by the one who looked, and make him look again."""
    begun(busy)
    assert deliveries(busy.web.db)[0].reason.startswith("Waits:")
    assert busy.told == [word.RUNS]
    for looks in (2, 3):
        busy.web.service.queue.soon()
        busy.until(looks)
    assert busy.told == [word.RUNS]
    before = busy.web.last - 1
    busy.lock.drop()
    busy.web.service.queue.soon()
    assert busy.web.done(before).reason == "Resumed. It ended well."


def test_what_is_told_during_a_look_is_looked_at_after_it(busy: Busy) -> None:
    """It may be that the thread is free, and nobody says it again."""
    busy.during.append(busy.web.service.queue.soon)
    busy.web.post(comment(text="Say hello"))
    busy.until(looks=2)


def test_a_worker_that_has_waited_long_looks_as_soon_as_one_that_has_not(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it waits at most without work counts for nothing once that time is over."""
    monkeypatch.setattr(deliver, "IDLE_S", 1_800.0)
    monkeypatch.setattr(deliver, "SOON_S", 0.25)  # longer than it takes to wake it
    ahead = [0.0]
    monkeypatch.setattr(deliver, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0]))
    begun(busy)
    ahead[0] = 2_000.0
    busy.web.service.queue.soon()
    busy.until(looks=2)


def test_who_waits_for_the_end_of_all_takes_no_work_from_a_worker(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wait for a turn of the same queue: a worker hears of what comes in, whoever waits there too."""
    monkeypatch.setattr(deliver, "IDLE_S", 1_800.0)
    queue, web = busy.web.service.queue, busy.web
    begun(busy)
    somebody = threading.Thread(target=queue.settled)
    somebody.start()
    busy.until(looks=1, waiting=2)
    queue.soon()  # the worker looks, and waits behind the other one from then on
    busy.until(looks=2, waiting=2)
    web.post(comment(number=13, text="Say hello"))
    web.until(lambda: len(web.started()) == 2)
    busy.lock.drop()
    queue.soon()
    somebody.join(60)
    assert not somebody.is_alive()
