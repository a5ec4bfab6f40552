"""Writes sessions into the database, a batch per transaction. One per process; the importer owns it.

A session that is being read for the first time is staged: nobody sees it until `publish` makes it ready, in the
transaction that also retires the one it replaces. What a killed importer left behind is swept up by the next one.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from store import facts as facts_
from store.db import figures, reads, search
from store.db.engine import open_engine, sentence
from store.db.figures import Book, Counted
from store.db.lock import Lock, hold
from store.db.rows import Rows, Strip, Taken
from store.db.tables import audit, import_run, item, ledger, request, session, source, strip
from store.digest import Digest, step
from store.entries import Sealed
from store.errors import StoreError
from store.facts import Facts
from store.figures import folded
from store.fold import FOLD_VERSION, State
from store.ledger import Ledger
from store.prices import price, unknown
from store.requests import Requests
from store.window import Known, Source, fold_of

SWEEP: Final = 2_000  # rows deleted per transaction
# What a session is besides what its files say: whoever reads them again must not undo it.
OWN: Final = (
    "status", "origin", "parent_session_id", "user_id", "host", "created", "ended", "closed", "end_reason", "outcome",
    "user_title", "model_config", "system_prompt",
)  # fmt: skip
CLOSED: Final = ("archived", "deleted")  # nothing leads out of these, and nothing comes in
_INSERT: Final = "INSERT INTO item (seq, kind, turn, ts, chars, lines, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"
_REPLACE: Final = _INSERT.replace("INSERT", "REPLACE", 1)


class Made(Struct, frozen=True):
    """A whole session in memory, on its way in with others."""

    key: str
    rows: Rows
    taken: Taken  # as of session 0: it has no number yet
    state: State
    facts: Facts
    agent: str
    sources: Sequence[Source]
    replaces: int | None = None  # the ready session of this key, when it was looked at
    book: Book | None = None


class Overtaken(Exception):  # noqa: N818
    """Another process changed the session meanwhile: look again."""


class Writer:
    """See the module. Everything raises StoreError when the disk or the database will not."""

    def __init__(self, path: Path, engine: Engine | None = None) -> None:
        """With an engine it is ours from now on; without one the database is opened, and made right before."""
        self.path = path
        self._engine = engine or open_engine(path)
        self._lock: Lock | None = None
        with self._said():
            self._connection = self._engine.connect().execution_options(sqlite_immediate=True)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise sentence(error, self.path) from error

    @contextmanager
    def _counting(self) -> Iterator[Connection]:
        """A transaction that claims requests."""
        try:
            with self._tx() as tx:
                yield tx
        except Counted:
            raise Overtaken from None

    @contextmanager
    def _tx(self) -> Iterator[Connection]:
        with self._said(), self._connection.begin():
            yield self._connection

    # ---- a session that was never seen

    def stage(self, key: str) -> int:
        """Begin a session that nobody sees yet; returns its id."""
        token = uuid.uuid4().hex
        try:
            self._lock = hold(self._lock_path(token), wait=False)
        except OSError as error:
            raise StoreError(f"{self.path.parent} cannot be written: {error.strerror or error}.") from error
        with self._tx() as tx:
            values = {"key": key, "state": "staged", "token": token, "origin": "file"}
            added = insert(session).values(values).returning(session.c.id)
            return int(tx.execute(added).scalar_one())

    def put(self, taken: Taken, number: int, book: Book | None = None) -> None:
        """Write rows of a staged session."""
        with self._tx() as tx:
            _rows(tx, number, taken)
            if book is not None:
                book.write(tx, number)

    def publish(
        self,
        key: str,
        rows: Rows,
        taken: Taken,
        state: State,
        facts: Facts,
        agent: str,
        sources: Sequence[Source],
        own: Mapping[str, object] | None = None,
        book: Book | None = None,
    ) -> None:
        """The last rows; and from now on the session is the one that readers find. `own`: columns to be set with it."""
        with self._counting() as tx:
            _rows(tx, rows.session, taken)
            _retire(tx, key, rows.session)
            _about(tx, rows, state, facts, agent, sources)
            if book is not None:
                book.close(tx, rows.session)
            if own:
                tx.execute(update(session).where(session.c.id == rows.session).values(own))
        if self._lock is not None:
            self._lock.drop()
            self._lock = None

    def admit(self, many: Sequence[Made]) -> list[bool]:
        """Whole sessions in one transaction: seen all at once, or none of them. False: another process was faster, or
        what is there is archived: nothing comes in the place of that but what `end_of` allows."""
        told: list[bool] = []
        with self._tx() as tx:
            for one in many:
                c = session.c
                there = tx.execute(select(c.id, c.status).where(c.key == one.key, c.state == "ready")).one_or_none()
                number_there, status = (None, None) if there is None else there
                told.append(number_there == one.replaces and status not in CLOSED)
                if told[-1]:
                    values = {"key": one.key, "state": "staged", "origin": "file"}
                    added = tx.execute(insert(session).values(values).returning(session.c.id))
                    one.rows.session = number = int(added.scalar_one())
                    base = reads.key_of(number, 0)
                    _rows(tx, number, Taken(None, [], [(base + record[0], *record[1:]) for record in one.taken.fresh]))
                    _retire(tx, one.key, number)
                    _about(tx, one.rows, one.state, one.facts, one.agent, one.sources)
                    if one.book is not None:
                        with suppress(Counted), tx.begin_nested():  # else it is without, until somebody asks
                            one.book.close(tx, number)
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
            _rows(tx, rows.session, taken)
            if _status(tx, before.session) in CLOSED:
                raise Overtaken  # archived meanwhile
            _about(tx, rows, state, facts, before.agent, sources, kept=before.kept)
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

    def counted(self, key: str | None = None) -> Callable[[int], bool]:
        """Who asks whether a request has been counted: by anybody, or by another session than the one of this key."""
        # The driver's own, between transactions: a statement for every request is to be a cheap one.
        connection = self._connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - for the type checker
        find = connection.cursor()
        ready = "SELECT id FROM session WHERE key = ? AND state = 'ready'"
        mine = {number for (number,) in find.execute(ready, (key or "",))}

        def ask(number: int) -> bool:
            found = find.execute("SELECT session_id FROM request WHERE number = ?", (number,)).fetchone()
            return found is not None and found[0] not in mine

        return ask

    def save_digest(self, number: int, digest: Digest, *, anew: bool) -> None:
        """Keep a digest and its turns; an archived session is sealed with it, whoever archived it."""
        with self._tx() as tx:
            if _status(tx, number) in CLOSED and digest.watermark == figures.written(tx, number):
                seal(tx, number, digest)
            figures.save(tx, number, digest, anew=anew)

    def move(self, number: int, allowed: Callable[[str], str], action: str) -> None:
        """Give a session its next state, which `allowed` tells or refuses; one that is archived is sealed first."""
        now, c = time.time_ns() // 1000, session.c
        with self._tx() as tx:
            before = _status(tx, number)
            if before is None:
                raise StoreError("The session was read anew meanwhile: try again.")
            values: dict[str, object] = {"status": allowed(before)}
            if action == "archive":
                digest, anew = folded(tx.exec_driver_sql, number, price)
                if figures.written(tx, number) == digest.watermark:
                    seal(tx, number, digest)
                    figures.save(tx, number, digest, anew=anew)
                    parts = sorted(digest.parts.values(), key=lambda part: part.first)
                    values["agent_ids_json"] = names_json([part.agent for part in parts]) if parts else None
                values["closed"] = now
            elif values["status"] == "deleted":
                values["agent_ids_json"] = None
            tx.execute(update(session).where(c.id == number).values(values))
            if values["status"] != before:
                tx.execute(insert(audit).values(ts=now, actor="user", action=action, session_id=number))

    def seed(self, number: int) -> tuple[str, str, str, str, str | None, str | None]:
        """What a fork takes over."""
        c = session.c
        with self._tx() as tx:
            wanted = select(c.agent, c.cwd, c.branch, c.llm, c.model_config, c.system_prompt).where(c.id == number)
            return tuple(tx.execute(wanted).one())

    def name_agents(self, number: int, names: Sequence[str]) -> None:
        """Keep the agents of an archived session; of another one they may become more."""
        c = session.c
        with self._tx() as tx:
            wanted = update(session).where(c.id == number, c.status.in_(CLOSED))
            tx.execute(wanted.values(agent_ids_json=names_json(names)))

    def end_of(self, key: str) -> int | None:
        """Up to which byte of its main file an archived session goes; None for one that is not archived."""
        wanted = select(source.c.offset).join(session).where(source.c.file == 0, session.c.key == key)
        with self._tx() as tx:
            wanted = wanted.where(session.c.state == "ready", session.c.status.in_(CLOSED))
            return tx.execute(wanted).scalar()

    def refuse(self, number: int, events: int) -> None:
        """So many events came after a session was archived. Each look at its files counts all of them."""
        with self._tx() as tx:
            tx.execute(update(ledger).where(ledger.c.session_id == number).values(refused=events))

    # ---- the books

    def has(self, key: str) -> bool:
        """Whether there is a ready session of this key, with or without rows."""
        with self._tx() as tx:
            found = tx.execute(select(session.c.id).where(session.c.key == key, session.c.state == "ready")).first()
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

    # ---- what is left over

    def leftovers(self) -> list[int]:
        """Sessions that were replaced, or whose importer is dead."""
        with self._tx() as tx:
            wanted = select(session.c.id, session.c.state, session.c.token).where(session.c.state != "ready")
            found = tx.execute(wanted).all()
        left = [
            number
            for number, state, token in found
            if (self._replaced(number) if state == "old" else self._dead(token))
        ]
        for path in self.path.parent.glob(f"{self.path.name}.import-*"):  # killed before its session was in the table
            self._dead(path.name.rpartition("-")[2])
        return left

    def _replaced(self, number: int) -> bool:
        """Whether a session that was read again may go: not if it is the only copy of a file that is gone by now.

        That is so for the files of subagents, which agents delete before those of their sessions.
        """
        with self._tx() as tx:
            keys = select(session.c.key).where(session.c.id == number)
            paths = select(source.c.path).where(source.c.session_id == number)
            again = select(source.c.path).join(session).where(session.c.state == "ready", session.c.key.in_(keys))
            unread = tx.execute(paths.where(source.c.path.not_in(again))).scalars().all()
        return all(os.path.lexists(path) for path in unread)

    def sweep(self, numbers: Sequence[int]) -> None:
        """Delete such sessions, in small steps so that other writers get their turn."""
        for number in numbers:
            low, end = reads.key_of(number, 0), reads.key_of(number + 1, 0)
            while True:
                with self._tx() as tx:
                    last = tx.exec_driver_sql("SELECT max(seq) FROM item WHERE seq < ?", (end,)).scalar()
                    if last is None or last < low:
                        tx.execute(delete(session).where(session.c.id == number))
                        break
                    # From the end: what is left is still dense, so a step begun again finds its place.
                    first = max(low, last - SWEEP + 1)
                    search.forget_rows(tx, number, first - low)
                    tx.execute(delete(item).where(item.c.seq >= first, item.c.seq < end))

    def _dead(self, token: str | None) -> bool:
        if token is None:
            return True
        try:
            lock = hold(self._lock_path(token), wait=False)
        except OSError:
            return False
        if lock is None:
            return False
        lock.drop()
        return True

    def _lock_path(self, token: str) -> Path:
        return self.path.with_name(f"{self.path.name}.import-{token}")


def seal(tx: Connection, number: int, digest: Digest) -> None:
    """Nothing more will come: written behind the session's last entry, once."""
    if digest.sealed:
        return
    figures.append(tx, number, digest.watermark, [Sealed()])
    step(digest, Sealed(), unknown)
    tx.execute(update(ledger).where(ledger.c.session_id == number).values(entries=digest.watermark))


