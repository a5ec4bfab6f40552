"""Python's search for garbage: on the GUI thread, between frames, and never over all rows. For app and desk.

Whichever thread makes one object too many searches, as Python has it; and what it finds it destroys, windows and models
among it, under the hands of the GUI thread. So that is off, and the event loop looks when it has nothing else to do.

Rows are values that never refer to each other in circles, yet a full collection looks at every one of them, 15 ms per
100,000. So the young generations are collected as ever, and the old one only when a session was closed: that is when
there may be something in it, and when nothing is being watched.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PySide6.QtCore import QAbstractEventDispatcher

    from store.delta import Delta
    from store.live import Ticker

# When there are 10,000 objects more than there were, the youngest are looked at, and every third time the ones before
# them too: 0.1 ms per 1,000. It is seldom: what comes in place of something else, as in scrolling, is no object more.
YOUNG: Final = 10_000
OLDER: Final = 2
DENSE: Final = 8  # ticks from one `ticked` to the next, a second: so many do without the event loop
JUST_NOW: Final = 0.1  # seconds; `ticked` comes so soon behind a tick, or 0.25 and more behind the last of them


def hold() -> None:
    """Look for none until `tame`: a start makes 200,000 objects, and nearly all of them stay."""
    gc.disable()


def tame(live: Ticker | None = None) -> Callable[[], None]:
    """Look from the event loop of this thread, and leave the oldest objects alone; what is returned undoes that.

    `live`: while its ticks come one behind the other, they look.
    """
    from PySide6.QtCore import QAbstractEventDispatcher  # here, because `hold` comes before Qt is loaded

    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # the modules and their functions: nobody need look at them again
    looker = Looker(QAbstractEventDispatcher.instance())
    if live is not None:
        live.told.append(looker.on_delta)
        live.ticked.connect(looker.on_ticked)

    def restore() -> None:
        if live is not None:
            live.told.remove(looker.on_delta)
            live.ticked.disconnect(looker.on_ticked)
        looker.listen(False)
        gc.unfreeze()
        if enabled:
            gc.enable()

    return restore


class Looker:
    """Looks when the event loop is about to wait, which it does a few times per frame; or with each tick instead."""

    def __init__(self, dispatcher: QAbstractEventDispatcher) -> None:
        self.listens = False  # to the event loop
        self._dispatcher = dispatcher
        self._look = lambda: look()  # one of our own: the connection of another looker does not end with it
        self._ticks = 0  # since the last `ticked`
        self._last = 0.0  # when the last one was
        self.listen(True)

    def listen(self, listens: bool) -> None:
        """To the event loop, from now on or no more."""
        if listens and not self.listens:
            self._dispatcher.aboutToBlock.connect(self._look)
        elif self.listens and not listens:
            self._dispatcher.aboutToBlock.disconnect(self._look)
        self.listens = listens

    def on_delta(self, _delta: Delta) -> None:
        self._ticks += 1
        self._last = time.monotonic()
        if not self.listens:
            look()

    def on_ticked(self, _waiting: int) -> None:
        """Once a second while there are ticks, and once behind the last of them."""
        self.listen(self._ticks < DENSE or time.monotonic() - self._last > JUST_NOW)
        self._ticks = 0


def look() -> None:
    """Collect the young generations, if there is anything to it."""
    young, older, _ = gc.get_count()
    if young > YOUNG:
        gc.collect(1 if older >= OLDER else 0)


def collect() -> None:
    """A session was closed: what it left behind goes too."""
    gc.collect()
