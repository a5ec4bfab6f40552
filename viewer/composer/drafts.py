"""What was typed and not sent, per session: kept over switches and restarts. JSON in the state folder; for control."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.attach import Attached, sweep
from store.paths import put

log = logging.getLogger(__name__)
KEPT: Final = 200  # sessions
MOST: Final = 1 << 20  # characters of one draft
_writing = threading.Lock()  # jobs overlap, and each reads what the one before has written


class Typed(Struct, frozen=True):
    """What was typed, with the files that go with it."""

    text: str = ""
    files: tuple[Attached, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.files)

    def then(self, other: Typed) -> Typed:
        """Both, this one first."""
        text = "\n\n".join(part for part in (self.text, other.text) if part)
        return Typed(text, tuple(dict.fromkeys((*self.files, *other.files))))


NOTHING: Final = Typed()


class Drafts:
    """All of them; without a path they live as long as the window. A damaged file costs the drafts, never the start."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._drafts: OrderedDict[str, Typed] = OrderedDict()
        self._mine: set[str] = set()  # changed here: the drafts of all others may be another window's by now
        self._dirty = False
        self._waited = False  # prompts that wait are in the file
        self._asked = self._written = 0  # numbers of the newest writer, and of the newest that has written
        self.read = path is None

    def reader(self) -> Callable[[], dict[str, Typed]]:
        """A job: what the file has, for `take`. Pasted images that no draft names any more go, some time later."""
        path = self.path

        def read() -> dict[str, Typed]:
            found = _read(path)
            if path is not None:
                sweep(file for draft in found.values() for file in draft.files)
            return found

        return read

    def take(self, found: dict[str, Typed]) -> None:
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
        return self.typed(session).text

    def typed(self, session: str) -> Typed:
        """The draft with its files."""
        self._load()
        return self._drafts.get(session, NOTHING)

    def put(self, session: str, text: str, files: tuple[Attached, ...] = ()) -> None:
        """Remember a draft; an empty one is forgotten."""
        self._load()
        draft = Typed(text[:MOST], files)
        if self._drafts.get(session, NOTHING) == draft:
            return
        self._dirty = True
        self._mine.add(session)
        if draft:
            self._drafts[session] = draft
            self._drafts.move_to_end(session)
        else:
            self._drafts.pop(session, None)
        while len(self._drafts) > KEPT:
            self._drafts.popitem(last=False)

    def save(self) -> None:
        """Write what changed, whole or not at all. Blocks a little."""
        self.writer({})()

    def writer(self, waiting: dict[str, Typed]) -> Callable[[], None]:
        """A job that writes what changed. `waiting`: prompts of sessions that a start after a crash finds as drafts."""
        path = self.path
        if path is None or not (self._dirty or waiting or self._waited):
            return lambda: None
        self._dirty, self._waited = False, bool(waiting)
        self._mine |= waiting.keys()
        drafts = {key: self._drafts.get(key, NOTHING) for key in self._mine}
        for key, typed in waiting.items():
            drafts[key] = typed.then(drafts[key])
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


def _read(path: Path | None) -> dict[str, Typed]:
    if path is None:
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str | Typed])
        return {key: Typed(draft) if isinstance(draft, str) else draft for key, draft in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        log.warning("drafts are forgotten: %s: %s", path, error)
        return {}


def _write(path: Path, changed: dict[str, Typed]) -> bool:
    """Put these in the place of what the file has of them. Another window's stay. False: it cannot be."""
    drafts = _read(path)
    for key, draft in changed.items():
        drafts.pop(key, None)
        if draft:
            drafts[key] = Typed(draft.text[:MOST], draft.files)
    for key in list(drafts)[: max(0, len(drafts) - KEPT)]:
        del drafts[key]
    try:
        told = {key: draft if draft.files else draft.text for key, draft in drafts.items()}
        put(path, msgspec.json.encode(told), private=True)  # what somebody types is nobody else's business
    except OSError as error:
        log.warning("drafts are not saved: %s", error)
        return False
    return True
