"""A QListView with everything turned off that is right only for rows of equal height. The canvas is made of it.

It stays a QListView for the current row, and for what a screen reader sees: Qt gives a list with items to subclasses
of QListView alone.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QRect, Qt
from PySide6.QtGui import QRegion
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QScrollBar, QWidget
from typing_extensions import override

from viewer import viewport

_OTHER_PIXELS: Final = (QEvent.Type.DevicePixelRatioChange, QEvent.Type.Show, QEvent.Type.ParentChange)


class Stock(QListView):
    """See the module. A subclass says where rows are, and has all that it needs for that before it calls this."""

    def __init__(self, bar: QScrollBar, parent: QWidget | None = None) -> None:
        self._even: bool | None = None
        super().__init__(parent)
        viewport.give(self)
        self.setVerticalScrollBar(bar)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there: a bar that comes and goes changes the width, and with it every height.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAutoScroll(False)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        # Nothing looks different under the pointer: without this, rows it passes would be painted whole.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover, False)

    def even(self) -> bool:
        """Whether a pixel of ours is so many whole ones of the screen: only then can what is painted be moved."""
        if self._even is None:  # to ask is a long way, and the answer stays the same
            self._even = not self.viewport().devicePixelRatioF() % 1
        return self._even

    @override
    def event(self, event: QEvent) -> bool:
        if event.type() in _OTHER_PIXELS:
            self._even = None
        return super().event(event)

    @override
    def verticalScrollbarValueChanged(self, value: int) -> None:
        pass  # would look which row came under a resting pointer, and paint that one and the one before again

    @override
    def doItemsLayout(self) -> None:
        pass  # rows are laid out when they are seen

    @override
    def horizontalOffset(self) -> int:
        return 0

    @override
    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        pass  # what is selected is text, not rows

    @override
    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion()
