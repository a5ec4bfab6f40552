"""A session that was read as a whole, as one list of rows: what the model puts what it shows onto."""

from __future__ import annotations

from store.delta import Late, Rebase
from store.events import ItemId
from store.items import Item
from viewer.timeline.pages import Pages, is_waiting


class Whole:
    """Rows [0, base) of the window, newer versions of some of them, and the tail."""

    def __init__(self, rebase: Rebase) -> None:
        window = rebase.window
        self.base = 0 if window is None else window.length
        self.length = self.base + len(rebase.tail)
        self.pages = None if window is None else Pages(window)
        self._rebase = rebase
        self._rows = {item.id: row for row, item in enumerate(rebase.tail, self.base)}
        self._rows.update((item.id, row) for row, item in rebase.overlay.items())

    def item(self, row: int) -> Item:
        if row >= self.base:
            return self._rebase.tail[row - self.base]
        over = self._rebase.overlay.get(row)
        if over is not None:
            return over
        if self.pages is None:
            raise IndexError(row)
        return self.pages.item(row)

    def is_at(self, row: int, item: ItemId) -> bool:
        if not 0 <= row < self.length:
            return False
        there = self.item(row)
        window = self._rebase.window
        return there.id == item or (is_waiting(there) and isinstance(window, Late) and window.may_be(row, item))

    def find(self, item: ItemId) -> int | None:
        row = self._rows.get(item)
        window = self._rebase.window
        return window.find(item) if row is None and window is not None else row
