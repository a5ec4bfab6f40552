"""Marks: which rows have which words, as bits. For words that many rows have each, and few together. Plain SQL, SQLite.

FTS5 finds rows with two words by going through the rows of either, and a phrase by its places in them: with words of
half the archive that takes a tenth of a second. So rows lie in chunks besides, each with a bit per row for every word
it has, and for every pair of common words that follow each other. Chunks are made behind the index (`marks_seal`): rows
that wait for that are `fts_loose`, those that were in a chunk and changed since are `fts_stale`; whoever changes the
index says so in the same transaction.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

CREATE: Final = (
    "CREATE TABLE fts_chunk (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, "
    "full INTEGER NOT NULL, runs BLOB NOT NULL)",
    "CREATE TABLE fts_mark (chunk INTEGER NOT NULL, word TEXT NOT NULL, bits BLOB NOT NULL, "
    "PRIMARY KEY (chunk, word)) WITHOUT ROWID",
    "CREATE TABLE fts_loose (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, count INTEGER NOT NULL)",
    "CREATE TABLE fts_stale (id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, count INTEGER NOT NULL, "
    "below INTEGER NOT NULL)",  # of chunks with a lower id
)
TABLES: Final = ("fts_chunk", "fts_mark", "fts_loose", "fts_stale")
ADD: Final = "INSERT INTO fts_loose (first, count) VALUES (?, ?)"
_TOUCHED: Final = "SELECT id, first, count FROM fts_loose WHERE first < ? AND first + count > ?"
_STALE: Final = (
    "INSERT INTO fts_stale (first, count, below) SELECT ?, ?, max(id) + 1 FROM fts_chunk HAVING max(id) IS NOT NULL"
)
CHUNK: Final = 15_360  # rows at most: the bits of a common word are small beside a page, and what is at work is, too
COMMON: Final = 16  # a word of every so many rows of a chunk is common: its pairs with such words are marked
# What a word of a chunk is marked as: words have no such characters.
PAIR: Final = " "  # between two words that follow each other
GIVEN: Final = "\x03"  # before a word of what a tool was called with
_LIST, _BITS, _SMALL = range(3)  # row numbers; bits; bits, compressed
_FREQUENT: Final = 4  # added for a common word


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
    for number, start, many in tx.exec_driver_sql(_TOUCHED, (end, first)).fetchall():
        tx.exec_driver_sql("DELETE FROM fts_loose WHERE id = ?", (number,))
        added(tx, start, max(0, first - start))
        added(tx, end, max(0, start + many - end))
    tx.exec_driver_sql(_STALE, (first, count))


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
    least = len(rows) / COMMON
    common = {word for word, some in places.items() if len(some) >= least}
    pairs: dict[tuple[str, str], list[int]] = {}
    for at, columns in enumerate(rows):
        for text in columns[:4]:
            before = ""
            for word in text.split():
                if word not in common:
                    before = ""
                    continue
                if before:
                    some = pairs.get(pair := (before, word))
                    if some is None:
                        pairs[pair] = [at]
                    elif some[-1] != at:
                        some.append(at)
                before = word
    count = len(rows)
    found = [(word, packed(some, count, word in common)) for word, some in places.items()]
    found += [(GIVEN + word, packed(some, count)) for word, some in given.items()]
    found += [(PAIR.join(pair), packed(some, count)) for pair, some in pairs.items()]
    found.sort()
    return found


def packed(places: Sequence[int], count: int, common: bool = False) -> bytes:
    """Numbers of rows, in order, as they lie in the database."""
    frequent = _FREQUENT if common else 0
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
    """The same as the bits of a number, the first row is the lowest; and whether the word is a common one."""
    sort, common = bits[0] & 3, bits[0] >= _FREQUENT
    if sort == _BITS:
        return int.from_bytes(memoryview(bits)[1:], "little"), common
    if sort == _SMALL:
        return int.from_bytes(zlib.decompress(memoryview(bits)[1:]), "little"), common
    places = array("H", bits[1:])
    data = bytearray((places[-1] >> 3) + 1)
    for place in places:
        data[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(data, "little"), common


def rows_of(number: int) -> Iterable[int]:
    """The numbers of the rows whose bits are set, the first one first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low
