"""What is selected: two places in the transcript, each a row and a place in its text. Qt-free; held by the scene.

Rows between the ends are selected whole, so that a selection of a million rows is as small as one of a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from store.events import ItemId
from viewer.rows.base import Pos

FIRST: Final = Pos(-1, -1)  # before everything in a row
LAST: Final = Pos(1 << 30, 0)  # behind everything in a row


class Place(NamedTuple):
    """A place in the transcript; places compare in reading order."""

    row: int
    pos: Pos


Marked: TypeAlias = tuple[tuple[ItemId, Pos], ...]  # the four ends of a selection, by item: row numbers come and go


class Selection:
    """`begin` with a click, `extend` with a drag. A word or paragraph is selected as what it covers, not as a point."""

    __slots__ = ("_base", "_head")

    def __init__(self) -> None:
        self._base: tuple[Place, Place] | None = None  # what the first click covered
        self._head: tuple[Place, Place] | None = None  # what the pointer covers now

    def begin(self, row: int, start: Pos, end: Pos) -> None:
        self._base = self._head = (Place(row, start), Place(row, end))

    def extend(self, row: int, start: Pos, end: Pos) -> None:
        """Up to here; the other end stays."""
        if self._base is None:
            self.begin(row, start, end)
        else:
            self._head = (Place(row, start), Place(row, end))

    def rows(self, first: int, last: int) -> None:
        """Whole rows."""
        self._base = (Place(first, FIRST), Place(first, FIRST))
        self._head = (Place(last, LAST), Place(last, LAST))

    def clear(self) -> None:
        self._base = self._head = None

    @property
    def anchored(self) -> bool:
        """Whether there is an end to extend from, be it an empty one."""
        return self._base is not None

    @property
    def ends(self) -> tuple[Place, Place] | None:
        """Start and end in reading order, or None if nothing is selected."""
        if self._base is None or self._head is None:
            return None
        start = min(self._base[0], self._head[0])
        end = max(self._base[1], self._head[1])
        return (start, end) if start < end else None

    def within(self, row: int) -> tuple[Pos | None, Pos | None] | None:
        """What of a row is selected: None inside means 'from the row's start' or 'to its end'."""
        ends = self.ends
        if ends is None or not ends[0].row <= row <= ends[1].row:
            return None
        start = ends[0].pos if row == ends[0].row else FIRST
        end = ends[1].pos if row == ends[1].row else LAST
        return (None if start == FIRST else start, None if end == LAST else end)

    def marked(self, name: Callable[[int], ItemId]) -> Marked | None:
        """The selection by item, to be kept while another session is shown; None if nothing is selected."""
        if self._base is None or self._head is None or self.ends is None:
            return None
        return tuple((name(place.row), place.pos) for place in (*self._base, *self._head))

    def restore(self, marked: Marked, locate: Callable[[ItemId], int | None]) -> None:
        """Select what `marked` gave, if its rows are all there."""
        rows = [locate(item) for item, _ in marked]
        places = [Place(row, pos) for row, (_, pos) in zip(rows, marked, strict=True) if row is not None]
        if len(places) == len(marked) == 4:
            self._base, self._head = (places[0], places[1]), (places[2], places[3])

    def shift(self, rows: int) -> None:
        """Rows were inserted (or, negative, removed) before all others."""
        if self._base is None or self._head is None:
            return
        self._base = _moved(self._base, rows)
        self._head = _moved(self._head, rows)

    def cut(self, row: int) -> None:
        """Rows from `row` on are gone: the selection ends before them, or is gone too."""
        ends = self.ends
        if ends is None or ends[0].row >= row:
            self.clear()
        elif ends[1].row >= row:
            self._base = (ends[0], ends[0])
            self._head = (Place(row - 1, LAST), Place(row - 1, LAST))


def _moved(pair: tuple[Place, Place], rows: int) -> tuple[Place, Place]:
    start, end = (Place(place.row + rows, place.pos) if place.row + rows >= 0 else Place(0, FIRST) for place in pair)
    return start, end
