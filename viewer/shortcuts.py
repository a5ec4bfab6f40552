"""All keys on one sheet, made from the table of actions. Opened by window."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from viewer.actions import sheet
from viewer.settings_dialog import Scroll
from viewer.theme.look import Look

_SCROLLS: Final = {
    Qt.Key.Key_Up: QAbstractSlider.SliderAction.SliderSingleStepSub,
    Qt.Key.Key_Down: QAbstractSlider.SliderAction.SliderSingleStepAdd,
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
    Qt.Key.Key_Home: QAbstractSlider.SliderAction.SliderToMinimum,
    Qt.Key.Key_End: QAbstractSlider.SliderAction.SliderToMaximum,
}


class ShortcutSheet(QDialog):
    """Two columns of headings with their keys. Escape or Close puts it away."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self._blocks: list[tuple[QGridLayout, QLabel, list[QLabel]]] = []  # grid, heading, keys
        whole = self._whole = QVBoxLayout(self)
        columns = self._columns = QHBoxLayout()
        halves = (QVBoxLayout(), QVBoxLayout())
        heights = [0, 0]
        for heading, lines in sheet():
            side = 0 if heights[0] <= heights[1] else 1
            heights[side] += len(lines) + 2
            halves[side].addWidget(self._block(heading, lines))
        self._halves = halves
        for half in halves:
            half.addStretch()
            columns.addLayout(half)
        inside = QWidget()
        inside.setLayout(columns)
        self.area = Scroll(inside)
        whole.addWidget(self.area, 1)
        self.close_button = QPushButton("Close")
        self.close_button.clicked.connect(self.accept)
        whole.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight)
        self.set_look(look)
        self.resize(self.sizeHint())  # of itself a dialog takes two thirds of the screen at most

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What does not fit on the screen is scrolled to."""
        action = _SCROLLS.get(Qt.Key(event.key()))
        if action is None:
            super().keyPressEvent(event)
        else:
            self.area.verticalScrollBar().triggerAction(action)

    def set_look(self, look: Look) -> None:
        """Another theme or zoom."""
        self._whole.setContentsMargins(look.px(24), look.px(16), look.px(24), look.px(16))
        self._columns.setContentsMargins(0, 0, look.px(12), 0)  # the bar stands there
        self._columns.setSpacing(look.px(40))
        for layout in (self._whole, *self._halves):
            layout.setSpacing(look.px(16))
        muted = f"color: {look.colour('text.muted').name()}"
        for grid, title, keys in self._blocks:
            grid.setHorizontalSpacing(look.px(24))
            grid.setVerticalSpacing(look.px(4))
            title.setFont(look.font("ui.bold"))
            for key in keys:
                key.setStyleSheet(muted)  # before its font: a first style sheet takes that away
                key.setFont(look.font("mono"))
        if self.isVisible():
            self.resize(self.sizeHint())

    def _block(self, heading: str, lines: tuple[tuple[str, str], ...]) -> QWidget:
        block = QWidget(self)
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        title, marks = QLabel(heading), list[QLabel]()
        self._blocks.append((grid, title, marks))
        grid.addWidget(title, 0, 0, 1, 2)
        for number, (keys, text) in enumerate(lines, 1):
            key = QLabel(keys)
            marks.append(key)
            grid.addWidget(QLabel(text), number, 0)
            grid.addWidget(key, number, 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(0, 1)
        return block
