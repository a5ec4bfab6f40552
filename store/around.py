"""The files of subagents around a session's own: which ones are there, and when to look for more. For `store.ingest`.

A folder of a project may hold hundreds of files; it is not read for each record that is appended to one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from store.formats.base import Child, Format
from store.sources.view_tail import Follower
from store.sources.watch import Watcher

AROUND: Final = 1.0  # seconds between two looks for subagents' files that nothing announced
WATCHED: Final = 3.0  # the same where their folder is watched; as seldom as the watcher's own poll


class Around:
    """`changed` is told of a file that is known, `ring` that something may be new. One reader at a time."""

    def __init__(self, path: Path, watcher: Watcher, changed: Callable[[Path], None], ring: Callable[[], None]) -> None:
        self.searches = 0  # looks for files, for tests
        self.announced = False  # something is new where they appear
        self.due: float | None = None  # when to look again
        self._path = path
        self._watcher = watcher
        self._follower = Follower(watcher, changed)
        self._ring = ring
        self._known: set[Path] = set()
        self._folders: list[Path] = []
        self._searched = -AROUND  # when they were looked for last

    def adopt(self, files: Sequence[Path], format: Format) -> None:
        """Watch these, and where more of them appear."""
        for path in files:
            self._watch(path)
        for folder in format.beside(self._path, "") if format.beside is not None else ():
            if folder not in self._folders:
                self._folders.append(folder)
                self._watcher.watch_tree(folder, self._on_beside)

    def stop(self) -> None:
        self._follower.stop()
        for folder in self._folders:
            self._watcher.unwatch(folder, self._on_beside)

    def time_to_search(self) -> bool:
        """Whether to look for more of them: at once if something was announced, else now and then."""
        now = time.monotonic()
        pause = WATCHED if self._folders else AROUND
        if not self.announced and now < self._searched + pause:
            self.due = self._searched + pause  # also if nobody rings until then
            return False
        self.announced, self._searched, self.due = False, now, None
        return True

    def search(self, format: Format) -> Iterable[Child]:
        """Those that appeared."""
        if format.children is None:
            return []
        self.searches += 1
        found = [child for child in format.children(self._path) if child.path not in self._known]
        for child in found:
            self._watch(child.path)
        return found

    def _watch(self, path: Path) -> None:
        if path not in self._known:
            self._known.add(path)
            self._follower.follow(path)

    def _on_beside(self, path: Path) -> None:
        if path not in self._known:  # those are watched one by one
            self.announced = True
            self._ring()
