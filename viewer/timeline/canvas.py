"""The transcript's pixels: a list that owns its geometry, so that nothing costs the transcript's length.

Made as a TimelineView only. It places rows, has them painted, keeps the scroll bar true and answers what Qt asks about
where things are. Stock behaviour is kept where it is right for rows of unequal height.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Signal, Slot
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget
from typing_extensions import override

from store.items import Item
from viewer.rows.base import PAINTED, Hit
from viewer.theme.look import Look
from viewer.timeline import damage, painting
from viewer.timeline.bar import Bar
from viewer.timeline.geometry import Placed
from viewer.timeline.model import TimelineModel
from viewer.timeline.scene import Scene, Stand
from viewer.timeline.stock import Stock

log = logging.getLogger(__name__)
Index: TypeAlias = QModelIndex | QPersistentModelIndex
Hint = QAbstractItemView.ScrollHint
LONGEST: Final = 1 << 30  # px; a scroll bar counts in 32 bits


class Canvas(Stock):
    """See the module. The state is the scene's anchor; the scroll bar only shows it."""

    follow_changed = Signal(bool)
    behind_changed = Signal(int)  # rows that came since the end was let go

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        # Stock constructors call our overrides: everything they touch exists before.
        self.scene = Scene(look)
        self.geo = self.scene.geo
        self.folds = self.scene.folds
        self.selection = self.scene.selection
        self.counters = self.scene.counters
        self._busy = False
        self._syncing = False
        self._scale = 1
        self._bottom = 0
        self._told = (True, 0)
        self.travels = 0  # times that the reader went somewhere else, or was taken there
        self._stood: Stand | None = None  # between the two signals of a reset
        self.afloat: tuple[QWidget, ...] = ()  # widgets on the viewport that stay where they are when rows move
        self.bar = Bar(self._sync_bar)
        super().__init__(self.bar, parent)
        self.verticalScrollBar().sliderReleased.connect(self.on_thumb_released)
        self.set_look(look)

    # ---- what is shown

    @property
    def timeline(self) -> TimelineModel | None:
        return self.scene.model

    def item(self, row: int) -> Item:
        return self.scene.item(row)

    @override
    def setModel(self, model: object) -> None:
        """A TimelineModel or None."""
        if model is not None and not isinstance(model, TimelineModel):
            raise TypeError(type(model).__name__)
        old = self.scene.model
        if old is not None:
            old.rowsRemoved.disconnect(self.on_removed)
            old.modelAboutToBeReset.disconnect(self.on_about_to_reset)
            old.modelReset.disconnect(self.on_reset)
            old.applied.remove(self.settle)
        self.scene.model = model
        if model is not None:  # before Qt's own slots, which forget the current row; and behind them
            model.modelAboutToBeReset.connect(self.on_about_to_reset)
        super().setModel(model)
        if model is not None:
            model.rowsRemoved.connect(self.on_removed)
            model.modelReset.connect(self.on_reset)
            model.applied.append(self.settle)
        self.scene.load(model)
        self.settle(all_new=True)

    def set_look(self, look: Look) -> None:
        """Another theme or zoom. What is read stays where it is."""
        pins = self.scene.pins()
        self.scene.look = look
        self.geo.foot = look.px(16)
        self.bar.set_back(look.colour("surface.window"))
        self.scene.layouts.clear()
        self.scene.remeasure(pins)
        self.settle(all_new=True)

    @property
    def follow(self) -> bool:
        return self.geo.stick

    @property
    def behind(self) -> int:
        """Rows that came since the end was let go."""
        return self.scene.behind

    @property
    def line(self) -> int:
        return self.scene.line

    @property
    def page(self) -> int:
        """What PgDn moves: a viewport less two lines, so that the eye finds its place."""
        return max(self.line, self.viewport().height() - 2 * self.line)

    # ---- what the model says

    @override
    def rowsInserted(self, parent: Index, start: int, end: int) -> None:
        self.scene.inserted(start, end + 1)

    @override
    def dataChanged(self, top: Index, bottom: Index, roles: object = None) -> None:
        self.scene.changed(top.row(), bottom.row())

    @Slot(QModelIndex, int, int)
    def on_removed(self, parent: QModelIndex, first: int, last: int) -> None:
        self.scene.removed(first, last + 1)

    @Slot()
    def on_about_to_reset(self) -> None:
        self._stood = self.scene.stand(self.currentIndex().row())

    @Slot()
    def on_reset(self) -> None:
        """All rows are others: the reader stays with those that are known by their ids."""
        if self._stood is not None:
            stood, self._stood = self._stood, None
            current = self.scene.stand_again(stood)
            if current is not None and self.timeline is not None:
                self.setCurrentIndex(self.timeline.index(current))
            self.settle(all_new=True)

    # ---- geometry to pixels

    def settle(self, all_new: bool = False) -> None:
        """Place the rows if something changed; move the pixels that stay, paint the others."""
        if all_new or (self.scene.dirty and not self._extend()):
            self._arrange(self.scene.place, all_new=all_new, soon=True)

    def _extend(self) -> bool:
        """The way of nearly every tick: new rows at the end are all that is new, and all others move by as much.

        Such a tick runs cold, so what counts is how little of it there is: no row that was there before is looked at.
        """
        if self._busy:
            return True
        self._busy = True
        try:
            way = self.scene.extend()
            if way is None:
                return False
            if self.geo.stick:
                self._bottom = self.scene.height - self.geo.foot
                width = self.scene.width  # what is bare right of all rows need not be moved
                if self.geo.reach < width and self.selection.ends is None:
                    width = self.geo.reach
                afloat = self.afloat if self.even() else None
                damage.follow(self.viewport(), width, self._bottom, way, self.counters, afloat)
        finally:
            self._busy = False
        self.bar.later()
        self._tell()
        return True

    def _arrange(self, move: Callable[[], None], *, all_new: bool = False, soon: bool = False) -> None:
        """Let rows be placed otherwise, and show it. `soon`: nobody moved, so while following the bar has time."""
        if self._busy:
            return
        self._busy = True
        try:
            before, below = self.geo.placed, self._bottom
            move()
            placed = self.geo.placed
            self._bottom = placed[-1].bottom if placed else 0
            if all_new:
                self.viewport().update()
                self.counters.full += 1
            else:
                damage.repair(self.viewport(), before, below, placed, self._bottom, self.counters, self.afloat)
            for row in placed:
                row.what.laid.unpainted = PAINTED
        finally:
            self._busy = False
        if soon and not all_new and self.geo.stick and not self.geo.slack:
            self.bar.later()
        else:
            self._sync_bar()
        self._tell()

    def _travel(self, move: Callable[[], None]) -> None:
        """Let the reader go somewhere else."""
        self.travels += 1
        self.settle()
        self.scene.wanted = None
        self._arrange(move)

    def scroll_by(self, px: int) -> None:
        """Down by so many px, up if negative."""
        self._travel(lambda: self.geo.scroll(px, self.scene.height))

    def set_over(self, over: bool) -> None:
        """Whether the session has ended: what has no result by now will have none. No row changes its height."""
        if self.folds.over != over:
            self.folds.over = over
            self.scene.dirty = True  # what is in sight was laid out with the old word
            self.settle(all_new=True)

    def set_follow(self, follow: bool) -> None:
        """Go to the end and stay there, or let go of it."""

        def move() -> None:
            if follow:
                self.geo.follow()
            else:
                self.geo.stick = False
            self.geo.place(self.scene.height)

        self._travel(move)

    def jump_to(self, position: int) -> None:
        self._travel(lambda: self.geo.jump(position, self.scene.height))

    def _tell(self) -> None:
        scene = self.scene
        if self.geo.stick:
            scene.behind = 0
        follow, behind = self._told
        self._told = (self.geo.stick, scene.behind)
        if behind != scene.behind:
            self.behind_changed.emit(scene.behind)
        if follow != self.geo.stick:
            self.follow_changed.emit(self.geo.stick)

    def _sync_bar(self) -> None:
        if self.bar.isSliderDown():
            return  # the thumb stays under the finger
        height = self.scene.height
        extent = self.geo.extent(height)
        self._scale = max(1, -(-extent // LONGEST))
        self._syncing = True
        try:
            at_end = self.geo.stick and not self.geo.slack
            most = extent // self._scale
            value = most if at_end else self.geo.position // self._scale
            self.bar.put(most, max(1, height // self._scale), max(1, 3 * self.line // self._scale), value)
        finally:
            self._syncing = False

    @Slot()
    def on_thumb_released(self) -> None:
        self._sync_bar()

    @override
    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._syncing or self._busy:
            return
        value, most = self.bar.moved_to()
        target = value * self._scale
        if value >= most:
            self.set_follow(True)
        elif self.bar.isSliderDown() or self._scale > 1:
            self.jump_to(target)
        else:
            self.scroll_by(target - self.geo.position)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        scene, size = self.scene, self.viewport().size()
        pins = scene.pins()
        scene.height = size.height()
        if scene.width != size.width():
            scene.width = size.width()
            scene.remeasure(pins)
        self.settle(all_new=True)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if self.scene.dirty and not self._busy:
            self.scene.place()
            self.viewport().update()  # this event may cover too little
        with QPainter(self.viewport()) as painter:
            current = self.currentIndex().row()
            focused = current >= 0 and self.hasFocus()
            if not painting.paint(painter, self.scene, event.region(), current, focused):
                self.viewport().update()

    def _rect(self, placed: Placed) -> QRect:
        return QRect(0, placed.top, self.scene.width, placed.what.height)

    def update_rows(self, first: int, last: int) -> None:
        """Paint some rows again, if they are in sight."""
        region = QRegion()
        for placed in self.geo.placed:
            if first <= placed.row <= last:
                region += self._rect(placed)
        if not region.isEmpty():
            self.viewport().update(region)

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        self._update_current()

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._update_current()

    def _update_current(self) -> None:
        row = self.currentIndex().row()
        self.update_rows(row, row)

    # ---- what Qt asks about geometry

    @override
    def updateGeometries(self) -> None:
        self._sync_bar()

    @override
    def verticalOffset(self) -> int:
        return self.geo.position

    @override
    def visualRect(self, index: Index) -> QRect:
        row = index.row()
        if not self.scene.shown(row):
            return QRect()
        self.settle()
        placed = self.scene.placed(row)
        if placed is not None:
            return self._rect(placed)
        top = self.geo.heights.prefix(row) - self.geo.position
        return QRect(0, top, self.scene.width, self.geo.heights[row])

    @override
    def indexAt(self, p: QPoint) -> QModelIndex:
        self.settle()
        for placed in self.geo.placed:
            if placed.top <= p.y() < placed.bottom and self.timeline is not None:
                return self.timeline.index(placed.row)
        return QModelIndex()

    @override
    def isIndexHidden(self, index: Index) -> bool:
        return self.folds.hidden(index.row())

    @override
    def scrollTo(self, index: Index, hint: Hint = Hint.EnsureVisible) -> None:
        if self.scene.shown(index.row()):
            self.show_row(index.row(), hint)

    def show_row(self, row: int, hint: Hint = Hint.EnsureVisible) -> None:
        """Bring a row that is not folded away into sight, moving no more than needed."""
        self.settle()
        limit = self.scene.height - self.geo.foot
        placed = self.scene.placed(row)
        if placed is not None and hint == Hint.EnsureVisible and placed.top >= 0 and placed.bottom <= limit:
            return
        tall = self.scene.measure(row).height if placed is None else placed.what.height
        above = placed.top < 0 if placed is not None else row < self.geo.anchor
        top = 0
        if hint == Hint.PositionAtCenter:
            top = max(0, (limit - tall) // 2)
        elif hint == Hint.PositionAtBottom or (hint == Hint.EnsureVisible and not above):
            top = max(0, limit - tall)
        self._travel(lambda: self.geo.go(row, top, self.scene.height))

    def hit(self, point: QPoint) -> tuple[int, Hit] | None:
        """The row and what lies under a point; beyond the rows, the nearest one."""
        rows = self.geo.placed
        if not rows:
            return None
        placed = next((placed for placed in rows if point.y() < placed.bottom), rows[-1])
        item, rev, laid, _height, lead = placed.what
        try:
            return placed.row, laid.hit(point.x(), point.y() - placed.top - lead)
        except Exception:
            if self.scene.layouts.give_up(item, rev):
                log.exception("row %s cannot be asked what is where", item)
            self.scene.dirty = True
            self.viewport().update()
            return None
