"""The list view of the sessions: lines that it places itself, and a list's keys. For the pane."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget
from typing_extensions import override

from viewer import viewport
from viewer.arrows import as_arrow
from viewer.sessions.delegate import SessionDelegate
from viewer.sessions.model import SessionRole, SessionsModel
from viewer.sessions.stand import Stand
from viewer.theme.look import Look


class SessionList(QListView):
    """Enter or a click opens; j and k go down and up; / asks for the filter, Escape for the way out.

    A stock list asks a Python model for every row whenever one moves: 10,000 calls per update of a live session. With
    two heights of lines there is nothing to ask. It stays a QListView for what a screen reader sees.
    """

    opened = Signal(str)  # session id
    filter_wanted = Signal()
    left = Signal()

    def __init__(self, model: SessionsModel, look: Look, parent: QWidget | None = None) -> None:
        self._high = 1  # stock constructors call our overrides
        self._hover = -1
        self.painted = 0  # lines so far, for tests
        self._sessions: SessionsModel | None = None
        self._stand: Stand | None = None  # None: the lines have changed
        super().__init__(parent)
        viewport.give(self)
        self.painter_delegate = SessionDelegate(look)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setAccessibleName("Sessions")
        self._sessions = model
        # Before the model is set: whatever Qt asks of a change, it gets the places after it.
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved, model.rowsMoved, model.layoutChanged):
            changed.connect(self.on_lines)
        self.setModel(model)
        self.clicked.connect(self.on_clicked)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self.painter_delegate.look = look
        self._high = self.painter_delegate.height
        self._stand = None
        self.verticalScrollBar().setSingleStep(self._high)
        self.doItemsLayout()

    def set_opened(self, id: str) -> None:
        self.painter_delegate.opened = id
        self.viewport().update()

    def current_id(self) -> str:
        row = self.currentIndex().data(SessionRole)
        return "" if row is None else row.id

    def select(self, index: QModelIndex) -> None:
        if index.isValid():
            self.setCurrentIndex(index)

    def first_session(self) -> QModelIndex:
        return self.model().index(max(0, self._enabled(0, 1)), 0)

    def visible_rows(self) -> range:
        """The rows that are on the screen, wholly or in part."""
        first = self.stand.row_at(self.verticalOffset())
        last = self.stand.row_at(self.verticalOffset() + self.viewport().height() - 1)
        return range(first, min(last + 1, self._count()))

    def on_clicked(self, index: QModelIndex) -> None:
        row = index.data(SessionRole)
        if row is not None:
            self.opened.emit(row.id)

    # ---- geometry

    def on_lines(self) -> None:
        self._stand = None

    @property
    def stand(self) -> Stand:
        """Where the lines stand now."""
        if self._stand is None:
            heads = [] if self._sessions is None else self._sessions.heads()
            low = self.painter_delegate.heading_height if self._sessions is not None else self._high
            self._stand = Stand(heads, self._count(), self._high, low)
        return self._stand

    def _count(self) -> int:
        return 0 if self._sessions is None else self._sessions.rowCount()

    @override
    def doItemsLayout(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    @override
    def dataChanged(
        self,
        topLeft: QModelIndex | QPersistentModelIndex,
        bottomRight: QModelIndex | QPersistentModelIndex,
        roles: Sequence[int] = (),
    ) -> None:
        """Past QListView, which would lay out and paint everything: a line that changes is as high as before."""
        QAbstractItemView.dataChanged(self, topLeft, bottomRight, list(roles))

    @override
    def updateGeometries(self) -> None:
        room = self.viewport().height()
        bar = self.verticalScrollBar()
        bar.setPageStep(room)
        bar.setRange(0, max(0, self.stand.total - room))

    @override
    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    @override
    def horizontalOffset(self) -> int:
        return 0

    @override
    def visualRect(self, index: QModelIndex | QPersistentModelIndex) -> QRect:
        if not index.isValid():
            return QRect()
        row, stand = index.row(), self.stand
        return QRect(0, stand.top(row) - self.verticalOffset(), self.viewport().width(), stand.height(row))

    @override
    def indexAt(self, p: QPoint) -> QModelIndex:
        row = self.stand.row_at(p.y() + self.verticalOffset())
        return self.model().index(row, 0) if p.y() >= 0 and 0 <= row < self._count() else QModelIndex()

    @override
    def isIndexHidden(self, index: QModelIndex | QPersistentModelIndex) -> bool:
        return False

    @override
    def scrollTo(
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        if not index.isValid():
            return
        bar, top, room = self.verticalScrollBar(), self.stand.top(index.row()), self.viewport().height()
        self.updateGeometries()
        if top < bar.value():
            bar.setValue(top if index.row() > 1 else 0)  # the first heading belongs to the first session
        elif top + self._high > bar.value() + room:
            bar.setValue(top + self._high - room)

    @override
    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self.updateGeometries()

    @override
    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        self.selectionModel().select(self.indexAt(rect.center()), command)

    @override
    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    @override
    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        move = QAbstractItemView.CursorAction
        now, page = self.currentIndex().row(), max(1, self.viewport().height() // self._high - 1)
        match action:
            case move.MoveHome:
                row = self._enabled(0, 1)
            case move.MoveEnd:
                row = self._enabled(self._count() - 1, -1)
            case move.MovePageUp:
                row = self._enabled(max(0, now - page), 1)
            case move.MovePageDown:
                row = self._enabled(min(self._count() - 1, now + page), -1)
            case move.MoveUp | move.MovePrevious | move.MoveLeft:
                row = self._enabled(now - 1, -1)
            case _:
                row = self._enabled(now + 1, 1)
        return self.model().index(row, 0) if row >= 0 else self.currentIndex()

    def _enabled(self, row: int, step: int) -> int:
        """The next row from here on that is no heading; -1 when there is none."""
        while 0 <= row < self._count():
            if self.model().index(row, 0).data(SessionRole) is not None:
                return row
            row += step
        return -1

    # ---- pixels, mouse, keys

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if self._sessions is None:
            return
        focused = self.currentIndex().row() if self.hasFocus() else -1
        stand, above, width = self.stand, self.verticalOffset(), self.viewport().width()
        torn = event.region()  # some lines here and there, where sessions go on
        with QPainter(self.viewport()) as painter:
            for row in self.visible_rows():
                rect = QRect(0, stand.top(row) - above, width, stand.height(row))
                if torn.intersects(rect):
                    self.painted += 1
                    self.painter_delegate.paint(
                        painter, rect, self._sessions.line(row), hovered=row == self._hover, focused=row == focused
                    )

    def _point_at(self, row: int) -> None:
        if row != self._hover:
            for changed in (self._hover, row):
                self.viewport().update(self.visualRect(self.model().index(changed, 0)))
            self._hover = row

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.indexAt(event.position().toPoint()).row())

    @override
    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point_at(-1)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier):
            super().keyPressEvent(event)
            return
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                if self.current_id():
                    self.opened.emit(self.current_id())
            case Qt.Key.Key_J | Qt.Key.Key_K:
                super().keyPressEvent(as_arrow(event))
            case Qt.Key.Key_Slash:
                self.filter_wanted.emit()
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    @override
    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are commands here, and a search over ten thousand rows has a filter box."""
