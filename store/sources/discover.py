"""The search for sessions: what is there, newest first, and then what changes. For the store's face (`store.feeds`).

A file is listed from its first content record on; before that it is a draft that nobody sees. A session that grows is
told of at most twice a second, from its `stat` alone; its head and tail are read again now and then, for the title.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from store.delta import Row, SessionsDelta
from store.errors import StoreError
from store.sources.inside import Databases
from store.sources.listing import all_named, named, registry, row_of, stem, working
from store.sources.memory import Cache, Memory, Seen
from store.sources.news import News
from store.sources.scan import Found, look, roots, scan
from store.sources.watch import Watcher

__all__ = ["Cache", "Discovery", "Found", "roots", "scan"]

log = logging.getLogger(__name__)

PACE: Final = 0.5  # seconds between two words about one session
READ_AGAIN: Final = 10.0  # seconds between two readings of a session that keeps growing
CHECK: Final = 10.0  # seconds between two looks at whether a live session still lives
BATCH: Final = 0.1  # seconds of a scan that are told in one piece
QUICK: Final = 100  # sessions of a scan that are read without pause: more than a screen of them
PATIENCE: Final = 0.5  # seconds; a list that is just being saved, or a network disk that hangs, is not waited for
_ACTIVE: Final = ("live", "idle")


class Discovery:
    """One thread: reads the cache, serves `files`, scans, then follows. `listed` is called on that thread, and `places`
    if it can be called.

    After `stop` nothing is told any more. The watcher is shared and goes on living.
    """

    def __init__(
        self,
        places: Sequence[Path] | Callable[[], Sequence[Path]],
        watcher: Watcher,
        listed: Callable[[SessionsDelta], None],
        *,
        files: Iterable[Path] = (),
        cache: Cache | None = None,
        check: float = CHECK,
    ) -> None:
        self._given: tuple[Sequence[Path] | Callable[[], Sequence[Path]], Iterable[Path]] = (places, files)
        self._roots: list[Path] = []
        self._first: list[str] = []
        self._registries: list[Path] = []
        self._databases = Databases()
        self._watcher = watcher
        self._listed = listed
        self._memory = Memory(cache)
        self._check = check
        self._sessions: dict[str, Seen] = {}
        self._stems: dict[str, str] = {}  # session id as in the file's name → path
        self._due: dict[str, float] = {}  # path → when to look at it; active and changed ones only
        self._put: dict[str, Row] = {}
        self._gone: list[str] = []
        self._news = News(lambda path: self._due.get(path, math.inf) <= time.monotonic() + PACE)
        self._stopping = False
        self.rounds = 0  # for tests
        self._telling = threading.RLock()  # held while the list is told, so that after `stop` nothing is
        self._callbacks: list[tuple[Path, Callable[[Path], None]]] = []
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, also in the middle of a scan. Waits a moment for the thread, and no longer: who quits must not wait."""
        with self._telling:
            self._stopping = True
        self._news.wake()
        for path, callback in list(self._callbacks):
            self._watcher.unwatch(path, callback)  # a tree that is still being walked through is let go, too
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    # ---- our thread

    def _run(self) -> None:
        try:
            self._load()
            self._report()
            self._locate()
            for path in self._first:
                self._follow(Path(path), self._news.on_file, tree=False)
                self._visit(path)
            self._tell()
            for root in self._roots:
                for file in (files := self._databases.files(root)):
                    self._follow(file, partial(self._news.on_database, os.fspath(root.absolute())), tree=False)
                if not files:
                    self._follow(root, partial(self._news.on_change, os.fspath(root)))
            for place in self._registries:
                self._follow(place, self._news.on_registry)
            self._scan()
            self._report()
            self._memory.warm(self._news.wake)
            while not self._over():
                self._wait()
                self._serve()
        except Exception:
            log.exception("the search for sessions ended")
            self._list(SessionsDelta(trouble="The list of sessions stands still: an error of Playhead, see the log."))
        finally:
            for watched, callback in self._callbacks:
                self._watcher.unwatch(watched, callback)
            self._memory.close()

    def _follow(self, path: Path, callback: Callable[[Path], None], tree: bool = True) -> None:
        if self._over():
            return
        self._callbacks.append((path, callback))
        if tree:
            self._watcher.watch_tree(path, callback)
        else:
            self._watcher.watch(path, callback)

    def _over(self) -> bool:
        return self._stopping

    def _wait(self) -> None:
        with self._news.ready:
            if not (self._news.any() or self._memory.due or self._stopping):
                due = min(self._due.values(), default=None)
                self._news.ready.wait(None if due is None else max(0.0, due - time.monotonic()))

    def _serve(self) -> None:
        """Everything that changed meanwhile, each session at its pace."""
        self.rounds += 1
        changed, deleted, entries, rescan = self._news.take()
        now = time.monotonic()
        self._plan(changed, now)
        for folder in deleted:
            below = folder + os.sep
            for path in [path for path in self._sessions if path.startswith(below)]:
                self._due[path] = now
        for entry in entries:
            named_path = self._stems.get(named(entry) or "", "")
            if named_path:
                self._due[named_path] = now
        if entries:  # who is no longer named cannot be named here: look at all that were at work
            for path in list(self._due):
                session = self._sessions.get(path)
                if session is not None and session.row is not None and session.row.state in _ACTIVE:
                    self._due[path] = now
        if rescan:
            self._scan()
        for path in sorted(self._due, key=self._databases.__contains__, reverse=True):
            if self._due.get(path, math.inf) <= now:
                self._visit(path)
        self._tell()
        self._memory.settle(self._report)

    # ---- scan

    def _locate(self) -> None:
        """Where to look. It takes every format there is, so whoever makes us does not wait for it."""
        places, files = self._given
        given = [*(places() if callable(places) else places), *files]
        self._databases.find(given)
        self._roots = [path for path in given if self._databases.files(path) or not path.is_file()]
        self._first = [os.fspath(path.absolute()) for path in given if path.is_file() and path not in self._roots]
        self._registries = [place for root in self._roots if (place := registry(root)) is not None]

    def _load(self) -> None:
        for path, (size, mtime_ns, row) in self._memory.load().items():
            self._sessions[path] = Seen(size, mtime_ns, row)
            self._stems[stem(path)] = path

    def _scan(self) -> None:
        known = {path: (session.size, session.mtime_ns) for path, session in self._sessions.items()}
        found = list(scan(self._roots, known, self._over))
        if self._over():
            return  # what was not found now was not looked for
        there = {one.path for one in found}
        for path in known.keys() - there:
            listed = self._sessions[path].told
            if listed is not None and listed.missing and look(path) is None:
                continue  # as before
            if look(path) is None or any(path.startswith(f"{root}{os.sep}") for root in self._roots):
                self._forget(path)
        busy = all_named(self._registries)
        todo: list[Found] = []
        for one in found:
            session = self._sessions.get(one.path)
            if one.new or session is None or session.row is None or stem(one.path) in busy:
                todo.append(one)
            elif session.row.state in _ACTIVE and session.told is None:
                todo.append(one)  # the cache's word on who lives is an old one
            elif session.told is not session.row:
                self._put[one.path] = session.told = session.row
        self._tell(len(found) - len(todo))
        told = time.monotonic()
        for count, one in enumerate(todo, len(found) - len(todo) + 1):
            if self._over():
                return
            began = time.monotonic()
            self._visit(one.path)
            if self._news.changed or self._due:
                self._serve_changed()  # what is being written now comes before the archive
            now = time.monotonic()
            if now - told >= BATCH:
                self._tell(count)
                told = now
            if count > QUICK:
                # Half of the time is the window's: decoding holds the interpreter.
                with self._news.ready:
                    self._news.ready.wait(min(0.005, now - began))
        self._tell(len(found), total=len(found))

    def _serve_changed(self) -> None:
        self._plan(self._news.take_changed(), now := time.monotonic())
        for path in [path for path, due in self._due.items() if due <= now]:
            self._visit(path)

    def _plan(self, changed: Iterable[str], now: float) -> None:
        """When to look at them: each session at its pace."""
        for path in changed:
            before = self._sessions.get(path)
            seen = self._databases.seen(path) if before is None else before.seen
            due = max(now, seen + PACE)
            self._due[path] = min(due, self._due.get(path, due))

    # ---- one session

    def _visit(self, path: str) -> None:
        """Look at one file and note what is to be told of it."""
        self._due.pop(path, None)
        if path in self._databases:
            self._databases.look(path, self._sessions, self._due, PACE)
            return
        found = look(path)
        if found is None:
            self._forget(path)
            return
        now = time.monotonic()
        session = self._sessions.get(path)
        if session is None:
            session = self._sessions[path] = Seen(found.size, found.mtime_ns)
            self._stems[stem(path)] = path
        session.seen = now
        guessed = self._databases.hold(path)  # there, sizes are
        grown = guessed or session.size < found.size
        same = (session.size, session.mtime_ns) == (found.size, found.mtime_ns)
        row = session.row
        if row is None or row.missing or not row.title or not (same or grown):
            row = self._read(path, session)
        elif same:
            if session.grown or session.told is None:
                row = self._read(path, session)
            elif row.state in _ACTIVE or working(row) is not None:
                row = self._alive(path, session, row)
        elif now - session.read >= READ_AGAIN:
            row = self._read(path, session)
        else:
            session.grown = True
            row = msgspec.structs.replace(
                row,
                bytes=row.bytes if guessed else found.size,
                updated=max(row.updated or 0, found.mtime_ns // 1000),
                # Who is active stays so: the registry's own news and the next check say when that changes.
                state=row.state if row.state in _ACTIVE else working(row) or "live",
                records=None,
            )
        session.size, session.mtime_ns, session.row = found.size, found.mtime_ns, row
        if row is None:
            if session.told is not None:
                self._gone.append(session.told.id)
                session.told = None
            return
        if row != session.told:
            self._put[path] = session.told = row
            self._memory.learn(path, found.size, found.mtime_ns, row)
        if row.state in _ACTIVE:
            self._due[path] = now + self._check

    def _alive(self, path: str, session: Seen, row: Row) -> Row | None:
        """Whether an active session that did not change still is one."""
        state = working(row)
        if state is None:
            return self._read(path, session)  # how it ended stands in there
        return row if state == row.state else msgspec.structs.replace(row, state=state)

    def _read(self, path: str, session: Seen) -> Row | None:
        session.read = time.monotonic()
        session.grown = False
        try:
            row = row_of(Path(path))
        except StoreError as error:
            log.debug("not listed: %s", error)
            if self._databases.hold(path):
                self._due[path] = session.read + self._check  # nobody tells when it can be read again
            return None
        return None if row.state == "draft" else row

    def _forget(self, path: str) -> None:
        """The file is gone. If the database has its rows, it stays in the list as the only copy."""
        self._due.pop(path, None)
        self._put.pop(path, None)
        session = self._sessions.get(path)
        if session is None:
            return
        kept = self._memory.kept(path, session.row)
        if kept is not None:
            if kept != session.row:
                self._memory.learn(path, session.size, session.mtime_ns, kept)
            if kept != session.told:
                self._put[path] = session.told = kept
            session.row = kept
            return
        del self._sessions[path]
        if self._stems.get(stem(path)) == path:
            del self._stems[stem(path)]
        if session.told is not None:
            self._gone.append(session.told.id)
        self._memory.forget(path)

    def _tell(self, scanned: int | None = None, total: int | None = None) -> None:
        put, self._put = self._put, {}
        back = {row.id for row in put.values()}
        gone, self._gone = [id for id in self._gone if id not in back], []
        if put or gone or scanned is not None:
            self._list(SessionsDelta(tuple(put.values()), tuple(gone), scanned, total))

    def _list(self, delta: SessionsDelta) -> None:
        with self._telling:
            if not self._over():
                self._listed(delta)

    def _report(self) -> None:
        """What has happened to the database since somebody was told."""
        if said := self._memory.said():
            self._list(SessionsDelta(trouble=said))
