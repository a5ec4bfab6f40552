"""Paints a line of the dock: a turn with its number, a heading, or a fact with its figure at the right. For view."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem
from typing_extensions import override

from viewer import marks
from viewer.insight.lines import Line
from viewer.insight.model import LineRole
from viewer.lined import ground
from viewer.theme import icons
from viewer.theme.look import Look

_V = Qt.AlignmentFlag.AlignVCenter
_R = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class LineDelegate(QStyledItemDelegate):
    """All lines of a list are equally high. `turns`: for the list of turns, where each has two lines."""

    def __init__(self, look: Look, *, turns: bool) -> None:
        super().__init__()
        self.look = look
        self.turns = turns
        self.digits = 1  # of the highest number of a turn

    @property
    def height(self) -> int:
        look = self.look
        if self.turns:
            return look.metrics("ui").height() + look.metrics("meta").height() + look.px(12)
        return look.metrics("ui").height() + look.px(7)

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(self.look.px(120), self.height)

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        line: Line | None = index.data(LineRole)
        if line is None:
            return
        look = self.look
        rect: QRect = option.rect
        painter.save()
        ground(painter, look, option, hover=bool(line.item))
        box = rect.adjusted(look.px(12), 0, -look.px(12), 0)
        if line.kind == "turn":
            self._turn(painter, box, line)
        elif line.kind == "head":
            self._head(painter, box, line)
        else:
            self._fact(painter, box, line)
        painter.restore()

    def _turn(self, painter: QPainter, box: QRect, line: Line) -> None:
        look = self.look
        high, low = look.metrics("ui"), look.metrics("meta")
        column = look.metrics("meta").horizontalAdvance("0" * self.digits) + look.px(10)
        top = box.y() + (box.height() - high.height() - low.height() - look.px(1)) // 2
        first = QRect(box.x() + column, top, box.width() - column, high.height())
        second = QRect(first.x(), first.bottom() + 1 + look.px(1), first.width(), low.height())
        painter.setFont(look.font("meta"))
        if line.running:
            at = QPointF(box.x() + (column - look.px(10)) / 2, first.center().y() + 1)
            marks.paint_state(painter, at, "running", look)
        else:
            painter.setPen(look.colour("text.faint"))
            painter.drawText(QRect(box.x(), first.y(), column - look.px(10), first.height()), _R, str(line.number))
        first.setRight(first.right() - self._bad(painter, first, line.bad))
        painter.setFont(look.font("ui"))
        painter.setPen(look.colour("text.muted" if line.faint else "text.main"))
        painter.drawText(first, _V, high.elidedText(line.text, Qt.TextElideMode.ElideRight, first.width()))
        painter.setFont(look.font("meta"))
        painter.setPen(look.colour("text.muted"))
        painter.drawText(second, _V, low.elidedText(line.under, Qt.TextElideMode.ElideRight, second.width()))

    def _head(self, painter: QPainter, box: QRect, line: Line) -> None:
        look = self.look
        low = box.adjusted(0, 0, 0, -look.px(3))
        bottom = Qt.AlignmentFlag.AlignBottom
        painter.setFont(look.font("meta.bold"))
        painter.setPen(look.colour("text.muted"))
        painter.drawText(low, bottom | Qt.AlignmentFlag.AlignLeft, line.text)
        painter.setFont(look.font("meta"))
        painter.drawText(low, bottom | Qt.AlignmentFlag.AlignRight, line.value)
        taken = look.metrics("meta").horizontalAdvance(line.value)
        left = QRect(low.x(), low.bottom() - look.metrics("meta").height(), low.width() - taken, 0)
        left.setHeight(look.metrics("meta").height() + 1)
        self._bad(painter, left.adjusted(0, 0, -look.px(8) if line.value else 0, 0), line.bad)

    def _fact(self, painter: QPainter, box: QRect, line: Line) -> None:
        look = self.look
        metrics = look.metrics("meta" if line.kind == "part" else "ui")
        painter.setFont(look.font("meta" if line.kind == "part" else "ui"))
        if line.kind == "part":
            box = box.adjusted(0, -look.px(2), 0, -look.px(2))
        painter.setPen(look.colour("text.main" if line.kind == "fact" else "text.muted"))
        painter.drawText(box, _R, line.value)
        taken = metrics.horizontalAdvance(line.value) + (look.px(8) if line.value else 0)
        left = box.adjusted(0, 0, -taken, 0)
        left.setRight(left.right() - self._bad(painter, left, line.bad))
        painter.setFont(look.font("meta" if line.kind == "part" else "ui"))
        colour = "accent.main" if line.kind == "spot" and line.item else "text.muted"
        painter.setPen(look.colour("text.main" if line.kind == "fact" else colour))
        painter.drawText(left, _V, metrics.elidedText(line.text, Qt.TextElideMode.ElideMiddle, left.width()))

    def _bad(self, painter: QPainter, box: QRect, text: str) -> int:
        """A cross and how many, at the right of a box; how much room that took."""
        if not text:
            return 0
        look = self.look
        width = look.metrics("meta").horizontalAdvance(text)
        size = look.px(12)
        colour = look.colour("state.failed")
        painter.setFont(look.font("meta"))
        painter.setPen(colour)
        painter.drawText(box, _R, text)
        icons.draw(
            painter, "x", colour, box.right() - width - size - look.px(1), box.center().y() - size // 2 + 1, size
        )
        return width + size + look.px(10)
