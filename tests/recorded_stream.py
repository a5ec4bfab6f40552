"""A stream out of a pipe with a tick that is made by hand, and what its database must say. For test_recorder."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from builders import line
from imports import stored
from msgspec.structs import replace

from store.delta import Header
from store.feeds import Feeds
from store.hub import Hub
from store.known import known
from store.report import rows_of

WAIT = 30.0


def check(db: Path, path: Path) -> None:
    """The database has what the journal says, once; how often a row was changed is nobody's business."""
    rows = rows_of(path)[0]
    assert [replace(row, rev=0) for row in stored(db, path)] == [replace(row, rev=0) for row in rows]
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*), sum(rows) FROM session").fetchone() == (1, len(rows))
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (len(rows),)
    found = known(path, db)
    assert found is not None
    with closing(found.window):
        assert (found.unchanged, found.sources[0].offset) == (True, path.stat().st_size)


class Live:
    """Feeds with a tick that is made by hand, and a stream out of a pipe."""

    def __init__(self, data: Path, *, database: bool = True) -> None:
        self.db = data / "playhead.db"
        self.told: list[object] = []  # session:start, and what was dispatched
        self.hub = Hub(lambda: None)
        self.feeds = Feeds(
            self.hub, self.told.append, lambda *_: None, lambda _: None, started=self.told.append, database=database
        )
        self.end, self._pipe = os.pipe()
        self.key = self.feeds.stdin(self.end)

    def write(self, *records: object) -> None:
        os.write(self._pipe, b"".join(map(line, records)))

    def tick(self) -> None:
        """What the window's timer does."""
        self.hub.flush()
        if self.hub.flushed is not None:
            self.hub.flushed()

    @property
    def header(self) -> Header:
        return self.hub.sessions[self.key].header

    def commits(self) -> int:
        return 0 if self.feeds.recorder is None else self.feeds.recorder.commits

    def sessions(self, columns: str = "count(*)") -> list[tuple[object, ...]]:
        if not self.db.exists():
            return []
        with closing(sqlite3.connect(self.db, timeout=30)) as connection:
            wanted = f"SELECT {columns} FROM session WHERE state = 'ready'"  # noqa: S608
            if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'session'").fetchone()[0]:
                return []  # it is being made
            return connection.execute(wanted).fetchall()

    def until(self, done: Callable[[], object]) -> None:
        """Tick until then."""
        stop = time.monotonic() + WAIT
        while not done():
            assert time.monotonic() < stop, "it never came"
            self.tick()
            threading.Event().wait(0.005)

    def close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def shutdown(self) -> None:
        self.close_pipe()
        self.feeds.shutdown()
        os.close(self.end)