def names_json(names: Sequence[str]) -> str:
    """The agent set as it lies in the session's row."""
    return msgspec.json.encode(list(names)).decode()


def _status(tx: Connection, number: int) -> str | None:
    return tx.execute(select(session.c.status).where(session.c.id == number)).scalar()


def _retire(tx: Connection, key: str, number: int) -> None:
    """The ready session of this key makes room for `number`, and hands over what no file says."""
    columns = [session.c[name] for name in OWN]
    found = tx.execute(
        select(session.c.id, *columns).where(session.c.key == key, session.c.state == "ready")
    ).one_or_none()
    if found is None:
        return
    old, *own = found
    tx.execute(update(session).where(session.c.id == old).values(state="old"))
    tx.execute(update(session).where(session.c.id == number).values(dict(zip(OWN, own, strict=True))))
    tx.execute(update(session).where(session.c.parent_session_id == old).values(parent_session_id=number))
    tx.execute(update(audit).where(audit.c.session_id == old).values(session_id=number))
    tx.execute(delete(request).where(request.c.session_id == old))  # who comes in its place counts them


def _rows(tx: Connection, number: int, taken: Taken) -> None:
    if taken.cut is not None:
        low, end = reads.key_of(number, taken.cut), reads.key_of(number + 1, 0)
        search.forget_rows(tx, number, taken.cut)
        tx.execute(delete(item).where(item.c.seq >= low, item.c.seq < end))
        tx.execute(delete(strip).where(strip.c.session_id == number, strip.c.first >= taken.cut))
    if taken.late:
        search.replace_rows(tx, number, ((record[0], record[-1]) for record in taken.late))
        tx.exec_driver_sql(_REPLACE, taken.late)
    if taken.fresh:
        tx.exec_driver_sql(_INSERT, taken.fresh)


