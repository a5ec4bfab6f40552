"""What the reader opened and closed, and which rows a folded subagent hides. Qt-free; held by the scene.

A subagent's rows name the tool call that started it as their parent. They are folded until the reader asks for them,
to any depth. Rows are found by bisection, so that a session of a million rows needs eight bytes per nested row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from store.events import ItemId
from viewer.rows.base import Fold

State: TypeAlias = dict[ItemId, tuple[bool | None, int, bool]]
Locate: TypeAlias = Callable[[ItemId], int | None]
DEFAULT: Final = Fold()
OVER: Final = Fold(over=True)
DEEP: Final = 64  # deeper nesting is a circle, or might as well be


class Folds:
    """See the module. Parents are rows here; what is kept across restarts is by item id."""

    def __init__(self) -> None:
        self.over = False  # the session has ended; whoever shows another one says so anew
        self.clear()

    def clear(self) -> None:
        """Nothing is known."""
        self._states: dict[ItemId, Fold] = {}
        self._open: set[int] = set()  # parents whose rows are shown
        self._rows: array[int] = array("i")  # nested rows, ascending
        self._owners: array[int] = array("i")  # the parent of each
        self._children: dict[int, array[int]] = {}
        self._waiting: dict[ItemId, list[int]] = {}  # rows whose parent was not seen yet

    # ---- asked by the view

    def parent(self, row: int) -> int | None:
        at = bisect_left(self._rows, row)
        return self._owners[at] if at < len(self._rows) and self._rows[at] == row else None

    def _parents(self, row: int) -> Iterable[int]:
        for _ in range(DEEP):
            parent = self.parent(row)
            if parent is None:
                return
            yield parent
            row = parent

    def hidden(self, row: int) -> bool:
        """Whether a parent, its parent, … is folded."""
        return bool(self._rows) and any(parent not in self._open for parent in self._parents(row))

    def depth(self, row: int) -> int:
        return sum(1 for _ in self._parents(row)) if self._rows else 0

    def steps(self, row: int) -> int:
        """How many rows the subagent has that this row started."""
        return len(self._children.get(row, ()))

    def children(self, row: int) -> array[int]:
        return self._children.get(row, array("i"))

    def shows_children(self, row: int) -> bool:
        return row in self._open

    def fold(self, row: int, item: ItemId) -> Fold:
        """What a row's renderer is told."""
        state = self._states.get(item, DEFAULT)
        over = self.over
        steps, depth = (self.steps(row), self.depth(row)) if self._rows else (0, 0)
        if steps or depth:
            return Fold(state.open, state.pages, row in self._open, steps, depth, over)
        if not over:
            return state
        return OVER if state is DEFAULT else state._replace(over=True)

    def nested(self) -> array[int]:
        """All nested rows, ascending, hidden or not."""
        return self._rows

    @property
    def all_hidden(self) -> bool:
        """Whether no subagent was opened, so that every nested row is hidden."""
        return not self._open

    # ---- changed by the reader

    def put(self, item: ItemId, open: bool | None, pages: int) -> None:
        """How one row is shown."""
        old = self._states.get(item, DEFAULT)
        self._keep(item, Fold(open, pages, old.children))

    def _keep(self, item: ItemId, fold: Fold) -> None:
        if fold == DEFAULT:
            self._states.pop(item, None)
        else:
            self._states[item] = fold

    def show_children(self, row: int, item: ItemId, show: bool) -> list[int]:
        """Open or close a subagent. Returns the rows that appear or disappear by it. O(those rows)."""
        old = self._states.get(item, DEFAULT)
        self._keep(item, Fold(old.open, old.pages, show))
        if (row in self._open) == show:
            return []
        if show:
            self._open.add(row)
        else:
            self._open.discard(row)
        return [] if self.hidden(row) else self._below(row)

    def _below(self, row: int) -> list[int]:
        """The rows that are shown if this parent shows its own."""
        found: dict[int, None] = {}
        todo = [row]
        while todo:
            for child in self._children.get(todo.pop(), ()):
                if child not in found:
                    found[child] = None
                    if child in self._open:
                        todo.append(child)
        return list(found)

    # ---- told by the view

    def add(self, row: int, item: ItemId, parent: ItemId | None, locate: Locate) -> list[int]:
        """A row at the end. Returns earlier rows that had been waiting for it, as their parent."""
        if parent is not None:
            owner = locate(parent)
            if owner is None:
                self._waiting.setdefault(parent, []).append(row)
            elif owner != row:
                self._attach(row, owner)
        state = self._states.get(item)
        if state is not None and state.children:
            self._open.add(row)
        waited = self._waiting.pop(item, None) if self._waiting else None
        if not waited:
            return []
        for child in waited:
            self._attach(child, row)
        return [child for child in waited if child != row]

    def _attach(self, row: int, owner: int) -> None:
        if row == owner or row in self._parents(owner):
            return  # a circle: the bytes say so, the screen must not hang on it
        if not self._rows or row > self._rows[-1]:
            self._rows.append(row)
            self._owners.append(owner)
        else:
            at = bisect_left(self._rows, row)
            self._rows.insert(at, row)
            self._owners.insert(at, owner)
        self._children.setdefault(owner, array("i")).append(row)

    def reset(self, pairs: array[int], tail: Iterable[tuple[int, ItemId, ItemId | None]], locate: Locate) -> None:
        """All rows anew: the window's nested pairs, then (row, item, parent) of those behind it. O(nested rows)."""
        self._rows = pairs[0::2]
        self._owners = pairs[1::2]
        children: dict[int, array[int]] = {}
        self._children = children
        self._waiting = {}
        for row, owner in zip(self._rows, self._owners, strict=True):
            known = children.get(owner)
            if known is None:
                known = children[owner] = array("i")
            known.append(row)
        self._open = set()
        self._relocate(locate)
        for row, item, parent in tail:
            self.add(row, item, parent, locate)

    def _relocate(self, locate: Locate) -> None:
        for item, state in self._states.items():
            row = locate(item) if state.children else None
            if row is not None:
                self._open.add(row)

    def drop_front(self, count: int) -> list[int]:
        """The first rows are gone; what is left is numbered from 0. Returns rows that have no parent any more."""
        first = bisect_left(self._rows, count)
        links = zip(self._rows[first:], self._owners[first:], strict=True)
        moved = [(row - count, owner - count) for row, owner in links]
        pairs = [(row, owner) for row, owner in moved if owner >= 0]
        self._rows, self._owners, self._children = array("i"), array("i"), {}
        self._open = {row - count for row in self._open if row >= count}
        self._waiting = {item: [row - count for row in rows if row >= count] for item, rows in self._waiting.items()}
        for row, owner in pairs:
            self._attach(row, owner)
        return [row for row, owner in moved if owner < 0]

    def cut(self, row: int) -> list[int]:
        """Rows from `row` on are gone. Returns rows before it that have no parent any more."""
        freed: list[int] = []
        first = bisect_left(self._rows, row)
        for owner in set(self._owners[first:]):
            known = self._children.get(owner)
            while known and known[-1] >= row:
                known.pop()
        del self._rows[first:]
        del self._owners[first:]
        for owner in [owner for owner, known in self._children.items() if owner >= row or not known]:
            for child in self._children.pop(owner):  # a parent that came after its rows
                at = bisect_left(self._rows, child)
                if at < len(self._rows) and self._rows[at] == child:
                    del self._rows[at], self._owners[at]
                    freed.append(child)
        self._open = {parent for parent in self._open if parent < row}
        if self._waiting:
            kept = {item: [known for known in rows if known < row] for item, rows in self._waiting.items()}
            self._waiting = {item: rows for item, rows in kept.items() if rows}
        return freed

    # ---- kept across sessions and restarts

    def state(self) -> State:
        return {item: (fold.open, fold.pages, fold.children) for item, fold in self._states.items()}

    def restore(self, state: Mapping[ItemId, tuple[bool | None, int, bool]], locate: Locate) -> None:
        """Take what `state` gave. The caller estimates the heights anew."""
        self._states = {}
        for item, (open, pages, children) in state.items():
            self._keep(item, Fold(open, max(0, pages), children))
        self._open = set()
        self._relocate(locate)
