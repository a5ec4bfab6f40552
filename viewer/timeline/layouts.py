"""The rows that are laid out right now: at most 256, the least recently used go first. Held by the scene."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final, NamedTuple

from PySide6.QtGui import QPainter
from typing_extensions import override

from store.events import ItemId
from store.items import Item, text_of
from viewer.rows.base import Fold, Hit, Laid, Pos, lay_out
from viewer.theme.look import Look

log = logging.getLogger(__name__)
KEPT: Final = 256


class Counters:
    """What the view did since it was made. Tests and benches read the differences; nothing else does."""

    __slots__ = (
        "asked", "full", "grown", "laid_out", "px_moved", "px_painted", "rows_measured", "rows_painted", "scrolled",
    )  # fmt: skip

    def __init__(self) -> None:
        self.asked = 0  # times that a row's height was asked for, known or not
        self.rows_measured = 0  # rows whose height became known
        self.rows_painted = 0
        self.px_painted = 0  # the height of what was painted of rows
        self.laid_out = 0
        self.grown = 0  # rows that took a newer version in place
        self.scrolled = 0  # times that pixels were moved instead of painted
        self.px_moved = 0  # so many by rows that came at the end
        self.full = 0  # times that everything had to be painted


class _Entry(NamedTuple):
    rev: int
    width: int
    fold: Fold
    generation: int
    laid: Laid


class Layouts:
    """Laid rows by item, each for one revision, width, fold and look. Never raises: what fails is a placeholder."""

    def __init__(self, counters: Counters) -> None:
        self._entries: OrderedDict[ItemId, _Entry] = OrderedDict()
        self._broken: set[tuple[ItemId, int]] = set()
        self._counters = counters

    def get(self, item: Item, width: int, fold: Fold, look: Look) -> Laid:
        known = self._entries.get(item.id)
        if known is not None:
            rev, at, folded, generation, laid = known
            if at == width and generation == look.generation and folded == fold:
                if rev == item.rev:
                    self._entries.move_to_end(item.id)
                    return laid
                if rev < item.rev and self._grow(laid, item):
                    self._counters.grown += 1
                    return self._put(item, width, fold, look, laid)
        return self._put(item, width, fold, look, self._lay_out(item, width, look, fold))

    def _put(self, item: Item, width: int, fold: Fold, look: Look, laid: Laid) -> Laid:
        self._entries[item.id] = _Entry(item.rev, width, fold, look.generation, laid)
        self._entries.move_to_end(item.id)
        if len(self._entries) > KEPT:
            self._entries.popitem(last=False)
        return laid

    def _grow(self, laid: Laid, item: Item) -> bool:
        try:
            grown = laid.grow(item)
            laid.unpainted = min(laid.unpainted, max(0, laid.grown_from))
            return grown
        except Exception:
            log.exception("row %s cannot grow in place", item.id)
            return False

    def _lay_out(self, item: Item, width: int, look: Look, fold: Fold) -> Laid:
        self._counters.laid_out += 1
        if (item.id, item.rev) in self._broken:
            return Broken(item, width, look)
        try:
            return lay_out(item, width, look, fold)
        except Exception:
            log.exception("row %s cannot be laid out", item.id)
            self._broken.add((item.id, item.rev))
            return Broken(item, width, look)

    def give_up(self, item: ItemId, rev: int) -> bool:
        """Painting this version failed: show a placeholder from now on. True the first time, to be logged."""
        fresh = (item, rev) not in self._broken
        self._broken.add((item, rev))
        self._entries.pop(item, None)
        return fresh

    def drop(self, item: ItemId) -> None:
        self._entries.pop(item, None)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class Broken(Laid):
    """Stands in for a row whose own renderer failed. Its text can still be copied."""

    segments = 1

    def __init__(self, item: Item, width: int, look: Look) -> None:
        self.height = look.px(24)
        self._item = item
        self._width = width
        self._look = look

    @override
    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        painter.setFont(self._look.font("meta"))
        painter.setPen(self._look.colour("state.failed"))
        middle = (self.height + self._look.metrics("meta").ascent()) // 2
        painter.drawText(0, middle, "This row could not be shown. The log says why; its record is intact.")

    @override
    def hit(self, x: int, y: int) -> Hit:
        return Hit(Pos(0, 0 if y < self.height // 2 else 1))

    @override
    def text(self, start: Pos | None, end: Pos | None) -> str:
        return text_of(self._item)
