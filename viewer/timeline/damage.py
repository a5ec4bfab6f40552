"""From old places of rows to new ones: which pixels can be moved, which must be painted. Called by the view only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from PySide6.QtCore import QRect
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QWidget

from viewer.timeline.geometry import Placed
from viewer.timeline.layouts import Counters


def repair(
    viewport: QWidget,
    old: Sequence[Placed],
    old_end: int,
    new: Sequence[Placed],
    new_end: int,
    counters: Counters,
    afloat: Sequence[QWidget] = (),
) -> None:
    """Move what only moved; ask for a paint of the rest. `afloat` are the viewport's children, which do not move."""
    height, width = viewport.height(), viewport.width()
    before = {placed.what.item: placed for placed in old}
    way = _way(before, new)
    if way is None or abs(way) >= height or (way and viewport.devicePixelRatioF() % 1):
        viewport.update()
        counters.full += 1
        return
    areas: list[QRect] = []
    if way:
        viewport.scroll(0, way, QRect(0, 0, width, height))  # asks by itself for the strip that appears
        counters.scrolled += 1
        for child in afloat:
            if child.isVisible():  # the pill stays, and its picture was moved with the rows
                areas += (child.geometry(), child.geometry().translated(0, way))
    for placed in new:
        known = before.get(placed.what.item)
        if known is not None and known.top + way == placed.top and known.what.lead == placed.what.lead:
            if known.what is placed.what or known.what == placed.what:
                continue
            if known.what.laid is placed.what.laid:  # it grew: what was above its end is still right
                start = min(placed.what.height, placed.what.lead + placed.what.laid.unpainted)
                areas.append(QRect(0, placed.top + start, width, max(0, placed.what.height - start)))
                continue
        areas.append(QRect(0, placed.top, width, placed.what.height))
    if new_end < height and (new_end != old_end + way):
        areas.append(QRect(0, new_end, width, height - new_end))
    for area in areas:
        viewport.update(area)


def follow(
    viewport: QWidget, width: int, end: int, way: int, counters: Counters, afloat: Sequence[QWidget] | None = ()
) -> None:
    """Rows that reach down to `end` moved by `way`, and new ones follow them down to `end`: move and ask for those.

    Neither they nor rows that they have driven out have a pixel right of `width`: memory is what this costs. `afloat`
    are as for `repair`; None: pixels cannot be moved on this screen.
    """
    if not way:
        return
    fixed = afloat is None
    for child in afloat or ():  # the pill stays, and would be moved with the rows
        fixed = fixed or child.isVisible()
    if fixed or not -end < way < 0:
        viewport.update()
        counters.full += 1
        return
    # What lies below `end` is bare and stays: the one strip that appears is the new rows.
    viewport.scroll(0, way, QRect(0, 0, width, end))
    counters.scrolled += 1
    counters.px_moved += width * end


def rects(region: QRegion) -> list[QRect]:
    """The rectangles of a region. (The type hints do not know that it can be iterated over.)"""
    return list(cast("Iterable[QRect]", region))


def _way(before: dict[str, Placed], new: Sequence[Placed]) -> int | None:
    """How far the rows moved that stay in sight; None if none does."""
    grown: int | None = None
    for placed in new:
        known = before.get(placed.what.item)
        if known is None:
            continue
        if known.what == placed.what:
            return placed.top - known.top
        if grown is None and known.what.laid is placed.what.laid:
            grown = placed.top - known.top
    return grown
