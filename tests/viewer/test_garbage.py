"""Garbage is looked for on the GUI thread, when it has nothing to do, and on no other."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

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
