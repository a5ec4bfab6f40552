"""Which digests are worth folding now: entries are noted as they come, folding waits until it pays. Pure; no clock.

Folding one entry at a time would load and save a digest for each of them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from msgspec import Struct

Key = TypeVar("Key", bound=Hashable)

MANY: Final = 32  # entries that are folded whatever their age
OLD_S: Final = 0.75  # seconds after which even one is folded
TICK_S: Final = 0.1  # how often to look


class Waiting(Struct):
    """What came for one digest since it was folded last."""

    since: float  # seconds, by whichever clock the caller has
    entries: int = 0
    closed: bool = False  # a turn ended: its figures are wanted at once


class Due(Generic[Key]):
    """One for all sessions and agents; a key names a digest."""

    def __init__(self, many: int = MANY, old: float = OLD_S, least: float = 0.0) -> None:
        """`least`: seconds that even many entries wait, which bounds what a fast stream costs."""
        self._many = many
        self._old = old
        self._least = least
        self._waiting: dict[Key, Waiting] = {}

    def note(self, key: Key, now: float, entries: int = 1, closed: bool = False) -> None:
        """So many entries came; `closed`: one of them ended a turn."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = Waiting(now)
        waiting.entries += entries
        waiting.closed = waiting.closed or closed

    def collect(self, now: float) -> dict[Key, int]:
        """The digests that are due, in the order of their oldest entries, and how many each: they count as folded."""
        due = {
            key: waiting.entries
            for key, waiting in self._waiting.items()
            # A clock that was set back must not make anybody wait.
            if self._wait(waiting) <= 0 or not 0 <= now - waiting.since < self._wait(waiting)
        }
        for key in due:
            del self._waiting[key]
        return due

    def next(self) -> float | None:
        """When the first of them will be due, if nothing more comes; None: nothing waits, no timer is needed."""
        return min((waiting.since + self._wait(waiting) for waiting in self._waiting.values()), default=None)

    def _wait(self, waiting: Waiting) -> float:
        """Seconds from its first entry on."""
        if waiting.closed:
            return 0.0
        return self._least if waiting.entries >= self._many else self._old
