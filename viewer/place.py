"""What a reader left behind in each session: place, folds, what was seen. JSON in the state folder; for window."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from store.paths import put

log = logging.getLogger(__name__)
KEPT: Final = 500  # sessions; older ones open at their end again, which is where a new reader starts anyway
FOLDS: Final = 2000  # folded rows kept per session


class Place(Struct, frozen=True, omit_defaults=True):
    """Where the reader was. `item` stands `offset` px from the top; '' and follow: at the end."""

    item: str = ""
    offset: int = 0
    follow: bool = True
    folds: dict[str, tuple[bool | None, int, bool]] = {}
    seen: int | None = None  # microseconds UTC of the newest record that was on the screen; None: never opened


class _File(Struct):
    version: int = 1
    sessions: dict[str, Place] = {}
    recent: list[str] = []
    marks: dict[str, int] = {}


class Places:
    """All of them, least recently used first. A damaged file costs the places, never the start."""

    def __init__(self, path: Path | None) -> None:
        """Without a path nothing is read or written."""
        self.path = path
        self._places: OrderedDict[str, Place] = OrderedDict()
        self.recent: list[str] = []
        self.marks: dict[str, int] = {}
        self._dirty = False
        if path is not None:
            self._load(path)

    def __getitem__(self, session: str) -> Place:
        return self._places.get(session, Place())

    def __contains__(self, session: object) -> bool:
        return session in self._places

    def put(self, session: str, place: Place) -> None:
        if len(place.folds) > FOLDS:
            place = msgspec.structs.replace(place, folds=dict(list(place.folds.items())[-FOLDS:]))
        self._dirty = self._dirty or self._places.get(session) != place
        self._places[session] = place
        self._places.move_to_end(session)
        while len(self._places) > KEPT:
            self._places.popitem(last=False)

    def visit(self, session: str) -> None:
        """This session is looked at now: it heads the recent ones."""
        if self.recent[:1] != [session]:
            self.recent = [session, *(other for other in self.recent if other != session)][:50]
            self._dirty = True

    def mark(self, session: str, unread: int) -> None:
        if self.marks.get(session, 0) != unread:
            self._dirty = True
            if unread:
                self.marks[session] = unread
            else:
                del self.marks[session]

    def save(self) -> None:
        """Write what changed, whole or not at all. A full disk costs the places only, so it is logged."""
        if not self._dirty or self.path is None:
            return
        data = msgspec.json.encode(_File(1, dict(self._places), self.recent, self.marks))
        try:
            put(self.path, data)
            self._dirty = False
        except OSError as error:
            log.warning("places are not saved: %s", error)

    def _load(self, path: Path) -> None:
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("places are forgotten: %s: %s", path, error)
            return
        self._places.update(file.sessions)
        self.recent = file.recent
        self.marks = file.marks
