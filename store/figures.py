"""The figures of a session that lies in the database: its digest, its turns and the set of its agents.

Reads with the standard library; what is behind is folded on and written back by a writer (read repair). The files of a
session are looked at while it can still grow, an archived one is answered from the database alone.
"""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from store import entries as en
from store.about import About, Reader
from store.db import place, reads
from store.digest import Digest, Turn, load, step
from store.digest_parts import Money, Sum, version
from store.errors import StoreError
from store.formats import named
from store.known import known
from store.ledger import LEDGER_VERSION
from store.prices import Price, price
from store.read_again import read_again
from store.sources import views
from store.whole import live_state

if TYPE_CHECKING:
    from store.db.writer import Writer

log = logging.getLogger(__name__)

Ask = Callable[[str, tuple[Any, ...]], Any]  # a statement and its values → rows; whichever connection asks
Result = TypeVar("Result")

_ENTRIES: Final = "SELECT first, data FROM entry WHERE session_id = ? AND first >= ? ORDER BY first"
_BEHIND: Final = """
SELECT s.id FROM session AS s JOIN ledger AS l ON l.session_id = s.id
LEFT JOIN digest AS d ON d.session_id = s.id AND d.agent = 0
WHERE s.state = 'ready' AND l.version = ?
  AND (d.session_id IS NULL OR d.schema_version <> ? OR d.watermark < l.entries)"""
_NEWEST: Final = " ORDER BY s.updated DESC, s.id DESC"
TOGETHER: Final = 64  # sessions whose digests are folded, then written
_FIRST: Final = "SELECT max(first) FROM entry WHERE session_id = ? AND first <= ?"
_FIGURES: Final = "SELECT figures FROM digest WHERE session_id = ? AND agent = 0"
_TURNS: Final = """
SELECT a.name, t.idx, t.name, t.synthetic, t.start_seq, t.start_row, t.start_ts, t.end_seq, t.end_row, t.end_ts,
  t.duration_us, t.status, t.reason, t.cost_micros, t.input_tokens, t.output_tokens, t.cache_read_tokens,
  t.cache_write_tokens, t.tool_count, t.tool_failed, t.error_count, t.issue_count
FROM turn AS t JOIN agent AS a ON a.session_id = t.session_id AND a.agent = t.agent
WHERE t.session_id = ? ORDER BY t.start_row, t.start_seq
"""


class Ahead(Struct):
    """What was folded of a session and is to be written."""

    number: int
    host: str
    digest: Digest
    anew: bool
    names: list[str] | None = None  # its agents, if it is archived

    def write(self, db: Path) -> None:
        """Raises StoreError."""
        digest, names = self.digest, self.names

        def save(writer: Writer) -> None:
            writer.save_digest(self.number, digest, anew=self.anew)
            if names is not None:
                writer.name_agents(self.number, names)

        patiently(db, save, host=self.host)


class Figures:
    """One session's. Close it. Raises StoreError."""

    def __init__(
        self,
        reader: Reader,
        about: About,
        list_price: Price = price,
        *,
        own: bool = False,
        ahead: Ahead | None = None,
    ) -> None:
        """With `own` the reader ends with this. `ahead`: what was folded and is not written yet."""
        self._ahead = ahead
        self.about = about
        self.id = about.id or Path(about.key).stem
        self._reader = reader
        self._own = own
        self._price = list_price

    def close(self) -> None:
        if self._own:
            self._reader.close()

    @cached_property
    def digest(self) -> Digest:
        """As of now: one that is over is sealed, though only archiving writes that down."""
        if self._ahead is not None:
            digest = self._ahead.digest
        else:
            found = self._reader.ask(_FIGURES, (self.about.number,))
            if not found:
                raise StoreError(f"{self.about.key} was read anew meanwhile: ask again.")
            digest = load(found[0][0])
        if self._ended and not digest.sealed:
            digest = digest if self._ahead is None else deepcopy(digest)  # that is written as it is
            step(digest, en.Sealed(), self._price)
        return digest

    @cached_property
    def agents(self) -> list[str]:
        """The agents of this session by their first entries; '' is the main one. The only place that knows them."""
        cached = self.about.agents
        if cached is not None:
            return cached
        found = self._scan()
        number = self.about.number
        if found and self.about.closed:
            if self._ahead is not None:
                self._ahead.names = found
            else:
                self._reader.close()
                patiently(self._reader.db, lambda writer: writer.name_agents(number, found))
        return found

    def _scan(self) -> list[str]:
        return [part.agent for part in sorted(self.digest.parts.values(), key=lambda part: part.first)]

    @cached_property
    def turns(self) -> list[Turn]:
        """By where they start."""
        ahead = self._ahead
        kept = [] if ahead is not None and ahead.anew else self._reader.ask(_TURNS, (self.about.number,))
        found = {(turn.agent, turn.idx): turn for turn in map(_turn, kept)}
        if ahead is not None:
            still = [part.turn for part in ahead.digest.parts.values() if part.turn is not None]
            found |= ahead.digest.turns | {(turn.agent, turn.idx): turn for turn in still}
        if self._ended and any(turn.open for turn in found.values()):
            found |= self.digest.turns  # those that the seal has closed
        wanted = set(self.agents)
        return sorted((turn for turn in found.values() if turn.agent in wanted), key=lambda turn: turn.start_seq)

    @cached_property
    def _ended(self) -> bool:
        if self.about.closed or place.host_of(self.about.key, self._reader.db):
            return self.about.closed  # whether somebody works in it on another host is not to be seen from here
        return live_state(Path(self.about.key), named(self.about.agent)) == "ended"


