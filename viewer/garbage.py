"""Python's search for garbage: on the GUI thread, between frames, and never over all rows. For app and desk.

Whichever thread makes one object too many searches, as Python has it; and what it finds it destroys, windows and models
among it, under the hands of the GUI thread. So that is off, and the event loop looks when it has nothing else to do.

Rows are values that never refer to each other in circles, yet a full collection looks at every one of them, 15 ms per
100,000. So the young generations are collected as ever, and the old one only when a session was closed: that is when
there may be something in it, and when nothing is being watched.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

# When there are 10,000 objects more than there were, the youngest are looked at, and every third time the ones before
# them too: 0.1 ms per 1,000. It is seldom: what comes in place of something else, as in scrolling, is no object more.
YOUNG: Final = 10_000
OLDER: Final = 2


def hold() -> None:
    """Look for none until `tame`: a start makes 200,000 objects, and nearly all of them stay."""
    gc.disable()


def tame() -> Callable[[], None]:
    """Look from the event loop of this thread, and leave the oldest objects alone; what is returned undoes that."""
    from PySide6.QtCore import QAbstractEventDispatcher  # here, because `hold` comes before Qt is loaded

    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # the modules and their functions: nobody need look at them again
    dispatcher = QAbstractEventDispatcher.instance()
    dispatcher.aboutToBlock.connect(look)

    def restore() -> None:
        dispatcher.aboutToBlock.disconnect(look)
        gc.unfreeze()
        if enabled:
            gc.enable()

    return restore


def look() -> None:
    """Collect the young generations, if there is anything to it."""
    young, older, _ = gc.get_count()
    if young > YOUNG:
        gc.collect(1 if older >= OLDER else 0)


def collect() -> None:
    """A session was closed: what it left behind goes too."""
    gc.collect()
