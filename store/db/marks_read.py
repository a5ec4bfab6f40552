"""Which rows answer a query, when they are few, from the marks of all rows: what FTS5 would go through long lists for.

Bits say for certain which rows have a word, a kind, tool or state; of a phrase they say which rows may have it, and
then those rows are looked at. Anything that would take long is left to FTS5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from store.db import reads
from store.db.marks import GIVEN, PAIR, rows_of, unpacked
from store.db.marks_seal import Run, runs_of, without
from store.db.matching import Test, test_of, words_of
from store.db.words import taken_apart
from store.document import document
from store.query import And, Facet, Node, Or, Words

MANY: Final = 3_000  # hits
LOOSE: Final = 100  # rows in no chunk, which are looked at one by one
SUSPECTS: Final = 60  # rows of which marks cannot say it for certain
SOME: Final = 6  # chunks that tell how it is with the others
_KINDS: Final = {
    "thought": (("thought", True),), "said": (("tool", False), ("thought", False)), "output": (("tool", True),),
}  # fmt: skip
_BITS: Final = "SELECT bits FROM fts_mark WHERE chunk = ? AND word = ?"
_RUNS: Final = "SELECT runs FROM fts_chunk WHERE id = ?"
_STALE: Final = "SELECT first, count, below FROM fts_stale"

Read: TypeAlias = Callable[[int, str], tuple[int, bool]]
Step: TypeAlias = Callable[[int], tuple[int, bool]]  # bits of a chunk's rows, and whether they are certain


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
    for seq in suspects:
        found_row = connection.execute("SELECT payload FROM item WHERE seq = ?", (seq,)).fetchone()
        if found_row is not None and holds(seq, found_row[0], test):
            certain.append(seq)
    found: dict[int, list[int]] = {}
    for seq in sorted(certain, reverse=True):
        found.setdefault(seq >> reads.ROW_BITS, []).append(seq)
    return found


def holds(seq: int, payload: bytes, test: Test) -> bool:
    """Whether the index would find the row."""
    try:
        one = document(reads.unpress(payload))
    except reads.BROKEN:
        return False  # it came into the index as a row without words
    ((_, words),) = taken_apart([(seq, one)])
    return test(words)


def _marked(connection: sqlite3.Connection, node: Node, many: int) -> tuple[list[int], list[int]]:
    """Keys that are hits, and keys that may be."""
    step = _step(_reader(connection), node)
    chunks: list[tuple[int, int, bool]] = []
    hits = suspects = 0
    numbers = [number for (number,) in connection.execute("SELECT id FROM fts_chunk ORDER BY id DESC")]
    for looked, number in enumerate(numbers, 1):
        bits, sure = step(number)
        if bits:
            chunks.append((number, bits, sure))
            hits += bits.bit_count() if sure else 0
            suspects += 0 if sure else bits.bit_count()
            # Also where there will be: an answer that is not worth it is not worth the way to it.
            if hits > many or suspects > SUSPECTS or (looked >= SOME and hits / looked > 2 * many / len(numbers)):
                raise Many
    stale = connection.execute(_STALE).fetchall()
    certain: list[int] = []
    maybe: list[int] = []
    for number, bits, sure in chunks:
        (certain if sure else maybe).extend(_keys(connection, number, bits, stale))
    return certain, maybe


def _keys(connection: sqlite3.Connection, chunk: int, bits: int, stale: list[tuple[int, int, int]]) -> Iterator[int]:
    (data,) = connection.execute(_RUNS, (chunk,)).fetchone()
    holes = [(first, count) for first, count, below in stale if chunk < below]
    at = 0
    for first, count in runs_of(data):
        some = bits >> at & (1 << count) - 1
        at += count
        if not some:
            continue
        left = without([(first, count)], holes) if holes else None
        for place in rows_of(some):
            if left is None or _within(left, first + place):
                yield first + place


def _within(runs: list[Run], seq: int) -> bool:
    return any(first <= seq < first + count for first, count in runs)


# ---- the tree, chunk by chunk


def _reader(connection: sqlite3.Connection) -> Read:
    known: dict[str, tuple[int, bool]] = {}
    last = 0

    def read(chunk: int, word: str) -> tuple[int, bool]:
        """The bits of a word in a chunk, and whether it is a common one there."""
        nonlocal last
        if chunk != last:
            known.clear()
            last = chunk
        bits = known.get(word)
        if bits is None:
            found = connection.execute(_BITS, (chunk, word)).fetchone()
            bits = known[word] = (0, False) if found is None else unpacked(found[0])
        return bits

    return read


def _step(read: Read, node: Node) -> Step:
    match node:
        case Words() | Facet():
            if node.prefix:
                raise Many  # of more words than are spelled out
            return _words(read, node)
        case Or():
            return _either([_step(read, one) for one in node.nodes])
        case And():
            wants = [_step(read, one) for one in node.nodes]
            return _all(wants, _either([_step(read, one) for one in node.nots]) if node.nots else None)


def _words(read: Read, node: Words | Facet) -> Step:
    words = words_of(node)
    column = node.column if isinstance(node, Words) else ""
    given = GIVEN if column == "input" else ""
    # Said and thought are columns of kinds of rows that have no other; what came back has words of the call, too.
    kinds = [(words_of(Facet("k", kind))[0], wanted) for kind, wanted in _KINDS.get(column, ())]

    def step(chunk: int) -> tuple[int, bool]:
        if not words:
            return 0, True
        bits, common = read(chunk, given + words[0])
        sure = len(words) == 1 and column != "output"
        for before, word in pairwise(words):
            if not bits:
                return 0, True
            together, _ = read(chunk, before + PAIR + word)
            if together:
                bits &= together
                sure = len(words) == 2 and column != "output" and not given
            elif (common or given) and (_common(read, chunk, before) and _common(read, chunk, word)):
                return 0, True
            other, common = read(chunk, given + word)
            bits &= other
        for kind, wanted in kinds:
            if bits:
                other, _ = read(chunk, kind)
                bits = bits & other if wanted else bits & ~other
        return bits, sure or not bits

    return step


def _common(read: Read, chunk: int, word: str) -> bool:
    return read(chunk, word)[1]


def _either(steps: list[Step]) -> Step:
    def step(chunk: int) -> tuple[int, bool]:
        bits, sure = 0, True
        for one in steps:
            more, certain = one(chunk)
            bits |= more
            sure = sure and certain
        return bits, sure

    return step


def _all(wants: list[Step], nots: Step | None) -> Step:
    def step(chunk: int) -> tuple[int, bool]:
        bits, sure = wants[0](chunk)
        for one in wants[1:]:
            if not bits:
                return 0, True
            more, certain = one(chunk)
            bits &= more
            sure = sure and certain
        if nots is not None and bits:
            fewer, certain = nots(chunk)
            if certain:
                bits &= ~fewer
            elif bits & fewer:
                sure = False
        return bits, sure or not bits

    return step
