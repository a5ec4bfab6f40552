"""The list of hits, and how a line of it is painted. For pane."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from store.search import Hit
from viewer import viewport, wording
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
            if option.state & QStyle.StateFlag.State_Selected:
                painter.fillRect(rect, look.colour("surface.selected"))
            elif option.state & QStyle.StateFlag.State_MouseOver:
                painter.fillRect(rect, look.colour("surface.hover"))
            if option.state & QStyle.StateFlag.State_HasFocus:
                painter.setPen(look.colour("accent.focus"))
                painter.drawRect(rect.adjusted(0, 0, -1, -1))
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


class HitList(QListView):
    """See the module. Enter or a click goes to the row; j and k go down and up."""

    chosen = Signal(object, bool)  # Hit, whether to go on there with the keyboard
    left = Signal()  # Escape

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        viewport.give(self)
        self.hits = HitModel(self)
        self.painter_delegate = HitDelegate(look)
        self.setModel(self.hits)
        self.setItemDelegate(self.painter_delegate)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.clicked.connect(self.on_clicked)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self.painter_delegate.look = look
        self.setStyleSheet(f"QListView {{ background: {look.colour('surface.panel').name()}; border: 0 }}")
        self.verticalScrollBar().setSingleStep(self.painter_delegate.height)
        self.doItemsLayout()
        self.viewport().update()

    def step(self, by: int) -> bool:
        """Make the next or previous hit current and go there. False: there is none."""
        row = self.hits.next_hit(self.currentIndex().row(), by)
        if row < 0:
            return False
        self.setCurrentIndex(self.hits.index(row))
        self.chosen.emit(self.currentIndex().data(HitRole), False)
        return True

    def on_clicked(self, index: QModelIndex) -> None:
        if index.data(HitRole) is not None:
            self.chosen.emit(index.data(HitRole), False)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                if self.currentIndex().data(HitRole) is not None:
                    self.chosen.emit(self.currentIndex().data(HitRole), True)
            case Qt.Key.Key_J | Qt.Key.Key_K if not event.modifiers():
                arrow = Qt.Key.Key_Down if event.key() == Qt.Key.Key_J else Qt.Key.Key_Up
                super().keyPressEvent(QKeyEvent(QKeyEvent.Type.KeyPress, arrow, Qt.KeyboardModifier.NoModifier))
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    @override
    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are commands here."""
