"""Tail of a session that is no plain file, with the face of `Tail`; what to watch for its news. For `store.ingest`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

from store.errors import StoreError, sentence
from store.sources import views
from store.sources.file import LIMIT, Chunk, Tail
from store.sources.watch import Watcher

_ANEW: Final = "{} was written anew; it is read again from its start."


def tail_of(path: Path, offset: int = 0) -> Tail:
    """Who reads what a session gains: of a plain file, or of a view."""
    view = views.at(path)
    return Tail(path, offset) if view is None else ViewTail(path, view, offset)


def moved(tail: Tail) -> str:
    """Why a session that is gone is to be read from its start: it was packed, or unpacked. '' when it is just gone."""
    packed = isinstance(tail, ViewTail)
    if (views.at(tail.path) is None) != packed or (packed and not tail.path.exists()):
        return ""
    return f"{tail.path.name} was {'unpacked' if packed else 'packed'} by its agent; it is read again from its start."


class ViewTail(Tail):
    """A view, read from `offset` on. Belongs to the worker that reads it."""

    def __init__(self, path: Path, view: views.View, offset: int = 0) -> None:
        super().__init__(path, offset)
        self._view = view
        self._identity: int | None = None
        view.held.add(self)

    @override
    def read(self, limit: int = LIMIT, *, told: bool = False) -> Chunk:
        try:
            now = self._view.looks()
            why = ""
            if (self._identity is not None and now.st_ino != self._identity) or now.st_size < self.offset:
                why = _ANEW.format(self.path)
            start = 0 if why else self.offset
            data = self._view.read(start, limit) if limit > 0 else b""
        except FileNotFoundError as error:
            return Chunk(offset=self.offset, gone=True, why=sentence(error, self.path))
        except OSError as error:
            raise StoreError(sentence(error, self.path)) from error
        self._identity = now.st_ino
        self.offset = start + len(data)
        return Chunk(data, start, bool(why), False, self.offset < now.st_size, now.st_size, why)


class Follower:
    """Watches sessions for one owner, each where its news show. `follow` again finds places that are new.

    `ring` is called when somebody is to look once more at `due`, whatever was seen by then.
    """

    def __init__(
        self, watcher: Watcher, changed: Callable[[Path], None], ring: Callable[[], None] | None = None
    ) -> None:
        self.due: float | None = None  # monotonic; see `Watched.again`
        self._watcher = watcher
        self._changed = changed
        self._ring = ring
        self._again = 0.0
        self._places: dict[Path, Callable[[Path], None]] = {}  # path → who is told
        self._held: list[views.View] = []

    def follow(self, path: Path) -> None:
        view = views.at(path)
        if view is not None and view not in self._held:
            self._held.append(view)
            view.renew()
            view.held.add(self)  # what is behind an offset stays there for as long as we live
        told = views.watched(path)
        self._again = max(self._again, told.again)
        call = self._changed if self._ring is None or not told.again else self._told
        for places, watch in ((told.files, self._watcher.watch), (told.folders, self._watcher.watch_tree)):
            for place in places:
                if place not in self._places:
                    self._places[place] = call
                    watch(place, call)

    def looked(self) -> None:
        """Somebody has looked at all of it now."""
        if self.due is not None and time.monotonic() >= self.due:
            self.due = None

    def stop(self) -> None:
        """Nothing is told any more. Idempotent."""
        places, self._places = self._places, {}
        for place, call in places.items():
            self._watcher.unwatch(place, call)
        for view in self._held:
            view.held.discard(self)
        self._held = []

    def _told(self, path: Path) -> None:
        first, self.due = self.due is None, time.monotonic() + self._again
        self._changed(path)
        if first and self._ring is not None:  # else the one who waits for it is told nothing: it waits anew
            self._ring()
