"""The figures of a session that lies in the database: its digest, its turns and the set of its agents.

Reads with the standard library; what is behind is folded on and written back by a writer (read repair). The files of a
session are looked at while it can still grow, an archived one is answered from the database alone.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from store import entries as en
from store.db import reads
from store.digest import DIGEST_VERSION, Digest, Turn, load, step
from store.digest_parts import Money, Sum
from store.errors import StoreError
from store.formats import named
from store.ledger import LEDGER_VERSION
from store.prices import Price, price
from store.whole import live_state
from store.window import known

if TYPE_CHECKING:
    from store.db.writer import Writer

log = logging.getLogger(__name__)

Ask = Callable[[str, tuple[Any, ...]], Any]  # a statement and its values → rows; whichever connection asks
Result = TypeVar("Result")

CLOSED: Final = ("archived", "deleted")  # as in store.db.session_rows, which takes too long to load for this
_LOOK: Final = """
SELECT s.id, s.key, s.status, s.agent, s.agent_session, CAST(s.agent_ids_json AS BLOB), l.version, l.entries,
  d.schema_version, d.watermark, d.sealed
FROM pragma_user_version AS v, session AS s
LEFT JOIN ledger AS l ON l.session_id = s.id LEFT JOIN digest AS d ON d.session_id = s.id AND d.agent = 0
WHERE v.user_version = ? AND s.state = 'ready' AND s.key = ?
"""
_IDS: Final = """
SELECT s.key FROM pragma_user_version AS v, session AS s
WHERE v.user_version = ? AND s.state = 'ready' AND s.agent_session = ?
"""
_ENTRIES: Final = "SELECT first, data FROM entry WHERE session_id = ? AND first >= ? ORDER BY first"
_FIRST: Final = "SELECT max(first) FROM entry WHERE session_id = ? AND first <= ?"
_FIGURES: Final = "SELECT figures FROM digest WHERE session_id = ? AND agent = 0"
_TURNS: Final = """
SELECT a.name, t.idx, t.name, t.synthetic, t.start_seq, t.start_row, t.start_ts, t.end_seq, t.end_row, t.end_ts,
  t.duration_us, t.status, t.reason, t.cost_micros, t.input_tokens, t.output_tokens, t.cache_read_tokens,
  t.cache_write_tokens, t.tool_count, t.tool_failed, t.error_count, t.issue_count
