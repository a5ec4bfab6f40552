"""Keeps the full-text index behind the rows: what is new in batches; what changes or goes, in the same transaction.

For the importer, after it has published, and for the writer. Table `indexed` says how many rows of each session are in
the index, so a killed indexer is gone on with; only one works at a time. What of a row is indexed: store.document.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from store.db import fts_sqlite as fts
from store.db import marks, marks_seal, place, reads
from store.db.engine import open_engine, sentence
from store.db.lock import hold
from store.document import VERSION, Document, document
from store.errors import StoreError

log = logging.getLogger(__name__)

BATCH: Final = 20_000  # rows per transaction
CHARS: Final = 8 << 20  # of their text, whatever the rows: others wait for the lock meanwhile
_PART: Final = 4  # the index is tidied when a quarter of it is new
_PIECES: Final = 4
_PAGES: Final = 1_000  # of 4 KB, per transaction
_EMPTY: Final[Document] = ("", "", "", "", "")

Tell: TypeAlias = Callable[[int], None]  # rows indexed since the last call


class Index(Protocol):
    """What a module of an index has for writers."""

    def add(self, tx: Connection, documents: Iterable[tuple[int, Document]]) -> None: ...
    def remove(self, tx: Connection, documents: Iterable[tuple[int, Document]]) -> None: ...


_STALE: Final = "SELECT 1 FROM indexed AS i JOIN session AS s ON s.id = i.session_id WHERE i.version <> ?"

PENDING: Final = (
    "SELECT s.id, s.rows, coalesce(i.rows, 0) FROM session AS s LEFT JOIN indexed AS i ON i.session_id = s.id "
    "WHERE s.state = 'ready' AND coalesce(i.rows, 0) < s.rows"
)


def pending(db: Path) -> str:
    """Sessions with rows that are not in the index; those of another host are that one's to index."""
    return PENDING + place.mine(db, "s")


_MARK: Final = (
    "INSERT INTO indexed (session_id, rows, version) VALUES (?, ?, ?) "
    "ON CONFLICT (session_id) DO UPDATE SET rows = excluded.rows, version = excluded.version"
)
_PAYLOADS: Final = "SELECT seq, payload FROM item WHERE seq >= ? AND seq < ? ORDER BY seq"


def catch_up(db: Path, tell: Tell | None = None) -> int:
    """Index what is not indexed yet, newest sessions first; returns the rows. Raises StoreError.

    Does nothing while another process does it: that one looks again before it goes.
    """
    rows = 0
    while True:
        with _indexing(db) as indexer:
            if indexer is None:
                return rows
            new = indexer.run(tell)
        rows += new
        if not new or not waiting(db):  # else somebody published between our last look and the end of our lock
            return rows


@contextmanager
def _indexing(db: Path) -> Iterator[Indexer | None]:
    """The one who indexes; None: another process does."""
    try:
        db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # of an archive on a server nothing may be here
        lock = hold(db.with_name(db.name + ".index"), wait=False)
    except OSError as error:
        raise StoreError(f"{db.parent} cannot be written: {error.strerror or error}.") from error
    if lock is None:
        yield None
        return
    try:
        with closing(Indexer(db)) as indexer:
            yield indexer
    finally:
        lock.drop(remove=False)  # it stays: who holds a file that is gone holds nothing


def mark_up(db: Path, seconds: float = math.inf) -> int:
    """Mark what is in the index and not in a chunk of marks yet (`marks`); returns the chunks. Raises StoreError.

    Rows that wait for the index meanwhile come first. Does nothing while another process indexes; after so many
    seconds the rest is left to the next one.
    """
    end = time.monotonic() + seconds
    if place.server(db) is not None or not db.exists():
        return 0  # a server's index finds rows with two words without going through those with either
    chunks = 0
    while True:
        with _indexing(db) as indexer:
            if indexer is None:
                return chunks
            new = indexer.seal(end)
        chunks += new
        if not new or time.monotonic() >= end or not catch_up(db):
            return chunks


def behind(db: Path) -> int:
    """How many rows are not in the index. Raises StoreError."""
    try:
        with closing(reads.connect(db)) as connection:
            return sum(rows - known for _, rows, known in connection.execute(pending(db)).fetchall())
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error


def waiting(db: Path) -> bool:
    """Whether there are rows that are not in the index."""
    try:
        connection = reads.connect(db)
        try:
            return connection.execute(f"{pending(db)} LIMIT 1").fetchone() is not None
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error


