"""A list of equally high lines, one of which is gone to: what the hits of the search and the lists of docks share."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget
from typing_extensions import override

from viewer import viewport
from viewer.arrows import as_arrow
from viewer.theme.look import Look


class Lined(Protocol):
    """What paints the lines."""

    look: Look

    @property
    def height(self) -> int: ...


def ground(painter: QPainter, look: Look, option: QStyleOptionViewItem, *, hover: bool = True) -> None:
    """What a line stands on: selected, else under the mouse; framed when the keyboard is here."""
    rect: QRect = option.rect
    if option.state & QStyle.StateFlag.State_Selected:
        painter.fillRect(rect, look.colour("surface.selected"))
    elif hover and option.state & QStyle.StateFlag.State_MouseOver:
        painter.fillRect(rect, look.colour("surface.hover"))
    if option.state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(look.colour("accent.focus"))
        painter.drawRect(rect.adjusted(0, 0, -1, -1))


class LinedList(QListView):
    """See the module. j and k go down and up."""

    picked = Signal(QModelIndex, bool)  # a line, and whether by Enter
    left = Signal()  # Escape

    def __init__(
        self, model: QAbstractListModel, delegate: QStyledItemDelegate, lined: Lined, parent: QWidget | None = None
    ) -> None:
        """`lined`: the delegate again, by what is asked of it here."""
        super().__init__(parent)
        viewport.give(self)
        self._lined = lined
        self.setModel(model)
        self.setItemDelegate(delegate)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.clicked.connect(lambda index: self.picked.emit(index, False))
        self.set_look(lined.look)

    def set_look(self, look: Look) -> None:
        self._lined.look = look
        self.setStyleSheet(f"QListView {{ background: {look.colour('surface.panel').name()}; border: 0 }}")
        self.verticalScrollBar().setSingleStep(self._lined.height)
        self.doItemsLayout()
        self.viewport().update()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.picked.emit(self.currentIndex(), True)
            case Qt.Key.Key_J | Qt.Key.Key_K if not event.modifiers():
                super().keyPressEvent(as_arrow(event))
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    @override
    def keyboardSearch(self, search: str) -> None:
        """Nothing: letters are commands here."""