FROM turn AS t JOIN agent AS a ON a.session_id = t.session_id AND a.agent = t.agent
WHERE t.session_id = ? ORDER BY t.start_row, t.start_seq
"""
_names = msgspec.json.Decoder(list[str])


class About(Struct, frozen=True):
    """What the tables say of a session, in one statement."""

    number: int
    key: str
    status: str
    agent: str
    id: str
    names: bytes | None  # the cached agent set, as it lies there
    version: int | None  # of its entries; None: they were never made
    entries: int | None
    folded: int | None  # version and last entry of its digest
    watermark: int | None
    sealed: int | None

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def complete(self) -> bool:
        """Its entries are there, and made as they would be now."""
        return self.version == LEDGER_VERSION

    @property
    def fresh(self) -> bool:
        """Its digest has all of its entries, and nothing is to be done."""
        done = self.folded == DIGEST_VERSION and self.watermark == self.entries
        return done and (not self.closed or self.sealed is not None)


class Figures:
    """One session's. Close it. Raises StoreError."""

    def __init__(self, connection: sqlite3.Connection, db: Path, about: About, list_price: Price = price) -> None:
        self.about = about
        self.id = about.id or Path(about.key).stem
        self.db = db
        self._connection = connection
        self._price = list_price

    def close(self) -> None:
        self._connection.close()

    @cached_property
    def digest(self) -> Digest:
        """As of now: one that is over is sealed, though only archiving writes that down."""
        data = self._ask(_FIGURES, (self.about.number,))[0][0]
        digest = load(data)
        if self._ended and not digest.sealed:
            step(digest, en.Sealed(), self._price)
        return digest

    @cached_property
    def agents(self) -> list[str]:
        """The agents of this session by their first entries; '' is the main one. The only place that knows them."""
        if not self.about.closed:
            return self._scan()
        cached = parse_names(self.about.names)
        if cached is not None:
            return cached
        found = self._scan()
        number = self.about.number
        if found:
            patiently(self.db, lambda writer: writer.name_agents(number, found))
        return found

    def _scan(self) -> list[str]:
        return [part.agent for part in sorted(self.digest.parts.values(), key=lambda part: part.first)]

    @cached_property
    def turns(self) -> list[Turn]:
        """By where they start."""
        found = {(turn.agent, turn.idx): turn for turn in map(_turn, self._ask(_TURNS, (self.about.number,)))}
        if self._ended and any(turn.open for turn in found.values()):
            found |= self.digest.turns  # those that the seal has closed
        wanted = set(self.agents)
        return sorted((turn for turn in found.values() if turn.agent in wanted), key=lambda turn: turn.start_seq)

    @cached_property
    def _ended(self) -> bool:
        return self.about.closed or live_state(Path(self.about.key), named(self.about.agent)) == "ended"

    def _ask(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise reads.trouble(error, self.db) from error


def figures(path: Path, db: Path, list_price: Price = price) -> Figures | None:
    """A session's figures, brought up to date; None: it does not lie in this database, or not as its file is now.

    Raises StoreError.
    """
    path = path.absolute()
    one = about(path, db)
    if one is None:
        return None
    if not one.closed:
        if not _current(path, db):
            return None
        one = about(path, db)
    if one is not None and not one.complete:
        if not path.exists():
            raise StoreError(f"{path} is gone, and was kept before Playhead made figures: its rows are all there is.")
        from store.intake import take_in

        take_in(db, path, anew=True)
        one = about(path, db)
    if one is not None and not one.fresh:
        fold_on(db, one.number, list_price)
        one = about(path, db)
    if one is None or not one.fresh:
        return None  # it changes faster than it is read
    try:
        return Figures(reads.connect(db), db, one, list_price)
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error


def path_of(id: str, db: Path) -> Path | None:
    """The main file of the session of that id, be it there or gone; None: the database knows none, or several."""
    if not db.exists() or reads.mark(db).exists():
        return None
    try:
        with closing(reads.connect(db)) as connection:
            found = connection.execute(_IDS, (reads.SCHEMA, id)).fetchall()
    except sqlite3.Error as error:
        log.warning("%s", reads.trouble(error, db))
        return None
    return Path(found[0][0]) if len(found) == 1 else None


def about(path: Path, db: Path) -> About | None:
    """What the database says of a session, however its file is now; None: it has none of that path."""
    if not db.exists() or reads.mark(db).exists():
        return None
    try:
        with closing(reads.connect(db)) as connection:
            found = connection.execute(_LOOK, (reads.SCHEMA, str(path))).fetchone()
    except sqlite3.Error as error:
        log.warning("%s", reads.trouble(error, db))
        return None
    return None if found is None else About(*found)


def _current(path: Path, db: Path) -> bool:
    """Whether the database has all that the session's files say; what is new is taken in. False: they say otherwise."""
    before = known(path, db)
    if before is None:
        return False
    before.window.close()
    had = {source.path for source in before.sources}
    children = named(before.agent).children
    if before.unchanged and (before.only_copy or children is None or all(one.path in had for one in children(path))):
        return True
    from store.intake import take_in

    take_in(db, path)
    return True


# ---- folding


def fold_on(db: Path, number: int, list_price: Price = price) -> None:
    """Bring a session's digest and turns up to its entries: load once, save once. Raises StoreError.

    It is folded outside of the transaction that saves it: that may take a second, and others want to write.
    """
    try:
        with closing(reads.connect(db)) as connection:
            digest, anew = folded(connection.execute, number, list_price)
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    patiently(db, lambda writer: writer.save_digest(number, digest, anew=anew))


def folded(ask: Ask, number: int, list_price: Price) -> tuple[Digest, bool]:
    """The digest with all entries that there are, and whether none of it was there before."""
    digest, anew = Digest(), True
    for (data,) in ask(_FIGURES, (number,)).fetchall():
        try:
            digest, anew = load(data), False
        except ValueError:
            log.info("the digest of session %d is of another version: folded anew", number)
    at = ask(_FIRST, (number, digest.watermark)).fetchone()[0] or 0
    for first, data in ask(_ENTRIES, (number, at)):
        skip = digest.watermark - first
        for entry in en.unpress(data)[max(0, skip) :]:
            step(digest, entry, list_price)
    return digest, anew


def patiently(db: Path, do: Callable[[Writer], Result], tries: int = 4) -> Result:
    """Write something; a busy database is waited for. Raises StoreError."""
    from store.db.writer import Writer

    for attempt in range(tries):
        try:
            with closing(Writer(db)) as writer:
                return do(writer)
        except reads.BusyError:
            if attempt + 1 == tries:
                raise
            log.info("%s is busy: once more", db)
    raise AssertionError("unreachable")


# ---- how things lie


def parse_names(data: bytes | None) -> list[str] | None:
    """The cached agent set; None when it is none: what nobody can read is made again."""
    if not data:
        return None
    try:
        names = _names.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return names if names and len(set(names)) == len(names) else None


def _turn(record: tuple[Any, ...]) -> Turn:
    agent, idx, name, synthetic, start_seq, start_row, start_ts, end_seq, end_row, end_ts, *rest = record
    duration, status, reason, cost, given, out, cache_read, cache_write, tools, failed, errors, issues = rest
    money = Money(cost or 0, int(cost is not None))
    return Turn(
        agent, idx, name, bool(synthetic), start_seq, start_row, start_ts, end_seq or 0, end_row, end_ts, duration,
        status, reason, Sum(given, out, cache_read, cache_write, money), tools=tools, tools_failed=failed,
        errors=errors, issues=issues,
    )  # fmt: skip
