"""Lets a burst be acknowledged before what it brought is worked on: both want the same interpreter and cores."""

from __future__ import annotations

import threading
import time
from typing import Final

QUIET_S: Final = 0.03  # without a request: the burst is over
MOST_S: Final = 10.0  # that work waits for one that does not end


class Calm:
    """Receivers stir, workers wait."""

    def __init__(self) -> None:
        self._last = -QUIET_S
        self._over = threading.Event()

    def stir(self) -> None:
        """A request is here."""
        self._last = time.monotonic()

    def end(self) -> None:
        """Nobody waits any more."""
        self._over.set()

    def wait(self) -> bool:
        """Until no request came for a moment, but not for ever. False: they do not end."""
        end = time.monotonic() + MOST_S
        while (left := min(self._last + QUIET_S, end) - time.monotonic()) > 0 and not self._over.is_set():
            self._over.wait(left)
        return time.monotonic() < end
