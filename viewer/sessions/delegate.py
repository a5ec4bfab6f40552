"""Paints one line of the session list from its roles and the Look. Used by the session list's view only."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QStaticText

from store.delta import Row, Spent
from viewer import marks, wording
from viewer.sessions import telling
from viewer.sessions.model import Line
from viewer.theme.look import Look

REMEMBERED: Final = 2000  # texts that were measured
COSTS: Final = "$00.00"  # the room that costs have at least
LONGEST: Final = 300  # characters that are measured: a title may be a whole prompt of a megabyte


class SessionDelegate:
    """All sessions are equally high, all headings too: the view never has to ask each of ten thousand.

    None of Qt's delegates: those speak in QStyle, whose 570 names are made with its first use, a thirtieth of a start.
    """

    def __init__(self, look: Look) -> None:
        self.look = look
        self.opened = ""  # the session in the timeline
        self.grouped = True
        self.absolute = False
        self._fitted: dict[tuple[str, str, int], QStaticText] = {}
        self._widths: dict[str, int] = {}
        self._fitted_for = look

    def _fit(self, text: str, font: str, width: int) -> QStaticText:
        """The text in that room, laid out. Remembered: sessions at work are painted again and again as they were."""
        key = (text, font, width)
        found = self._fitted.get(key)
        if found is None:
            self._forget_many()
            look = self.look
            found = QStaticText(look.metrics(font).elidedText(text, Qt.TextElideMode.ElideRight, width))
            found.setTextFormat(Qt.TextFormat.PlainText)
            found.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            found.prepare(font=look.font(font))
            self._fitted[key] = found
        return found

    def _width(self, text: str) -> int:
        found = self._widths.get(text)
        if found is None:
            self._forget_many()
            found = self._widths[text] = self.look.metrics("meta").horizontalAdvance(text)
        return found

    def _forget_many(self) -> None:
        """Another look has other widths; and what nobody paints any more is not kept."""
        if self._fitted_for is not self.look or len(self._fitted) + len(self._widths) > REMEMBERED:
            self._fitted.clear()
            self._widths.clear()
            self._fitted_for = self.look

    @property
    def height(self) -> int:
        """Of a line."""
        look = self.look
        return look.metrics("ui").height() + look.metrics("meta").height() + look.px(14)

    @property
    def heading_height(self) -> int:
        """Of a heading: its text, and air above it."""
        return self.look.metrics("meta.bold").height() + self.look.px(16)

    def paint(self, painter: QPainter, rect: QRect, line: str | Line, *, hovered: bool, focused: bool) -> None:
        if self._fitted_for is not self.look:
            self._forget_many()
        if isinstance(line, str):
            self._heading(painter, rect, line)
        else:
            closed = telling.closed_in_words(line.closed)
            self._session(painter, rect, line.row, line.unread, closed, line.spent, hovered, focused)

    def _heading(self, painter: QPainter, rect: QRect, text: str) -> None:
        look = self.look
        metrics = look.metrics("meta.bold")
        box = rect.adjusted(look.px(12), 0, -look.px(12), -look.px(4))
        painter.setFont(look.font("meta.bold"))
        painter.setPen(look.colour("text.faint"))
        shown = metrics.elidedText(text[:LONGEST], Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, shown)

    def _session(
        self, painter: QPainter, rect: QRect, row: Row, unread: int, closed: str, spent: Spent | None, hovered: bool,
        focused: bool,
    ) -> None:  # fmt: skip
        look = self.look
        state = telling.state_of(row, spent)
        opened = row.id == self.opened
        if opened:
            painter.fillRect(rect, look.colour("surface.selected"))
            painter.fillRect(rect.x(), rect.y(), look.px(2), rect.height(), look.colour("accent.main"))
        elif hovered:
            painter.fillRect(rect, look.colour("surface.hover"))
        if focused:
            painter.setPen(look.colour("accent.focus"))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))

        high, low = look.metrics("ui"), look.metrics("meta")
        left, right = rect.x() + look.px(32), rect.right() - look.px(12)
        top = rect.y() + (rect.height() - high.height() - low.height() - look.px(2)) // 2
        first = QRect(left, top, right - left, high.height())
        second = QRect(left, first.bottom() + 1 + look.px(2), right - left, low.height())

        middle = first.center().y()
        if state != "ended":  # most have ended: a sign for that on every line would be the loudest thing here
            marks.paint_state(painter, QPointF(rect.x() + look.px(18), middle + 1), state, look)
        badge = marks.badge_width(unread, look)
        if badge:
            marks.paint_badge(painter, right, middle + 1, unread, look, badge)
        font = "ui.bold" if unread else "ui"
        words = wording.named(row.title, LONGEST) or "Untitled session"
        title = self._fit(words, font, first.width() - badge - (look.px(8) if badge else 0))
        painter.setFont(look.font(font))
        painter.setPen(look.colour("text.strong" if opened or unread else "text.main"))
        painter.drawStaticText(first.topLeft(), title)

        when, _ = wording.ago(row.updated, time.time_ns() // 1000, self.absolute, coarse=True)
        parts = [wording.agent(row.agent)] if self.grouped else [row.project, wording.agent(row.agent)]
        if state != "ended":
            parts.insert(0, wording.state(state))
        if row.missing:
            parts.insert(0, "only copy")
        if row.host:
            parts.insert(0, f"on {row.host}")
        if closed:
            parts.insert(0, closed)
        painter.setFont(look.font("meta"))
        painter.setPen(look.colour("text.muted"))
        end = second.right() + 1
        if row.state != "draft":  # costs stand below each other
            paid = telling.cost(row, spent)
            painter.drawStaticText(end - self._width(paid), second.y(), self._fit(paid, "meta", second.width()))
            end -= max(self._width(paid), self._width(COSTS)) + look.px(8)
        end -= self._width(when)
        painter.drawStaticText(end, second.y(), self._fit(when, "meta", second.width()))
        width = max(0, end - look.px(8) - second.x())
        about = self._fit(" · ".join(part[:LONGEST] for part in parts if part), "meta", width)
        painter.drawStaticText(second.topLeft(), about)
