"""The visible rows of a scene, painted where an event says that pixels are missing. Called by the canvas only."""

from __future__ import annotations

import logging
from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QRegion

from viewer.theme.look import Look
from viewer.timeline.damage import rects
from viewer.timeline.geometry import Placed
from viewer.timeline.scene import Scene

log = logging.getLogger(__name__)


def paint(painter: QPainter, scene: Scene, region: QRegion, current: int, focused: bool) -> bool:
    """Rows and the ground behind them, inside the region. `current` is the row with the mark, -1 for none.

    False: a row cannot be painted, and has a placeholder now; the painter's state is unknown, so all of it is to be
    painted again.
    """
    bounds = region.boundingRect()
    rect: Any = bounds.getRect()  # the type hints call it an object
    left, upper, width, tall = rect
    lower = upper + tall
    whole = region.rectCount() == 1
    bare = whole and scene.selection.ends is None
    back = scene.look.colour("surface.window")
    for area in (bounds,) if whole else rects(region):
        painter.fillRect(area, back)
    for placed in scene.geo.between(upper, lower):
        row, top, (_, _, laid, height, lead) = placed
        if bare and laid.tidy and upper <= top and top + height <= lower and not lead:
            if not _paint_tidy(painter, scene, placed):
                return False
            if row == current:
                _paint_current(painter, scene, placed, focused)
            continue
        if whole:
            top = max(upper, placed.top)
            areas = [QRect(left, top, width, min(lower, placed.bottom) - top)]
        else:  # piece by piece: what lies between the two ends of a tall row costs nothing
            areas = rects(region.intersected(QRect(0, placed.top, scene.width, placed.what.height)))
        for area in areas:
            if not _paint_row(painter, scene, placed, area):
                return False
            if placed.row == current:
                _paint_current(painter, scene, placed, focused)
    return True


def _paint_row(painter: QPainter, scene: Scene, placed: Placed, area: QRect) -> bool:
    counters = scene.counters
    item, rev, laid, _height, lead = placed.what
    top = placed.top + lead
    start, end = area.top() - top, area.bottom() + 1 - top
    counters.rows_painted += 1
    counters.px_painted += end - start
    painter.save()
    painter.setClipRect(area)
    try:
        if lead:
            _paint_unread(painter, QRect(0, placed.top, scene.width, lead), scene.unread_text, scene.look)
        painter.translate(0, top)
        laid.paint(painter, max(0, start), end, scene.selection.within(placed.row))
    except Exception:
        if scene.layouts.give_up(item, rev):
            log.exception("row %s cannot be painted", item)
        painter.restore()
        scene.dirty = True
        return False
    painter.restore()
    return True


def _paint_tidy(painter: QPainter, scene: Scene, placed: Placed) -> bool:
    """All of a row that needs no clip and leaves the painter as it was, as most do that come live."""
    _, top, (item, rev, laid, height, _lead) = placed
    counters = scene.counters
    counters.rows_painted += 1
    counters.px_painted += height
    try:
        laid.draw(painter, top)
    except Exception:
        if scene.layouts.give_up(item, rev):
            log.exception("row %s cannot be painted", item)
        scene.dirty = True
        return False
    return True


def _paint_current(painter: QPainter, scene: Scene, placed: Placed, focused: bool) -> None:
    """The mark of the current row, at its left edge."""
    look, (_item, _rev, _laid, height, lead) = scene.look, placed.what
    ink = look.colour("accent.focus" if focused else "line.strong")
    painter.fillRect(0, placed.top + lead, max(2, look.px(2)), height - lead, ink)


def _paint_unread(painter: QPainter, rect: QRect, text: str, look: Look) -> None:
    """The line above what came while the reader was away."""
    ink = look.colour("row.new_line")
    painter.setFont(look.font("meta.bold"))
    painter.setPen(ink)
    wide = look.metrics("meta.bold").horizontalAdvance(text) + look.px(24)
    middle = rect.center().y()
    left = (rect.width() - wide) // 2
    margin = look.px(20)
    if left > margin:
        painter.fillRect(margin, middle, left - margin, 1, ink)
        painter.fillRect(left + wide, middle, rect.width() - margin - left - wide, 1, ink)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
