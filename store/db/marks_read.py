"""Which rows answer a query, when they are few, from the marks of all rows: what FTS5 would go through long lists for.

Bits say for certain which rows have a word, a kind, tool or state; of a phrase they say which rows may have it, and
then those rows are looked at. Anything that would take long is left to FTS5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from store.db import reads
from store.db.marks import GIVEN, PAIR, rows_of, unpacked
from store.db.marks_seal import Run, runs_of, without
from store.db.matching import test_of, words_of
from store.db.words import taken_apart
from store.document import document
from store.query import And, Facet, Node, Or, Words

MANY: Final = 3_000  # hits
LOOSE: Final = 100  # rows in no chunk, which are looked at one by one
SUSPECTS: Final = 60  # rows of which marks cannot say it for certain
_BITS: Final = (
    "SELECT m.bits FROM fts_chunk AS c LEFT JOIN fts_mark AS m ON m.chunk = c.id AND m.word = ? ORDER BY c.id DESC"
)
_RUNS: Final = "SELECT runs FROM fts_chunk WHERE id = ?"
_STALE: Final = "SELECT first, count FROM fts_stale WHERE below > ?"

Step: TypeAlias = Callable[[], tuple[int, bool]]  # bits of the next chunk's rows, and whether they are certain


class Many(Exception):  # noqa: N818 - no error: an answer
    """More than are worth it."""


def few(connection: sqlite3.Connection, node: Node, many: int = MANY) -> dict[int, list[int]] | None:
    """The keys of all hits by session, the last row first; None when that is not to be had soon."""
    loose = connection.execute("SELECT first, count FROM fts_loose LIMIT ?", (LOOSE + 1,)).fetchall()
    if sum(count for _, count in loose) > LOOSE:
        return None
    try:
        certain, suspects = _marked(connection, node, many)
    except Many:
        return None
    suspects += [seq for first, count in loose for seq in range(first, first + count)]
    test = test_of(node)
    certain += [seq for seq in suspects if _holds(connection, seq, test)]
    found: dict[int, list[int]] = {}
    for seq in sorted(certain, reverse=True):
        found.setdefault(seq >> reads.ROW_BITS, []).append(seq)
    return found


def _holds(connection: sqlite3.Connection, seq: int, test: Callable[[list[str]], bool]) -> bool:
    found = connection.execute("SELECT payload FROM item WHERE seq = ?", (seq,)).fetchone()
    if found is None:
        return False
    try:
        one = document(reads.unpress(found[0]))
    except reads.BROKEN:
        return False  # it came into the index as a row without words
    ((_, words),) = taken_apart([(seq, one)])
    return test(words)


def _marked(connection: sqlite3.Connection, node: Node, many: int) -> tuple[list[int], list[int]]:
    """Keys that are hits, and keys that may be."""
    step = _step(connection, node)
    chunks: list[tuple[int, int, bool]] = []
    hits = suspects = 0
    for (number,) in connection.execute("SELECT id FROM fts_chunk ORDER BY id DESC"):
        bits, sure = step()
        if not bits:
            continue
        chunks.append((number, bits, sure))
        if sure:
            hits += bits.bit_count()
        else:
            suspects += bits.bit_count()
        if hits > many or suspects > SUSPECTS:
            raise Many
    certain: list[int] = []
    maybe: list[int] = []
    for number, bits, sure in chunks:
        (certain if sure else maybe).extend(_keys(connection, number, bits))
    return certain, maybe


def _keys(connection: sqlite3.Connection, chunk: int, bits: int) -> Iterator[int]:
    (data,) = connection.execute(_RUNS, (chunk,)).fetchone()
    stale = connection.execute(_STALE, (chunk,)).fetchall()
    at = 0
    for first, count in runs_of(data):
        some = bits >> at & (1 << count) - 1
        at += count
        if not some:
            continue
        left = without([(first, count)], stale) if stale else None
        for place in rows_of(some):
            if left is None or _within(left, first + place):
                yield first + place


def _within(runs: list[Run], seq: int) -> bool:
    return any(first <= seq < first + count for first, count in runs)


# ---- the tree, chunk by chunk


def _step(connection: sqlite3.Connection, node: Node) -> Step:
    match node:
        case Words() | Facet():
            if node.prefix:
                raise Many  # of more words than are spelled out
            return _words(connection, node)
        case Or():
            return _either([_step(connection, one) for one in node.nodes])
        case And():
            wants = [_step(connection, one) for one in node.nodes]
            return _all(wants, _either([_step(connection, one) for one in node.nots]) if node.nots else None)


def _words(connection: sqlite3.Connection, node: Words | Facet) -> Step:
    words = words_of(node)
    column = node.column if isinstance(node, Words) else ""
    given = column == "input"
    singles = [_column(connection, (GIVEN if given else "") + word) for word in words]
    commons = [_column(connection, word) for word in words] if given else singles
    pairs = [_column(connection, one + PAIR + other) for one, other in zip(words, words[1:])]  # noqa: B905
    # Said and thought are columns of kinds of rows that have no other; what came back has words of the call, too.
    kinds = {
        "thought": [("thought", True)], "said": [("tool", False), ("thought", False)], "output": [("tool", True)],
    }.get(column, [])  # fmt: skip
    sides = [(_column(connection, words_of(Facet("k", kind))[0]), wanted) for kind, wanted in kinds]
    exact = column != "output"

    def step() -> tuple[int, bool]:
        found = [next(one) for one in singles]
        common = [next(one)[1] for one in commons] if given else [known for _, known in found]
        bits = found[0][0] if found else 0
        for other, _ in found[1:]:
            bits &= other
        sure = exact and len(words) == 1
        for at, pair in enumerate(pairs):
            together, _ = next(pair)
            if common[at] and common[at + 1]:
                bits &= together
                sure = exact and len(words) == 2 and not given
        for side, wanted in sides:
            other, _ = next(side)
            bits = bits & other if wanted else bits & ~other
        return bits, sure or not bits

    return step


def _column(connection: sqlite3.Connection, word: str) -> Iterator[tuple[int, bool]]:
    """The bits of a word in each chunk, and whether it is a common one there."""
    for (bits,) in connection.execute(_BITS, (word,)):
        yield (0, False) if bits is None else unpacked(bits)


def _either(steps: list[Step]) -> Step:
    def step() -> tuple[int, bool]:
        bits, sure = 0, True
        for one in steps:
            more, certain = one()
            bits |= more
            sure = sure and certain
        return bits, sure

    return step


def _all(wants: list[Step], nots: Step | None) -> Step:
    def step() -> tuple[int, bool]:
        bits, sure = wants[0]()
        for one in wants[1:]:
            more, certain = one()
            bits &= more
            sure = sure and certain
        if nots is not None:
            fewer, certain = nots()
            if certain:
                bits &= ~fewer
            elif bits & fewer:
                sure = False
        return bits, sure or not bits

    return step
