"""The middle of the window: the transcript, the pill above it, a sentence while it is empty. Made by viewer.window."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget
from typing_extensions import override

from viewer.theme.look import Look
from viewer.timeline.model import TimelineModel
from viewer.timeline.pill import Pill
from viewer.timeline.view import TimelineView

WAITING = "Waiting for the first record…"


class TimelinePane(QWidget):
    """Gives its whole size to the view, with a sentence above it while it is empty.

    The pill is the viewport's child: a widget that lay above the view would make Qt paint all of it at every step.
    """

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = TimelineView(look, self)
        self.empty = QLabel(WAITING, self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.empty.setTextFormat(Qt.TextFormat.PlainText)
        self.empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.pill = Pill(look, self.view.viewport())
        self.view.afloat = (self.pill,)
        self._look = look
        self._model: TimelineModel | None = None
        self._empty = True
        self._loose = False  # the end was let go
        self.setFocusProxy(self.view)
        QWidget.setTabOrder(self.view, self.pill)
        self.pill.clicked.connect(self.on_pill)
        self.view.follow_changed.connect(self.on_follow)
        self.view.behind_changed.connect(self.on_behind)
        self.view.verticalScrollBar().rangeChanged.connect(self.on_range)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.view.set_look(look)
        self.pill.set_look(look)
        self.empty.setStyleSheet(f"color: {look.colour('text.muted').name()}; background: transparent;")
        self.empty.setFont(look.font("prose"))  # a first style sheet takes away the font that was set before it
        self._arrange()

    def set_model(self, model: TimelineModel | None) -> None:
        """Show a session. The caller restores place and folds afterwards."""
        if self._model is not None:
            self._model.applied.remove(self._show_empty)
        self._model = model
        self.view.setModel(model)
        if model is not None:
            model.applied.append(self._show_empty)
        self._show_empty()

    def set_empty(self, sentence: str) -> None:
        """What to say while there is no row: what is waited for, or what to do."""
        self.empty.setText(sentence or WAITING)

    def _show_empty(self) -> None:
        empty = self._model is None or self._model.length == 0
        if empty != self._empty:  # asked after every delta
            self._empty = empty
            self.empty.setVisible(empty)
        if self._loose:
            self._show_pill()

    def _show_pill(self) -> None:
        """The end was let go; where all rows are in sight it leads nowhere."""
        wanted = self._loose and not self.view.geo.fits
        if wanted == self.pill.isHidden():
            self.pill.setVisible(wanted)

    @Slot()
    def on_pill(self) -> None:
        self.view.set_follow(True)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(bool)
    def on_follow(self, follow: bool) -> None:
        if follow and self.pill.hasFocus():
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._loose = not follow
        self._show_pill()
        self._arrange()

    @Slot(int, int)
    def on_range(self, least: int, most: int) -> None:
        if self._loose:  # a row was opened or closed, or some came
            self._show_pill()

    @Slot(int)
    def on_behind(self, rows: int) -> None:
        self.pill.on_behind(rows)
        self._show_pill()
        self._arrange()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()

    def _arrange(self) -> None:
        self.view.setGeometry(self.rect())
        margin = self._look.px(24)
        self.empty.setGeometry(self.rect().adjusted(margin, margin, -margin, -margin))
        self._show_pill()
        room, size, gap = self.view.viewport().size(), self.pill.size(), self._look.px(16)
        self.pill.move(room.width() - size.width() - gap, room.height() - size.height() - gap)
