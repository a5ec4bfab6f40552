"""The button that floats above the end of the transcript while it is not followed: 'N new ↓'. Made by the pane."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QPushButton, QWidget
from typing_extensions import override

from viewer.theme.look import Look


class Pill(QPushButton):
    """Shown exactly while the view does not follow. A real button, so that Tab, Space and a screen reader reach it."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._drawn: tuple[tuple[str, QSize, bool, bool, bool, float], QPixmap] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Go to the end and follow (End)")
        self.set_look(look)
        self.on_behind(0)
        self.hide()

    def set_look(self, look: Look) -> None:
        self._look = look
        self._drawn = None
        self.setFont(look.font("ui.bold"))
        self.adjustSize()

    @Slot(int)
    def on_behind(self, rows: int) -> None:
        """So many rows came since the reader let go of the end."""
        self.setText(f"{rows:,} new ↓" if rows else "Latest ↓")
        news = "1 new row. " if rows == 1 else f"{rows:,} new rows. " if rows else ""
        self.setAccessibleName(f"{news}Go to the end and follow")
        self.adjustSize()

    @override
    def sizeHint(self) -> QSize:
        look, metrics = self._look, self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) + 2 * look.px(14)
        return QSize(width, metrics.height() + 2 * look.px(6))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """From a picture: every step of the rows below paints it again. By hand: the first touch of a QStyle makes
        classes for 20 ms, which would be the reader's first step up."""
        scale = self.devicePixelRatioF()
        state = (self.text(), self.size(), self.hasFocus(), self.isDown(), self.isEnabled(), scale)
        if self._drawn is None or self._drawn[0] != state:
            look, edge = self._look, self._look.px(2)
            picture = QPixmap(self.size() * scale)
            picture.setDevicePixelRatio(scale)
            picture.fill(Qt.GlobalColor.transparent)
            with QPainter(picture) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setFont(self.font())
                painter.setPen(QPen(look.colour("accent.focus" if self.hasFocus() else "pill.background"), edge))
                painter.setBrush(look.colour("pill.background"))
                half = edge / 2
                frame = QRectF(self.rect()).adjusted(half, half, -half, -half)
                painter.drawRoundedRect(frame, look.px(12) - half, look.px(12) - half)
                painter.setPen(look.colour("pill.text"))
                painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
            self._drawn = state, picture
        with QPainter(self) as painter:
            painter.drawPixmap(0, 0, self._drawn[1])
