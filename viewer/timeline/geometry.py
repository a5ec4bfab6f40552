"""Where rows stand in the viewport: an anchor row and its offset, never a scroll value. Qt-free; held by the view.

Rows above the anchor are only guessed, so nothing that happens to them can move what is read. While following, rows are
placed from the end upwards instead, and the anchor is what comes out of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from store.events import ItemId
from viewer.rows.base import ANYWHERE, Laid
from viewer.timeline.heights import Heights

FAR: Final = 4  # viewports; a longer way is jumped, by estimates


class Measured(NamedTuple):
    """A row laid out now. `lead` px above it belong to the view (the line above unread rows)."""

    item: ItemId
    rev: int
    laid: Laid
    height: int
    lead: int


class Placed(NamedTuple):
    """A visible row."""

    row: int
    top: int
    what: Measured

    @property
    def bottom(self) -> int:
        return self.top + self.what.height


class Geometry:
    """See the module. `measure` lays a row out and puts its height into `heights`."""

    def __init__(self, measure: Callable[[int], Measured]) -> None:
        self.heights = Heights()
        self.anchor = 0
        self.offset = 0  # px of the anchor row that are above the viewport
        self.stick = True  # follow the end
        # A row was folded while the end was in sight: what is left stays where it is, although there is room below,
        # until the reader scrolls or new rows fill it.
        self.slack = False
        self.foot = 0  # px of air below the last row
        self._placed: Sequence[Placed] = ()
        self._moved = 0  # px that all of them moved down since they were put there
        self._inked = ANYWHERE  # no pixel of theirs lies further right; when they were not just extended, who knows
        self.reach = ANYWHERE  # after `extend`: nor does one of those that were there before
        self.at_end = True  # the last row's end is in sight
        self._measure = measure
        self._clamp = False

    # ---- asked

    @property
    def placed(self) -> Sequence[Placed]:
        """The visible rows, from the top."""
        if self._moved:
            way, self._moved = self._moved, 0
            self._placed = [Placed(row, top + way, what) for row, top, what in self._placed]
        return self._placed

    @placed.setter
    def placed(self, placed: Sequence[Placed]) -> None:
        self._placed, self._moved = placed, 0
        self._inked = ANYWHERE

    def between(self, upper: int, lower: int) -> list[Placed]:
        """The visible rows of which something lies in [upper, lower), from the top. O(rows from there to the end)."""
        found: list[Placed] = []
        moved = self._moved
        for placed in reversed(self._placed):
            row, top, what = placed
            top += moved
            if top + what.height <= upper:
                break
            if top < lower:
                found.append(Placed(row, top, what) if moved else placed)
        found.reverse()
        return found

    @property
    def position(self) -> int:
        """Px above the viewport, as far as known."""
        return self.heights.prefix(min(self.anchor, len(self.heights))) + self.offset

    def extent(self, height: int) -> int:
        """The largest useful position."""
        return max(0, self.heights.total + self.foot - height)

    @property
    def fits(self) -> bool:
        """Whether everything is in sight, so that there is nothing to scroll."""
        if not self.placed:
            return True
        first = self.placed[0]
        return self.at_end and first.top >= 0 and self.heights.before(first.row) is None

    # ---- placing

    def place(self, height: int) -> None:
        """Find the visible rows, measuring those that were not yet. O(visible rows)."""
        clamp, self._clamp = self._clamp, False
        if self.heights.total <= 0:
            self.anchor = self.offset = 0
            self.placed = ()
            self.at_end = True
            return
        if self.stick and not self.slack:
            self._upwards(height)
            return
        self._downwards(height)
        spare = height - self.foot - self.placed[-1].bottom if self.placed else height
        if not self.placed or (clamp and self.at_end and spare > 0) or (self.stick and spare < 0):
            self.slack = False
            self._upwards(height)

    def extend(self, new: int, height: int) -> int | None:
        """Rows from `new` on came behind all others, and nothing else changed: measure those of them that are seen.

        O(new rows in sight): rows that only move are not touched. How far down they moved, or None, with nothing
        placed: it takes `place`.
        """
        old = self._placed
        if not old or self.slack or self._clamp or old[-1].row >= new:
            return None
        bottom = old[-1].bottom + self._moved
        if not self.stick:
            if bottom < height:
                return None
            self.at_end = False
            return 0
        heights, y = self.heights, height - self.foot
        if bottom != y:
            return None
        found: list[Placed] = []
        row = heights.before(len(heights))
        while row is not None and row >= new and y > 0:
            what = self._measure(row)
            y -= what.height
            found.append(Placed(row, y, what))
            row = heights.before(row)
        way = y - bottom
        moved = self._moved + way
        if row != old[-1].row or y <= 0 or old[0].top + moved > 0:
            return None
        gone = 0  # the row that ends at `y` is in sight, so it ends
        while old[gone].top + old[gone].what.height + moved <= 0:
            gone += 1
        if moved:
            found = [Placed(row, top - moved, what) for row, top, what in found]
        found.reverse()
        self._placed, self._moved = [*old[gone:], *found], moved
        inked = max([ANYWHERE if what.lead else what.laid.reach for _, _, what in self._placed])
        self.reach, self._inked = max(inked, self._inked), inked
        first = old[gone]
        self.anchor, self.offset = first.row, -(first.top + moved)
        self.at_end = True
        return way

    def _upwards(self, height: int) -> None:
        y = height - self.foot
        found: list[Placed] = []
        row = self.heights.before(len(self.heights))
        while row is not None and y > 0:
            what = self._measure(row)
            y -= what.height
            found.append(Placed(row, y, what))
            row = self.heights.before(row)
        found.reverse()
        if y > 0:  # too few to fill it: they start at the top
            found = [Placed(row, top - y, what) for row, top, what in found]
        self._settle(found)
        self.at_end = True

    def _downwards(self, height: int) -> None:
        self._normalise()
        y = -self.offset
        found: list[Placed] = []
        row: int | None = self.anchor
        while row is not None and y < height:
            what = self._measure(row)
            found.append(Placed(row, y, what))
            y += what.height
            row = self.heights.after(row)
        self.at_end = row is None and y + self.foot <= height
        if row is None and y <= 0:
            found = []  # the anchor shrank, and nothing is below it
        self._settle(found)

    def _settle(self, found: Sequence[Placed]) -> None:
        self.placed = found
        if found:
            first = found[0]
            self.anchor, self.offset = first.row, -first.top

    def _normalise(self) -> None:
        """Make the anchor the row that covers the upper edge. Rows are measured before the edge moves onto them."""
        heights = self.heights
        row = min(self.anchor, len(heights) - 1)
        if heights[row] <= 0:
            other = heights.after(row)
            # Something is shown (place has looked), so if it is not below, it is above.
            row = heights.find(heights.prefix(row) - 1) if other is None else other
            self.offset = 0
        while self.offset < 0:
            above = heights.before(row)
            if above is None:
                self.offset = 0
                break
            self.offset += self._measure(above).height
            row = above
        tall = self._measure(row).height
        while self.offset >= tall:
            below = heights.after(row)
            if below is None:
                break
            self.offset -= tall
            row = below
            tall = self._measure(row).height
        self.anchor = row

    # ---- moving

    def scroll(self, by: int, height: int) -> None:
        """Move the reader down by so many px. Up lets go of the end; reaching it takes hold of it."""
        if self.heights.total <= 0 or (by < 0 and self.fits):
            return
        if abs(by) > FAR * height:
            self.jump(self.position + by, height)
            return
        self.slack = False
        if by < 0:
            self.stick = False
        self.offset += by
        self._clamp = True
        self.place(height)
        if by > 0 and self.at_end:
            self.stick = True

    def jump(self, y: int, height: int) -> None:
        """Go to a position, by what the heights are thought to be."""
        if self.heights.total <= 0:
            return
        if y >= self.extent(height):
            self.follow()
            self.place(height)
            return
        row = self.heights.find(y)
        thought = self.heights[row]
        into = max(0, y) - self.heights.prefix(row)
        tall = self._measure(row).height
        self.pin(row, -(into * tall // thought))
        self._clamp = True
        self.place(height)
        self.stick = self.at_end

    def go(self, row: int, top: int, height: int) -> None:
        """Let the reader see a row at a height of the viewport; on the last one, with its end in sight, follow."""
        self.slack = False
        self.pin(row, top)
        self._clamp = True
        self.place(height)
        self.stick = self.at_end and bool(self.placed) and self.placed[-1].row == row

    def clear(self) -> None:
        """No rows, and the end followed."""
        self.heights.cut(0)
        self.anchor = self.offset = 0
        self.placed = ()
        self.follow()

    def pin(self, row: int, top: int) -> None:
        """Let a row stand at a height of the viewport; `place` does the rest. Lets go of the end."""
        self.anchor, self.offset = row, -top
        self.stick = False

    def follow(self) -> None:
        self.stick = True
        self.slack = False

    def clamp(self) -> None:
        """Leave no room below the last row, next time."""
        self._clamp = True

    def shift(self, rows: int) -> None:
        """Rows were inserted (or, negative, removed) before all others."""
        self.anchor = max(0, self.anchor + rows)
