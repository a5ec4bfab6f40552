"""The rows the view shows: heights, folds, layouts, kept true to what the model tells. The ground of the scene.

No widget in here. Every change sets `dirty`; the view then places the rows anew, once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, MutableSequence

from store.events import ItemId
from store.items import Item
from viewer.rows.base import Laid
from viewer.theme.look import Look
from viewer.timeline.estimates import FEW, estimates, few, per_line_of
from viewer.timeline.folds import Folds
from viewer.timeline.geometry import Geometry, Measured, Placed
from viewer.timeline.heights import BLOCK, Guess, plain
from viewer.timeline.layouts import Counters, Layouts
from viewer.timeline.model import TimelineModel
from viewer.timeline.selection import Selection


class Stage:
    """See the module."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.width = 0
        self.height = 0
        self.model: TimelineModel | None = None
        self.counters = Counters()
        self.folds = Folds()
        self.selection = Selection()
        self.geo = Geometry(self.measure)
        self.layouts = Layouts(self.counters)
        self.unread: int | None = None
        self.unread_text = ""
        self.behind = 0  # rows that came since the end was let go
        self._known_px: tuple[int, Look | None, tuple[int, int, int]] = (-1, None, (0, 0, 0))
        self._dirty = False
        self._new: int | None = None  # rows from here on came behind all others, and nothing else changed

    @property
    def dirty(self) -> bool:
        """Whether rows must be placed anew."""
        return self._dirty

    @dirty.setter
    def dirty(self, dirty: bool) -> None:
        self._dirty, self._new = dirty, None

    # ---- one row

    def item(self, row: int) -> Item:
        if self.model is None:
            raise LookupError(row)
        return self.model.item(row)

    def laid(self, row: int) -> tuple[Item, Laid]:
        item = self.item(row)
        return item, self.layouts.get(item, self.width, self.folds.fold(row, item.id), self.look)

    def measure(self, row: int) -> Measured:
        self.counters.asked += 1
        model = self.model
        if model is None:
            raise LookupError(row)
        item = model.item(row)
        laid = self.layouts.get(item, self.width, self.folds.fold(row, item.id), self.look)  # `laid`, without the calls
        lead = self.look.px(28) if row == self.unread else 0
        height = max(0, int(laid.height)) + lead
        if self.geo.heights.set(row, height):
            self.counters.rows_measured += 1
        return Measured(item.id, item.rev, laid, height, lead)

    def shown(self, row: int) -> bool:
        return 0 <= row < len(self.geo.heights) and self.geo.heights[row] > 0

    def placed(self, row: int) -> Placed | None:
        """Where a visible row stands."""
        return next((placed for placed in self.geo.placed if placed.row == row), None)

    @property
    def line(self) -> int:
        """A line of prose, which is what estimates, a wheel and an arrow count in."""
        return max(8, self.look.metrics("prose").height())

    def extend(self) -> int | None:
        """Measure new rows behind all others, if they are all that is new: how far down the ones before them moved.

        None: it takes `place`.
        """
        new = self._new
        if new is None or self.width <= 0 or self.height <= 0:
            return None
        way = self.geo.extend(new, self.height)
        if way is not None:
            self._dirty, self._new = False, None
        return way

    def place(self) -> None:
        """Find the visible rows. O(visible rows); O(new rows) when rows at the end are all that is new."""
        if self.extend() is None:
            self.dirty = False
            if self.width > 0 and self.height > 0:
                self.geo.place(self.height)

    def _estimates(self, first: int, end: int) -> Guess:
        if self.model is None:
            return plain(())
        return estimates(self.model, first, end, self.width, self.line, self.look.px(20))

    def _in_px(self) -> tuple[int, int, int]:
        """What `few` needs to know; asked with every tick, and the same until width or look change."""
        width, look, known = self._known_px
        if width != self.width or look is not self.look:
            line = self.line
            known = per_line_of(self.width, line), line, self.look.px(20)
            self._known_px = self.width, self.look, known
        return known

    def _show(self, row: int, shown: bool) -> None:
        """Let a row have a height or none."""
        heights = self.geo.heights
        if row < len(heights) and shown != (heights[row] > 0):
            heights.suppose(row, self._estimates(row, row + 1).heights[0] if shown else 0)

    # ---- told by the model

    def load(self, model: TimelineModel | None) -> None:
        """Another model, or the same one anew."""
        self.model = model
        self.folds.clear()
        self.selection.clear()
        self.layouts.clear()
        self.unread = None
        self.behind = 0
        self.geo.clear()
        if model is not None and model.length:
            self._enter_front(model.length)
        self.dirty = True

    def inserted(self, first: int, end: int) -> None:
        """Rows [first, end) are new: before all others, or behind them."""
        had = len(self.geo.heights)
        if had and first >= had:
            new = first if not self._dirty else self._new
            if not self._enter_end(first, end):
                self._dirty, self._new = True, new
                return
        else:
            count = end - first
            self._enter_front(count)
            if had:
                self.geo.shift(count)
                self.selection.shift(count)
                if self.unread is not None:
                    self.unread += count
        self.dirty = True

    def _enter_front(self, count: int) -> None:
        model = self.model
        if model is None:
            return
        heights, folds = self.geo.heights, self.folds
        had = len(heights)
        once = [row + count for row in folds.nested()]
        nested = array("i") if model.window is None else model.window.nested()
        if nested and nested[-2] >= model.base:  # not all of the window is shown
            inside = (pair for pair in zip(nested[0::2], nested[1::2], strict=True) if pair[0] < model.base)
            nested = array("i", (number for pair in inside for number in pair))
        folds.reset(nested, self._tail_links(model), model.position_of)
        for placed in self.geo.placed:  # what is being read does not vanish because its parent was found
            self._open_parents(placed.row + count)
        guessed = self._estimates(0, count)
        everything, hidden = folds.all_hidden, folds.hidden
        for row in folds.nested():
            if row >= count:
                break
            if everything or hidden(row):
                guessed.sums[row // BLOCK] -= guessed.heights[row]
                guessed.heights[row] = 0
        heights.insert_front(guessed)
        if had:
            for row in {*once, *folds.nested()[bisect_left(folds.nested(), count) :]}:
                self._show(row, not hidden(row))

    @staticmethod
    def _tail_links(model: TimelineModel) -> Iterator[tuple[int, ItemId, ItemId | None]]:
        for row, item in enumerate(model.items(model.base, model.length), model.base):
            yield row, item.id, item.parent

    def _enter_end(self, first: int, end: int) -> bool:
        """Whether rows that were there before are concerned: parents count their children, or come after them."""
        model = self.model
        if model is None:
            return False
        items = [model.item(row) for row in range(first, end)]
        quick = len(items) <= FEW
        guessed: MutableSequence[int] = few(items, *self._in_px()) if quick else self._estimates(first, end).heights
        late: list[int] = []
        nested = False
        for row, item in enumerate(items, first):
            late += self.folds.add(row, item.id, item.parent, model.position_of)
            if item.parent is not None:
                nested = True
                if self.folds.hidden(row):
                    guessed[row - first] = 0
        self.geo.heights.append(guessed)
        if late:  # their parent came after them: folded now, unless they are being read
            for placed in self.geo.placed:
                if placed.row in late:
                    self._open_parents(placed.row)
            for row in late:
                self._show(row, not self.folds.hidden(row))
        nested = nested or bool(late)
        if not self.geo.stick:
            self.behind += sum(1 for height in guessed if height)
        return nested

    def _open_parents(self, row: int) -> None:
        parent = self.folds.parent(row)
        while parent is not None:
            if not self.folds.shows_children(parent):
                for child in self.folds.show_children(parent, self.item(parent).id, True):
                    self._show(child, True)
            parent = self.folds.parent(parent)

    def changed(self, first: int, last: int) -> None:
        """Rows have newer versions; the model knows which between the two."""
        model = self.model
        if model is None:
            return
        heights = self.geo.heights
        for row in model.changed_rows or range(first, last + 1):
            if row >= len(heights):
                break
            if model.rebased:  # another reading of the same bytes: even the same revision may differ
                self.layouts.drop(model.item(row).id)
            heights.stale(row)
            if heights[row] == 0 and not self.folds.hidden(row):
                self._show(row, True)
        self.dirty = True

    def removed(self, first: int, end: int) -> None:
        """Rows [first, end) are gone: the first ones, or all from there on."""
        geo = self.geo
        self.layouts.clear()  # ids may come back with other contents
        if first == 0 and end < len(geo.heights):
            geo.heights.drop_front(end)
            freed = self.folds.drop_front(end)
            geo.placed = [placed._replace(row=placed.row - end) for placed in geo.placed if placed.row >= end]
            if geo.anchor < end:  # the first row that is left takes over, where it stands
                geo.offset = -geo.placed[0].top if geo.placed else 0
                geo.anchor = geo.placed[0].row if geo.placed else 0
            else:
                geo.shift(-end)
            self.selection.shift(-end)
            if self.unread is not None:
                self.unread = max(0, self.unread - end)
        else:
            geo.heights.cut(first)
            freed = self.folds.cut(first)
            geo.placed = [placed for placed in geo.placed if placed.row < first]
            self.selection.cut(first)
            if self.unread is not None and self.unread >= first:
                self.unread = None
            if geo.anchor >= first:
                geo.follow()  # nothing is left of what was read
        for row in freed:
            self._show(row, not self.folds.hidden(row))
        geo.clamp()
        self.dirty = True
