"""Rows of a Window by number, read in pages of 64 and kept a while. Called by the timeline model, on the GUI thread."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

from store.delta import Window
from store.errors import LaterError, StoreError
from store.events import ItemId
from store.items import Item, Notice, Raw

log = logging.getLogger(__name__)
PAGE: Final = 64
KEPT: Final = 48  # pages; about a hundred screens
WAITS: Final = "waiting:"  # begins the id of a row that stands for one on its way
BULK: Final = 512  # rows per read when many are wanted once, such as for a copy


class Pages:
    """Least recently used pages go first. A page that cannot be read is shown as rows that say why, one on its way as
    rows that stand for it."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.reads = 0  # for tests: how often the store was asked
        self._pages: OrderedDict[int, Sequence[Item]] = OrderedDict()

    def item(self, row: int) -> Item:
        number = row // PAGE
        page = self._pages.get(number)
        if page is None:
            first = number * PAGE
            page = self._read(first, min(PAGE, self.window.length - first))
            self._pages[number] = page
            if len(self._pages) > KEPT:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page[row - number * PAGE]

    def run(self, first: int, end: int) -> Iterator[Item]:
        """Rows [first, end) in order, past the pages that are kept: a copy of everything must not push them out."""
        for at in range(first, end, BULK):
            yield from self._read(at, min(BULK, end - at))

    def forget(self, first: int, count: int) -> range:
        """Rows that were waited for are here: which of them were shown by others so far."""
        page = self._pages.get(first // PAGE)
        if page is None or not page or not is_waiting(page[0]):
            return range(0)
        del self._pages[first // PAGE]
        return range(first, first + count)

    def _read(self, first: int, count: int) -> Sequence[Item]:
        self.reads += 1
        reason = "the index is shorter than it says"
        try:
            items = self.window.read(first, count)
            if len(items) == count:
                return items
        except LaterError:
            return [Notice(id=ItemId(f"{WAITS}{row}"), text="Loading…") for row in range(first, first + count)]
        except StoreError as error:
            reason = str(error)
        log.warning("rows %d to %d cannot be read: %s", first, first + count - 1, reason)
        return [Raw(id=f"unreadable:{row}", type="unreadable", reason=reason) for row in range(first, first + count)]


def is_waiting(item: Item) -> bool:
    """Whether this row stands for one on its way."""
    return item.id.startswith(WAITS)


def waits_at(item: ItemId) -> int | None:
    """The row of one that stood for another; None: it is any other's id."""
    number = item.removeprefix(WAITS)
    return int(number) if number != item and number.isdecimal() else None
