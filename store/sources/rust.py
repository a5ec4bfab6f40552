"""watchfiles as a notifier, for macOS and Windows. For `sources.notify` only, which imports it when it is needed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchfiles import Change as Kind
from watchfiles._rust_notify import RustNotify  # `watchfiles.watch` cannot be woken and its folders are fixed

from store.sources.notify import Change

_QUICK_MS: Final = 5
_SLOW_MS: Final = 25
_TURN_MS: Final = 100  # until somebody who adds a folder or wakes us is heard
_QUICK_FOR: Final = 5.0  # seconds after the last change in which the next one is expected soon


class Rust:
    """watchfiles' notifier, for macOS and Windows. Its folders are fixed, so it is made anew when they change."""

    exact = False  # it waits in turns

    def __init__(self) -> None:
        self._folders: set[str] = set()
        self._real: dict[str, str] = {}  # where a folder really lies → as it was asked for
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._inner: RustNotify | None = None
        self._stale = False
        self._last = 0.0

    def add(self, folder: str, names: bool = False) -> None:
        if not Path(folder).is_dir():
            raise FileNotFoundError(folder)
        with self._lock:
            if folder not in self._folders:
                self._folders.add(folder)
                self._stale = True

    def remove(self, folder: str) -> None:
        with self._lock:
            if folder in self._folders:
                self._folders.discard(folder)
                self._stale = True

    def wait(self, timeout: float | None) -> list[Change]:
        """Block until something happens, `wake` is called or the time is over. See Notifier."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if lost := self._renew():
                return lost
            if found := self._turn():
                self._last = time.monotonic()
                return found
            if self._woken.is_set() or (until is not None and time.monotonic() >= until):
                self._woken.clear()
                return []

    def _turn(self) -> list[Change]:
        """One short wait. Its stop event would throw away what happened, so we look for news ourselves in between."""
        if self._inner is None:
            self._woken.wait(_TURN_MS / 1000)
            return []
        step = _QUICK_MS if time.monotonic() - self._last < _QUICK_FOR else _SLOW_MS
        found = self._inner.watch(step, step, _TURN_MS, None)
        if isinstance(found, str):
            return []
        return [_change(kind, asked(path, self._real)) for kind, path in found]

    def _renew(self) -> list[Change]:
        with self._lock:
            if not self._stale:
                return []
            self._stale = False
            folders = sorted(self._folders)
        self._real = {real: folder for folder in folders if (real := os.path.realpath(folder)) != folder}
        if self._inner is not None:
            self._inner.close()
            self._inner = None
        while folders:
            try:
                self._inner = RustNotify(folders, False, False, 300, False, True)
                break
            except FileNotFoundError:
                # One that went is found missing by whoever asked for it, when told that something was lost. One that
                # came back this moment is there on the next try.
                folders = [folder for folder in folders if Path(folder).is_dir()]
        return [Change("", lost=True)]  # what happened between the two notifiers is not known

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()


def asked(path: str, real: Mapping[str, str]) -> str:
    """A path as who watches it calls it: macOS follows links and tells what they lead to."""
    if path in real:
        return real[path]
    folder, _, name = path.rpartition(os.sep)
    return f"{real[folder]}{os.sep}{name}" if folder in real else path


def _change(kind: int, path: str) -> Change:
    return Change(path, made=kind == Kind.added, gone=kind == Kind.deleted)
