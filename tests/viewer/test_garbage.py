"""Garbage is looked for on the GUI thread, when it has nothing to do, and on no other."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QAbstractEventDispatcher, QCoreApplication
from pytestqt.qtbot import QtBot

from store.delta import Delta
from viewer import garbage


class Knot:
    """Something in a circle: only a search finds it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def tamed() -> Iterator[None]:
    gc.enable()  # as Python starts
    restore = garbage.tame()
    try:
        yield
        assert not gc.isenabled()
    finally:
        restore()
        assert gc.isenabled()
        gc.disable()


@pytest.mark.usefixtures("tamed")
def test_a_thread_never_searches_and_the_event_loop_does(qtbot: QtBot) -> None:
    who: list[threading.Thread] = []
    gone: list[weakref.ref[Knot]] = []

    def note(phase: str, _: dict[str, int]) -> None:
        who.append(threading.current_thread())

    def work() -> None:
        knots = [Knot() for _ in range(2 * garbage.YOUNG)]
        gone.extend(map(weakref.ref, knots[:10]))

    gc.callbacks.append(note)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert not who
        assert all(ref() is not None for ref in gone)
        qtbot.waitUntil(lambda: not any(ref() is not None for ref in gone))
        assert set(who) == {threading.main_thread()}
        who.clear()
        QCoreApplication.processEvents()
        assert not who, "nothing new, no search"
    finally:
        gc.callbacks.remove(note)


@pytest.mark.usefixtures("tamed")
def test_while_ticks_come_one_behind_the_other_they_search_and_the_event_loop_is_left_alone(qtbot: QtBot) -> None:
    """The loop is about to wait a few times per frame, and to be asked each time costs as much as a part of it."""
    looker = garbage.Looker(QAbstractEventDispatcher.instance())
    delta = Delta("s", None, None, (), 0, (), None)
    for _ in range(garbage.DENSE - 1):
        looker.on_delta(delta)
    looker.on_ticked(0)
    assert looker.listens, "too few"
    for _ in range(garbage.DENSE):
        looker.on_delta(delta)
    looker.on_ticked(0)
    assert not looker.listens
    knots = [Knot() for _ in range(2 * garbage.YOUNG)]
    gone = weakref.ref(knots[0])
    del knots
    looker.on_delta(delta)
    assert gone() is None
    for _ in range(garbage.DENSE):
        looker.on_delta(delta)
    looker._last -= 0.25  # the ticker says how many there were when no more come
    looker.on_ticked(0)
    assert looker.listens
    looker.listen(False)
