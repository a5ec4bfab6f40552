"""What was typed and is not with an agent yet: drafts, prompts that wait and are edited, forks on their way.

Base of Composing. None of it is lost by a switch, a close or a crash: it is in the editor, the queue or the file.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from PySide6.QtCore import QObject, Qt, QTimer

from store.delta import Header
from viewer.composer.drafts import NOTHING, Drafts, Typed
from viewer.composer.pane import ComposerPane

if TYPE_CHECKING:
    from store.live import Live
    from viewer.jobs import Jobs

SAVE: Final = 1_500  # ms after something was typed or queued until it is on the disk


class Edit(Struct, frozen=True):
    """A waiting prompt that is in the editor: its id, what it is by now, and what was in the editor before."""

    id: str
    typed: Typed
    aside: Typed


class Unsent(QObject):
    """See the module."""

    key: str
    header: Header | None
    pane: ComposerPane

    def __init__(self, live: Live, jobs: Jobs, drafts: Drafts, parent: QObject) -> None:
        super().__init__(parent)
        self._live, self._jobs = live, jobs
        self.drafts = drafts
        self._editing = ""  # id of the waiting prompt that is in the editor
        self._aside = NOTHING  # what was typed before it came there
        self._edits: dict[str, Edit] = {}  # session → what was being edited when it was left
        self._forking: list[tuple[str, Typed]] = []  # session, prompt: until there is a fork, or none
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(SAVE)
        self._saving.timeout.connect(self.save)

    @abstractmethod
    def update(self) -> None: ...

    @property
    def typed(self) -> Typed:
        """What is in the composer now."""
        return Typed(self.pane.editor.toPlainText(), self.pane.files.files)

    def show_typed(self, typed: Typed) -> None:
        """Put it there."""
        self.pane.editor.setPlainText(typed.text)
        self.pane.files.show_files(typed.files)

    # ---- kept

    def keep(self) -> None:
        """Remember what was typed: the session is left, or the window closed."""
        if self.key and self.pane.made:
            kept = self._aside if self._editing else self.typed
            self.drafts.put(self.key, kept.text, kept.files)

    def leave(self) -> None:
        """The session goes out of sight. A prompt that is being edited stays held, and comes back as it is now."""
        self.keep()
        if self._editing:
            self._edits[self.key] = Edit(self._editing, self.typed, self._aside)
            self._editing = ""

    def come_back(self) -> None:
        """What was typed for the session that is shown now."""
        self.show_typed(self.drafts.typed(self.key) if self.key else NOTHING)
        edit = self._edits.pop(self.key, None)
        session = self._live.hub.sessions.get(self.key)
        if edit is not None and session is not None and any(one.id == edit.id for one in session.queue):
            self._editing, self._aside = edit.id, edit.aside
            self.show_typed(edit.typed)

    def waiting(self, key: str) -> Typed:
        """The prompts of a session that its agent does not have, as one; one that is edited is as it is by now."""
        session = self._live.hub.sessions.get(key)
        if session is None:
            return NOTHING
        edit = self._edits.get(key)
        if key == self.key and self._editing:
            edit = Edit(self._editing, self.typed, self._aside)
        sent = [Typed(one.text, one.files) for one in session.unheard()]
        queued = [
            edit.typed if edit is not None and edit.id == one.id else Typed(one.text, one.files)
            for one in session.queue
        ]
        forks = [typed for source, typed in self._forking if source == key]
        whole = NOTHING
        for typed in (*sent, *queued, *forks):
            if typed.text.strip() or typed.files:
                whole = whole.then(typed)
        return whole

    def forget(self, key: str) -> None:
        """A session is closed: what still waits in it is a draft again, so that nothing typed is lost."""
        if key == self.key:
            self.keep()
        waiting = self.waiting(key)
        self._edits.pop(key, None)
        if key == self.key:
            self._editing = ""
        if not waiting:
            return
        self._forking = [fork for fork in self._forking if fork[0] != key]
        whole = waiting.then(self.drafts.typed(key))
        self.drafts.put(key, whole.text, whole.files)
        if key == self.key and self.pane.made:
            self.show_typed(whole)
        self._saving.start()

    def save(self) -> None:
        """A job: all of it on the disk, as a start after a crash would want it."""
        self.keep()
        keys = {*self._live.hub.sessions, *(key for key, _ in self._forking)}
        waits = {key: typed for key in keys if (typed := self.waiting(key))}
        self._jobs.run(self.drafts.writer(waits), lambda _: None)

    def save_now(self) -> None:
        """The same at the end of the window, when there is no later."""
        for key in {*self._live.hub.sessions, *(key for key, _ in self._forking)}:
            self.forget(key)
        self.keep()
        self._saving.stop()
        self.drafts.save()

    def soon(self) -> None:
        """Something was typed or queued."""
        if self.pane.made and not self._saving.isActive():
            self._saving.start()

    # ---- prompts that wait

    def edit(self, id: str) -> None:
        """Take a waiting prompt into the editor; it is held back meanwhile."""
        waiting = {one.id: one for one in (self.header or Header()).queued}
        if id not in waiting or id == self._editing:
            return
        self._end_edit()
        self._aside = self.typed
        self._editing = id
        self._live.change(self.key, lambda session: session.edit(id, editing=True))
        self.show_typed(Typed(waiting[id].text, waiting[id].files))
        self.pane.editor.moveCursor(self.pane.editor.textCursor().MoveOperation.End)
        self.pane.editor.setFocus(Qt.FocusReason.OtherFocusReason)
        self.update()

    def _end_edit(self) -> None:
        """It stays as it was, and is held back no longer."""
        if not self._editing:
            return
        id, self._editing = self._editing, ""
        self.show_typed(self._aside)
        self._live.change(self.key, lambda session: session.edit(id))

    def remove(self, id: str) -> None:
        if id == self._editing:
            self._end_edit()
        self._live.change(self.key, lambda session: session.remove(id))

    def move(self, id: str, by: int) -> None:
        self._live.change(self.key, lambda session: session.move(id, by))
        self.pane.waiting.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def on_upwards(self) -> None:
        """Up in an empty editor: to the prompts that wait."""
        if not self.pane.waiting.isHidden():
            self.pane.waiting.list.setCurrentRow(self.pane.waiting.list.count() - 1)
            self.pane.waiting.list.setFocus(Qt.FocusReason.OtherFocusReason)
