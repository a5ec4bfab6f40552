"""Linux folder notifications straight from the kernel: no wake-ups while nothing happens. For `sources.watch` only.

Why not watchfiles here: its wait is a sleep loop. Measured on a machine three times slower than the yardstick, step
5 ms: 8 ms from append to callback and 1.2 % CPU for ever while idle; a blocking read of inotify: under 1 ms and
nothing. Its set of folders is fixed, too; ours changes with every session that is opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import select
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Final

from store.sources.notify import Change

assert sys.platform != "win32"  # noqa: S101 - for the type checker: `notify` imports it on Linux only

_MODIFY: Final = 0x2
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_IS_DIR: Final = 0x40000000
_ADD: Final = 0x20000000  # a folder of which more is wanted already keeps that
_NAMES: Final = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_MASK: Final = _NAMES | _MODIFY
_FLAGS: Final = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_HEAD: Final = struct.Struct("iIII")
_BUFFER: Final = 16 << 10


class Inotify:
    """One inotify instance. `add` and `remove` may be called by any thread, `wait` by one."""

    exact = True

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(_FLAGS)
        if self._fd < 0:
            raise _error("inotify")
        self._folders: dict[int, list[str]] = {}  # the kernel knows folders, not names: a link gives a second name
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._buffer = bytearray(_BUFFER)
        self._data = b""  # what was read last, and what it says for as long as no folder comes or goes
        self._said: list[Change] = []
        self._awake, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._awake, select.POLLIN)

    def add(self, folder: str, names: bool = False) -> None:
        """Report what happens directly in this folder. Raises OSError: ENOSPC when the kernel's limit is reached."""
        with self._lock:
            mask = _NAMES | _ADD if names else _MASK
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask)
            if number < 0:
                raise _error(folder)
            self._data = b""
            old = self._numbers.get(folder)
            if old is not None and old != number:  # another folder has this name now
                self._forget(folder, old)
            self._numbers[folder] = number
            known = self._folders.setdefault(number, [])
            if folder not in known:
                known.append(folder)

    def remove(self, folder: str) -> None:
        """No more reports about this folder."""
        with self._lock:
            self._data = b""
            number = self._numbers.pop(folder, None)
            if number is not None:
                self._forget(folder, number)

    def _forget(self, folder: str, number: int) -> None:
        names = self._folders.get(number, [])
        if folder in names:
            names.remove(folder)
        if not names:
            self._folders.pop(number, None)
            self._libc.inotify_rm_watch(self._fd, number)

    def wait(self, timeout: float | None) -> list[Change]:
        """Block until something happens, `wake` is called or the time is over. See Notifier.

        The same news again comes as the same list: whoever gets it must not change it.
        """
        if timeout != 0:
            news = False
            for fd, _ in self._poll.poll(None if timeout is None else max(0, math.ceil(timeout * 1000))):
                if fd == self._awake:
                    os.read(self._awake, 4096)
                else:
                    news = True
            if not news:
                return []
        try:
            size = os.readv(self._fd, [self._buffer])
        except BlockingIOError:
            return []
        data = bytes(memoryview(self._buffer)[:size])
        with self._lock:
            if data != self._data:  # else a file that grows has grown again
                self._data = data
                self._said = list(self._changes(data))
            return self._said

    def _changes(self, data: bytes) -> Iterator[Change]:
        """Called with the lock."""
        at = 0
        last: Change | None = None
        while at < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, at)
            name = data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0")
            at += _HEAD.size + length
            if mask & _OVERFLOW:
                yield Change("", lost=True)
                continue
            if mask & _IGNORED:
                self._data = b""
                for folder in self._folders.pop(number, []):
                    if self._numbers.get(folder) == number:
                        del self._numbers[folder]
                continue
            folders = list(self._folders.get(number, ()))
            for folder in folders:
                change = Change(
                    f"{folder.rstrip(os.sep)}{os.sep}{os.fsdecode(name)}" if name else folder,
                    folder=bool(mask & _IS_DIR) or not name,
                    made=bool(mask & (_CREATE | _MOVED_TO)),
                    gone=bool(mask & (_DELETE | _MOVED_FROM | _DELETE_SELF | _MOVE_SELF)),
                )
                if change != last:  # ten appends in a row are one piece of news
                    yield change
                last = change

    def wake(self) -> None:
        """Let `wait` return at once. A full pipe rings already."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell, b"!")

    def close(self) -> None:
        """To be called when nobody is in `wait` any more."""
        for fd in (self._fd, self._awake, self._bell):
            os.close(fd)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