class Indexer:
    """One run over everything that waits. The caller holds the lock."""

    def __init__(self, db: Path) -> None:
        self.path = db
        self._engine: Engine = open_engine(db)
        try:
            self._connection = self._engine.connect().execution_options(sqlite_immediate=True)
            self._reader = reads.connect(db)
        except DBAPIError as error:
            raise sentence(error, db) from error
        except sqlite3.Error as error:
            raise reads.trouble(error, db) from error

    def close(self) -> None:
        self._reader.close()
        self._connection.close()
        self._engine.dispose()

    def run(self, tell: Tell | None = None) -> int:
        """Until nothing waits."""
        if fts.damaged(self.path).exists():
            with self._tx() as tx:
                forget(tx)
            fts.damaged(self.path).unlink(missing_ok=True)
        stale = self._ask(f"{_STALE}{place.mine(self.path, 's')} LIMIT 1", VERSION)
        if stale:
            with self._tx() as tx:
                forget(tx)
        total = 0
        while waits := self._ask(f"{pending(self.path)} ORDER BY s.updated DESC, s.id DESC"):
            before = total
            for number, _, _ in waits:
                while count := self.step(number):
                    total += count
                    if tell is not None:
                        tell(count)
            if total == before:  # what waited a moment ago was replaced, or is another's by now
                break
        if total and place.server(self.path) is None:
            self._tidy(total)
        return total

    def _tidy(self, new: int) -> None:
        """Bring the pieces of the index together: every look into it costs as often as there are pieces.

        Only when a good part of it is new, so that a row that comes in costs as much in a big index as in a small one.
        """
        (known,) = self._ask("SELECT coalesce(sum(rows), 0) FROM indexed")[0]
        if new * _PART < known or self._ask(fts.PIECES)[0][0] <= _PIECES:
            return
        pages, done = -_PAGES, False  # the first time all of them are put on the list
        while not done:
            with self._tx() as tx:
                before = tx.exec_driver_sql("SELECT total_changes()").scalar_one()
                tx.exec_driver_sql(fts.MERGE, (pages,))
                done = tx.exec_driver_sql("SELECT total_changes()").scalar_one() - before < 2  # as FTS5 documents it
            pages = _PAGES

    def seal(self, end: float = math.inf) -> int:
        """Mark what is in the index, until nothing is left, rows wait for the index again or the monotonic clock says
        `end`; returns the chunks, at least one if there is anything to mark."""
        if place.server(self.path) is not None:
            return 0  # a server's index finds rows with two words without going through those with either
        chunks = 0
        while not chunks or (time.monotonic() < end and not self._ask(f"{pending(self.path)} LIMIT 1")):
            sealed = marks_seal.next_chunk(self._ask, self._documents)
            if sealed is None:
                break
            with self._tx() as tx:
                chunks += marks_seal.put(tx, sealed)
        return chunks

    def _documents(self, first: int, count: int) -> list[tuple[int, Document]]:
        with self._reading():
            rows = self._reader.execute(_PAYLOADS, (first, first + count)).fetchall()
        return [(seq, _document(seq, payload)) for seq, payload in rows]

    def step(self, number: int) -> int:
        """Index the next rows of a session; returns how many."""
        for patient in (True, True, False):
            version = self._version()
            if patient:
                # Reading and unpacking outside of the transaction: others may write meanwhile; then it is done again.
                batch = self._next(number)
                if batch is None:
                    return 0
                with self._tx() as tx:
                    if self._version() == version:
                        return _put(tx, number, batch)
            else:
                with self._tx() as tx:
                    batch = self._next(number)
                    return 0 if batch is None else _put(tx, number, batch)
        raise AssertionError  # the last attempt returns

    def _next(self, number: int) -> Batch | None:
        waits = self._ask(f"{pending(self.path)} AND s.id = ?", number)
        if not waits:
            return None
        _, rows, start = waits[0]
        first, stop = reads.key_of(number, 0), min(rows, start + BATCH)
        found: list[tuple[int, Document]] = []
        chars = 0
        with self._reading():
            for seq, payload in self._reader.execute(_PAYLOADS, (first + start, first + stop)):
                one = _document(seq, payload)
                found.append((seq, one))
                chars += sum(map(len, one))
                if chars > CHARS:
                    stop = seq - first + 1
                    break
        return Batch(stop, found)

    def _version(self) -> object:
        """Changes whenever somebody else has committed something."""
        return self._ask("PRAGMA data_version")[0][0]

    def _ask(self, sql: str, *values: object) -> list[tuple[int, ...]]:
        with self._reading():
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise reads.trouble(error, self.path) from error

    @contextmanager
    def _tx(self) -> Iterator[Connection]:
        try:
            with self._connection.begin():
                yield self._connection
        except DBAPIError as error:
            if broken(error):
                raise StoreError(fts.sentence(self.path)) from error
            raise sentence(error, self.path) from error


