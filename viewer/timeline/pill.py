"""The button that floats above the end of the transcript while it is not followed: 'N new ↓'. Made by the pane."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QPushButton, QWidget
from typing_extensions import override

from viewer.theme.look import Look


class Pill(QPushButton):
    """Shown exactly while the view does not follow. A real button, so that Tab, Space and a screen reader reach it."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._drawn: tuple[tuple[str, QSize, bool, bool, bool, float], QPixmap] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Go to the end and follow (End)")
        self.set_look(look)
        self.on_behind(0)
        self.hide()

    def set_look(self, look: Look) -> None:
        self._drawn = None
        back, ink, focus = (look.colour(name).name() for name in ("pill.background", "pill.text", "accent.focus"))
        self.setStyleSheet(
            f"QPushButton {{ background: {back}; color: {ink}; border: {look.px(2)}px solid {back};"
            f" border-radius: {look.px(12)}px; padding: {look.px(4)}px {look.px(12)}px; }}"
            f"QPushButton:focus {{ border-color: {focus}; }}"
        )
        self.setFont(look.font("ui.bold"))  # a first style sheet takes away the font that was set before it

    @Slot(int)
    def on_behind(self, rows: int) -> None:
        """So many rows came since the reader let go of the end."""
        self.setText(f"{rows:,} new ↓" if rows else "Latest ↓")
        news = "1 new row. " if rows == 1 else f"{rows:,} new rows. " if rows else ""
        self.setAccessibleName(f"{news}Go to the end and follow")
        self.adjustSize()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        """From a picture: every step of the rows below paints it again, and a style sheet is slow to draw."""
        scale = self.devicePixelRatioF()
        state = (self.text(), self.size(), self.hasFocus(), self.isDown(), self.isEnabled(), scale)
        if self._drawn is None or self._drawn[0] != state:
            from PySide6.QtWidgets import QStyle, QStyleOptionButton  # here: no pill is seen at the first paint

            picture = QPixmap(self.size() * scale)
            picture.setDevicePixelRatio(scale)
            picture.fill(Qt.GlobalColor.transparent)
            option = QStyleOptionButton()
            self.initStyleOption(option)
            with QPainter(picture) as painter:
                painter.setFont(self.font())
                self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
            self._drawn = state, picture
        with QPainter(self) as painter:
            painter.drawPixmap(0, 0, self._drawn[1])
