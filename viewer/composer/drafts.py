"""What was typed and not sent, per session: kept over switches and restarts. JSON in the state folder; for control."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from store.paths import put

log = logging.getLogger(__name__)
KEPT: Final = 200  # sessions
MOST: Final = 1 << 20  # characters of one draft
_writing = threading.Lock()  # jobs overlap, and each reads what the one before has written


class Drafts:
    """All of them; without a path they live as long as the window. A damaged file costs the drafts, never the start."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._drafts: OrderedDict[str, str] = OrderedDict()
        self._mine: set[str] = set()  # changed here: the drafts of all others may be another window's by now
        self._dirty = False
        self._waited = False  # prompts that wait are in the file
        self._asked = self._written = 0  # numbers of the newest writer, and of the newest that has written
        self.read = path is None

    def reader(self) -> Callable[[], dict[str, str]]:
        """A job: what the file has, for `take`."""
        return partial(_read, self.path)

    def take(self, found: dict[str, str]) -> None:
        """What the file has; what was changed here meanwhile stays."""
        if not self.read:
            self.read = True
            mine = self._drafts
            self._drafts = OrderedDict((key, text) for key, text in found.items() if key not in self._mine)
            self._drafts.update(mine)

    def _load(self) -> None:
        if not self.read:
            self.take(_read(self.path))

    def __getitem__(self, session: str) -> str:
        self._load()
        return self._drafts.get(session, "")

    def put(self, session: str, text: str) -> None:
        """Remember a draft; an empty one is forgotten."""
        self._load()
        if self._drafts.get(session, "") == text:
            return
        self._dirty = True
        self._mine.add(session)
        if text:
            self._drafts[session] = text[:MOST]
            self._drafts.move_to_end(session)
        else:
            self._drafts.pop(session, None)
        while len(self._drafts) > KEPT:
            self._drafts.popitem(last=False)

    def save(self) -> None:
        """Write what changed, whole or not at all. Blocks a little."""
        self.writer({})()

    def writer(self, waiting: dict[str, str]) -> Callable[[], None]:
        """A job that writes what changed. `waiting`: prompts of sessions that a start after a crash finds as drafts."""
        path = self.path
        if path is None or not (self._dirty or waiting or self._waited):
            return lambda: None
        self._dirty, self._waited = False, bool(waiting)
        self._mine |= waiting.keys()
        drafts = {key: self._drafts.get(key, "") for key in self._mine}
        for key, text in waiting.items():
            drafts[key] = "\n\n".join(part for part in (text, drafts[key]) if part)[:MOST]

        self._asked += 1
        number = self._asked

        def write() -> None:
            with _writing:
                if number < self._written:
                    return  # a newer one was faster
                self._written = number
                if not _write(path, drafts):
                    self._dirty = True

        return write


def _read(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        log.warning("drafts are forgotten: %s: %s", path, error)
        return {}


def _write(path: Path, changed: dict[str, str]) -> bool:
    """Put these in the place of what the file has of them; '' is none. Another window's stay. False: it cannot be."""
    drafts = _read(path)
    for key, text in changed.items():
        drafts.pop(key, None)
        if text:
            drafts[key] = text
    for key in list(drafts)[: max(0, len(drafts) - KEPT)]:
        del drafts[key]
    try:
        put(path, msgspec.json.encode(drafts), private=True)  # what somebody types is nobody else's business
    except OSError as error:
        log.warning("drafts are not saved: %s", error)
        return False
    return True
