"""What the window shows when no session is open: what to do next, and the demo. For window."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from resources import path
from viewer.theme.look import Look

LEAST: Final = 400  # px at zoom 1: below it there is no room for what only adorns


class HomePage(QWidget):
    """See the module."""

    demo_wanted = Signal()
    file_wanted = Signal()
    search_wanted = Signal()

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.sign = QLabel(self)
        self.sign.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.heading = QLabel(self)
        self.heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text = QLabel(self)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setWordWrap(True)
        self.demo_button = QPushButton("Play the demo", self)
        self.demo_button.setDefault(True)
        self.file_button = QPushButton("Open file…", self)
        self.search_button = QPushButton("Search all sessions…", self)
        self.search_button.setToolTip("Find a text in every session, in what was said, thought and run (Ctrl+Shift+F)")
        self.hint_label = QLabel("or watch what another program prints", self)
        self.hint_label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.hint = QLabel("some-agent | playhead -", self)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons = QHBoxLayout()
        self._buttons.addStretch()
        for button in (self.search_button, self.demo_button, self.file_button):
            self._buttons.addWidget(button)
        self._buttons.addStretch()
        self._column = QVBoxLayout(self)
        self._column.addStretch(2)
        measure = QHBoxLayout()  # as wide as prose is read, narrower where there is no room
        measure.addStretch(1)
        measure.addWidget(self.text, 100)
        measure.addStretch(1)
        self._column.addWidget(self.sign)
        self._column.addWidget(self.heading)
        self._column.addLayout(measure)
        self._column.addLayout(self._buttons)
        self._column.addWidget(self.hint_label)
        self._column.addWidget(self.hint)
        self._column.addStretch(3)
        self.demo_button.clicked.connect(self.demo_wanted)
        self.file_button.clicked.connect(self.file_wanted)
        self.search_button.clicked.connect(self.search_wanted)
        self.setAutoFillBackground(True)
        self.set_sessions(0)
        self.set_look(look)

    def set_sessions(self, count: int) -> None:
        """How many sessions there are to choose from."""
        self.search_button.setVisible(bool(count))
        self.search_button.setDefault(bool(count))  # the demo is for who has nothing yet
        self.demo_button.setDefault(not count)
        first = self.search_button if count else self.demo_button
        if self.focusProxy() is not first:
            focused = self.demo_button.hasFocus() or self.search_button.hasFocus()
            self.setFocusProxy(first)
            if focused:
                first.setFocus(Qt.FocusReason.OtherFocusReason)
        if count:
            self.heading.setText("Choose a session")
            self.text.setText("Pick one on the left, or drop a session file on this window.")
        else:
            self.heading.setText("No sessions found yet")
            self.text.setText(
                "Start a coding agent such as Claude Code and its session appears here by itself. "
                "You can also open a session file, or drop one on this window."
            )

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        """What only adorns gives way before the sentence does."""
        roomy = self.height() >= self._look.px(LEAST)
        for part in (self.sign, self.hint_label, self.hint):
            part.setVisible(roomy)

    def set_look(self, look: Look) -> None:
        self._look = look
        palette = self.palette()
        palette.setColor(self.backgroundRole(), look.colour("surface.window"))
        self.setPalette(palette)
        self._column.setSpacing(look.px(12))
        margin = look.px(32)
        self._column.setContentsMargins(margin, margin, margin, margin)
        self._buttons.setSpacing(look.px(8))
        self.sign.setPixmap(QIcon(str(path("app/playhead.svg"))).pixmap(look.px(64), look.px(64)))
        self.heading.setFont(look.font("title"))
        self.text.setMaximumWidth(look.px(480))  # about 70 characters: a line the eye can follow
        self.text.setMinimumHeight(look.metrics("prose").lineSpacing() * 2)
        self.hint_label.setContentsMargins(0, look.px(12), 0, 0)
        for label, font in ((self.text, "prose"), (self.hint, "mono"), (self.hint_label, "meta")):
            label.setStyleSheet(f"color: {look.colour('text.muted').name()}")
            label.setFont(look.font(font))  # a first style sheet takes away the font that was set before it
