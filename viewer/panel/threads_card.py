"""The live threads: what they are, what a reset and a cleanup would do, and doing that. For the panel's page.

Everything of the store is done in jobs; the table keeps its selection, order and place while it is read anew.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from store import settings as st
from store import stops, threads
from store.errors import StoreError
from store.settings import AnySetting, Settings
from store.threads import Cleanup, Reset, ThreadRow, Threads, Undo
from viewer import wording
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.panel import words
from viewer.panel.ending import Ending
from viewer.panel.parts import FAILED, MUTED, Part
from viewer.panel.questions import ask
from viewer.panel.threads_model import ThreadsModel, ThreadsOrder
from viewer.panel.threads_view import ThreadsView
from viewer.panel.toast import Say
from viewer.theme.look import Look

MINUTE: Final = 60_000  # ms: ages and who is stale are told anew
LINES, MANY = 6, 14  # rows that there is room for at least, and at most before the table scrolls


class ThreadsCard(Part):
    """See the module."""

    opened = Signal(object)  # ThreadRow: show its session
    first_wanted = Signal()  # make a trigger
    loaded = Signal(object)  # Threads
    changed = Signal()  # something was reset, forgotten or brought back

    def __init__(
        self, jobs: Jobs, db: Path, settings: Settings, say: Say, look: Look, parent: QWidget | None = None
    ) -> None:
        super().__init__(look, parent)
        self._jobs, self._db, self._settings, self._say = jobs, db, settings, say
        self._asked = self._answered = 0  # two workers: an older answer may come last
        self._cleaning = self._known = False
        self.question: QMessageBox | None = None
        self.threads = Threads(())
        self.model = ThreadsModel(look, self)
        self.order = ThreadsOrder(self)
        self.view = ThreadsView(self.model, self.order, look)
        self.heading = self.label("Threads", font="ui.bold")
        self.count = self.label("", MUTED, "meta")
        self.count.setAccessibleName("Number of threads")
        self.filter_box = QLineEdit()
        self.filter_box.setProperty("quiet", True)
        self.filter_box.setPlaceholderText("Filter…")
        self.filter_box.setAccessibleName("Filter threads")
        self.filter_box.setClearButtonEnabled(True)
        self.cleanup_button = QPushButton("Clean up…")
        self.refresh_button = QPushButton("Refresh")
        self.refresh_button.setToolTip("Read threads and storage again (F5)")
        self.detail = self.label("", MUTED, "meta", wrap=True)
        self.detail.setAccessibleName("Fresh and resumed runs of the chosen thread")
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.first_button = QPushButton("New trigger…")
        self.retry_button = QPushButton("Try again")
        self.nothing = self.label("", MUTED, wrap=True)
        self.error = self.label("", FAILED, wrap=True)
        self.clear_button = QPushButton("Clear the filter")
        self.missed = self.label("No thread has all of these words.", MUTED, wrap=True)
        self.stack = QStackedWidget()
        self.pages = {
            "table": self.view,
            "loading": self._page(self.label("Loading threads…", MUTED)),
            "empty": self._page(self.nothing, self.first_button),
            "missed": self._page(self.missed, self.clear_button),
            "error": self._page(self.error, self.retry_button),
        }
        for page in self.pages.values():
            self.stack.addWidget(page)
        self._top = self.line()
        for label in (self.heading, self.count):
            self._top.addWidget(label)
        self._top.addStretch(1)
        self._top.addWidget(self.filter_box, 3)
        self._top.addWidget(self.cleanup_button)
        self._top.addWidget(self.refresh_button)
        column = QVBoxLayout(self)
        self.spaced(column, 8)
        column.addLayout(self._top)
        column.addWidget(self.stack, 1)
        column.addWidget(self.detail)
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._clock.setInterval(MINUTE)
        self._clock.timeout.connect(self.load)
        self.filter_box.textChanged.connect(self.on_filter)
        self.clear_button.clicked.connect(self.filter_box.clear)
        self.cleanup_button.clicked.connect(self.on_cleanup)
        self.retry_button.clicked.connect(self.load)
        self.first_button.clicked.connect(self.first_wanted)
        self.view.opened.connect(self.opened)
        self.view.reset_wanted.connect(self.on_reset)
        self.ending = Ending(jobs, db, say, self)
        self.ending.changed.connect(self._after)
        self.view.stop_wanted.connect(lambda row: self.ending.ask(lambda: stops.of_thread(db, row.id)))
        self.view.filter_wanted.connect(self.filter_box.setFocus)
        self.view.chosen.connect(self.on_chosen)
        settings.watch(self.on_setting)
        self._to("loading")
        self.set_look(look)
        self._count()

    def _page(self, *widgets: QWidget) -> QWidget:
        page = QWidget()
        column = self.spaced(QVBoxLayout(page), 8, (0, 24, 0, 24))
        for widget in widgets:
            line = QHBoxLayout()  # a text is as wide as prose is read, narrower where there is no room
            line.addStretch(1)
            line.addWidget(widget, 100 if isinstance(widget, QLabel) else 0)
            line.addStretch(1)
            column.addLayout(line)
        column.addStretch()
        return page

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.model.set_look(look)
        self.view.set_look(look)
        self.filter_box.setMinimumWidth(look.px(110))
        self.filter_box.setMaximumWidth(look.px(320))
        for label in (self.nothing, self.error, self.missed):
            label.setMaximumWidth(look.px(480))
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._high()
        self.detail.setMinimumHeight(look.metrics("meta").lineSpacing() * 4)  # rows do not move for what is chosen
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _high(self) -> None:
        """Room for some rows: the page scrolls, and a table that scrolls in it is a nuisance."""
        lines = min(max(LINES, len(self.model.rows)), MANY) + 1
        self.stack.setMinimumHeight(self.look.px(28) * lines + self.look.px(4))

    # ---- reading

    def load(self) -> None:
        """Read them, in a job. What is shown stays until then."""
        self._asked += 1
        number, db, days = self._asked, self._db, self._settings[st.CLEANUP_DAYS]
        if not self.model.rows and self.stack.currentWidget() is self.pages["error"]:
            self._to("loading")
        self._jobs.run(
            lambda: threads.list_threads(db, days), partial(self._take, number), partial(self._refused, number)
        )

    def _take(self, number: int, found: Threads) -> None:
        if number < self._answered:
            return
        self._answered = number
        self.show_threads(found)

    def show_threads(self, found: Threads) -> None:
        """These are the threads now."""
        self.threads, self._known = found, True
        at = self.view.verticalScrollBar().value()
        self.model.set_rows(found.rows)
        self.view.refit()
        self._high()
        self.view.verticalScrollBar().setValue(at)
        self._count()
        self.on_chosen(self.view.current())
        self.loaded.emit(found)

    def _refused(self, number: int, error: Exception) -> None:
        if number < self._answered:
            return
        self._answered = number
        if not isinstance(error, StoreError):
            self._to("error")
            self.error.setText("The threads cannot be read: an error of Playhead itself, see the log.")
            self._jobs.failed.emit(error)
            return
        self.error.setText(f"The threads cannot be read. {error}")
        self._to("error")

    def _to(self, page: str) -> None:
        self.stack.setCurrentWidget(self.pages[page])
        self.detail.setVisible(page == "table")

    def _count(self) -> None:
        found = self.threads
        parts = []
        if found.total:
            many = wording.many(found.total, "thread")
            parts = [f"newest {len(found.rows):,} of {many}" if found.total > len(found.rows) else many]
            parts.append(f"{found.active:,} with a session")
        self.count.setText(" · ".join(parts))
        # What is in use is not called stale; of rows that are not here it is not known.
        stale = sum(row.stale for row in found.rows) if len(found.rows) == found.total else found.stale
        self.cleanup_button.setText(f"Clean up {stale:,} stale…" if stale else "Clean up stale…")
        days = wording.many(self._settings[st.CLEANUP_DAYS], "day")
        self.cleanup_button.setToolTip(f"Forget threads that were not used for {days}. Transcripts stay.")
        if not self._known:
            return
        if not found.total:
            self.nothing.setText(
                "No threads yet. A thread is what the events of one pull request, issue or task have in common. Make a "
                "trigger with resume switched on, and send it an event: its first run makes the thread."
            )
            self._to("empty")
        elif not self.order.rowCount():
            self._to("missed")
        else:
            self._to("table")

    def on_filter(self, text: str) -> None:
        kept = self.view.current()
        self.order.set_filter(text)
        if kept is not None:
            self.view.select_thread(kept.id)
        self._count()

    def on_setting(self, setting: AnySetting) -> None:
        if setting is st.CLEANUP_DAYS and self.isVisible():
            self.load()

    def on_chosen(self, row: ThreadRow | None) -> None:
        told = "Choose a thread to see its fresh and resumed runs beside each other."
        self.detail.setText(told if row is None else words.compared(row.fresh, row.resumed))

    # ---- reset

    def on_reset(self, row: ThreadRow) -> None:
        """Ask; the question names the thread and what happens to it."""
        if row.id in self.model.busy:
            return
        waits = " A run works in it now: that one goes on, and is not resumed." if row.state == "running" else ""
        more = "Its next event starts a fresh session." if row.session else "It has no session: nothing will change."
        self.question = ask(
            self, "reset-thread", f"Reset {words.brief(row.key)}?",
            f"{more}{waits} Its transcript stays as it is, and can be read. Trigger: {row.trigger}.",
            "Reset", partial(self.reset, row),
        )  # fmt: skip

    def reset(self, row: ThreadRow) -> None:
        """Forget which session it goes on with."""
        self.model.set_busy(row.id, True)
        db = self._db
        self._jobs.run(
            lambda: threads.reset(db, row.id), partial(self._was_reset, row), partial(self._failed, "Not reset", row)
        )

    def _was_reset(self, row: ThreadRow, done: Reset) -> None:
        self.model.set_busy(row.id, False)
        waits = " The run that goes on in it finishes first." if done.waits else ""
        self._say(f"{words.brief(done.key)} is reset: its next event starts fresh.{waits}", self._undoing(done.undo))
        self._after()

    # ---- cleanup

    def on_cleanup(self) -> None:
        """Look what is stale now; ask if there is something, say so if there is not."""
        if self._cleaning:
            return
        self._cleaning = True
        db, days = self._db, self._settings[st.CLEANUP_DAYS]
        self._jobs.run(
            lambda: threads.cleanup(db, days, dry_run=True),
            self._previewed,
            partial(self._failed, "Not cleaned up", None),
        )

    def _previewed(self, found: Cleanup) -> None:
        self._cleaning = False
        days = wording.many(found.days, "day")
        if not found.deleted:
            skipped = f" In use, and kept: {wording.many(found.skipped, 'thread')}." if found.skipped else ""
            self._say(f"Nothing is stale: every thread was used in the last {days}.{skipped}")
            self.load()
            return
        skipped = f" {wording.many(found.skipped, 'thread')} in use will be skipped." if found.skipped else ""
        since = words.moment(found.cutoff, time.time_ns() // 1000)
        self.question = ask(
            self, "cleanup-threads", f"Forget {wording.many(found.deleted, 'stale thread')}?",
            f"Not used since {since}, which is {days} ago. Their next events start fresh sessions. "
            f"All transcripts stay.{skipped}",
            "Clean up", partial(self.clean_up, found.days),
        )  # fmt: skip

    def clean_up(self, days: int) -> None:
        """Forget them."""
        db = self._db
        self._cleaning = True
        self._jobs.run(lambda: threads.cleanup(db, days), self._cleaned, partial(self._failed, "Not cleaned up", None))

    def _cleaned(self, done: Cleanup) -> None:
        self._cleaning = False
        since = words.moment(done.cutoff, time.time_ns() // 1000)
        skipped = f", {done.skipped:,} in use skipped" if done.skipped else ""
        self._say(f"{wording.many(done.deleted, 'thread')} forgotten, not used since {since}{skipped}.",
                  self._undoing(done.undo) if done.deleted else None)  # fmt: skip
        self._after()

    # ---- back

    def _undoing(self, undo: Undo) -> Remedy:
        many = wording.many(len(undo.rows), "thread")
        key = str(undo.rows[0].get("dedup_key", "")) if len(undo.rows) == 1 else many
        what = "reset" if undo.kind == "reset" else "forgetting"
        return Remedy("Undo", partial(self.undo, undo), f"{what} of {key or many}")

    def undo(self, undone: Undo) -> None:
        """Take the last step back."""
        db = self._db
        self._jobs.run(lambda: threads.undo(db, undone), partial(self._back, undone), partial(self._failed, "", None))

    def _back(self, undone: Undo, count: int) -> None:
        lost = len(undone.rows) - count
        more = f" Gone on since, and left as it is: {wording.many(lost, 'thread')}." if lost else ""
        self._say(f"{wording.many(count, 'thread')} as before.{more}")
        self._after()

    def _failed(self, what: str, row: ThreadRow | None, error: Exception) -> None:
        self._cleaning = False
        if row is not None:
            self.model.set_busy(row.id, False)
        if not isinstance(error, StoreError):
            self._jobs.failed.emit(error)
        self._say(f"{what}: {error}" if what else str(error), failed=True)
        self.load()

    def _after(self) -> None:
        self.load()
        self.changed.emit()

    # ---- ages go on while it is looked at

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()
