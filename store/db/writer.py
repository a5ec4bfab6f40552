"""Writes sessions into the database, a batch per transaction. One per process; the importer owns it.

A session that is being read for the first time is staged: nobody sees it until `publish` makes it ready, in the
transaction that also retires the one it replaces. What a killed importer left behind is swept up by the next one.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Engine, insert, select, update
from typing_extensions import override

from store.db import figures, place, reads
from store.db.figures import Book, Copied, Counted
from store.db.leftovers import Leftovers
from store.db.moves import Moves, seal
from store.db.rows import Rows, Strip, Taken
from store.db.session_rows import Overtaken, retire, status_of, write_about, write_rows
from store.db.sessions import Living, ensure_session
from store.db.tables import audit, import_run, session, source, strip
from store.db.transactions import Held
from store.digest import Digest
from store.draft import Draft
from store.facts import Facts
from store.fold import State
from store.known import Known, Source
from store.ledger import Ledger
from store.requests import Elsewhere, Requests
from store.states import CLOSED

ASKED: Final = (1, 16, 64, 160, 500)  # numbers in a statement: few lengths, so that it is not compiled every time
_WHOSE: Final = {
    size: f"SELECT number, session_id FROM request WHERE number IN ({', '.join('?' * size)})"  # noqa: S608 - marks
    for size in ASKED
}


class Made(Struct, frozen=True):
    """A whole session in memory, on its way in with others."""

    draft: Draft
    rows: Rows
    taken: Taken  # as of session 0: it has no number yet
    state: State
    facts: Facts
    agent: str
    sources: Sequence[Source]
    replaces: int | None = None  # the ready session of this key, when it was looked at
    book: Book | None = None


class Writer(Moves, Leftovers, Living):
    """See the module. Everything raises StoreError when the disk or the database will not."""

    def __init__(self, path: Path, engine: Engine | None = None, *, host: str = "") -> None:
        super().__init__(path, engine, host=host)
        self._lock: Held | None = None
        self._asking: reads.Connection | None = None

    @override
    def close(self) -> None:
        if self._asking is not None:
            self._asking.close()
        super().close()
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    @contextmanager
    def _counting(self) -> Iterator[Connection]:
        """A transaction that claims requests."""
        try:
            with self._tx() as tx:
                yield tx
        except Counted:
            raise Overtaken from None

    # ---- a session that was never seen

    def put(self, draft: Draft, rows: Rows, taken: Taken, book: Book | None = None) -> None:
        """Write rows of a session that nobody sees yet; the first of them bring its row with them."""
        with self._taking_in(draft) as tx:
            if draft.saved:
                write_rows(tx, rows.session, taken)
            else:
                ensure_session(tx, draft, staged=self._hold_token())
                _begin(tx, draft, rows, taken)
            if book is not None:
                book.write(tx, rows.session)

    def publish(
        self,
        draft: Draft,
        rows: Rows,
        taken: Taken,
        state: State,
        facts: Facts,
        agent: str,
        sources: Sequence[Source],
        own: Mapping[str, object] | None = None,
        book: Book | Copied | None = None,
    ) -> None:
        """The last rows; and from now on the session is the one that readers find. `own`: columns to be set with it."""
        with self._taking_in(draft) as tx:
            if draft.saved:
                write_rows(tx, rows.session, taken)
            else:
                ensure_session(tx, draft, staged="")
                _begin(tx, draft, rows, taken)
            tx.execute(update(session).where(session.c.id == rows.session).values(token=None))
            counted = retire(tx, draft.key, rows.session)
            write_about(tx, rows, state, facts, agent, sources)
            if book is not None:
                book.close(tx, rows.session, counted)
            if own:
                tx.execute(update(session).where(session.c.id == rows.session).values(own))
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    @contextmanager
    def _taking_in(self, draft: Draft) -> Iterator[Connection]:
        """A transaction without which the draft is what it was."""
        was = draft.session
        self._placed(draft)
        try:
            with self._counting() as tx:
                yield tx
        except BaseException:
            draft.session = was
            raise

    def _hold_token(self) -> str:
        """The name of a lock that says that we live."""
        token = uuid.uuid4().hex
        self._lock = self._hold(token)
        return token

    def admit(self, many: Sequence[Made]) -> list[bool]:
        """Whole sessions in one transaction: seen all at once, or none of them. False: another process was faster, or
        what is there is archived: nothing comes in the place of that but what `end_of` allows."""
        told: list[bool] = []
        with self._tx() as tx:
            for one in many:
                c = session.c
                self._placed(one.draft)
                key = one.draft.key
                there = tx.execute(select(c.id, c.status).where(c.key == key, c.state == "ready")).one_or_none()
                number_there, status = (None, None) if there is None else there
                fits = number_there == one.replaces and status not in CLOSED
                one.draft.session = None  # an attempt that failed left none
                told.append(fits and ensure_session(tx, one.draft, staged=None if there is None else ""))
                if told[-1]:
                    _begin(tx, one.draft, one.rows, one.taken)
                    number = one.rows.session
                    counted = retire(tx, key, number) if there is not None else set()
                    write_about(tx, one.rows, one.state, one.facts, one.agent, one.sources)
                    if one.book is not None:
                        with suppress(Counted), tx.begin_nested():  # else it is without, until somebody asks
                            one.book.close(tx, number, counted)
        return told

    # ---- a session that grew

    def extend(
        self,
        before: Known,
        rows: Rows,
        taken: Taken,
        state: State,
        facts: Facts,
        sources: Sequence[Source],
        book: Book | None = None,
    ) -> None:
        """What is new in a ready session, all in one transaction: rows, figures and where to go on are never apart."""
        with self._counting() as tx:
            offsets = select(source.c.offset).where(source.c.session_id == before.session).order_by(source.c.file)
            if tx.execute(offsets).scalars().all() != [one.offset for one in before.sources]:
                raise Overtaken
            write_rows(tx, rows.session, taken)
            if status_of(tx, before.session) in CLOSED:
                raise Overtaken  # archived meanwhile
            write_about(tx, rows, state, facts, before.agent, sources, kept=before.kept)
            if book is None:
                figures.drop(tx, before.session)
            elif figures.written(tx, before.session) != book.entries:
                raise Overtaken
            else:
                book.close(tx, before.session)

    def strip(self, number: int, first: int) -> Strip:
        """The figures of a ready session's rows, to be changed."""
        with self._tx() as tx:
            found = tx.execute(
                select(strip.c.weights, strip.c.nested, strip.c.ids).where(
                    strip.c.session_id == number, strip.c.first == first
                )
            ).one_or_none()
        weights, nested, ids = array("H"), array("i"), array("I")
        if found is not None:
            weights.frombytes(found.weights)
            nested.frombytes(found.nested)
            ids.frombytes(found.ids)
        return Strip(weights, ids, dict(zip(nested[::2], nested[1::2], strict=True)), dirty=False)

    # ---- figures

    def book(self, number: int) -> Book | None:
        """To go on with the entries of a ready session; None when there are none to go on with."""
        with self._tx() as tx:
            return figures.book_of(tx, number, self.counted())

    def first_book(self, key: str) -> Book:
        """For a session that is read from its beginning."""
        return Book(Ledger(Requests(self.counted(key))))

    def counted(self, key: str | None = None) -> Elsewhere:
        """Who says which requests have been counted: by anybody, or by another session than the one of this key."""
        find = self._cursor()
        ready = "SELECT id FROM session WHERE key = ? AND state = 'ready'"
        mine = {number for (number,) in find.execute(ready, (place.key_of(key, self.path) if key else "",))}

        def ask(numbers: Sequence[int]) -> Set[int]:
            found: set[int] = set()
            for some in figures.batched(numbers):
                size = next(size for size in ASKED if size >= len(some))
                padded = (*some, *[some[-1]] * (size - len(some)))
                rows = find.execute(_WHOSE[size], padded).fetchall()
                found.update(one for one, session in rows if session not in mine)
            return found

        return ask

    def _cursor(self) -> sqlite3.Cursor | reads.Connection:
        """The driver's own, between transactions: a statement for every request is to be a cheap one."""
        connection = self._connection.connection.driver_connection
        if isinstance(connection, sqlite3.Connection):
            return connection.cursor()
        if self._asking is None:
            with self._reading():
                self._asking = reads.connect(self.path)
        return self._asking

    def save_digest(self, number: int, digest: Digest, *, anew: bool) -> None:
        """Keep a digest and its turns; an archived session is sealed with it, whoever archived it."""
        with self._tx() as tx:
            if status_of(tx, number) in CLOSED and digest.watermark == figures.written(tx, number):
                seal(tx, number, digest)
            figures.save(tx, number, digest, anew=anew)

    # ---- the books

    def has(self, key: str) -> bool:
        """Whether there is a ready session of this key, with or without rows."""
        with self._tx() as tx:
            found = tx.execute(
                select(session.c.id).where(session.c.key == place.key_of(key, self.path), session.c.state == "ready")
            ).first()
        return found is not None

    def note(self, action: str, detail: str, actor: str = "playhead") -> None:
        """Write down what was done."""
        with self._tx() as tx:
            tx.execute(insert(audit).values(ts=time.time_ns() // 1000, actor=actor, action=action, detail=detail))

    def begin_run(self, root: str, files: int) -> int:
        """Write down that an import of many sessions begins. The caller is the only one: any other has been killed."""
        now = time.time_ns() // 1000
        with self._tx() as tx:
            lost = update(import_run).where(import_run.c.state == "running")
            if self.on_server:  # others may be at it on other hosts
                root = f"{place.host()}:{root}"
                lost = lost.where(import_run.c.root.startswith(f"{place.host()}:", autoescape=True))
            tx.execute(lost.values(state="failed", ended=now, error="It was killed."))
            values = {"started": now, "root": root, "files": files, "state": "running"}
            return int(tx.execute(insert(import_run).values(values).returning(import_run.c.id)).scalar_one())

    def end_run(self, run: int, state: str, parsed: int, size: int, records: int, error: str | None = None) -> None:
        """How it ended: done, failed, cancelled."""
        values = {
            "state": state, "ended": time.time_ns() // 1000, "parsed": parsed, "bytes": size, "records": records,
            "error": error,
        }  # fmt: skip
        with self._tx() as tx:
            tx.execute(update(import_run).where(import_run.c.id == run).values(values))


def _begin(tx: Connection, draft: Draft, rows: Rows, taken: Taken) -> None:
    """The first rows of a session, which were counted before it had a number."""
    assert draft.session is not None  # noqa: S101 - the caller has ensured it
    rows.session = draft.session
    base = reads.key_of(draft.session, 0)
    write_rows(tx, draft.session, Taken(None, [], [(base + record[0], *record[1:]) for record in taken.fresh]))
