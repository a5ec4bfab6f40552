"""The tick with a real timer: armed once by the first news, never extended, quiet when nothing is pending."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtTest import QSignalSpy
from pytestqt.qtbot import QtBot

from store import events as ev
from store.delta import Delta, Rebase
from store.events import At
from store.fold import State
from store.live import TICK_MS, Ticker
from store.session import SLICE, Session
from store.told import Loaded, Queued


@pytest.fixture
def ticker(qtbot: QtBot) -> Ticker:
    ticker = Ticker()
    ticker.hub.sessions["s"] = Session("s")
    return ticker


def chunk(text: str) -> list[ev.Event]:
    return [ev.TextDelta(At(), "m", text)]


def test_004_01_first_news_arms_one_precise_single_shot(qtbot: QtBot, ticker: Ticker) -> None:
    timer = ticker._timer
    assert timer.isSingleShot()
    assert timer.timerType() is Qt.TimerType.PreciseTimer
    assert timer.interval() == TICK_MS == 16
    spy = QSignalSpy(ticker.changed)
    left = 0
    armed: list[bool] = []

    def look() -> None:
        """Right behind the ticker, before any timer may fire, however slow this machine is."""
        nonlocal left
        if not armed:
            armed.append(ticker.armed)
            left = timer.remainingTime()

    ticker._woken.connect(look, Qt.ConnectionType.QueuedConnection)
    ticker.hub.put("s", chunk("a"))
    qtbot.waitUntil(lambda: bool(armed))
    assert armed == [True]
    while spy.count() == 0:
        ticker.hub.put("s", chunk("b"))  # later news never extends it
        assert timer.remainingTime() <= left
        left = max(timer.remainingTime(), 0)
        QCoreApplication.processEvents()
    assert spy.count() == 1
    assert ticker.ticks == 1


def test_a_past_that_was_read_waits_for_no_timer(qtbot: QtBot, ticker: Ticker) -> None:
    spy = QSignalSpy(ticker.changed)
    ticker.hub.put("s", Loaded(State(), Rebase(None, {}, ()), 0))
    QCoreApplication.processEvents()
    assert (spy.count(), ticker.ticks, ticker.armed) == (1, 1, False)
    ticker.hub.put("s", chunk("a"))  # the next news is collected as ever
    QCoreApplication.processEvents()
    assert ticker.armed


def test_what_was_collected_before_waits_for_no_timer_of_its_own(qtbot: QtBot, ticker: Ticker) -> None:
    """A file that grows all the time: the watcher has waited already. A timer that runs is neither cut nor extended."""
    spy = QSignalSpy(ticker.changed)
    ticker.hub.put("s", chunk("a"), collected=True)
    QCoreApplication.processEvents()
    assert (spy.count(), ticker.ticks, ticker.armed) == (1, 1, False)
    ticker.hub.put("s", chunk("b"))
    QCoreApplication.processEvents()
    armed = ticker.armed  # it is, unless this machine took 16 ms for that
    ticker.hub.put("s", chunk("c"), collected=True)
    qtbot.waitUntil(lambda: ticker.hub.folded == 3)
    assert spy.count() == ticker.ticks == (2 if armed else 3)


def test_p04_nothing_pending_no_timer_no_wakeups(qtbot: QtBot, ticker: Ticker) -> None:
    """P-04, G.1-18: a quiet second has no tick."""
    spy = QSignalSpy(ticker.changed)
    ticker.hub.put("s", chunk("a"))
    qtbot.waitUntil(lambda: spy.count() == 1)
    assert not ticker.armed
    ticks = ticker.ticks
    end = time.monotonic() + 0.3
    qtbot.waitUntil(lambda: time.monotonic() > end)
    assert ticker.ticks == ticks
    assert not ticker.armed


def test_ticks_are_spoken_of_seldom_a_backlog_at_once_and_the_last_one_always(qtbot: QtBot, ticker: Ticker) -> None:
    spoken: list[tuple[int, int]] = []
    ticker.ticked.connect(lambda waiting: spoken.append((ticker.ticks, waiting)))
    for _ in range(3):
        ticker.hub.put("s", chunk("a"), collected=True)
        QCoreApplication.processEvents()
    assert spoken[0] == (1, 0)
    assert ticker.ticks == 3
    qtbot.waitUntil(lambda: spoken[-1] == (3, 0))
    assert len(spoken) <= 3  # two, unless this machine took a quarter of a second for three ticks
    assert not ticker._unsaid.isActive()
    ticker.hub._budget = 0.0  # every slice is a tick
    before = len(spoken)
    ticker.hub.put("s", [ev.TextDelta(At(), "m", str(number)) for number in range(3 * SLICE)], collected=True)
    qtbot.waitUntil(lambda: not ticker.hub.pending)
    assert [waiting for _, waiting in spoken[before:]] == [2 * SLICE, SLICE, 0]


def test_who_is_told_without_a_signal_comes_first_and_none_takes_news_from_another(
    qtbot: QtBot, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick costs no signal that nobody has connected to; a mistake of one who is told is said as a slot's is."""
    heard: list[str] = []
    caught: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: caught.append(kind))

    def fails(delta: Delta) -> None:
        raise KeyError(delta.session)

    ticker.told += [fails, lambda _: heard.append("told")]
    for connected in (False, True):
        if connected:
            ticker.changed.connect(lambda _: heard.append("signal"))
        ticker.hub.put("s", chunk("a"), collected=True)
        qtbot.waitUntil(lambda: not ticker.hub.pending)
    assert heard == ["told", "told", "signal"]
    assert caught == [KeyError, KeyError]


