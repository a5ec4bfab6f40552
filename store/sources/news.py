"""What the watcher's thread leaves for the search for sessions, until that has the time for it. For `discover`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from store.sources.scan import is_session
from store.sources.views import PACKED


class Left(NamedTuple):
    """Paths of sessions and databases, of folders that are gone, of entries of registries; whether all is looked at."""

    changed: set[str]
    deleted: set[str]
    entries: set[Path]
    rescan: bool


class News:
    """`soon` says of a path whether it is looked at soon anyway: a file that grows all the time wakes nobody more often
    than that. `ready` is told of all else, and guards what is left here."""

    def __init__(self, soon: Callable[[str], bool]) -> None:
        self.ready = threading.Condition()
        self.changed: set[str] = set()
        self._soon = soon
        self._deleted: set[str] = set()
        self._entries: set[Path] = set()
        self._rescan = False

    # ---- the watcher's thread

    def on_change(self, root: str, path: Path) -> None:
        text = os.fspath(path).removesuffix(PACKED)
        with self.ready:
            if text == root:
                self._rescan = True
            elif is_session(text, root):
                self.changed.add(text)
                if self._soon(text):
                    return
            elif not os.path.lexists(text):
                self._deleted.add(text)  # perhaps a folder of sessions
            else:
                return
            self.ready.notify_all()

    def on_file(self, path: Path) -> None:
        with self.ready:
            self.changed.add(os.fspath(path))
            self.ready.notify_all()

    def on_database(self, database: str, _path: Path) -> None:
        """Something was written to it, which may be any of its sessions, or none."""
        with self.ready:
            self.changed.add(database)
            if not self._soon(database):
                self.ready.notify_all()

    def on_registry(self, entry: Path) -> None:
        with self.ready:
            self._entries.add(entry)
            self.ready.notify_all()

    # ---- the search's

    def wake(self) -> None:
        with self.ready:
            self.ready.notify_all()

    def any(self) -> bool:
        """With `ready` held."""
        return bool(self.changed or self._deleted or self._entries or self._rescan)

    def take(self) -> Left:
        with self.ready:
            left = Left(self.changed, self._deleted, self._entries, self._rescan)
            self.changed, self._deleted, self._entries, self._rescan = set(), set(), set(), False
        return left

    def take_changed(self) -> set[str]:
        """These alone; the rest stays."""
        with self.ready:
            changed, self.changed = self.changed, set()
        return changed
