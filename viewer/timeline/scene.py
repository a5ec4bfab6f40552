"""What the reader makes of the rows: what stands still, folds, the unread line, the place to come back to.

No widget in here: the view says how large it is and what it looks like, then paints what `geo.placed` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from typing_extensions import override

from store.events import ItemId
from viewer.theme.look import Look
from viewer.timeline.folds import State
from viewer.timeline.layouts import Counters, Layouts
from viewer.timeline.model import TimelineModel
from viewer.timeline.selection import Marked
from viewer.timeline.stage import Stage

Place: TypeAlias = tuple[ItemId, int, bool]  # a row's item, how far its top is below the viewport's, follow
Pins: TypeAlias = list[tuple[int, int]]  # (row, top), best first


class Stand(NamedTuple):
    """What the reader made of the rows, by their ids."""

    place: Place
    folds: State
    selected: Marked | None
    unread: ItemId
    current: ItemId


class Scene(Stage):
    """See the module."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.wanted: Place | None = None  # to go to once its row is known
        self._stood: tuple[ItemId, int] | None = None  # what stood still when all was measured anew, and where

    @override
    def load(self, model: TimelineModel | None) -> None:
        self.wanted = self._stood = None
        super().load(model)

    @override
    def inserted(self, first: int, end: int) -> None:
        super().inserted(first, end)
        if self.wanted is not None:
            self.try_place()

    # ---- what stands still

    def pins(self) -> Pins:
        """What should stand still: rows whose top is in sight, then the one that the upper edge cuts."""
        return sorted(((placed.row, placed.top) for placed in self.geo.placed), key=lambda pin: pin[1] < 0)

    def repin(self, pins: Pins) -> None:
        """Let the first of these that is still shown stand where it stood. Following stays following."""
        stick = self.geo.stick
        if stick and not self.geo.slack:
            return
        for row, top in pins:
            if self.shown(row):
                self.geo.pin(row, top)
                self.geo.stick = stick
                return

    def remeasure(self, pins: Pins) -> None:
        """The width or the look changed: all heights are estimates again, and only visible rows are laid out.

        While the reader does not move, the same row stands still each time: there and back again nothing has moved.
        """
        self.geo.heights.forget()
        before = [pin for pin in pins if self._stood is not None and pin[1] == self._stood[1]]
        again = [pin for pin in before if self._stood == (self.item(pin[0]).id, pin[1])]
        pins = [*again, *pins]
        self.repin(pins)
        self._stood = next(((self.item(row).id, top) for row, top in pins if self.shown(row)), None)
        self.dirty = True

    # ---- folding

    def is_open(self, row: int) -> bool:
        """Whether a row is unfolded, by the reader's hand or by its kind."""
        item, laid = self.laid(row)
        fold = self.folds.fold(row, item.id)
        if fold.open is not None:
            return fold.open
        # Only the kind knows its default: it is open if opening it changes nothing. Asked at a click, never in a paint.
        opened = fold._replace(open=True)
        return Layouts(Counters()).get(item, self.width, opened, self.look).height == laid.height

    def put_fold(self, row: int, open: bool, pages: int) -> None:
        self._folding(row, lambda: self.folds.put(self.item(row).id, open, pages))

    def show_children(self, row: int, show: bool) -> None:
        """Show or hide a subagent's rows. O(those rows)."""

        def change() -> None:
            for child in self.folds.show_children(row, self.item(row).id, show):
                self._show(child, show)

        self._folding(row, change)

    def _folding(self, row: int, change: Callable[[], None]) -> None:
        """Change heights without moving what is read: the row itself if it is in sight, else what is.

        The end is let go, or the fold would move everything; it is held again if it stayed in sight.
        """
        placed = self.placed(row)
        pins = self.pins()
        geo = self.geo
        following = geo.stick
        self.dirty = True  # whatever was new: all that is in sight is looked at
        change()
        geo.heights.stale(row)
        if placed is not None:
            # A tall row that is closed below its own beginning would be gone: then its beginning comes into sight.
            gone = placed.top < 0 and placed.top + self.measure(row).height < self.line
            pins.insert(0, (row, 0 if gone else placed.top))
        geo.stick = False
        self.repin(pins)
        geo.slack = True
        self.place()
        if following and geo.at_end:
            geo.stick = True

    def reveal(self, row: int) -> None:
        """Open whatever hides a row."""
        pins = self.pins()
        self._open_parents(row)
        self.repin(pins)
        self.dirty = True

    def restore_folds(self, state: Mapping[ItemId, tuple[bool | None, int, bool]]) -> None:
        pins = self.pins()
        if self.model is None:
            self.folds.restore(state, lambda _: None)
        else:
            self.folds.restore(state, self.model.position_of)
        for row in self.folds.nested():
            self._show(row, not self.folds.hidden(row))
        self.repin(pins)
        self.dirty = True

    def fold_state(self) -> State:
        return self.folds.state()

    # ---- unread and place

    def mark_unread(self, row: int | None, count: int | None) -> None:
        """A line above a row. Without a count, the shown rows from there on are counted."""
        heights = self.geo.heights
        pins = self.pins()
        if row is not None:
            if count is None:
                count = sum(1 for at in range(row, len(heights)) if heights[at])
            self.unread_text = f"{count:,} new since you looked"
        for changed in (self.unread, row):
            if changed is not None and changed < len(heights):
                heights.stale(changed)
        self.unread = row
        self.repin(pins)
        self.dirty = True

    def where(self) -> Place:
        """Where the reader is, in terms that survive a restart."""
        if self.wanted is not None:
            return self.wanted
        geo = self.geo
        if geo.placed:
            return (geo.placed[0].what.item, geo.placed[0].top, geo.stick)
        if self.shown(geo.anchor) and not geo.stick:  # not shown yet
            return (self.item(geo.anchor).id, -geo.offset, False)
        return ("", 0, geo.stick)

    def stand(self, current: int) -> Stand:
        """Before all rows are put anew. `current`: the row that has the keyboard; -1: none has."""
        unread = "" if self.unread is None else self.item(self.unread).id
        marked = self.selection.marked(lambda row: self.item(row).id)
        return Stand(self.where(), self.fold_state(), marked, unread, self.item(current).id if current >= 0 else "")

    def stand_again(self, stood: Stand) -> int | None:
        """Behind that, as far as the rows are known. Returns the current one."""
        text, model = self.unread_text, self.model
        self.load(model)
        if model is None:
            return None
        self.restore_folds(stood.folds)
        if stood.selected is not None:
            self.selection.restore(stood.selected, model.position_of)
        if stood.unread:
            self.unread, self.unread_text = model.position_of(stood.unread), text
        self.wanted = stood.place
        self.try_place()
        return model.position_of(stood.current) if stood.current else None

    def try_place(self) -> None:
        """Go to the wanted place, if its row is known by now."""
        model, wanted = self.model, self.wanted
        if model is None or wanted is None or not model.length:
            return
        item, top, follow = wanted
        if follow or not item:
            self.wanted = None
            self.geo.follow()
        else:
            row = model.position_of(item)
            if row is None:
                return
            self.wanted = None
            while self.folds.hidden(row):  # what hides it stands for it
                parent = self.folds.parent(row)
                if parent is None:
                    break
                row, top = parent, 0
            self.geo.slack = False
            self.geo.pin(row, top)
            self.geo.clamp()
        self.dirty = True
