"""What can be taken back in this window, newest last: one list for all that deletes, forgets, resets. For shelving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Signal

from viewer.notice import Remedy

MOST: Final = 50  # steps; who wants one before these goes to the list of what was deleted


class Step:
    """One thing that was done. `key` says what it was done to; `place` where it is seen: '' or 'panel'."""

    __slots__ = ("act", "key", "name", "place")

    def __init__(self, name: str, act: Callable[[], object], key: str, place: str) -> None:
        self.name, self.act, self.key, self.place = name, act, key, place


class Undo(QObject):
    """A button that says Undo and Ctrl+Z take the same step back, and each step once."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: list[Step] = []

    @property
    def next(self) -> Step | None:
        """What `undo` would take back."""
        return self._steps[-1] if self._steps else None

    def keep(self, remedy: Remedy | None, place: str = "") -> Remedy | None:
        """A button's remedy, noted if it says what it takes back; what is returned is for the button."""
        if remedy is None or not remedy.undoes:
            return remedy
        step = Step(remedy.undoes, remedy.act, remedy.key, place)
        self._steps = [*self._steps[1 - MOST :], step]
        self.changed.emit()
        return Remedy(remedy.text, lambda: self._take(step), remedy.undoes)

    def undo(self) -> Step | None:
        """Take the newest step back; None: there is none."""
        step = self.next
        if step is not None:
            self._take(step)
        return step

    def forget(self, key: str) -> bool:
        """What was done to this has been taken back in another way. Returns whether there was such a step."""
        left = [step for step in self._steps if step.key != key]
        if len(left) == len(self._steps):
            return False
        self._steps = left
        self.changed.emit()
        return True

    def _take(self, step: Step) -> None:
        if step in self._steps:
            self._steps.remove(step)
            self.changed.emit()
            step.act()
