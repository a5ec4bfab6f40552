"""The list of hits, and how a line of it is painted. For pane."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from store.search import Hit
from viewer import wording
from viewer.lined import LinedList, ground
from viewer.search.hits import HeadRole, HitModel, HitRole, kind
from viewer.theme.look import Look

_V: Final = Qt.AlignmentFlag.AlignVCenter
_R: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
BEFORE: Final = 14  # characters before the first match: what was looked for is always in sight


class HitDelegate(QStyledItemDelegate):
    """All lines are equally high: a heading has one text, a hit its kind and time above what matches."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look

    @property
    def height(self) -> int:
        look = self.look
        return look.metrics("meta").height() + look.metrics("ui").height() + look.px(12)

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(self.look.px(120), self.height)

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        look, rect = self.look, option.rect
        box: QRect = rect.adjusted(look.px(12), look.px(5), -look.px(12), -look.px(5))
        painter.save()
        hit: Hit | None = index.data(HitRole)
        if hit is None:
            self._head(painter, rect.adjusted(look.px(12), 0, -look.px(12), -look.px(5)), index)
        else:
            ground(painter, look, option)
            self._hit(painter, box, hit)
        painter.restore()

    def _head(self, painter: QPainter, box: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        """At the bottom of its line: nearer to what it is the heading of."""
        look = self.look
        title, project = index.data(HeadRole)
        metrics = look.metrics("meta")
        line = QRect(box.x(), box.bottom() - metrics.height(), box.width(), metrics.height())
        painter.setFont(look.font("meta"))
        painter.setPen(look.colour("text.muted"))
        place = metrics.elidedText(project, Qt.TextElideMode.ElideRight, box.width() // 3)
        painter.drawText(line, _R, place)
        line.setRight(line.right() - metrics.horizontalAdvance(place) - look.px(8))
        painter.setFont(look.font("meta.bold"))
        elided = look.metrics("meta.bold").elidedText(title, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, _V, elided)

    def _hit(self, painter: QPainter, box: QRect, hit: Hit) -> None:
        look = self.look
        low = look.metrics("meta")
        first = QRect(box.x(), box.y(), box.width(), low.height())
        second = QRect(box.x(), first.bottom() + 1 + look.px(2), box.width(), look.metrics("ui").height())
        when = wording.ago(hit.ts, time.time_ns() // 1000, coarse=True)[0]
        painter.setFont(look.font("meta"))
        painter.setPen(look.colour("text.muted"))
        painter.drawText(first, _R, when)
        first.setRight(first.right() - low.horizontalAdvance(when) - look.px(8))
        if hit.error:
            painter.setPen(look.colour("state.failed"))
        painter.drawText(first, _V, low.elidedText(kind(hit), Qt.TextElideMode.ElideRight, first.width()))
        self._snippet(painter, second, hit)

    def _snippet(self, painter: QPainter, box: QRect, hit: Hit) -> None:
        """The text around the first match, every match on its own ground."""
        look = self.look
        metrics = look.metrics("ui")
        text, matches = hit.snippet.text, hit.snippet.matches
        cut = _start(text, matches[0][0]) if matches else 0
        lead = "…" if cut else ""
        shown = metrics.elidedText(lead + text[cut:], Qt.TextElideMode.ElideRight, box.width())
        whole = len(shown) - (shown != lead + text[cut:])  # without the sign that it goes on
        for start, end in matches:
            start, end = (min(max(0, at - cut) + len(lead), whole) for at in (start, end))
            if start < end:
                left = metrics.horizontalAdvance(shown[:start])
                width = metrics.horizontalAdvance(shown[:end]) - left
                ground = QRect(box.x() + left, box.y(), width, box.height())
                painter.fillRect(ground, look.colour("search.match"))
        painter.setFont(look.font("ui"))
        painter.setPen(look.colour("text.main"))
        painter.drawText(box, _V | Qt.TextFlag.TextSingleLine, shown)


def _start(text: str, match: int) -> int:
    """Where to begin: with a word, a few characters before the match."""
    if match <= BEFORE:
        return 0
    space = text.find(" ", match - BEFORE, match)
    return match - BEFORE if space < 0 else space + 1


class HitList(LinedList):
    """See the module."""

    chosen = Signal(object, bool)  # Hit, whether to go on there with the keyboard

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        self.painter_delegate = HitDelegate(look)
        self.hits = HitModel()
        super().__init__(self.hits, self.painter_delegate, self.painter_delegate, parent)
        self.picked.connect(self.on_picked)

    def step(self, by: int) -> bool:
        """Make the next or previous hit current and go there. False: there is none."""
        row = self.hits.next_hit(self.currentIndex().row(), by)
        if row < 0:
            return False
        self.setCurrentIndex(self.hits.index(row))
        self.on_picked(self.currentIndex(), False)
        return True

    def on_picked(self, index: QModelIndex, keyboard: bool) -> None:
        if index.data(HitRole) is not None:
            self.chosen.emit(index.data(HitRole), keyboard)
