"""What the commands for archiving, forking and deleting sessions do, and when costs in the list are looked up.

Base of the window, on top of commands.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from typing_extensions import override

from store.delta import Header, SessionsDelta
from store.errors import StoreError
from viewer import wording
from viewer.commands import Commands
from viewer.jobs import Jobs
from viewer.naming import Naming
from viewer.notice import Remedy
from viewer.sessions import telling
from viewer.sessions.filter import ARCHIVED
from viewer.sessions.spending import Spending
from viewer.shelf import ACTIONS, DONE, Shelf
from viewer.undo import Undo

if TYPE_CHECKING:
    from store.insight_talk import Told
    from viewer.keeping import Keeping

KEY: Final = "shelf"  # what is said here
TOLD: Final = 100  # ms in which what others do to sessions is one look
NAME: Final = 48  # letters of a step in the menu


class Shelving(Commands):
    """On the open session by key and menu, on any other from the list."""

    shelf: Shelf
    undo: Undo
    naming: Naming
    spending: Spending

    def make_shelf(self, jobs: Jobs) -> None:
        self.shelf = Shelf(jobs, self.on_shelf_failed, self)
        self.sessions.shelf = self.shelf
        self.sessions.acted.connect(self.on_shelf_wanted)
        self.sessions.filter_box.textChanged.connect(self.on_filtered)
        self.shelf.changed.connect(self.sessions.set_closed)
        self.shelf.changed.connect(lambda _: self.show_shelf())
        self.shelf.moved.connect(self.on_shelf_moved)
        self.shelf.command.connect(self.on_shelf_command)
        self.shelf.elsewhere.connect(self.on_shelf_elsewhere)
        self._others = QTimer(self)
        self._others.setSingleShot(True)
        self._others.setInterval(TOLD)
        self._others.timeout.connect(self.on_others)
        self.spending = Spending(jobs, self)
        self.spending.found.connect(self.sessions.sessions.set_spent)
        self.spending.found.connect(lambda _: self.show_shelf())
        self.live.figured.connect(self.on_figured, Qt.ConnectionType.QueuedConnection)
        self.naming = Naming(jobs, self.on_shelf_failed, self)
        self.naming.changed.connect(self.on_names)
        self.naming.renamed.connect(self.on_renamed)
        self.sessions.rename_wanted.connect(self.rename)
        self.undo = Undo(self)
        self.notice.keep = self.undo.keep
        self.undo.changed.connect(self.on_undoable)
        self.on_undoable()
        self.show_shelf()

    def on_undoable(self) -> None:
        """The menu says what would be taken back."""
        step, action = self.undo.next, self.actions_["undo"]
        action.setEnabled(step is not None)
        name = "" if step is None else f" {step.name}"
        name = name if len(name) <= NAME else f"{name[:NAME]}…"
        action.setText(f"Undo{name}".replace("&", "&&"))
        action.setToolTip(action.statusTip() if step is None else f"Take back: {step.name}")

    def on_undo(self) -> None:
        self.undo.undo()

    def on_rename(self) -> None:
        """The session that has the keyboard in the list, else the one that is open."""
        listed = self.sessions.list.current_id() if self.sessions.list.hasFocus() else ""
        current = self.desk.current
        self.rename(listed or ("" if current is None else current.key))

    def path_of(self, key: str) -> str:
        """The file of a session that is open or listed: a stream of ours is called otherwise. Its key where none is."""
        row = self.sessions.sessions.session(self.desk.listed_as(key))
        return (row.path if row is not None else "") or key

    def rename(self, key: str) -> None:
        """Ask what to call it."""
        row, path = self.sessions.sessions.session(self.desk.listed_as(key)), self.path_of(key)
        if not path.startswith("/") and not Path(path).is_absolute():
            self.status.set_hint("A session is renamed when it is a file." if path else "No session is open.")
            return
        current = self.desk.current
        head = current.header if current is not None and current.key == key else None
        title = row.title if row is not None else head.title if head is not None else ""
        self.naming.ask(self, path, self.naming.names.get(path) or title)

    def on_names(self, names: Mapping[str, str]) -> None:
        self.sessions.set_names(names)
        current = self.desk.current
        if current is not None and current.header is not None:
            self.on_headed(current.key, current.header)

    def on_renamed(self, path: str, before: str) -> None:
        name = wording.named(self.naming.names.get(path, "")) or wording.title_of(path)
        act = partial(self.naming.rename, path, before, back=self.naming.names.get(path, ""))
        self.undo.keep(Remedy("Undo", act, f"renaming to “{name}”"))

    @abstractmethod
    def on_headed(self, key: str, header: Header) -> None:
        """There is another header of a session."""

    def show_shelf(self) -> None:
        """What may be done with the open session; what may not says why."""
        current = self.desk.current
        key = current.key if current is not None else ""
        row = self.sessions.sessions.session(key)
        for name in ACTIONS:
            action = self.actions_[name]
            why = self.shelf.refusal(name, key, row)
            action.setEnabled(not why)
            action.setToolTip(why or action.statusTip())
        spent = None if row is None else self.sessions.sessions.spent(row)
        if row is None or spent is None or spent.cost is None:
            self.header.set_cost("")
        else:
            words = telling.cost_in_words(row, spent)
            self.header.set_cost(telling.cost(row, spent), words[0].upper() + words[1:])

    def listed(self, delta: SessionsDelta) -> None:
        """Sessions were looked for, or one has changed."""
        if delta.total is not None or (delta.put and not self.shelf.loaded):
            self.spending.load()
            self.naming.load()
            self.shelf.load()  # with the first that are listed, and again with all of them
        elif self.desk.current is not None and any(row.id == self.desk.current.key for row in delta.put):
            self.show_shelf()

    def on_sessions_told(self) -> None:
        """Somebody has named, archived, deleted or restored one: this window, another one or a command."""
        if self.shelf.loaded and not self._others.isActive():  # else all of it is looked for anyway
            self._others.start()

    def on_others(self) -> None:
        self.naming.load()
        self.shelf.load()

    @override
    def keep(self, keeping: Keeping) -> None:
        super().keep(keeping)
        keeping.ran.connect(self.on_copied)

    def on_copied(self, runs: bool) -> None:
        """An import is over: the figures of what came in are made."""
        if not runs:
            self.spending.load()

    @Slot(object)
    def on_figured(self, told: Told) -> None:
        self.spending.told(told, self.sessions.sessions.session(told.key))

    # ---- commands

    def on_archive(self) -> None:
        self._on_open("archive")

    def on_fork(self) -> None:
        self._on_open("fork")

    def on_delete(self) -> None:
        self._on_open("delete")

    def on_restore(self) -> None:
        self._on_open("restore")

    def on_archived(self, on: bool) -> None:
        """The filter as text: it can be seen, and typed on."""
        words = [word for word in self.sessions.filter_box.text().split() if word != ARCHIVED]
        self.sessions.set_filter(" ".join([ARCHIVED, *words] if on else words))
        self.left.setCurrentWidget(self.sessions)
        self.sessions_dock.show()

    def on_filtered(self, text: str) -> None:
        action = self.actions_["archived"]
        action.blockSignals(True)  # it shows what is so, and nothing is to be done
        action.setChecked(ARCHIVED in text.split())
        action.blockSignals(False)

    def _on_open(self, action: str) -> None:
        if self.desk.current is not None:
            self.on_shelf_wanted(action, self.desk.current.key)

    # ---- what comes of it

    def on_shelf_wanted(self, action: str, path: str) -> None:
        """Archiving is for ever, so it is asked first. Deleting can be taken back, so it is not."""
        if action == "archive":
            from viewer import asking

            row = self.sessions.sessions.session(path)
            if not asking.may_archive(self, at_work=row is not None and row.state in ("live", "waiting")):
                return
        self.shelf.do(action, path)
        self.show_shelf()

    def on_shelf_moved(self, action: str, path: str) -> None:
        undo = None
        if action == "delete":
            undo = Remedy("Undo", lambda: self.bring_back(path), f"deletion of “{self.name_of(path)}”", path)
        elif action == "restore":
            self.undo.forget(path)
        opened = self.desk.opened(path) is not None
        shown = self.desk.current is not None and self.desk.current.key == path
        if opened and action in ("archive", "delete"):
            after = self.desk.before()
            self.desk.close_session(path)
            if action == "archive" and shown:
                self.open_path(path)  # as it was archived, whatever comes now
            elif after and shown:
                self.desk.show_session(after)
        self.show_shelf()
        self.notice.say(KEY, DONE[action], undo, done=True)

    def on_shelf_elsewhere(self, path: str, state: str) -> None:
        """Done by another Playhead or a command. What is open here must not say anything else."""
        opened, deleted = self.desk.opened(path), f"deleted {path}"
        if state != "deleted":
            self.notice.take_back(deleted)
            if self.undo.forget(path):
                self.notice.say(KEY, "Restored in another window. It is archived as before.", done=True)
        if opened is None or not opened.file:
            return
        shown, name = self.desk.current is opened, self.name_of(path)
        if state == "deleted":
            if shown:  # whoever reads it reads on
                restore = Remedy("Restore", partial(self.bring_back, path))
                self.notice.say(deleted, f"“{name}” was deleted in another window. It can still be restored.", restore)
        elif opened.header is None or opened.header.state != "archived":
            self.desk.close_session(path)
            if shown:
                self.open_path(path)  # as it was archived, whatever its agent writes now
                self.notice.say(KEY, f"“{name}” was archived in another window.", done=True)

    def name_of(self, path: str) -> str:
        """A session in a sentence."""
        row = self.sessions.sessions.session(path)
        return wording.title_of(path) if row is None or not row.title else wording.named(row.title)

    def bring_back(self, path: str) -> None:
        """A deletion is undone; another window may have done that already."""
        why = self.shelf.refusal("restore", path)
        if why:
            self.notice.say(KEY, why)
        else:
            self.shelf.do("restore", path)

    def on_shelf_command(self, line: str) -> None:
        QGuiApplication.clipboard().setText(line)
        self.status.set_hint(f"Copied: {line}")

    def on_shelf_failed(self, error: Exception) -> None:
        self.show_shelf()
        if not isinstance(error, StoreError):
            raise error
        self.notice.say(KEY, str(error))
