"""Marks: which rows have which words, as bits. For words that many rows have each, and few together. Plain SQL, SQLite.

FTS5 finds rows with two words by going through the rows of either, and a phrase by its places in them: with words of
half the archive that takes a tenth of a second. So rows lie in chunks besides, each with a bit per row for every word
it has, for every pair of common words that follow each other, and for every three of them. Chunks are made behind the
index (`marks_seal`). A row of the index is in a run of a chunk (`fts_run`), or it waits for one (`fts_loose`): whoever
changes the index says so in the same transaction. A bit whose row is in no run any more means nothing.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

CREATE: Final = (
    "CREATE TABLE fts_chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, "
    "live INTEGER NOT NULL, full INTEGER NOT NULL)",  # live: those in a run
    "CREATE TABLE fts_run (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, chunk INTEGER NOT NULL, "
    "at INTEGER NOT NULL)",  # at: number of the first row in its chunk
    "CREATE INDEX fts_run_at ON fts_run (chunk, at, count)",
    "CREATE TABLE fts_mark (chunk INTEGER NOT NULL, word TEXT NOT NULL, bits BLOB NOT NULL, "
    "PRIMARY KEY (chunk, word)) WITHOUT ROWID",
    "CREATE TABLE fts_loose (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, count INTEGER NOT NULL)",
    "CREATE INDEX fts_loose_first ON fts_loose (first)",
)
TABLES: Final = ("fts_chunk", "fts_run", "fts_mark", "fts_loose")
ADD: Final = "INSERT INTO fts_loose (first, count) VALUES (?, ?)"
ADD_RUN: Final = "INSERT INTO fts_run (first, count, chunk, at) VALUES (?, ?, ?, ?)"
# Runs do not overlap: of those that begin before the rows only the last one can reach into them.
_TOUCHED: Final = (
    "FROM {0} WHERE first < ?1 AND first + count > ?2 "
    "AND first >= coalesce((SELECT max(first) FROM {0} WHERE first <= ?2), ?2)"
)
_LOOSE: Final = f"SELECT id, first, count {_TOUCHED.format('fts_loose')}"
_RUNS: Final = f"SELECT first, count, chunk, at {_TOUCHED.format('fts_run')}"
CHUNK: Final = 15_360  # rows at most: the bits of a common word are small beside a page, and what is at work is, too
COMMON: Final = 16  # a word of every so many rows of a chunk is common: its pairs with such words are marked
LEAST: Final = 64  # but not of fewer rows: few long ones have each word in common
FREQUENT: Final = 16  # rows of a pair whose threes are marked
# What a word of a chunk is marked as: words have no such characters.
PAIR: Final = " "  # between words that follow each other
GIVEN: Final = "\x03"  # before a word of what a tool was called with
_LIST, _BITS, _SMALL = range(3)  # row numbers; bits; bits, compressed
_OFTEN: Final = 4  # added for a common word, and for a frequent pair
_ID: Final = 24  # bits of the number of a common word
_ONE: Final = (1 << _ID) - 1


class Result(Protocol):
    """What a statement found."""

    def fetchall(self) -> Sequence[Any]: ...


class Executes(Protocol):
    """A transaction, for what has parameters and what has none."""

    def exec_driver_sql(self, statement: str, parameters: Any = ..., /) -> Any: ...


def create(tx: Executes) -> None:
    for statement in CREATE:
        tx.exec_driver_sql(statement)


def drop(tx: Executes) -> None:
    for table in TABLES:
        tx.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")


def added(tx: Executes, first: int, count: int) -> None:
    """Rows [first, first + count) by key came into the index."""
    if count:
        tx.exec_driver_sql(ADD, (first, count))


def removed(tx: Executes, first: int, count: int) -> None:
    """Rows are gone from the index, or are about to come in with other words."""
    end = first + count
    for number, start, many in tx.exec_driver_sql(_LOOSE, (end, first)).fetchall():
        tx.exec_driver_sql("DELETE FROM fts_loose WHERE id = ?", (number,))
        added(tx, start, max(0, first - start))
        added(tx, end, max(0, start + many - end))
    for start, many, chunk, at in tx.exec_driver_sql(_RUNS, (end, first)).fetchall():
        before, behind = max(0, first - start), max(0, start + many - end)
        tx.exec_driver_sql("DELETE FROM fts_run WHERE first = ?", (start,))
        if before:
            tx.exec_driver_sql(ADD_RUN, (start, before, chunk, at))
        if behind:
            tx.exec_driver_sql(ADD_RUN, (end, behind, chunk, at + end - start))
        tx.exec_driver_sql("UPDATE fts_chunk SET live = live - ? WHERE id = ?", (many - before - behind, chunk))


# ---- bits


def marked(rows: Sequence[Sequence[str]]) -> list[tuple[str, bytes]]:
    """What a chunk of rows is marked with, by word; a row is its words by column, with a space between two."""
    places: dict[str, list[int]] = {}
    given: dict[str, list[int]] = {}
    for at, columns in enumerate(rows):
        for word in set(" ".join(columns).split()):
            places.setdefault(word, []).append(at)
        for word in set(columns[2].split()):
            given.setdefault(word, []).append(at)
    count = len(rows)
    least = max(LEAST, count / COMMON)
    common = [word for word, some in places.items() if len(some) >= least]
    numbers = {word: number for number, word in enumerate(common, 1)}
    pairs = _pairs(numbers, rows)
    frequent = {pair for pair, some in pairs.items() if len(some) >= FREQUENT}
    often = set(common)
    found = [(word, packed(some, count, word in often)) for word, some in places.items()]
    found += [(GIVEN + word, packed(some, count)) for word, some in given.items()]
    found += [
        (f"{common[(pair >> _ID) - 1]}{PAIR}{common[(pair & _ONE) - 1]}", packed(some, count, pair in frequent))
        for pair, some in pairs.items()
    ]
    found += [
        (PAIR.join(common[(three >> by & _ONE) - 1] for by in (2 * _ID, _ID, 0)), packed(some, count))
        for three, some in _threes(numbers, frequent, rows).items()
    ]
    found.sort()
    return found


def _pairs(numbers: dict[str, int], rows: Sequence[Sequence[str]]) -> dict[int, list[int]]:
    """Rows where two of the numbered words follow each other, by their numbers put together."""
    places: dict[int, list[int]] = {}
    for at, columns in enumerate(rows):
        for text in columns[:4]:
            before = 0
            for number in map(numbers.get, text.split()):
                if number is None:
                    before = 0
                    continue
                if before:
                    _note(places, before << _ID | number, at)
                before = number
    return places


def _threes(numbers: dict[str, int], frequent: set[int], rows: Sequence[Sequence[str]]) -> dict[int, list[int]]:
    """Rows where one frequent pair goes on as another."""
    places: dict[int, list[int]] = {}
    for at, columns in enumerate(rows):
        for text in columns[:4]:
            before = pair = 0
            for number in map(numbers.get, text.split()):
                if number is None:
                    before = pair = 0
                    continue
                follows = before << _ID | number
                if follows not in frequent:
                    follows = 0
                elif pair:
                    _note(places, pair << _ID | number, at)
                before, pair = number, follows
    return places


def _note(places: dict[int, list[int]], what: int, at: int) -> None:
    some = places.get(what)
    if some is None:
        places[what] = [at]
    elif some[-1] != at:
        some.append(at)


def packed(places: Sequence[int], count: int, often: bool = False) -> bytes:
    """Numbers of rows, in order, as they lie in the database."""
    frequent = _OFTEN if often else 0
    if len(places) * 128 < count:
        return bytes((_LIST + frequent,)) + array("H", places).tobytes()
    data = bytearray((count + 7) // 8)
    for place in places:
        data[place >> 3] |= 1 << (place & 7)
    if len(places) * 8 < count:
        small = zlib.compress(data, 1)
        if len(small) < len(data):
            return bytes((_SMALL + frequent,)) + small
    return bytes((_BITS + frequent,)) + data


def unpacked(bits: bytes) -> tuple[int, bool]:
    """The same as the bits of a number, the first row is the lowest; and whether they are said to be many."""
    sort, often = bits[0] & 3, bits[0] >= _OFTEN
    if sort == _BITS:
        return int.from_bytes(memoryview(bits)[1:], "little"), often
    if sort == _SMALL:
        return int.from_bytes(zlib.decompress(memoryview(bits)[1:]), "little"), often
    places = array("H", bits[1:])
    data = bytearray((places[-1] >> 3) + 1)
    for place in places:
        data[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(data, "little"), often


def rows_of(number: int) -> Iterable[int]:
    """The numbers of the rows whose bits are set, the first one first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
