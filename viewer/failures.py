"""The next row that tells of a failure: a tool call that failed, or an error of the session. For commands."""

from __future__ import annotations

from typing import Final

from store.items import Item, Notice, Tool
from viewer.timeline.model import TimelineModel

NEAR: Final = 5_000  # rows that are looked at: some ten milliseconds. For more there is the search: is:error


def failed(item: Item) -> bool:
    return (isinstance(item, Tool) and item.status == "failed") or (isinstance(item, Notice) and item.level == "error")


def find(model: TimelineModel, row: int, by: int) -> int | None:
    """The next one from a row (-1: none) in steps of `by`; None when there is none near."""
    if row < 0:
        row = -1 if by > 0 else model.length
    for number in range(row + by, max(-1, row - NEAR) if by < 0 else min(model.length, row + NEAR), by):
        if failed(model.item(number)):
            return number
    return None
