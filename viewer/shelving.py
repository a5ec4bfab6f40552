"""What the commands for archiving, forking and deleting sessions do. Base of the window, on top of commands."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QGuiApplication

from store.delta import SessionsDelta
from store.errors import StoreError
from viewer.commands import Commands
from viewer.jobs import Jobs
from viewer.notice import Remedy
from viewer.sessions.filter import ARCHIVED
from viewer.shelf import ACTIONS, DONE, Shelf

KEY: Final = "shelf"  # what is said here


class Shelving(Commands):
    """On the open session by key and menu, on any other from the list."""

    shelf: Shelf

    def make_shelf(self, jobs: Jobs) -> None:
        self.shelf = Shelf(jobs, self.on_shelf_failed, self)
        self.sessions.shelf = self.shelf
        self.sessions.acted.connect(self.on_shelf_wanted)
        self.sessions.filter_box.textChanged.connect(self.on_filtered)
        self.shelf.changed.connect(self.sessions.set_closed)
        self.shelf.changed.connect(lambda _: self.show_shelf())
        self.shelf.moved.connect(self.on_shelf_moved)
        self.shelf.command.connect(self.on_shelf_command)
        self.show_shelf()

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

    def listed(self, delta: SessionsDelta) -> None:
        """Sessions were looked for, or one has changed."""
        if delta.total is not None or (delta.put and not self.shelf.loaded):
            self.shelf.load()  # with the first that are listed, and again with all of them
        elif self.desk.current is not None and any(row.id == self.desk.current.key for row in delta.put):
            self.show_shelf()

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
        undo = Remedy("Undo", lambda: self.shelf.do("restore", path)) if action == "delete" else None
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
        self.notice.say(KEY, DONE[action], undo)

    def on_shelf_command(self, line: str) -> None:
        QGuiApplication.clipboard().setText(line)
        self.status.set_hint(f"Copied: {line}")

    def on_shelf_failed(self, error: Exception) -> None:
        self.show_shelf()
        if not isinstance(error, StoreError):
            raise error
        self.notice.say(KEY, str(error))
