"""One live stream between its journal and its row: what is saved of it, and where to go on. For `store.recorder`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from store.db.rows import Rows
from store.draft import Draft, has_content
from store.events import ItemId, TurnEnded
from store.facts import Facts
from store.fold import State, fold_run
from store.formats.base import Format
from store.known import Known, Source, known, source_of
from store.pipe import Pipe
from store.resume import pipe_at
from store.sources.journal import Journal, draft_of
from store.window import DbWindow

if TYPE_CHECKING:
    from store.db.figures import Book
    from store.db.writer import Writer

ARCHIVED: Final = "This session is archived: what comes now is shown here, and stays out of the database."
PIECE: Final = 4 << 20  # bytes of a journal that are written in one transaction


class _Place(Struct):
    """Where the fold of a journal stands."""

    pipe: Pipe
    state: State
    facts: Facts
    rows: Rows
    book: Book | None
    before: Known | None = None  # None: the database has nothing of it yet


class Recording:
    """See the module. `tell` changes the session's header, as `Session.say`. One thread at a time."""

    def __init__(self, key: str, journal: Journal, format: Format, tell: Callable[..., None]) -> None:
        self.key = key
        self.journal = journal
        self.draft: Draft = draft_of(journal.path)
        self.tell = tell
        self.over = False  # nothing more will come
        self.troubled = False  # and it was said
        self.written = 0  # events that the last save wrote
        self.closed_turn = False  # one of them ended a turn
        self._format = format
        self._draft: Pipe | None = Pipe(format)  # None: there is content
        self._place: _Place | None = None
        self._new = True  # nobody has been told of its start
        self._title: str | None = None  # what the user calls it, and what of that is in the row
        self._settled: str | None = None
        self._closed = False  # archived meanwhile
        self._refused = 0  # events that came after that
        self._told = ""

    def rename(self, title: str) -> None:
        """What the user calls it: kept in the draft, or on its way into the row. Raises StoreError, and drops it."""
        self.draft.rename(title)
        self._title = self.draft.title
        self.journal.note(title=self.draft.title)

    def save(self, opened: Callable[[], Writer], token: str) -> bool | None:
        """Bring the database up to the journal, if there is content. True: the session is new. None: somebody else
        was at it, and the next time looks again at what there is.

        A draft asks for no writer. Raises StoreError, OSError: then it is as it was, and the next time reads again what
        is missing.
        """
        self.written = 0
        self.closed_turn = False
        self.journal.flush()  # the database is never ahead of it: what a crash takes would be missing from the middle
        if not self.journal.path.exists() or (self._draft is not None and not self._has_content(self._draft)):
            return False
        self._draft = None
        done = False
        try:
            writer = opened()
            from store.db.session_rows import Overtaken  # with the writer, and not before

            with suppress(Overtaken):
                self._save(writer, token)
                done = True
        finally:
            if not done:
                self._let_go()
                self.draft.session = None
        if not done:
            return None
        new, self._new = self._new and self.draft.saved, self._new and not self.draft.saved
        return new

    def close(self) -> None:
        self._let_go()

    # ---- how

    def _has_content(self, draft: Pipe) -> bool:
        """Whether somebody has said or done anything by now. It is read for this alone: a draft is short."""
        more = True
        while more:
            data, size, _ = _piece(self.journal.path, draft.fed)
            if has_content(draft.feed(data)):
                return True
            more = bool(data) and draft.fed < size
        return self.over and has_content(draft.finish())

    def _save(self, writer: Writer, token: str) -> None:
        path = self.journal.path
        place = self._place
        if place is None:
            place = self._place = self._stand(writer, token)
        more = not self._closed
        if self._closed:
            self._refuse(writer, place)
        while more:
            data, size, mtime_ns = _piece(path, place.pipe.fed)
            events = place.pipe.feed(data)
            more = bool(data) and place.pipe.fed < size
            last = self.over and not more
            if last:
                events += place.pipe.close()
            if not events and not last:
                continue  # half a line
            fold = fold_run if place.book is None else place.book.fold
            place.rows.add(fold(place.state, events))
            place.facts.add(events)
            place.facts.named(self._title or "")
            self.written += len(events)
            self.closed_turn = self.closed_turn or any(type(event) is TurnEnded for event in events)
            source = source_of(path, "", None, place.pipe.offset)
            source = msgspec.structs.replace(source, size=size, mtime_ns=0 if more else mtime_ns)
            place = self._write(writer, place, source, token)
        title = self._title  # it may be given another one while this one is written
        news = title if title != self._settled else None
        if self.draft.session is not None and (news is not None or self.over):
            writer.settle(self.draft.session, title=news, ended=draft_of(path) if self.over else None)
            self._settled = title

    def _refuse(self, writer: Writer, place: _Place) -> None:
        """It was archived: what comes now is counted, and stays in the journal."""
        before, more = place.before, True
        while more:
            data, size, mtime_ns = _piece(self.journal.path, place.pipe.fed)
            self._refused += len(place.pipe.feed(data))
            more = bool(data) and place.pipe.fed < size
        if before is not None and self._refused:
            if self._told != ARCHIVED:
                self._told = ARCHIVED
                self.tell(trouble=ARCHIVED)
            writer.refuse(before.session, self._refused, [(size, mtime_ns)])

    def _write(self, writer: Writer, place: _Place, source: Source, token: str) -> _Place:
        """One transaction. Returns where to go on."""
        before = place.before
        if before is None:
            from store.db.session_rows import Overtaken
            from store.db.writer import Made

            self.draft.status, self.draft.token = "active", token
            made = Made(
                self.draft, place.rows, place.rows.take(), place.state, place.facts, self._format.agent, [source],
                book=place.book,
            )  # fmt: skip
            if writer.admit([made]) != [True]:
                raise Overtaken
            self._let_go()
            self._place = self._stand(writer, token)  # from now on with what the database knows of earlier rows
            return self._place
        writer.extend(before, place.rows, place.rows.take(), place.state, place.facts, [source], place.book)
        place.before = msgspec.structs.replace(before, sources=(source,), rows=place.rows.rows)
        return place

    def _stand(self, writer: Writer, token: str) -> _Place:
        """Where the database stands."""
        path = self.journal.path
        before = known(path, writer.path)
        if before is None:
            state = State()
            book = writer.first_book(str(path))
            return _Place(Pipe(self._format), state, Facts().named(self.draft.title), Rows(0, state), book)
        self._closed, self._refused = writer.ends_of(str(path)) is not None, 0
        if self.draft.session is None:
            self.draft.session = before.session
            writer.settle(before.session, token=token)
        state = before.state()
        return _Place(
            pipe_at(self._format, 0, before.sources[0]), state, before.facts,
            Rows(before.session, state, lambda first: writer.strip(before.session, first), self._find),
            writer.book(before.session), before,
        )  # fmt: skip

    def _find(self, item: ItemId) -> int | None:
        """The row of an item that lies in the database."""
        before = None if self._place is None else self._place.before
        if before is None:
            return None
        with closing(DbWindow(before.window.path, before.session, before.rows)) as window:
            return window.find(item)

    def _let_go(self) -> None:
        if self._place is not None and self._place.before is not None:
            self._place.before.window.close()
        self._place = None


def _piece(path: Path, start: int) -> tuple[bytes, int, int]:
    """What a journal has from `start` on, PIECE at most, and its size and time (nanoseconds) before it was read."""
    with path.open("rb", buffering=0) as file:
        look = os.fstat(file.fileno())
        file.seek(start)
        return file.read(min(PIECE, max(0, look.st_size - start))) or b"", look.st_size, look.st_mtime_ns
