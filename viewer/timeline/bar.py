"""The transcript's scroll bar: painted only when its thumb would look different. Made by the canvas.

A bar paints itself with every change of its range, and through it all that lies behind it, up to the window. Rows that
arrive at the end change the range with every tick, and the thumb by less than a pixel: that is put right a moment
later, or as soon as anybody asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QMouseEvent, QPainter, QPaintEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QScrollBar, QWidget
from typing_extensions import override

FINE: Final = 8  # parts of a pixel; the thumb on the screen is never further from its place
# Seconds until the bar knows of rows that came while the end is followed: with the next of them, which costs no wake-up
# of its own, or after so many ms if no more come.
LATE: Final = 0.6
LAST: Final = 900
_QUIET: Final = Qt.WidgetAttribute.WA_UpdatesDisabled


class Bar(QScrollBar):
    """See the module. `put` is how the canvas moves it; a reader's hand comes through Qt as ever.

    `sync` has the canvas call `put` with what is true now.
    """

    def __init__(self, sync: Callable[[], None], parent: QWidget | None = None) -> None:
        self._sync = sync
        self._late = False
        self._true = 0.0  # when it was put right last
        self._held = False  # by the mouse: it must be true all the time
        self._back = QColor()
        self._most = -1  # as they were put last: the range, page and step
        self._steps = (-1, -1)
        self._thumb = (-1, -1)  # its top and length on the screen, in parts of a pixel
        self.paints = 0  # for tests
        super().__init__(Qt.Orientation.Vertical, parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LAST)
        self._timer.timeout.connect(self.settle)

    # ---- in time

    def later(self) -> None:
        """Call `sync`, but not now: so little has changed that nobody sees it."""
        if self._held or time.monotonic() - self._true >= LATE:
            self._sync()
        elif not self._late:
            self._late = True
            if not self._timer.isActive():
                self._timer.start()

    @Slot()
    def settle(self) -> None:
        """Be true now. Whoever is about to look at the bar or to move it calls this first."""
        if self._late:
            self._late = False
            self._sync()

    @override
    def value(self) -> int:
        self.settle()
        return super().value()

    @override
    def maximum(self) -> int:
        self.settle()
        return super().maximum()

    def moved_to(self) -> tuple[int, int]:
        """Value and maximum as Qt has them: where a hand has just put it, true or not."""
        return super().value(), super().maximum()

    @override
    def triggerAction(self, action: QAbstractSlider.SliderAction) -> None:
        self.settle()
        super().triggerAction(action)

    @override
    def setValue(self, value: int) -> None:
        self.settle()
        super().setValue(value)

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.settle()
        self._held = True
        super().mousePressEvent(event)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._held = False

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        self.settle()
        super().wheelEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.settle()
        self._held = True  # its menu scrolls
        super().contextMenuEvent(event)
        self._held = False

    # ---- what it shows

    def set_back(self, colour: QColor) -> None:
        """What lies behind it: painted by the bar, so that nobody else has to."""
        self._back = colour
        self.update()

    def put(self, most: int, page: int, step: int, value: int) -> None:
        """Show this place. Tells nobody: whoever calls knows."""
        self._late, self._true = False, time.monotonic()
        seen = self.updatesEnabled()
        loud = not self.blockSignals(True)
        if seen:
            self.setAttribute(_QUIET, True)
        try:
            if self._steps != (page, step):
                self._steps = (page, step)
                self.setSingleStep(step)
                self.setPageStep(page)
            if self._most != most:
                self._most = most
                self.setRange(0, most)
            super().setValue(value)
        finally:
            if seen:
                self.setAttribute(_QUIET, False)
            if loud:
                self.blockSignals(False)
        # It keeps its room, so that no row changes its width; its thumb shows only where there is a way to go.
        if self.isEnabled() != (most > 0):
            self.setEnabled(most > 0)
        high, total = FINE * self.height(), max(1, most + page)
        thumb = high * value // total, high * page // total
        if thumb != self._thumb:
            self._thumb = thumb
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1
        with QPainter(self) as painter:
            painter.fillRect(event.rect(), self._back)
        super().paintEvent(event)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._be_opaque()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._be_opaque()

    def _be_opaque(self) -> None:
        """Said again after each polish: a style sheet takes it back."""
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
