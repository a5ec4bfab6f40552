"""What a screen would show of an open session file: the tick is made by hand, all else is real. For tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from store.delta import Delta
from store.hub import Hub, News
from store.ingest import FileIngest
from store.items import Item, text_of
from store.session import Session
from store.sources.watch import Watcher

WAIT = 30.0


class Heard(Hub):
    """A hub that notes who brought news: it rings only for the first of those that wait."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(wake)
        self.threads: list[str] = []

    def put(self, key: str, news: News, *, collected: bool = False) -> None:
        self.threads.append(threading.current_thread().name)
        super().put(key, news, collected=collected)


class Screen:
    """A hub that is ticked whenever there is news, and the rows that a model would show."""

    def __init__(self, path: Path, *, database: bool = True) -> None:
        self.key = str(path)
        self.news = threading.Event()
        self.hub = Heard(self._ring)
        self.threads = self.hub.threads
        self.session = self.hub.sessions[self.key] = Session(self.key)
        self.watcher = Watcher()
        self.progress: list[tuple[int, int]] = []
        self.rows: list[Item] = []
        self.rebases = 0
        self.whole = False  # it stands on the database
        self.deltas: list[Delta] = []
        self.ingest = FileIngest(
            self.key, path, self.hub, self.watcher, lambda _, done, total: self.progress.append((done, total)),
            database=database,
        )  # fmt: skip
        self.ingest.start()

    def _ring(self) -> None:
        self.news.set()

    def tick(self) -> None:
        for delta in self.hub.flush():
            self.deltas.append(delta)
            if delta.rebase is not None:
                self.rebases += 1
                window = delta.rebase.window
                self.whole = window is not None
                self.rows = list(window.read(0, window.length)) if window is not None else []
                for row, item in delta.rebase.overlay.items():
                    self.rows[row] = item
                self.rows += delta.rebase.tail
            if delta.keep is not None:
                del self.rows[delta.keep :]
            for row, item in delta.changed:
                self.rows[row] = item
            assert delta.first == len(self.rows)
            self.rows += delta.added

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT
        while not done():
            assert time.monotonic() < end, (len(self.rows), self.session.header)
            self.news.wait(0.05)
            self.news.clear()
            self.tick()

    def texts(self) -> list[str]:
        return [text_of(item) for item in self.rows]

    def close(self) -> None:
        self.ingest.stop()
        self.watcher.stop()
