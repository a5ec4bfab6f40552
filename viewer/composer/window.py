"""The composer in the window: shown below the transcript, told of every session, asked before one is closed.

Base of the window, on top of panels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from store import settings as st
from store.delta import Header
from store.paths import state_dir
from viewer import wording
from viewer.composer.control import Composing
from viewer.composer.drafts import Drafts
from viewer.notify import Notifier
from viewer.panels import Panels

if TYPE_CHECKING:
    from store.service import Fired
    from viewer.notify_runs import FiredRuns


class Prompting(Panels):
    """See the module."""

    composing: Composing
    _fired: FiredRuns | None = None

    def make_composer(self, *, remember: bool = True) -> None:
        """Called once, by the window."""
        drafts = Drafts(state_dir() / "drafts.json" if remember else None)
        self.composing = Composing(self.live, self.jobs, self.composer, self.pane, drafts, self)
        self.composing.said.connect(self.status.set_hint)
        self.composing.fork_opened.connect(self.on_fork_opened)
        self.composing.begun.connect(self.desk.show_session)
        self.stack.currentChanged.connect(lambda _: self.place_composer())
        self.desk.closing.connect(self.composing.forget)
        self.desk.headed.connect(self.on_any_headed)
        self.notifier = Notifier(
            lambda: self.isActiveWindow() and not self.isMinimized(),
            lambda: self.settings[st.NOTIFY],
            self.title_of,
            parent=self,
        )
        self.live.finished.connect(self.notifier.on_finished)
        self.live.question.connect(self.notifier.on_question)
        self.notifier.wanted.connect(self.on_notified)
        self._swept = False
        self._adopting: set[str] = set()  # files of forks that are being opened

    def title_of(self, key: str) -> str:
        """What a session is called, as far as it is known."""
        opened = self.desk.opened(key)
        title = opened.header.title if opened is not None and opened.header is not None else ""
        return self.naming.names.get(self.path_of(key)) or title or wording.name_of(key)

    def on_notified(self, key: str) -> None:
        """A notification was clicked: this window, with that session."""
        if self.isMinimized():
            self.showNormal()
        self.raise_()
        self.activateWindow()
        if not key:  # of several runs, or of one that has no session
            self.show_triggers()
        elif self.desk.opened(key) is not None:
            self.desk.show_session(key)
        elif key.startswith("/") or Path(key).is_absolute():
            self.open_path(key)

    def on_fired(self, run: Fired) -> None:
        """A run of a trigger is over."""
        if self._fired is None:
            from viewer.notify_runs import FiredRuns

            self._fired = FiredRuns(self.notifier, lambda key: self.desk.opened(key) is not None)
        self._fired.take(run)

    def sweep_runs(self) -> None:
        """Once, when the first list is there: runs that a killed Playhead has left."""
        if self._swept:
            return
        self._swept = True

        def done(count: int) -> None:
            if count:
                what = "A run was" if count == 1 else f"{count:,} runs were"
                how = "it" if count == 1 else "each"
                words = f"{what} at work when Playhead was ended. “playhead runs” says how {how} ended."
                self.notice.say("runs", words)

        self.jobs.run(self.live.sweep, done)

    def place_composer(self) -> None:
        """It belongs to the transcript: no other page has it below."""
        key = self.composing.key
        there = bool(key) and not self.live.is_recording(key) and self.stack.currentWidget() is self.pane
        opened = self.desk.opened(key)
        if opened is not None and opened.header is not None and opened.header.state == "failed":
            there = there and opened.model.length > 0  # what could not be read is nothing to go on with
        self.composer.setVisible(there)
        for name in ("compose", "attach"):
            self.actions_[name].setEnabled(self.composer.isVisibleTo(self))

    def compose_for(self, key: str) -> None:
        """Another session is in the timeline."""
        opened = self.desk.opened(key)
        self.composing.show_session(key, None if opened is None else opened.header)
        self.place_composer()

    def compose_header(self, key: str, header: Header) -> None:
        self.composing.on_headed(key, header)
        self.place_composer()
        self.show_stop()

    def on_compose(self) -> None:
        self.composing.open()

    def on_attach(self) -> None:
        self.composing.on_attach()

    def on_fork_opened(self, file: str) -> None:
        """A fork that was begun here has its file: it is shown, and its run goes on there."""
        self._adopting.add(file)
        self.open_path(file, follow=True)

    def on_any_headed(self, key: str, header: Header) -> None:
        """What its agent says now belongs behind its past: that has to be there first."""
        if key in self._adopting and header.state != "opening":
            self._adopting.discard(key)
            self.live.adopt(key, key)

    def keep_prompts(self) -> None:
        """For the next start: what was typed, and what waits in sessions that are open."""
        self.composing.save_now()
        self.notifier.close()
