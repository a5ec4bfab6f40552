"""News that need no sixty frames a second: the first at once, what follows soon after it in rounds. Used by desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QElapsedTimer, QObject, QTimer

FRAME: Final = 16  # ms


class Pace:
    """`tell` is called with the keys that had news, in the order of their first, at most once in so many ms.

    Of many no more than `some` are told at once, the next ones a frame later: none of those frames is a long one.
    """

    def __init__(self, ms: int, tell: Callable[[Sequence[str]], None], parent: QObject, some: int = 0) -> None:
        """`some`: 0 is all of them."""
        self._tell = tell
        self._ms = ms
        self._some = some or None
        self._keys: dict[str, None] = {}  # of the next round
        self._round: list[str] = []  # those of this one that are to be told yet
        self._began = QElapsedTimer()  # with this round
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)

    def news(self, key: str) -> None:
        """Of a key; told at once after a quiet time."""
        self._keys[key] = None
        if not self._timer.isActive():
            self.flush()

    @property
    def waiting(self) -> bool:
        """Whether there is something to be told yet."""
        return bool(self._keys or self._round)

    def drop(self, key: str) -> None:
        """Nothing is to be told of it any more."""
        self._keys.pop(key, None)
        if key in self._round:
            self._round.remove(key)

    def flush(self) -> None:
        """Tell what waits, now; a round without news is the last."""
        if not self._round:
            self._round, self._keys = list(self._keys), {}
            self._began.start()
        told, self._round = self._round[: self._some], self._round[self._some :] if self._some else []
        if told:
            self._timer.start(FRAME if self._round else max(FRAME, self._ms - self._began.elapsed()))
            self._tell(told)