def _about(
    tx: Connection, rows: Rows, state: State, facts: Facts, agent: str, sources: Sequence[Source], *, kept: bool = False
) -> None:
    """Everything about a session besides its rows. One that is kept stays of the version that folded its first row."""
    number = rows.session
    dirty = {first: one for first, one in rows.strips.items() if one.dirty}
    if dirty:
        tx.execute(delete(strip).where(strip.c.session_id == number, strip.c.first.in_(dirty)))
        tx.execute(insert(strip), [_strip(number, first, one) for first, one in dirty.items()])
    tx.execute(delete(source).where(source.c.session_id == number))
    tx.execute(
        insert(source),
        [
            {
                "session_id": number, "file": index, "path": str(one.path), "agent": one.agent, "parent": one.parent,
                "identity": one.identity, "size": one.size, "mtime_ns": one.mtime_ns, "offset": one.offset,
                "head": one.head, "tail": one.tail,
            }
            for index, one in enumerate(sources)
        ],
    )  # fmt: skip
    values = {
        "state": "ready", "token": None, "agent": agent, "agent_session": facts.id, "title": facts.title,
        "cwd": facts.cwd, "branch": facts.branch, "llm": facts.llm or "", "started": facts.started,
        "updated": facts.updated, "rows": rows.rows, "turn": state.turn, "fold_version": FOLD_VERSION,
        "facts": facts_.dump(facts), "fold": fold_of(state), "missing": 0,
    }  # fmt: skip
    if kept:
        del values["fold_version"], values["fold"]
    changed = tx.execute(update(session).where(session.c.id == number, session.c.state != "old").values(values))
    if changed.rowcount != 1:
        raise Overtaken


def _strip(number: int, first: int, one: Strip) -> dict[str, object]:
    nested = array("i", [value for pair in sorted(one.nested.items()) for value in pair])
    return {
        "session_id": number, "first": first, "weights": one.weights.tobytes(), "nested": nested.tobytes(),
        "ids": one.ids.tobytes(),
    }  # fmt: skip
