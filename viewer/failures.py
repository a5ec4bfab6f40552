"""The next row that tells of a failure: a tool call that failed, or an error of the session. For commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from store.events import ItemId
from store.items import Item, Notice, Tool
from viewer.timeline.model import TimelineModel

NEAR: Final = 5_000  # rows that are looked at: some ten milliseconds. For more there is the search: is:error


def failed(item: Item) -> bool:
    return (isinstance(item, Tool) and item.status == "failed") or (isinstance(item, Notice) and item.level == "error")


def find(model: TimelineModel, row: int, by: int) -> int | None:
    """The next one from a row (-1: none) in steps of `by`; None when there is none near."""
    first, end = near(model, row, by)
    for number in range(first, end) if by > 0 else range(end - 1, first - 1, -1):
        if failed(model.item(number)):
            return number
    return None


def near(model: TimelineModel, row: int, by: int) -> tuple[int, int]:
    """The rows [first, end) that are looked at."""
    if row < 0:
        row = -1 if by > 0 else model.length
    return (row + 1, min(model.length, row + NEAR)) if by > 0 else (max(0, row - NEAR + 1), row)


def among(items: Iterable[Item], first: int, by: int) -> tuple[int, ItemId] | None:
    """The same of rows that were read, the first of which is `first`."""
    found = [(row, item.id) for row, item in enumerate(items, first) if failed(item)]
    return found[0 if by > 0 else -1] if found else None
