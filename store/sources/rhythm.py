"""Whether a writer keeps a rhythm: then a round ends with one of its records, and none waits without need. For `watch`.

The next record just misses a round that ends when its time is over. If it comes soon, and as soon as it did last time,
it is worth waiting for: the same records take fewer rounds, and wait less. Records that come at random gain nothing by
it, so nothing is waited for then. To nap and then to wait is to wake twice; once it is sure when records come, a round
naps until just after one has come, and looks again every few rounds.
"""

from __future__ import annotations

from typing import Final

MOST: Final = 0.018  # seconds that a round gets longer by it
SLACK: Final = 0.004  # seconds by which a record may be late, or early
AFTER: Final = 0.001  # seconds after a record that is taken to have come by then
SURE: Final = 3  # rounds in a rhythm until it is trusted; as many without it end it
TRIES: Final = 3  # records waited for until there is no rhythm: the first only says from where to count
SELDOM: Final = 8  # every so many rounds it is looked whether there is a rhythm, or whether there still is


class Rhythm:
    """Per round: nap as `nap` says; if there is news then, wait as long as `patience` says for one more record, and say
    `waited`; if there is none, say `lost`. All in seconds of one clock.
    """

    __slots__ = ("_aligned", "_came", "_rounds", "_seldom", "_sure", "_tries", "_trusted", "_turn", "_wait")

    def __init__(self) -> None:
        self._seldom = -1
        self.lost()

    def lost(self) -> None:
        """It is quiet."""
        self._aligned = False  # the round began with a record
        self._tries = 0
        self._wait: float | None = None  # how long the record was waited for
        self._sure = 0
        self._came = 0.0  # when that was
        self._rounds = 0  # since then
        self._turn = 0.0  # how long a round takes in this rhythm
        self._trusted = False

    def nap(self, pace: float, now: float) -> float:
        """How long the round that begins now naps."""
        self._rounds += 1
        left = self._came + self._rounds * self._turn + AFTER - now
        self._trusted = self._sure == SURE and 0 < self._rounds < SELDOM and pace - SLACK < left < pace + MOST
        return left if self._trusted else pace

    def patience(self) -> float:
        """How long to wait for one more record; 0: not at all."""
        if self._trusted:
            return 0.0
        if self._wait is not None:
            return min(self._wait + SLACK, MOST)
        if self._aligned:
            return MOST
        self._seldom = (self._seldom + 1) % SELDOM
        return 0.0 if self._seldom else MOST

    def waited(self, seconds: float | None, now: float) -> None:
        """So long, until now; None: none came."""
        known, aligned = self._wait, self._aligned
        self._aligned = seconds is not None
        # Whichever of the two is nearer: a nap that was too long is no fault of the writer's.
        off = abs(now - self._came - self._rounds * self._turn) if self._turn else SLACK + 1
        if known is not None and seconds is not None and min(abs(seconds - known), off) <= SLACK:
            # A mean, so that one record that is a little late is not what the next one is measured by.
            self._wait, self._sure = known + (seconds - known) / 4, min(SURE, self._sure + 1)
            self._turn = (now - self._came) / self._rounds if self._came else 0.0
            self._tries = 0
        elif self._sure:
            self._sure -= 1
            self._came, self._rounds = 0.0, 0
            return
        elif seconds is None or self._tries == TRIES:
            self.lost()
            return
        else:
            self._tries += 1
            # From anywhere to a record is no rhythm; from one to the next is, if it leaves room to be late.
            self._wait = seconds if aligned and seconds <= MOST - SLACK else None
            self._turn = 0.0
        self._came, self._rounds = now, 0
