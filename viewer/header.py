"""The line above the transcript: what the session is, what it does now, and how fresh that is. For window."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QSizePolicy, QToolButton, QWidget
from typing_extensions import override

from store.delta import Header
from viewer import tips, wording
from viewer.marks import Gauge, StateMark
from viewer.theme import icons
from viewer.theme.look import Look

NARROW: Final = 620  # px at zoom 1: below it the follow sign has no word beside it
TITLE: Final = 160  # px at zoom 1 that are left for the title before anything else is shown
MOST: Final = 140  # px at zoom 1 that folder and model ask for: they are elided


def _now() -> int:
    return time.time_ns() // 1000


class Elided(QLabel):
    """One line of plain text that ends in '…' where there is no room, with the whole in its tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.least = 0  # px that it asks for where it has that much to say
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)  # titles come from records: never markup
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def say(self, text: str) -> None:
        line = wording.named(text, 2000)
        if line != self.text():
            self.setText(line)
            self.setToolTip(tips.plain(line))
            self.updateGeometry()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(min(self.least, self.sizeHint().width()), super().minimumSizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


class HeaderBar(QWidget):
    """See the module. Its one timer is armed only while a relative time is shown, for the moment that text changes."""

    follow_wanted = Signal(bool)

    def __init__(self, look: Look, parent: QWidget | None = None, clock: Callable[[], int] = _now) -> None:
        self.look = look
        self._clock = clock
        self._header = Header()
        self._absolute = False
        self._lit = False  # the follow sign as it is drawn
        super().__init__(parent)
        self.title = Elided(self)
        self.title.setAccessibleName("Session title")
        self.project = Elided(self)
        self.project.setAccessibleName("Project")
        self.mark = StateMark(look, self)
        self.state = QLabel(self)
        self.state.setAccessibleName("State")
        self.fresh = QLabel(self)
        self.fresh.setAccessibleName("Last record")
        self.cost = QLabel(self)
        self.cost.setAccessibleName("Cost")
        self.llm = Elided(self)
        self.llm.setAccessibleName("Model and mode")
        self.gauge = Gauge(look, self)
        self.context = QLabel(self)
        self.context.setAccessibleName("Context used")
        self.follow = QToolButton(self)
        self.follow.setCheckable(True)
        self.follow.setText("Follow")
        self.follow.setToolTip("Stay at the newest row (F)")
        self.follow.setAccessibleName("Follow new rows")
        self.follow.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.follow.clicked.connect(self.follow_wanted)
        self.sessions_button = QToolButton(self)
        self.insight_button = QToolButton(self)
        self.inspector_button = QToolButton(self)

        self._line = QHBoxLayout(self)
        # Its parts must not hold the window open: they give way in `_fit`.
        self._line.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._line.addWidget(self.sessions_button)
        self._line.addWidget(self.title)
        self._line.addWidget(self.project)
        self._line.addStretch(1)
        self._pairs = (QHBoxLayout(), QHBoxLayout())  # a sign and its word stand closer than two facts
        for pair, widgets in zip(self._pairs, ((self.mark, self.state), (self.gauge, self.context)), strict=True):
            for widget in widgets:
                pair.addWidget(widget)
        self._line.addLayout(self._pairs[0])
        self._line.addWidget(self.fresh)
        self._line.addWidget(self.cost)
        self._line.addWidget(self.llm)
        self._line.addLayout(self._pairs[1])
        self._line.addWidget(self.follow)
        self._line.addWidget(self.insight_button)
        self._line.addWidget(self.inspector_button)

        self._tick = QTimer(self)
        self._tick.setSingleShot(True)
        self._tick.setTimerType(Qt.TimerType.CoarseTimer)
        self._tick.timeout.connect(self._freshen)
        self.set_look(look)
        self.show_header(None)

    @property
    def ticking(self) -> bool:
        return self._tick.isActive()

    def show_header(self, header: Header | None, name: str = "") -> None:
        """The newest header of the session; None when there is none open."""
        there = header is not None
        head = header or Header()
        self._header = head
        self.title.say(head.title or name or ("Untitled session" if there else ""))
        place = wording.name_of(head.cwd)
        branch = f" ⎇ {head.branch}" if head.branch and head.branch != "HEAD" else ""
        self.project.say(f"{place}{branch}")
        self.project.setToolTip(tips.plain(head.cwd))
        state = "failed" if head.trouble and head.state == "opening" else head.state
        if head.draft and state == "idle":
            state = "draft"
        self.mark.set_state(state)
        self.state.setText(wording.state(state) if there else "")
        tip = f"{wording.agent(head.agent)} {head.version}".strip()
        if state == "draft":
            tip = f"Nobody has said or done anything in it yet\n{tip}"
        self.state.setToolTip(tips.plain(f"{tip}\n{head.id}".strip()))
        self.llm.say(" · ".join(part for part in (head.llm, head.mode if head.mode != "default" else "") if part))
        if head.used is None:
            self.context.setText("")
            self.context.setToolTip("")
        elif head.size:
            share = head.used / head.size
            self.gauge.set_share(share)
            self.context.setText(f"{share * 100:.0f} %")
            self.context.setToolTip(f"Context: {head.used:,} of {head.size:,} tokens")
        else:
            self.context.setText(f"{wording.tokens(head.used)} tokens")
            self.context.setToolTip(f"Context: {head.used:,} tokens; its size is not known")
        self.gauge.setToolTip(self.context.toolTip())
        for widget in (self.state, self.follow):
            widget.setVisible(there)
        self.mark.setVisible(there and state != "ended")  # nothing to look at: the word is enough
        self._freshen()
        self._fit()

    def set_cost(self, text: str, tip: str = "") -> None:
        """What the session has cost as far as that is known; '' when it is not."""
        if (text, tip) != (self.cost.text(), self.cost.toolTip()):
            self.cost.setText(text)
            self.cost.setToolTip(tip)
            self._fit()

    def set_following(self, on: bool) -> None:
        if self.follow.isChecked() != on:
            self.follow.setChecked(on)
        if self._lit != on:
            self._icons()

    def set_absolute(self, absolute: bool) -> None:
        self._absolute = absolute
        self._freshen()

    def set_look(self, look: Look) -> None:
        self.look = look
        self._line.setContentsMargins(look.px(8), look.px(4), look.px(8), look.px(4))
        self._line.setSpacing(look.px(12))
        for pair in self._pairs:
            pair.setSpacing(look.px(4))
        self.setFixedHeight(look.px(40))
        for part, least in ((self.title, 80), (self.project, MOST), (self.llm, 200)):
            part.least = look.px(least)
        self.title.setFont(look.font("ui.bold"))
        for label, token in (
            (self.title, "text.strong"),
            (self.project, "text.muted"),
            (self.state, "text.main"),
            (self.fresh, "text.muted"),
            (self.cost, "text.muted"),
            (self.llm, "text.muted"),
            (self.context, "text.muted"),
        ):
            palette = label.palette()
            palette.setColor(label.foregroundRole(), look.colour(token))
            label.setPalette(palette)
            if label not in (self.title, self.state):
                label.setFont(look.font("ui"))
        self.state.setFont(look.font("ui"))
        self.mark.set_look(look)
        self.gauge.set_look(look)
        # What they show is seen, so no second sign.
        for button in (self.sessions_button, self.insight_button, self.inspector_button):
            button.setStyleSheet("QToolButton:checked:!hover:!pressed { background: transparent; }")
        self.setAutoFillBackground(True)
        palette = self.palette()
        palette.setColor(self.backgroundRole(), look.colour("surface.window"))
        self.setPalette(palette)
        self._icons()
        self._fit()

    def _icons(self) -> None:
        self._lit = self.follow.isChecked()
        token = "accent.main" if self._lit else "text.muted"
        self.follow.setIcon(icons.icon("arrow-down", self.look, token))
        self.sessions_button.setIcon(icons.icon("panel-left", self.look))
        self.insight_button.setIcon(icons.icon("list-todo", self.look))
        self.inspector_button.setIcon(icons.icon("panel-right", self.look))
        for button in (self.follow, self.sessions_button, self.insight_button, self.inspector_button):
            button.setIconSize(QSize(self.look.px(16), self.look.px(16)))

    def _fit(self) -> None:
        """What matters least goes first when there is little room, and whole: half a word says nothing."""
        px, gap = self.look.px, self._line.spacing()
        style = Qt.ToolButtonStyle
        wide = self.width() >= px(NARROW)
        self.follow.setToolButtonStyle(style.ToolButtonTextBesideIcon if wide else style.ToolButtonIconOnly)
        margins = self._line.contentsMargins()
        room = self.width() - margins.left() - margins.right() - min(self.title.sizeHint().width(), px(TITLE))
        for fixed in (self.sessions_button, self.mark, self.state, self.follow, self.insight_button,
                      self.inspector_button):  # fmt: skip
            room -= 0 if fixed.isHidden() else fixed.sizeHint().width() + gap
        known = self._header.used is not None
        parts: tuple[tuple[tuple[QWidget, ...], bool], ...] = (
            ((self.project,), bool(self.project.text())),
            ((self.gauge, self.context) if self._header.size else (self.context,), known),
            ((self.cost,), bool(self.cost.text())),
            ((self.fresh,), bool(self.fresh.text())),  # an empty label leaves a hole
            ((self.llm,), bool(self.llm.text())),
        )
        for widgets, there in parts:
            if there:
                room -= sum(min(widget.sizeHint().width(), px(MOST)) + gap for widget in widgets)
            for widget in widgets:
                widget.setVisible(there and room >= 0)
        if not self._header.size:
            self.gauge.hide()

    def _freshen(self) -> None:
        """Say how fresh it is; wake up again when that will be wrong. Hidden or unknown: nothing ticks."""
        text, seconds = wording.ago(self._header.updated, self._clock(), self._absolute)
        if text != self.fresh.text():
            self.fresh.setText(text)
            self.fresh.setToolTip(f"Last record {wording.full(self._header.updated)}" if text else "")
            self._fit()
        if self.isVisible() and seconds < wording.NEVER:
            self._tick.start(int(max(1.0, seconds) * 1000))
        else:
            self._tick.stop()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.look.px(240), self.look.px(40))

    @override
    def resizeEvent(self, event: object) -> None:
        self._fit()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._freshen()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tick.stop()
