"""What went wrong and what can be done about it, or what was done: a bar above the transcript. For window."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from viewer.theme import icons
from viewer.theme.look import Look


class Remedy(NamedTuple):
    """A button: its text and what it does. One that takes something back says what, as a noun with its name."""

    text: str
    act: Callable[[], object]
    undoes: str = ""  # deletion of “fix flaky test”
    key: str = ""  # what was done to what, for whoever takes it back in another way


class NoticeBar(QWidget):
    """One sentence, at most one button, and a way to put it away. Hidden while there is nothing to say."""

    closed = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._act: Callable[[], object] | None = None
        self._look = look
        self._done = False
        self.key = ""  # who said it; the same speaker may take it back
        self.keep: Callable[[Remedy | None], Remedy | None] = lambda remedy: remedy  # notes what can be undone
        self.sign = QLabel(self)
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton(self)
        self.close_button = QToolButton(self)
        self.close_button.setAccessibleName("Dismiss")
        self.close_button.setToolTip("Dismiss")
        self._line = QHBoxLayout(self)
        self._line.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignVCenter)
        self._line.addWidget(self.text, 1)
        self._line.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._line.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.button.clicked.connect(self.on_button)
        self.close_button.clicked.connect(self.on_close)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("notice")
        self.set_look(look)
        self.hide()

    def say(self, key: str, sentence: str, remedy: Remedy | None = None, *, done: bool = False) -> None:
        """Show a sentence; the newest one wins. `done`: it is what the user wanted, and no trouble."""
        self.key = key
        remedy = self.keep(remedy)
        if done != self._done:
            self._done = done
            self.set_look(self._look)
        self.text.setText(sentence[:600])
        self._act = None if remedy is None else remedy.act
        self.button.setText("" if remedy is None else remedy.text)
        self.button.setVisible(remedy is not None)
        self.button.setToolTip("Ctrl+Z" if remedy is not None and remedy.undoes else "")
        self.show()

    def take_back(self, key: str) -> None:
        """It is no longer so."""
        if self.key == key:
            self.key = ""
            self.hide()

    def on_button(self) -> None:
        if self._act is not None:
            self._act()

    def on_close(self) -> None:
        self.take_back(self.key)
        self.closed.emit()

    def set_look(self, look: Look) -> None:
        self._look = look
        tone, sign = ("state.ok", "circle-check") if self._done else ("state.failed", "circle-alert")
        edge = look.colour("state.ok" if self._done else "row.failed_edge").name()
        ground = look.colour("surface.raised").name()
        self.setStyleSheet(f"#notice {{ background: {ground}; border-left: {look.px(2)}px solid {edge}; }}")
        self.text.setAccessibleName("Done" if self._done else "Problem")
        self._line.setContentsMargins(look.px(12), look.px(8), look.px(8), look.px(8))
        self._line.setSpacing(look.px(8))
        size = look.px(16)
        ratio = self.devicePixelRatioF()
        self.sign.setPixmap(icons.pixmap(sign, look.colour(tone), size, ratio))
        self.close_button.setIcon(icons.icon("x", look))
        self.close_button.setIconSize(QSize(size, size))