class Batch(NamedTuple):
    """Rows up to `stop` for the index."""

    stop: int
    found: list[tuple[int, Document]]


def _put(tx: Connection, number: int, batch: Batch) -> int:
    _of(tx).add(tx, batch.found)
    if _in_file(tx):
        for first, count in _runs(batch.found):
            marks.added(tx, first, count)
    tx.exec_driver_sql(_MARK, (number, batch.stop, VERSION))
    return len(batch.found)


def _runs(found: Sequence[tuple[int, Document]]) -> Iterator[tuple[int, int]]:
    """The rows as runs: key of the first, and how many. Nearly always one."""
    keys = [seq for seq, _ in found]
    for _, some in groupby(enumerate(keys), lambda one: one[1] - one[0]):
        run = [seq for _, seq in some]
        yield run[0], len(run)


def _document(seq: int, payload: bytes) -> Document:
    try:
        return document(reads.unpress(payload))
    except reads.BROKEN as error:
        # The same next time, so the index can be told to forget it.
        log.warning("row %d of session %d cannot be read for the index: %r", seq & 0xFFFFFFFF, seq >> 32, error)
        return _EMPTY


# ---- for the writer, inside its transactions, before it changes rows -----------------------------------------------


def forget_rows(tx: Connection, number: int, first: int, end: int | None = None) -> None:
    """Rows [first, end) are about to go, and they are the session's last: the index lets go of them."""
    known = _known(tx, number)
    if known > first:
        low, high = reads.key_of(number, first), reads.key_of(number, known if end is None else min(known, end))
        _settled(tx, _of(tx).remove, tx.exec_driver_sql(_PAYLOADS, (low, high)).all())
        if _in_file(tx):
            marks.removed(tx, low, high - low)
        tx.exec_driver_sql("UPDATE indexed SET rows = ? WHERE session_id = ?", (first, number))


def replace_rows(tx: Connection, number: int, late: Iterable[tuple[int, bytes]]) -> None:
    """Rows are about to get other payloads."""
    end = reads.key_of(number, _known(tx, number))
    for seq, payload in late:
        if seq < end:
            old = tx.exec_driver_sql(_PAYLOADS, (seq, seq + 1)).all()
            changed = old and _settled(tx, _of(tx).remove, old) and _settled(tx, _of(tx).add, [(seq, payload)])
            if changed and _in_file(tx):
                marks.removed(tx, seq, 1)
                marks.added(tx, seq, 1)


def _known(tx: Connection, number: int) -> int:
    """Rows of a session that are in the index."""
    found = tx.exec_driver_sql("SELECT rows, version FROM indexed WHERE session_id = ?", (number,)).first()
    if found is None:
        return 0
    rows, version = found
    if version != VERSION:
        forget(tx)  # we would not tell it the words that it was told
        return 0
    return int(rows)


def _settled(tx: Connection, change: Callable[..., None], rows: Iterable[Sequence[object]]) -> bool:
    """Change the index. One that is broken is begun anew: it must not keep rows from being written."""
    try:
        change(tx, [(seq, _document(seq, payload)) for seq, payload in rows])  # type: ignore[arg-type]
    except DBAPIError as error:
        if not broken(error):
            raise
        log.warning("the search index is damaged and is made anew: %s", error.orig)
        forget(tx)
        return False
    return True


def forget(tx: Connection) -> None:
    """Begin the index anew; the next `catch_up` fills it."""
    if not _in_file(tx):
        from store.db import fts_postgres

        fts_postgres.forget(tx)
        return
    fts.drop(tx)
    fts.create(tx)
    tx.exec_driver_sql("DELETE FROM indexed")


def _in_file(tx: Connection) -> bool:
    return tx.dialect.name == "sqlite"


def _of(tx: Connection) -> Index:
    """The index of this database."""
    if _in_file(tx):
        return fts
    from store.db import fts_postgres

    return fts_postgres


def broken(error: DBAPIError) -> bool:
    """Whether it is the index that is damaged, and not the database around it."""
    return getattr(error.orig, "sqlite_errorcode", 0) == fts.CORRUPT
