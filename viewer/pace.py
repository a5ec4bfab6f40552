"""News that need no sixty frames a second: the first at once, what follows soon after it in rounds. Used by desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer


class Pace:
    """`tell` is called with the keys that had news, in the order of their first, at most once in so many ms."""

    def __init__(self, ms: int, tell: Callable[[Sequence[str]], None], parent: QObject) -> None:
        self._tell = tell
        self._keys: dict[str, None] = {}
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(ms)
        self._timer.timeout.connect(self.flush)

    def news(self, key: str) -> None:
        """Of a key; told at once after a quiet time."""
        self._keys[key] = None
        if not self._timer.isActive():
            self.flush()

    def drop(self, key: str) -> None:
        """Nothing is to be told of it any more."""
        self._keys.pop(key, None)

    def flush(self) -> None:
        """Tell what waits, now; a round without news is the last."""
        keys, self._keys = self._keys, {}
        if keys:
            self._timer.start()
            self._tell(list(keys))