def figures(path: Path, db: Path, list_price: Price = price) -> Figures | None:
    """A session's figures, brought up to date; None: it does not lie in this database, or not as its file is now.

    Raises StoreError.
    """
    reader = Reader(db)
    try:
        found = look(reader, path, list_price, own=True)
    except BaseException:
        reader.close()
        raise
    if found is None:
        reader.close()
    return found


def look(
    reader: Reader, path: Path, list_price: Price = price, *, own: bool = False, later: list[Ahead] | None = None
) -> Figures | None:
    """The same over a connection that is there. Of an archived session they cost one statement for each of its tables.

    `later` takes what is to be written of it, by whoever has answered first. Raises StoreError.
    """
    path, db = path.absolute(), reader.db
    one = reader.about(path)
    if one is None:
        return None
    if not one.closed:
        reader.close()  # who writes last and alone leaves no log behind, which every other reader would read first
        if not _current(path, db):
            return None
        one = reader.about(path)
    if one is not None and not one.complete:
        if not views.exists(path):
            raise StoreError(f"{path} is gone, and was kept before Playhead made figures: its rows are all there is.")
        from store.intake import take_in

        reader.close()
        take_in(db, path, anew=True)
        one = reader.about(path)
    if one is not None and not one.fresh and later is not None:
        try:
            ahead = Ahead(one.number, place.host_of(path, db), *folded(reader.rows, one.number, list_price))
        except sqlite3.Error as error:
            raise reads.trouble(error, db) from error
        later.append(ahead)
        return Figures(reader, one, list_price, own=own, ahead=ahead)
    if one is not None and not one.fresh:
        reader.close()
        fold_on(db, one.number, list_price, place.host_of(path, db))
        one = reader.about(path)
    if one is None or not one.fresh:
        return None  # it changes faster than it is read
    return Figures(reader, one, list_price, own=own)


def agents_of(reader: Reader, path: Path, list_price: Price = price) -> list[str] | None:
    """The agents of a session by their first entries, as `Figures.agents`; None: it does not lie in the database.

    Of an archived session one statement and one parse, however long it is. Raises StoreError.
    """
    one = reader.about(path)
    cached = None if one is None else one.agents
    if one is None or cached is not None:
        return cached
    found = look(reader, path, list_price)
    return None if found is None else found.agents


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


def fold_on(db: Path, number: int, list_price: Price = price, host: str = "") -> None:
    """Bring a session's digest and turns up to its entries: load once, save once. Raises StoreError.

    `host`: the other host whose session it is.

    It is folded outside of the transaction that saves it: that may take a second, and others want to write.
    """
    try:
        with closing(reads.connect(db)) as connection:
            digest, anew = folded(connection.execute, number, list_price)
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    patiently(db, lambda writer: writer.save_digest(number, digest, anew=anew), host=host)


def catch_up(db: Path, list_price: Price = price, between: Callable[[], object] = lambda: None) -> int:
    """Fold the digests that are behind their entries, those of the newest sessions first; returns how many.

    `between` is called where it may wait. For quiet times, so that a list has what sessions cost. A session of another
    host is that one's. Raises StoreError.
    """
    read_again(db, between)
    try:
        with closing(reads.connect(db)) as connection:
            behind = connection.execute(_BEHIND + place.mine(db, "s") + _NEWEST, (LEDGER_VERSION, version())).fetchall()
            numbers = [number for (number,) in behind]
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    done = 0
    for at in range(0, len(numbers), TOGETHER):
        between()
        ahead = _ahead(db, numbers[at : at + TOGETHER], list_price)
        done += len(ahead)
        patiently(db, partial(_save, ahead=ahead))
    return done


def _ahead(db: Path, numbers: Sequence[int], list_price: Price) -> list[Ahead]:
    ahead: list[Ahead] = []
    try:
        with closing(reads.connect(db)) as connection:
            for number in numbers:
                try:
                    ahead.append(Ahead(number, "", *folded(connection.execute, number, list_price)))
                except (ValueError, TypeError, IndexError, zlib.error):  # one session must not cost the others
                    log.exception("the entries of session %d cannot be read", number)
    except sqlite3.Error as error:
        raise reads.trouble(error, db) from error
    return ahead


def _save(writer: Writer, ahead: list[Ahead]) -> None:
    while ahead:  # what is saved is not saved again: its turns have been taken
        one = ahead[-1]
        writer.save_digest(one.number, one.digest, anew=one.anew)
        ahead.pop()


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


def patiently(db: Path, do: Callable[[Writer], Result], tries: int = 4, host: str = "") -> Result:
    """Write something; a busy database is waited for. Raises StoreError."""
    from store.db.writer import Writer

    for attempt in range(tries):
        try:
            with closing(Writer(db, host=host)) as writer:
                return do(writer)
        except reads.BusyError:
            if attempt + 1 == tries:
                raise
            log.info("%s is busy: once more", db)
    raise AssertionError("unreachable")


def _turn(record: tuple[Any, ...]) -> Turn:
    agent, idx, name, synthetic, start_seq, start_row, start_ts, end_seq, end_row, end_ts, *rest = record
    duration, status, reason, cost, given, out, cache_read, cache_write, tools, failed, errors, issues = rest
    money = Money(cost or 0, int(cost is not None))
    return Turn(
        agent, idx, name, bool(synthetic), start_seq, start_row, start_ts, end_seq or 0, end_row, end_ts, duration,
        status, reason, Sum(given, out, cache_read, cache_write, money), tools=tools, tools_failed=failed,
        errors=errors, issues=issues,
    )  # fmt: skip
