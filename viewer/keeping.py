"""Keeps a copy of every session while the window is open: when the import of the archive runs, and when it waits.

It begins some seconds after the list is complete, and again when a session that came or grew since has gone quiet. It
steps back while the user has something read or an agent talks fast. Made by app; the window shows what `told` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from store.delta import SessionsDelta
from viewer import wording
from viewer.desk import ACTIVE

if TYPE_CHECKING:
    from store.archive_child import Background
    from store.archive_import import Progress
    from store.live import Live

AFTER: Final = 10_000  # ms after the list is complete: whoever has just started wants to read
QUIET: Final = 3_000  # ms without a reason to wait until it goes on
HOT: Final = 300  # events per second of streams that come first
FRESH: Final = 61.0  # seconds without news after which a session is quiet: a little more than the import asks for


class Keeping(QObject):
    """One import at a time, each of whatever is not in yet: a session that is in costs it a `stat`."""

    told = Signal(str)  # a few words for the status line; '' is nothing
    ran = Signal(bool, bool)  # it runs; the user has paused it
    trouble = Signal(str)
    _progress = Signal(object)  # queued: the reader thread emits them
    _over = Signal(object)

    def __init__(
        self,
        live: Live,
        extra: Callable[[], Sequence[str]],
        wanted: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        """`extra` folders are looked through as well; `wanted` is asked before it begins."""
        super().__init__(parent)
        self._wanted = wanted
        self._live = live
        self._extra = extra
        self._child: Background | None = None
        self._began = False
        self._ended = False  # by the user: no more until the next start
        self._news: dict[str, float] = {}  # sessions that came or grew since the list was complete: when (monotonic)
        self._reading: set[str] = set()  # sessions of the user that an import of their own is at
        self._paused = False  # by the user
        self._waiting = False  # by ourselves
        self._last: Progress | None = None  # what was said last
        self._since, self._folded = 0.0, 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.on_quiet)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.on_later)
        self._progress.connect(self.on_told)
        self._over.connect(self.on_over)
        live.sessions.connect(self.on_sessions)
        live.progress.connect(self.on_read)
        live.ticked.connect(self.on_ticked)

    @property
    def running(self) -> bool:
        return self._child is not None

    @property
    def waiting(self) -> bool:
        return self._waiting

    def on_sessions(self, delta: SessionsDelta) -> None:
        """The list is complete: soon. After that: what is new in it, when it has gone quiet."""
        if self._began:
            self._note(delta)
        elif delta.total is not None:
            self._began = True
            self.soon()

    def _note(self, delta: SessionsDelta) -> None:
        if self._ended or not self._wanted():
            return  # when that changes, everything is looked at
        now = time.monotonic()
        for row in delta.put:
            if not row.missing and not row.host:  # what is over has been quiet for a while
                self._news[row.id] = now if row.state in ACTIVE else now - FRESH
        for id in delta.gone:
            self._news.pop(id, None)
        self._wait()

    def _wait(self) -> None:
        """For the first of them to be quiet. Whatever grows on meanwhile is waited for when that time is over."""
        if self._news and not self._later.isActive() and not self._ended and self._child is None:
            left = min(self._news.values()) + FRESH - time.monotonic()
            self._later.start(max(AFTER, int(left * 1_000)))

    def on_later(self) -> None:
        quiet = time.monotonic() - FRESH
        due = [id for id, since in self._news.items() if since <= quiet]
        for id in due:
            del self._news[id]
        if due:
            self.on_quiet()
        self._wait()

    def soon(self) -> None:
        """When nothing else is to be read."""
        self._ended = False
        if self._child is None and self._wanted():
            self._timer.start(AFTER)

    def begin(self) -> None:
        """Now."""
        from store.archive_child import Background

        self._began = True
        self._child = Background(self._extra(), self._progress.emit, self._over.emit)
        self._child.start()
        self.ran.emit(True, False)

    def pause(self, on: bool) -> None:
        """The user's word: it waits until the user says otherwise."""
        if self._child is None or on == self._paused:
            return
        self._paused = on
        if on:
            self._child.pause()
            self.told.emit("copying paused")
        elif not self._waiting:
            self._child.resume()
        if not on:  # the next word may be long in coming
            self.told.emit("" if self._last is None else words(self._last, waiting=self._waiting))
        self.ran.emit(True, on)

    def end(self) -> None:
        """No more of it until the next start."""
        self._ended = True
        self._timer.stop()
        self._later.stop()
        if self._child is not None:
            self._child.cancel()
            self._forget()

    @Slot(str, int, int)
    def on_read(self, key: str, done: int, total: int) -> None:
        """The user has opened a session that is read in the background: that comes first."""
        if done < total and key in self._live.hub.sessions:  # a last word may come when it is closed already
            self._reading.add(key)
            self._step_back()
        else:
            self._reading.discard(key)

    def on_ticked(self, waiting: int) -> None:
        if self._child is None:
            return
        now, folded = time.monotonic(), self._live.hub.folded
        if now - self._since >= 1.0:
            self._since, self._folded = now, folded
        elif folded - self._folded > HOT or waiting > HOT:
            self._step_back()

    def on_quiet(self) -> None:
        if self._reading:
            self._timer.start(QUIET)
        elif self._child is None:
            if self._wanted():
                self.begin()
        elif self._waiting:
            self._waiting = False
            if not self._paused:
                self._child.resume()

    def _step_back(self) -> None:
        if self._child is None:
            return
        if not self._waiting:
            self._waiting = True
            self._child.pause()
        self._timer.start(QUIET)

    @Slot(object)
    def on_told(self, now: Progress) -> None:
        self._last = now
        if self._child is not None and not self._paused:
            self.told.emit(words(now, waiting=self._waiting))

    @Slot(object)
    def on_over(self, over: object) -> None:
        why = getattr(over, "why", "")
        if self._child is not None:
            self._timer.stop()
            self._forget()
            self._wait()
            if why:
                self.trouble.emit(why)

    def _forget(self) -> None:
        self._child = self._last = None
        self._paused = self._waiting = False
        self.told.emit("")
        self.ran.emit(False, False)


def words(now: Progress, *, waiting: bool = False) -> str:
    """The line in the status bar."""
    if now.to_index and now.indexed >= now.to_index:
        return "adding up what they cost"
    if now.to_index:
        done = f"making copies searchable: {100 * now.indexed // now.to_index} %"
        return f"{done}, waiting" if waiting else f"{done}, {clock(now.left or 0)} left"
    if now.done >= now.total:
        return "making copies searchable" if now.total else ""
    text = f"copying {wording.many(now.total - now.done, 'session')}"
    if waiting:
        return f"{text}, waiting"
    left = "" if now.left is None else f", {clock(now.left)} left"
    return f"{text} · {now.rate:,.0f} records/s{left}" if now.rate >= 1 else f"{text}{left}"


def clock(seconds: float) -> str:
    """12 s, 3 min, 2 h: about how long."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
