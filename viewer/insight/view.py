"""A list of lines in the dock: Enter or a click goes to the row that a line tells of. For the pane."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget
from typing_extensions import override

from viewer import viewport
from viewer.insight.delegate import LineDelegate
from viewer.insight.model import LineModel, LineRole
from viewer.theme.look import Look


class LineList(QListView):
    """See the module. j and k go down and up."""

    chosen = Signal(str)  # id of an item
    left = Signal()  # Escape

    def __init__(self, look: Look, *, turns: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        viewport.give(self)
        self.lines = LineModel(self)
        self.painter_delegate = LineDelegate(look, turns=turns)
        self.setModel(self.lines)
        self.setItemDelegate(self.painter_delegate)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.clicked.connect(self.on_chosen)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self.painter_delegate.look = look
        self.setStyleSheet(f"QListView {{ background: {look.colour('surface.panel').name()}; border: 0 }}")
        self.verticalScrollBar().setSingleStep(self.painter_delegate.height)
        self.doItemsLayout()
        self.viewport().update()

    @override
    def minimumSizeHint(self) -> QSize:
        """One line: a scroll area wants room for its scroll bars, also where it has none."""
        return QSize(60, self.painter_delegate.height)

    def on_chosen(self, index: QModelIndex) -> None:
        line = index.data(LineRole)
        if line is not None and line.item:
            self.chosen.emit(line.item)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.on_chosen(self.currentIndex())
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
