"""The line below the transcript that says which trigger's run works in the session that is shown, and ends it.

It is looked for when a session is shown or begins to work, and when a Playhead tells of a run or a delivery. For the
window; the line is made with the first run that is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from store.delta import Header
from viewer import tips, wording
from viewer.header import Elided
from viewer.jobs import Jobs
from viewer.theme import icons
from viewer.theme.look import Look

if TYPE_CHECKING:
    from store.stops import AtWork
    from viewer.panel.ending import Ending

SOON: Final = 300  # ms until a session that is shown is looked at: it is painted before
AGAIN: Final = 3_000  # ms until a look that failed is made again: what it was about is not told twice
MINUTE: Final = 60_000  # ms: how long it goes on is told anew; nothing is looked for


class RunBar(QWidget):
    """One line: whose run it is, since when, and a button."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run-bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sign = QLabel(self)
        self.text = Elided(self)
        self.text.setAccessibleName("Run of a trigger")
        self.button = QPushButton("Stop…", self)
        self.button.setToolTip("End this run, with all that it has started")
        self.button.setAccessibleName("Stop the run")
        self._line = QHBoxLayout(self)
        for widget, stretch in ((self.sign, 0), (self.text, 1), (self.button, 0)):
            self._line.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)
        self.set_look(look)

    def show_run(self, work: AtWork, now: int) -> None:
        """`now`: microseconds UTC."""
        since = "" if work.started is None else f", begun {wording.ago(work.started, now)[0]}"
        what = "makes its session shorter" if work.compacts else "works here"
        more = f" · {wording.many(work.waiting, 'event')} behind it" if work.waiting else ""
        self.text.say(f"A run of {work.trigger or 'a trigger'} {what}{since}{more}")
        thread = f"\nThread {work.thread}" if work.thread else ""
        self.text.setToolTip(tips.plain(f"{self.text.text()}{thread}"))

    def set_look(self, look: Look) -> None:
        ground, hair = look.colour("surface.raised").name(), look.colour("line.hair").name()
        self.setStyleSheet(f"#run-bar {{ background: {ground}; border-top: 1px solid {hair}; }}")
        self._line.setContentsMargins(look.px(12), look.px(4), look.px(12), look.px(4))
        self._line.setSpacing(look.px(8))
        self.text.setFont(look.font("ui"))
        self.button.setFont(look.font("ui"))
        palette = self.text.palette()
        palette.setColor(self.text.foregroundRole(), look.colour("text.main"))
        self.text.setPalette(palette)
        size = look.px(14)
        self.sign.setPixmap(icons.pixmap("circle-dot", look.colour("state.running"), size, self.devicePixelRatioF()))


class RunHere(QObject):
    """See the module. `put` gives the line its place; `say` has sentences for the user."""

    changed = Signal()  # a run is there, or is over

    def __init__(
        self, jobs: Jobs, db: Path, look: Look, put: Callable[[QWidget], None], say: Callable[..., None],
        parent: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._jobs, self._db, self._look, self._put, self._say, self._window = jobs, db, look, put, say, parent
        self.key = ""
        self.work: AtWork | None = None
        self.bar: RunBar | None = None
        self._ending: Ending | None = None
        self._pending = self._looking = self._again = False
        self.looks = 0  # that went into the database
        self._age = QTimer(self)
        self._age.setInterval(MINUTE)
        self._age.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._age.timeout.connect(self.on_minute)
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setTimerType(Qt.TimerType.CoarseTimer)
        self._clock.timeout.connect(self.look)

    def show_session(self, key: str) -> None:
        """Another session is in the timeline; '' is none."""
        if key != self.key:
            self.key, self._pending = key, False
            self.show_run(None)
            self._clock.stop()
            if key:
                self._clock.start(SOON)

    def on_headed(self, key: str, header: Header) -> None:
        if key == self.key:
            began, self._pending = header.pending and not self._pending, header.pending
            if began and self.work is None:
                self._clock.start(SOON)

    def look(self) -> None:
        """Whether a run works in it now."""
        if not self.key:
            return
        if self._looking:
            self._again = True
            return
        self._looking, self._again = True, False
        self.looks += 1
        self._jobs.run(partial(_find, self._db, self.key), partial(self._found, self.key), self._failed)

    def on_news(self) -> None:
        """A run or a delivery has changed something, here or in another Playhead."""
        self.look()
        if self._ending is not None:
            self._ending.look()

    def _found(self, key: str, work: AtWork | None) -> None:
        self._looking = False
        if key == self.key:
            self.show_run(work)
        if key != self.key:  # its own look may have come while this one was going on
            self._clock.start(SOON)
        elif self._again:
            self.look()

    def _failed(self, error: Exception) -> None:
        """The database is busy, say, or of another version."""
        self._looking = False
        if (self.work is not None or self._again) and not self._clock.isActive():
            self._clock.start(AGAIN)

    def on_minute(self) -> None:
        self.show_run(self.work)

    def show_run(self, work: AtWork | None) -> None:
        """This run works in it now; None: none does."""
        old, self.work = self.work, work
        if work is not None:
            if self.bar is None:
                self.bar = RunBar(self._look)
                self.bar.button.clicked.connect(self.stop)
                self._put(self.bar)
            self.bar.show_run(work, time.time_ns() // 1000)
        if (old is None) is not (work is None):
            if self.bar is not None:  # while the panel is shown, whoever hears of the change hides it again
                self.bar.setVisible(work is not None)
            if work is None:
                self._age.stop()
            else:
                self._age.start()
            self.changed.emit()

    def stop(self) -> None:
        """Ask, then end it."""
        from viewer.panel.ending import Ending

        if self._ending is None:
            self._ending = Ending(self._jobs, self._db, self._say, self._window)
            self._ending.changed.connect(self.look)
        self._ending.ask(partial(_find, self._db, self.key))

    def set_look(self, look: Look) -> None:
        self._look = look
        if self.bar is not None:
            self.bar.set_look(look)


def _find(db: Path, key: str) -> AtWork | None:
    from store import stops  # with the first session that is shown for a moment

    return stops.of_session(db, (key, f"journal:{Path(key).stem}"))
