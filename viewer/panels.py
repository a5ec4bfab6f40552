"""The sessions panel in the window: shown, put away, remembered, and its number in the status line. Base of the window.

On top of shelving. The panel is made when it is first wanted; it stands in the place of the transcript.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QBoxLayout, QWidget
from typing_extensions import override

from store.paths import data_dir
from viewer import docks
from viewer.run_here import RunHere
from viewer.shelving import Shelving
from viewer.theme.look import Look

if TYPE_CHECKING:
    from store.threads import Threads
    from viewer.panel.page import SessionsPanel
    from viewer.serving_window import Serving

KEY = "panel/open"
NEWS = 50  # ms: what is told several times, by who does it here and by the word of it, is one


class Panels(Shelving):
    """See the module."""

    _panel: SessionsPanel | None = None
    _panel_kept: QSettings | None = None
    service: Serving | None = None  # what runs triggers, once the window is shown
    run_here: RunHere  # which trigger's run works in the session that is shown

    @property
    def panel(self) -> SessionsPanel:
        if self._panel is None:
            from viewer.panel.page import SessionsPanel

            made = self._panel = SessionsPanel(self.jobs, data_dir() / "playhead.db", self.settings, self.look)
            made.serving = lambda: self.service
            made.triggers_changed.connect(self.on_triggers)
            made.closed.connect(self.close_panel)
            made.session_wanted.connect(self.on_thread_session)
            made.counted.connect(self.on_threads)
            made.share_undo(self.undo)
            self.stack.addWidget(made)
            if self._panel_kept is not None:
                made.restore(self._panel_kept)
        return self._panel

    @property
    def panel_shown(self) -> bool:
        return self._panel is not None and self.stack.currentWidget() is self._panel

    def make_panels(self) -> None:
        """Called once, by the window."""
        self.status.threads.clicked.connect(self.actions_["panel"].trigger)
        self.stack.currentChanged.connect(self.on_page)
        db = data_dir() / "playhead.db"
        self.run_here = RunHere(self.jobs, db, self.look, self._put_run, self.say_stopped, self)
        self.run_here.changed.connect(self.show_stop)
        self._news = QTimer(self)
        self._news.setSingleShot(True)
        self._news.setInterval(NEWS)
        self._news.timeout.connect(self.on_news)
        self.desk.shown.connect(self.run_here.show_session)
        self.desk.headed.connect(self.run_here.on_headed)

    def on_panel(self, on: bool) -> None:
        """Show it, or go back to what was there."""
        if on and not self.panel_shown:
            panel = self.panel
            self.stack.setCurrentWidget(panel)
            panel.open()
            panel.tabs.setFocus(Qt.FocusReason.OtherFocusReason)
        elif not on and self.panel_shown:
            self.back_to_page()

    def show_panel(self) -> None:
        self.actions_["panel"].setChecked(True)

    def show_triggers(self) -> None:
        """The page that says what came in, and what became of it."""
        self.show_panel()
        self.panel.tabs.setCurrentIndex(1)

    def close_panel(self) -> None:
        self.actions_["panel"].setChecked(False)

    def back_to_page(self) -> None:
        """The transcript, or the empty window."""
        page = self.pane if self.desk.current is not None else self.empty_page()
        self.stack.setCurrentWidget(page)
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    @abstractmethod
    def empty_page(self) -> QWidget:
        """What is shown when no session is open."""

    def on_page(self) -> None:
        """Whoever opens a session puts the panel away."""
        self.actions_["panel"].setChecked(self.panel_shown)
        self.docks.need(docks.PANEL if self.panel_shown else docks.TEXT)
        if self.run_here.bar is not None:  # it belongs to the transcript
            self.run_here.bar.setVisible(self.run_here.work is not None and self.stack.currentWidget() is self.pane)

    @override
    def on_undo(self) -> None:
        """What was done in the panel is taken back there, in sight."""
        step = self.undo.next
        if step is not None and step.place == "panel":
            self.show_panel()
        super().on_undo()

    # ---- a trigger's run in the session that is shown

    def _put_run(self, bar: QWidget) -> None:
        """Above the composer."""
        middle = self.composer.parentWidget()
        column = None if middle is None else middle.layout()
        assert isinstance(column, QBoxLayout)  # noqa: S101 - the frame made it
        column.insertWidget(column.indexOf(self.composer), bar)

    def show_stop(self) -> None:
        """Whether there is something in it that can be stopped."""
        key = "" if self.desk.current is None else self.desk.current.key
        self.actions_["stop"].setEnabled(key in self.live.busy() or self.run_here.work is not None)
        if self.run_here.bar is not None and self.stack.currentWidget() is not self.pane:
            self.run_here.bar.hide()

    def say_stopped(self, sentence: str, *, failed: bool = False) -> None:
        if failed:
            self.notice.say("stop", sentence)
        else:
            self.status.set_hint(sentence)

    @override
    def on_stop(self) -> None:
        if self.run_here.work is not None:
            self.run_here.stop()
        else:
            super().on_stop()

    @override
    def set_look(self, look: Look) -> None:
        super().set_look(look)
        self.run_here.set_look(look)

    # ---- what it tells

    def on_threads(self, found: Threads) -> None:
        self.status.set_threads(found.active if found.total else None)

    def on_triggers(self) -> None:
        """They were changed by hand: what runs them looks again."""
        if self.service is not None:
            self.service.apply()

    def count_threads(self) -> None:
        """For the status line, in a job."""
        db = data_dir() / "playhead.db"

        def count() -> Threads:
            from store import threads  # no start waits for it

            return threads.list_threads(db, limit=1)

        self.jobs.run(count, self.on_threads, lambda _: self.status.set_threads(None))

    def panel_news(self) -> None:
        """Runs, threads, triggers or deliveries have changed."""
        if not self._news.isActive():
            self._news.start()

    def on_news(self) -> None:
        self.run_here.on_news()
        if self._panel is not None:
            self._panel.news()
        if not self.panel_shown:
            self.count_threads()

    def on_thread_session(self, key: str, session: str) -> None:
        """Show the session that a thread goes on with."""
        for row in self.sessions.sessions.sessions():
            if key in (row.id, row.path) or (session and row.session == session):
                self.open_listed(row.id)
                return
        if key:
            self.open_path(key)
            return
        self.panel.say(f"The session {session[:12]} is not on this machine (any more).", failed=True)

    @abstractmethod
    def open_listed(self, id: str) -> None:
        """Show a session of the list."""

    # ---- remembered

    def remember_panel(self, kept: QSettings) -> None:
        kept.setValue(KEY, "1" if self.panel_shown else "0")
        if self._panel is not None:
            self._panel.remember(kept)

    def restore_panel(self, kept: QSettings, *, show: bool = True) -> None:
        """As it was; made only if it was open."""
        self._panel_kept = kept
        if show and str(kept.value(KEY, "0")) == "1":
            self.actions_["panel"].setChecked(True)
