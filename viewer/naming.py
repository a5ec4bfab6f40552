"""What the user calls sessions: read and written off the GUI thread, asked for in a small dialog. Made by shelving."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Qt, Signal

from store.delta import Header
from store.errors import StoreError
from store.paths import data_dir
from viewer import wording
from viewer.jobs import Jobs

if TYPE_CHECKING:
    from PySide6.QtWidgets import QInputDialog, QWidget


class Naming(QObject):
    """See the module."""

    changed = Signal(object)  # path → name, of all that have one
    renamed = Signal(str, str)  # path, what it was called by the user before

    def __init__(self, jobs: Jobs, failed: Callable[[Exception], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.names: Mapping[str, str] = {}
        self._jobs, self._failed = jobs, failed
        self._asked = self._answered = 0  # two workers: an older answer may come last

    def load(self) -> None:
        """Ask the database."""
        number = self._next()
        self._jobs.run(_read, lambda names: self._take(number, names), self._failed)

    def rename(self, path: str, name: str, *, back: str | None = None) -> None:
        """Begin it; '' is as its agent calls it. `back`: the name that is taken back. Then nobody is told, and what
        somebody has called it since stays."""
        number, before = self._next(), self.names.get(path, "")

        def done(names: Mapping[str, str]) -> None:
            if number < self._answered:  # what was asked later was answered sooner, and may not know of this
                self._take(self._next(), {**self.names, path: names.get(path, "")})
            else:
                self._take(number, names)
            if back is None:
                self.renamed.emit(path, before)

        self._jobs.run(lambda: _rename(path, name, back), done, self._failed)

    def dressed(self, path: str, header: Header) -> Header:
        """A header with the user's name for the session."""
        name = self.names.get(path)
        return header if not name or name == header.title else msgspec.structs.replace(header, title=name)

    def ask(self, parent: QWidget, path: str, title: str) -> QInputDialog:
        """Ask for a name, and give it."""
        from PySide6.QtWidgets import QInputDialog, QLineEdit  # most starts of the program see no dialog

        box = QInputDialog(parent)
        box.setObjectName("rename")
        box.setWindowTitle("Rename session")
        box.setLabelText("What to call this session here. Empty: as its agent calls it.")
        shown = wording.named(title)
        box.setTextValue(shown)
        box.setOkButtonText("Rename")
        box.setMinimumWidth(parent.fontMetrics().averageCharWidth() * 90)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        field = box.findChild(QLineEdit)
        if field is not None:
            field.setAccessibleName("Name of the session")
            field.setSelection(len(field.text()), -len(field.text()))  # all, with its beginning in sight
        # What was not changed is no name of the user's: its agent may find a better one.
        box.textValueSelected.connect(lambda name: None if name.strip() == shown else self.rename(path, name))
        box.open()
        return box

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _take(self, number: int, names: Mapping[str, str]) -> None:
        if number > self._answered:
            self._answered, self.names = number, names
            self.changed.emit(names)


def _read() -> Mapping[str, str]:
    from store.titles import names  # no start waits for it

    return names(data_dir() / "playhead.db")


def _rename(path: str, name: str, back: str | None) -> Mapping[str, str]:
    from store.titles import names, rename

    db = data_dir() / "playhead.db"
    if back is not None and (now := names(db).get(path, "")) != back:
        called = f"It is called “{wording.named(now)}” now" if now else "It has its agent's name again"
        raise StoreError(f"{called}: nothing was taken back.")
    rename(db, Path(path), name)
    return names(db)
