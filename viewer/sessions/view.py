"""The list view of the sessions: stock geometry with equal heights, and the keys a list should have. For the pane."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget
from typing_extensions import override

from viewer.sessions.delegate import SessionDelegate
from viewer.sessions.model import SessionRole, SessionsModel
from viewer.theme.look import Look


class SessionList(QListView):
    """Enter or a click opens; j and k go down and up; / asks for the filter, Escape for the way out."""

    opened = Signal(str)  # session id
    filter_wanted = Signal()
    left = Signal()

    def __init__(self, model: SessionsModel, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.painter_delegate = SessionDelegate(look, self)
        self.setItemDelegate(self.painter_delegate)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setAccessibleName("Sessions")
        self.setModel(model)
        self.clicked.connect(self.on_clicked)

    def set_look(self, look: Look) -> None:
        self.painter_delegate.look = look
        self.scheduleDelayedItemsLayout()
        self.viewport().update()

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
        model = self.model()
        for number in range(min(2, model.rowCount())):  # a heading stands before the first one
            index = model.index(number, 0)
            if index.data(SessionRole) is not None:
                return index
        return QModelIndex()

    def on_clicked(self, index: QModelIndex) -> None:
        row = index.data(SessionRole)
        if row is not None:
            self.opened.emit(row.id)

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
                arrow = Qt.Key.Key_Down if event.key() == Qt.Key.Key_J else Qt.Key.Key_Up
                super().keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, arrow, Qt.KeyboardModifier.NoModifier))
            case Qt.Key.Key_Slash:
                self.filter_wanted.emit()
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    @override
    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are commands here, and a search over ten thousand rows has a filter box."""
