"""What the list of sessions knew last time, and what it learns for the next. For `sources.discover` only.

It saves reading, and no more: when it cannot be read or written, the search goes on. What the archive has kept of files
that are gone is asked through it, too, so that one refusal must not end it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from store.delta import Row
from store.errors import StoreError
from store.sources import views

log = logging.getLogger(__name__)


class Cache(Protocol):
    """What was learned last time: path → (size, mtime_ns, row). `store.catalog.Catalog` is one."""

    def load(self) -> Mapping[str, tuple[int, int, Row]]: ...
    def warm(self) -> None: ...
    def kept(self, path: str) -> Row | None: ...
    def said(self) -> str: ...
    def save(self, entries: Mapping[str, tuple[int, int, Row]]) -> None: ...
    def forget(self, paths: Iterable[str]) -> None: ...
    def close(self) -> None: ...


class Seen(Struct):
    """What is known about one file."""

    size: int
    mtime_ns: int
    row: Row | None = None  # None: a draft, or nothing that can be read
    told: Row | None = None  # what the list was told last
    seen: float = -1e9  # when it was last looked at
    read: float = -1e9  # when its head and tail were last read
    grown: bool = False  # since then


class Memory:
    """A cache, or none. Belongs to one thread.

    What saving needs takes seconds to import while a window starts: that is done beside the search, which goes on.
    """

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        self._learned: dict[str, tuple[int, int, Row]] = {}
        self.due = False  # it can be saved now, and has not been

    def load(self) -> Mapping[str, tuple[int, int, Row]]:
        """(size, mtime_ns, row) by path."""
        return {} if self._cache is None else self._cache.load()

    def learn(self, path: str, size: int, mtime_ns: int, row: Row) -> None:
        """For the next `save`."""
        if self._cache is not None:
            self._learned[path] = (size, mtime_ns, row)

    def kept(self, path: str, row: Row | None) -> Row | None:
        """What the list says of a file that is gone. It knows a session better than the database does."""
        if self._cache is None or views.exists(path):
            return None
        kept = self._cache.kept(path)
        if kept is None or row is None or kept.host:
            return kept
        return msgspec.structs.replace(row, missing=True, state="failed" if row.state == "failed" else "ended")

    def forget(self, path: str) -> None:
        if self._cache is not None:
            self._learned.pop(path, None)
            try:
                self._cache.forget([path])
            except StoreError as error:
                log.info("the list does not know yet that %s is gone: %s", path, error)

    def said(self) -> str:
        """What has happened to the database since somebody was told; '' is nothing."""
        return "" if self._cache is None else self._cache.said()

    def warm(self, then: Callable[[], None]) -> None:
        """Make ready to save, on a thread of its own; `then` is called there when `settle` may be."""
        cache = self._cache

        def run() -> None:
            if cache is not None:
                cache.warm()
            self.due = True
            then()

        threading.Thread(target=run, name="discovery-memory", daemon=True).start()

    def settle(self, then: Callable[[], object]) -> None:
        """Save what was learned, if that is due, and call `then`."""
        if self.due:
            self.due = False
            self._save()
            then()

    def _save(self) -> None:
        learned, self._learned = self._learned, {}
        if self._cache is not None and learned:
            try:
                self._cache.save(learned)
            except StoreError as error:
                log.info("the list is not remembered: %s", error)
                self._learned = learned | self._learned

    def close(self) -> None:
        """What is not saved by now is read again next time: who quits does not wait."""
        if self._cache is not None:
            self._cache.close()
            self._cache = None
