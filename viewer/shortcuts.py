"""All keys on one sheet, made from the table of actions. Opened by window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from viewer.actions import sheet
from viewer.theme.look import Look


class ShortcutSheet(QDialog):
    """Two columns of headings with their keys. Escape or Close puts it away."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(look.px(24), look.px(16), look.px(24), look.px(16))
        whole.setSpacing(look.px(16))
        columns = QHBoxLayout()
        columns.setSpacing(look.px(40))
        halves = (QVBoxLayout(), QVBoxLayout())
        heights = [0, 0]
        for heading, lines in sheet():
            side = 0 if heights[0] <= heights[1] else 1
            heights[side] += len(lines) + 2
            halves[side].addWidget(self._block(heading, lines, look))
        for half in halves:
            half.setSpacing(look.px(16))
            half.addStretch()
            columns.addLayout(half)
        whole.addLayout(columns)
        self.close_button = QPushButton("Close")
        self.close_button.clicked.connect(self.accept)
        whole.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight)

    def _block(self, heading: str, lines: tuple[tuple[str, str], ...], look: Look) -> QWidget:
        block = QWidget(self)
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(look.px(24))
        grid.setVerticalSpacing(look.px(4))
        title = QLabel(heading)
        title.setFont(look.font("ui.bold"))
        grid.addWidget(title, 0, 0, 1, 2)
        for number, (keys, text) in enumerate(lines, 1):
            key = QLabel(keys)
            key.setFont(look.font("mono"))
            key.setStyleSheet(f"color: {look.colour('text.muted').name()}")
            grid.addWidget(QLabel(text), number, 0)
            grid.addWidget(key, number, 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(0, 1)
        return block
