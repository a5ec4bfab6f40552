"""The dock beside the transcript: a session's turns, and its figures below them. Shows what it is told.

Made by follow. It asks for nothing itself and knows no session: `viewer.insight.follow` does.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from store.insight_talk import FAILED, NONE, Told, Turn
from viewer.insight.lines import figure_lines, summary, turn_line
from viewer.insight.view import LineList
from viewer.theme import icons
from viewer.theme.look import Look

TITLE = "Turns and figures"


class InsightPane(QWidget):
    """See the module."""

    chosen = Signal(str)  # id of the item that a line leads to
    again = Signal()  # ask once more
    left = Signal()  # Escape

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.known: list[Turn] = []  # the turns as they were told
        self._moved = False
        self.heading = QLabel(TITLE, self)
        self.sum = QLabel(self)
        self.sum.setTextFormat(Qt.TextFormat.PlainText)
        self.close_button = QToolButton(self)
        self.close_button.setAccessibleName("Close turns and figures")
        self.close_button.setToolTip("Close turns and figures")
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setAccessibleName("State of the figures")
        self.again_button = QPushButton("Try again", self)
        self.turns = LineList(look, turns=True)
        self.turns.setAccessibleName("Turns")
        self.figures = LineList(look, turns=False)
        self.figures.setAccessibleName("Figures")
        self.split = QSplitter(Qt.Orientation.Vertical, self)
        self.split.addWidget(self.turns)
        self.split.addWidget(self.figures)
        self.split.setChildrenCollapsible(False)
        self.split.splitterMoved.connect(self.on_moved)
        self._top = QHBoxLayout()
        self._top.addWidget(self.heading, 1)
        self._top.addWidget(self.close_button)
        self._blank = QVBoxLayout()
        self._blank.setSpacing(0)
        self._blank.addWidget(self.sum)
        self._blank.addWidget(self.note)
        self._blank.addWidget(self.again_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._top)
        layout.addLayout(self._blank)
        layout.addWidget(self.split, 1)
        self.rest = QWidget(self)  # in its place while there is nothing to show
        layout.addWidget(self.rest, 1)
        for part in (self.turns, self.figures):
            part.chosen.connect(self.chosen)
            part.left.connect(self.left)
        self.again_button.clicked.connect(self.again)
        QWidget.setTabOrder(self.turns, self.figures)
        self.set_look(look)
        self.clear()

    def clear(self, why: str = "Open a session to see its turns.") -> None:
        """Nothing is known; say why."""
        self.known = []
        self.turns.lines.show([])
        self.figures.lines.show([])
        self._say(why)

    def wait(self) -> None:
        """The figures are on their way."""
        if not self.known:
            self._say("Adding up…")

    def show_told(self, told: Told) -> None:
        """An answer about the session that is shown."""
        if told.state == FAILED:
            self._say(told.why, again=True)
            return
        if told.state == NONE:
            self.clear("Nobody has said or done anything in this session yet.")
            return
        first = min(told.first, len(self.known))
        self.known[first:] = told.turns
        end = self._at_end() or not self.turns.lines.rowCount()  # the newest turn, as the transcript does
        self.turns.painter_delegate.digits = max(2, len(str(len(self.known))))
        lines = [self.turns.lines.line(row) for row in range(first)]
        self.turns.lines.show([*lines, *map(turn_line, self.known[first:])], first)
        self.figures.lines.show(figure_lines(told, self.known))
        self.sum.setText(summary(told, self.known))
        self._say("" if self.known else "There is no turn in this session.")
        self._share()
        if end:
            self.turns.scrollToBottom()

    def _share(self) -> None:
        """The turns get the room that they need, and the figures the rest, at least two fifths. Until the user says
        otherwise."""
        if self._moved:
            return
        room = self.split.height()
        wanted = self.turns.lines.rowCount() * self.turns.painter_delegate.height + 8
        turns = min(wanted, room * 3 // 5)
        self.split.setSizes([turns, room - turns])

    def on_moved(self) -> None:
        """The user has moved the line between the two."""
        self._moved = True

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _at_end(self) -> bool:
        """Whether the newest turn is in sight: then the next one will be, too."""
        bar = self.turns.verticalScrollBar()
        return bool(self.turns.lines.rowCount()) and bar.maximum() > 0 and bar.value() >= bar.maximum()

    def _say(self, why: str, *, again: bool = False) -> None:
        self.note.setText(why)
        self.note.setVisible(bool(why))
        self.again_button.setVisible(again)
        there = bool(self.known)
        self.split.setVisible(there)
        self.rest.setVisible(not there)
        self.sum.setVisible(there)

    def set_look(self, look: Look) -> None:
        self._top.setContentsMargins(look.px(12), look.px(6), look.px(8), 0)
        self.heading.setFont(look.font("ui.bold"))
        muted = f"color: {look.colour('text.muted').name()}"
        for label in (self.sum, self.note):
            label.setIndent(0)
            label.setStyleSheet(f"{muted}; padding: 0 0 {look.px(8)}px 0")
            label.setFont(look.font("meta"))  # a first style sheet takes away the font that was set before it
        self._blank.setContentsMargins(look.px(12), 0, look.px(12), 0)
        self.close_button.setIcon(icons.icon("x", look))
        self.close_button.setIconSize(QSize(look.px(16), look.px(16)))
        self.split.setHandleWidth(1)
        self.split.setStyleSheet(f"QSplitter::handle {{ background: {look.colour('line.hair').name()} }}")
        self.turns.set_look(look)
        self.figures.set_look(look)
