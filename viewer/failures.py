"""The next row that tells of a failure: a tool call that failed, or an error of the session. For commands."""

from __future__ import annotations

from typing import Final

from store.events import ItemId
from store.items import failed
from viewer.timeline.apart import Apart
from viewer.timeline.model import TimelineModel

NEAR: Final = 2_000  # rows in memory that are looked at here: a millisecond. More, or what the store has, is a job


def beyond(model: TimelineModel, row: int, by: int) -> tuple[int, int]:
    """The rows [first, end) behind one, or (`by` < 0) before it; -1 is none, and then it is all of them."""
    if row < 0:
        return 0, model.length
    return (row + 1, model.length) if by > 0 else (0, row)


def near(model: TimelineModel, first: int, end: int, by: int) -> ItemId | None:
    """The first of these rows, or the last; None: there is none."""
    for row in range(first, end) if by > 0 else range(end - 1, first - 1, -1):
        item = model.item(row)
        if failed(item):
            return item.id
    return None


def far(apart: Apart, by: int) -> ItemId | None:
    """The same on a worker. Raises StoreError."""
    found = apart.failure(by)
    return None if found is None else found[1].id
