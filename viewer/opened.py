"""One open session, what is left of it when it is released, and its line in the list. For desk."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from store.delta import Delta, Header, Row
from store.items import Raw
from store.paths import there
from viewer import wording
from viewer.place import Place
from viewer.timeline.model import TimelineModel
from viewer.timeline.selection import Marked


class Left(msgspec.Struct, frozen=True):
    """What a released session needs to come back as it was."""

    place: Place
    selected: Marked | None
    last: str  # the last row that was known; what comes behind it is new
    first_unread: str  # the first that came while nobody looked; '' for none
    unread: int
    updated: int | None  # microseconds UTC of the newest record that was known


class Opened:
    """One open session. `left`: what it was like before it was released, until its rows are there again."""

    __slots__ = (
        "file", "first_unread", "header", "key", "left", "model", "place", "raw", "selected", "since", "unread",
    )  # fmt: skip

    def __init__(self, key: str, model: TimelineModel, place: Place, *, file: bool, left: Left | None = None) -> None:
        self.key = key
        self.model = model
        self.header: Header | None = None
        self.place = place
        self.selected: Marked | None = None
        self.left = left
        self.file = file  # it can be closed and opened again at no loss
        self.since = time.time_ns() // 1000
        self.unread = 0
        self.first_unread = ""  # the first item that came while nobody looked
        self.raw = 0  # rows that were not understood, as far as they are known

    @property
    def at_work(self) -> bool:
        """Whether its agent is, as far as its records say."""
        return self.header is not None and (self.header.pending or self.header.state in wording.AT_WORK)

    @property
    def not_understood(self) -> int:
        """Records of it, or -1: not known. Rows in the database, or not read yet, are not counted."""
        beyond = self.model.base or not self.model.length or (self.header is not None and self.header.partial)
        return self.raw or (-1 if beyond else 0)

    def arrived(self, told: Header | None) -> Header | None:
        """The header of a stream: what comes comes now, also if recorded yesterday or with no time at all."""
        now = time.time_ns() // 1000
        known = self.header.updated if self.header is not None else None
        header = told or self.header
        if header is None or (told is None and known is not None and now < known + wording.SECOND):
            return None
        return msgspec.structs.replace(header, updated=now)

    def leave(self) -> Left:
        """What is to be kept of it. What never came back is kept as it was: a read that failed must cost nothing."""
        old, model = self.left, self.model
        updated = self.header.updated if self.header is not None else None
        if old is not None:
            first = old.first_unread or self.first_unread
            return msgspec.structs.replace(
                old, place=self.place, first_unread=first, unread=old.unread + self.unread,
                updated=updated or old.updated,
            )  # fmt: skip
        last = model.item(model.length - 1).id if model.length else ""
        return Left(self.place, self.selected, last, self.first_unread, self.unread, updated)

    def new_row(self, left: Left) -> int | None:
        """The first row that nobody has seen, in a session that has come back; None: there is none."""
        if left.first_unread:
            return self.model.position_of(left.first_unread)
        last = self.model.position_of(left.last) if left.last else None
        return None if last is None or last + 1 >= self.model.length else last + 1


def row_of(key: str, header: Header, file: bool, since: int) -> Row:
    """The list's line for an open session. `since`: when it was opened, for streams that say no times."""
    state = "ended" if header.state == "archived" else header.state
    state = state if state in ("idle", "waiting", "ended", "failed") else "live"
    if header.draft and state not in wording.OVER:
        state = "draft"
    if header.trouble and header.state == "opening":
        state = "failed"
    folder = wording.name_of(header.cwd)
    size, host = 0, ""
    if file:
        try:
            size = Path(key).stat().st_size
        except OSError:  # what lies in a database has no size that is known here
            if not there(key):
                host = key[2:].partition("/")[0] if key.startswith("//") else ""
                kept = header.state in wording.OVER  # what the archive has of it is shown
                state = state if kept else "failed"
    title = header.title or (Path(key).name if file else "")
    return Row(
        key, agent=header.adapter or header.agent, title=title, cwd=header.cwd, project=folder,
        started=header.started, updated=header.updated or since, state=state, bytes=size, path=key if file else "",
        session=header.id, host=host,
    )  # fmt: skip


def raw_rows(delta: Delta) -> int:
    """How many rows of a Delta were not understood."""
    count = 0
    for item in delta.added:  # with each tick, so nothing is made for it
        if type(item) is Raw:
            count += 1
    if delta.rebase is not None:
        count += sum(isinstance(item, Raw) for item in delta.rebase.tail)
    return count