def test_p04_many_chunks_one_delta(qtbot: QtBot, ticker: Ticker) -> None:
    spy = QSignalSpy(ticker.changed)
    for number in range(200):
        ticker.hub.put("s", chunk(str(number % 10)))
    qtbot.waitUntil(lambda: spy.count() == 1)
    (delta,) = spy.at(0)
    assert len(delta.added) == 1
    assert ticker.hub.sessions["s"].appends == 1


def test_worker_threads_may_put(qtbot: QtBot, ticker: Ticker) -> None:
    """Four workers, order kept inside each session, nothing lost, deltas told on the GUI thread."""
    told: dict[str, str] = {}
    threads = []

    def on_changed(delta: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        for item in (*delta.added, *(item for _, item in delta.changed)):  # type: ignore[attr-defined]
            told[delta.session] = str(item.text)  # type: ignore[attr-defined]

    ticker.changed.connect(on_changed)
    for name in "wxyz":
        ticker.hub.sessions[name] = Session(name)

        def work(key: str = name) -> None:
            for number in range(2000):
                ticker.hub.put(key, chunk(f"{number},"))

        threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    want = "".join(f"{number}," for number in range(2000))
    qtbot.waitUntil(lambda: all(told.get(key) == want for key in "wxyz"))
    assert not ticker.armed


def test_004_22_drain_now_applies_nothing_twice(qtbot: QtBot, ticker: Ticker) -> None:
    spy = QSignalSpy(ticker.changed)
    ticker.hub.put("s", chunk("a"))
    ticker.drain()
    assert spy.count() == 1
    assert not ticker.armed
    qtbot.waitUntil(lambda: not ticker.hub.pending)
    end = time.monotonic() + 0.05
    qtbot.waitUntil(lambda: time.monotonic() > end)
    assert spy.count() == 1


def test_g1_11_queued_prompt_goes_out_after_the_turn(qtbot: QtBot, ticker: Ticker) -> None:
    """004-11: one per turn end, in order, in a deferred drain that looks again; kept when sending fails."""
    session = ticker.hub.sessions["s"]
    session.connected = True
    sent: list[str] = []
    fails = [True]

    def send(key: str, queued: Queued) -> bool:
        if fails:
            fails.pop()
            return False
        sent.append(queued.text)
        return True

    ticker.send = send
    session.put_prompt(Queued("q1", "one"))
    session.put_prompt(Queued("q2", "two"))
    for turn in (1, 2):
        ticker.hub.put("s", [ev.PromptSent(At(ts=0), turn, f"p{turn}", "x"), ev.Answered(At(ts=9), turn, "end_turn")])
        if turn == 1:  # it was tried, and is back
            qtbot.waitUntil(lambda: not fails and [queued.text for queued in session.queue] == ["one", "two"])
    qtbot.waitUntil(lambda: sent == ["one"])
    qtbot.waitUntil(lambda: [queued.text for queued in session.queue] == ["two"])
