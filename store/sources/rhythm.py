"""Whether a writer keeps a rhythm: then a round ends with one of its records, and none waits without need. For `watch`.

The next record just misses a round that ends when its time is over. If it comes soon, and as soon as it did last time,
it is worth waiting for: the same records take fewer rounds, and wait less. Records that come at random gain nothing by
it, so nothing is waited for then.
"""

from __future__ import annotations

from typing import Final

MOST: Final = 0.018  # seconds that a round gets longer by it
SLACK: Final = 0.004  # seconds by which a record may be late, or early
SURE: Final = 3  # rounds in a rhythm after which as many without it end it
SELDOM: Final = 8  # without a rhythm, one is looked for every so many rounds


class Rhythm:
    """Ask `patience` at the end of each round, wait so long for one more record, and say `waited` how long it took."""

    __slots__ = ("_rounds", "_sure", "_wait")

    def __init__(self) -> None:
        self._wait: float | None = None  # how long it took last time
        self._sure = 0
        self._rounds = -1

    def patience(self) -> float:
        """Seconds to wait for one more record; 0: not at all."""
        if self._wait is not None:
            return min(self._wait + SLACK, MOST)
        self._rounds = (self._rounds + 1) % SELDOM
        return 0.0 if self._rounds else MOST

    def waited(self, seconds: float | None) -> None:
        """So long; None: none came."""
        known = self._wait
        if known is None:
            self._wait, self._sure = seconds, 0
        elif seconds is not None and abs(seconds - known) <= SLACK:
            # A mean, so that one record that is a little late is not what the next one is measured by.
            self._wait, self._sure = known + (seconds - known) / 4, min(SURE, self._sure + 1)
        elif self._sure:
            self._sure -= 1
        else:
            self._wait = None
