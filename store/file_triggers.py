"""Triggers whose event is a file that changes: one is fired when the file has been quiet for a second."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import orjson

from store.sources.watch import Watcher
from store.trigger import Trigger

log = logging.getLogger(__name__)

QUIET_S: Final = 1.0  # a file is written in several steps

Fire = Callable[[Trigger, bytes], object]


class FileTriggers:
    """No thread and no watch where there is no such trigger."""

    def __init__(self, fire: Fire, watcher: Callable[[], Watcher] = Watcher) -> None:
        self._fire, self._make = fire, watcher
        self._watcher: Watcher | None = None
        self._watched: dict[int, tuple[Trigger, Callable[[Path], None]]] = {}
        self._changed: dict[tuple[int, Path], float] = {}
        self._turn = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def set(self, triggers: Sequence[Trigger]) -> None:
        """These are the triggers now."""
        wanted = {one.id: one for one in triggers if one.source == "file" and one.enabled and one.watch_path}
        for number, (old, call) in list(self._watched.items()):
            if wanted.get(number) != old:
                if self._watcher is not None:
                    self._watcher.unwatch(old.watch_path, call)
                del self._watched[number]
        for number, one in wanted.items():
            if number not in self._watched:
                self._watch(one)

    def stop(self) -> None:
        with self._turn:
            self._stopping = True
            self._turn.notify()
        if self._watcher is not None:
            self._watcher.stop()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, trigger: Trigger) -> None:
        if self._watcher is None:
            self._watcher = self._make()
            self._thread = threading.Thread(target=self._work, name="file-triggers", daemon=True)
            self._thread.start()

        def call(path: Path) -> None:
            with self._turn:  # however many they are: what is too much for the queue is refused there, and logged
                self._changed[trigger.id, Path(path)] = time.monotonic() + QUIET_S
                self._turn.notify()

        self._watched[trigger.id] = (trigger, call)
        if Path(trigger.watch_path).is_dir():
            self._watcher.watch_tree(trigger.watch_path, call)
        else:
            self._watcher.watch(trigger.watch_path, call)

    def _work(self) -> None:
        while True:
            with self._turn:
                if self._stopping:
                    return
                now = time.monotonic()
                due = [one for one, when in self._changed.items() if when <= now]
                for one in due:
                    del self._changed[one]
                if not due:
                    soon = min(self._changed.values(), default=None)
                    self._turn.wait(None if soon is None else max(0.01, soon - now))
            for number, path in due:
                self._tell(number, path)

    def _tell(self, number: int, path: Path) -> None:
        found = self._watched.get(number)
        if found is None:
            return
        trigger = found[0]
        root = Path(trigger.watch_path)
        try:
            stat = path.stat()
        except OSError:
            stat = None
        if stat is not None and not path.is_file():
            return
        name = path.relative_to(root).as_posix() if path != root and path.is_relative_to(root) else path.name
        stamp = "gone" if stat is None else f"{stat.st_mtime_ns}-{stat.st_size}"
        payload = {
            "event": "file", "action": "deleted" if stat is None else "changed", "file": _plain(name),
            "path": _plain(str(path)), "size": None if stat is None else stat.st_size,
            "delivery": f"file:{_plain(name)}:{stamp}",
        }  # fmt: skip
        try:
            self._fire(trigger, orjson.dumps(payload))
        except Exception:  # the next file is another one
            log.exception("%s changed, and %s could not be fired", path, trigger.name)


def _plain(name: str) -> str:
    """A name of a file as text: names may have bytes that are none."""
    return os.fsencode(name).decode("utf-8", "replace")
