"""Keeps Python's search for garbage out of the frames: its cost would grow with the transcript. For app and desk.

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
YOUNG: Final = (10_000, 2)
NEVER: Final = 1 << 30


def hold() -> None:
    """Look for none until `tame`: a start makes 200,000 objects, and nearly all of them stay."""
    gc.disable()


def tame() -> Callable[[], None]:
    """Leave the oldest objects alone; what is returned undoes that."""
    before = gc.get_threshold()
    gc.enable()
    gc.set_threshold(*YOUNG, NEVER)
    gc.freeze()  # the modules and their functions: nobody need look at them again

    def restore() -> None:
        gc.unfreeze()
        gc.set_threshold(*before)

    return restore


def collect() -> None:
    """A session was closed: what it left behind goes too."""
    gc.collect()
