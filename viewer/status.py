"""The line at the bottom: what is live, how fast it comes, what waits, what was not understood. For window."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QStatusBar, QToolButton, QWidget

from viewer import wording
from viewer.theme.look import Look

WINDOW: Final = 1.0  # seconds that the rate is measured over
EDGE: Final = 2  # px that QStatusBar keeps free at its side
CROWDED: Final = 500  # events that wait; fewer are gone with the next tick or two
STEADY: Final = 0.1  # of what is said: a rate that is off by no more than this is the same, and nothing flickers
SAID: Final = 6_000  # ms that an answer stands there


class StatusLine(QStatusBar):
    """See the module. The rate has one timer, armed by events and not armed again once nothing comes any more."""

    def __init__(self, look: Look, parent: QWidget | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._live = 0
        self._events: int | None = None
        self._since = 0.0
        self._rate = 0
        self._waiting = 0
        self._stray = 0
        self._raw: int | None = None
        self.facts = QLabel(self)
        self.facts.setAccessibleName("Activity")
        self.waiting = QLabel(self)
        self.waiting.setAccessibleName("Backlog")
        self.waiting.hide()
        self.hint = QLabel(self)
        self.hint.setAccessibleName("Hint")
        self.trouble = QToolButton(self)
        self.trouble.setAccessibleName("Records")
        self.trouble.setToolTip("What of this session is understood, and what is not (Ctrl+Shift+U)")
        self.progress = QLabel(self)
        self.progress.setAccessibleName("Reading")
        self.progress.hide()
        self.copies = QLabel(self)
        self.copies.setAccessibleName("Copies")
        self.copies.hide()
        for label in self.findChildren(QLabel):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a link stands there as its agent wrote it
        self.threads = QToolButton(self)
        self.threads.setToolTip("Threads, triggers and storage (Ctrl+Shift+S)")
        self.set_threads(None)
        self.setSizeGripEnabled(False)
        for widget in (self.facts, self.waiting, self.progress, self.copies, self.hint):
            self.addWidget(widget)
        self.addPermanentWidget(self.trouble)
        self.addPermanentWidget(self.threads)
        self._tick = QTimer(self)
        self._tick.setSingleShot(True)
        self._tick.setInterval(int(WINDOW * 1000))
        self._tick.timeout.connect(self.on_tick)
        self._fading = QTimer(self)
        self._fading.setSingleShot(True)
        self._fading.setInterval(SAID)
        self._fading.timeout.connect(lambda: self.set_hint(""))
        self.set_look(look)
        self.set_waiting(0)
        self._say()

    @property
    def ticking(self) -> bool:
        return self._tick.isActive()

    def set_live(self, count: int) -> None:
        if count != self._live:
            self._live = count
            self._say()

    def set_events(self, total: int) -> None:
        """How many events there were since the start; called with every tick of the store."""
        if self._events is None:
            self._events, self._since = 0, self._clock()
        if total != self._events and not self._tick.isActive():
            self._since = self._clock()
            self._tick.start()
        self._newest = total

    def set_waiting(self, count: int) -> None:
        """Events that wait for a later tick. Said only when they are many."""
        shown = count if count >= CROWDED else 0
        if shown != self._waiting:
            self._waiting = shown
            self.waiting.setText(f"{wording.many(shown, 'event')} waiting" if shown else "")
            self.waiting.setVisible(bool(shown))

    def set_stray(self, count: int) -> None:
        """Events that came for a session that is not open: nothing shows them, so their number does."""
        if count != self._stray:
            self._stray = count
            self._say()

    def set_raw(self, raw: int) -> None:
        """Rows of the open session that were not understood; negative: none is open."""
        if raw == self._raw:  # asked with every tick
            return
        self._raw = raw
        text = "" if raw < 0 else f"{wording.many(raw, 'record')} not understood" if raw else "all records understood"
        self.trouble.setText(text)
        self.trouble.setAccessibleName(text)
        self.trouble.setVisible(bool(text))

    def set_progress(self, done: int, total: int) -> None:
        """Bytes of the open session that are read in the background."""
        ready = total <= 0 or done >= total
        self.progress.setText("" if ready else f"reading {done * 100 // total} % of {wording.size(total)}")
        self.progress.setVisible(not ready)

    def set_copies(self, text: str) -> None:
        """How far the copying of sessions is."""
        self.copies.setText(text)
        self.copies.setVisible(bool(text))

    def set_threads(self, active: int | None) -> None:
        """How many threads have a session to go on with; None: there are none, or nobody has counted yet."""
        self.threads.setText("threads ▸" if active is None else f"threads {active:,} ▸")
        self.threads.setAccessibleName("Sessions panel" if active is None else f"Sessions panel, {active:,} threads")

    def set_hint(self, text: str, *, stays: bool = False) -> None:
        """What an action came to, for some seconds; `stays`: what the pointer is over, until it is elsewhere."""
        self._fading.stop()
        if text and not stays:
            self._fading.start()
        room = max(100, self.width() // 2)
        self.hint.setText(self.hint.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room))

    def on_tick(self) -> None:
        elapsed = max(0.001, self._clock() - self._since)
        before = self._events or 0
        rate = round((self._newest - before) / elapsed)
        if abs(rate - self._rate) > self._rate * STEADY:
            self._rate = rate
        self._events, self._since = self._newest, self._clock()
        if rate:
            self._tick.start()  # once more, to see it end
        self._say()

    def set_look(self, look: Look) -> None:
        self.setFont(look.font("meta"))
        self.setFixedHeight(look.px(26))  # whatever it says: the transcript above must not move
        for label in (self.facts, self.waiting, self.hint, self.progress, self.copies):
            token = "state.waiting" if label is self.waiting else "text.muted"
            # Padding, not a margin: a style sheet overrules the label's own margins.
            label.setIndent(0)  # a label with a style sheet is indented else
            sides = look.px(12) - EDGE
            label.setStyleSheet(f"color: {look.colour(token).name()}; padding: {look.px(3)}px {sides}px;")
            label.setFont(look.font("meta"))  # a first style sheet takes away the font that was set before it

        flat = (
            f"QToolButton {{ color: {look.colour('text.muted').name()}; border: 1px solid transparent; "
            f"padding: {look.px(1)}px {look.px(8)}px; }}"
            f"QToolButton:hover {{ background: {look.colour('surface.hover').name()}; }}"
            f"QToolButton:pressed {{ background: {look.colour('surface.pressed').name()}; }}"
            f"QToolButton:focus {{ border-color: {look.colour('accent.focus').name()}; }}"
        )
        for button in (self.trouble, self.threads):
            button.setStyleSheet(flat)
            button.setFont(look.font("meta"))

    def _say(self) -> None:
        parts = [f"{self._live} live"] if self._live else []
        if self._rate and self._live:  # reading the past of a session is no news
            parts.append(f"{self._rate:,} events/s")
        if self._stray:
            parts.append(f"{wording.many(self._stray, 'event')} for no open session")
        self.facts.setText(" · ".join(parts))
        self.facts.setVisible(bool(parts))
