"""Which rows answer a query, when they are few, from the marks of all rows: what FTS5 would go through long lists for.

Bits say for certain which rows have a word, a kind, tool or state; of a phrase they say which rows may have it, and
then those rows are looked at. Anything that would take long is left to FTS5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final, TypeAlias

from store.db import reads
from store.db.marks import GIVEN, PAIR, rows_of, unpacked
from store.db.matching import Test, test_of, words_of
from store.db.words import taken_apart
from store.document import document
from store.query import And, Facet, Node, Or, Words

MANY: Final = 3_000  # hits
LOOSE: Final = 100  # rows in no chunk, which are looked at one by one
SUSPECTS: Final = 60  # rows of which marks cannot say it for certain
SOME: Final = 6  # chunks that tell how it is with the others
_THREE: Final = 3  # words of which marks say whether they follow each other
_KINDS: Final = {
    "thought": (("thought", True),), "said": (("tool", False), ("thought", False)), "output": (("tool", True),),
}  # fmt: skip
_BITS: Final = "SELECT bits FROM fts_mark WHERE chunk = ? AND word = ?"
_CHUNKS: Final = "SELECT id FROM fts_chunk WHERE live > 0 ORDER BY id DESC"
_RUN: Final = "SELECT first, count, at FROM fts_run WHERE chunk = ? AND at <= ? ORDER BY at DESC LIMIT 1"

Bits: TypeAlias = tuple[int, int]  # key of a row, and a bit for it and for each that follows
Read: TypeAlias = Callable[[int, str], tuple[int, bool]]
Step: TypeAlias = Callable[[int], tuple[int, bool]]  # bits of a chunk's rows, and whether they are certain


class Many(Exception):  # noqa: N818 - no error: an answer
    """More than are worth it."""


def few(connection: sqlite3.Connection, node: Node, many: int = MANY) -> dict[int, Iterator[int]] | None:
    """The keys of all hits by session, the last row first, once; None when that is not to be had soon."""
    loose = connection.execute("SELECT first, count FROM fts_loose LIMIT ?", (LOOSE + 1,)).fetchall()
    if sum(count for _, count in loose) > LOOSE:
        return None
    try:
        certain, suspects = _marked(connection, node, many)
    except Many:
        return None
    suspects += [(first, (1 << count) - 1) for first, count in loose]
    test = test_of(node)
    for first, bits in suspects:
        for place in rows_of(bits):
            row = connection.execute("SELECT payload FROM item WHERE seq = ?", (first + place,)).fetchone()
            if row is not None and holds(first + place, row[0], test):
                certain.append((first + place, 1))
    certain.sort(reverse=True)
    return {number: _keys(list(some)) for number, some in groupby(certain, lambda run: run[0] >> reads.ROW_BITS)}


def _keys(runs: list[Bits]) -> Iterator[int]:
    """One by one, as far as they are asked for."""
    for first, bits in runs:
        while bits:
            last = bits.bit_length() - 1
            yield first + last
            bits ^= 1 << last


def holds(seq: int, payload: bytes, test: Test) -> bool:
    """Whether the index would find the row."""
    try:
        one = document(reads.unpress(payload))
    except reads.BROKEN:
        return False  # it came into the index as a row without words
    ((_, words),) = taken_apart([(seq, one)])
    return test(words)


def _marked(connection: sqlite3.Connection, node: Node, many: int) -> tuple[list[Bits], list[Bits]]:
    """Rows that are hits, and rows that may be."""
    step = _step(_reader(connection), node)
    chunks: list[tuple[int, int, bool]] = []
    hits = suspects = 0
    numbers = [number for (number,) in connection.execute(_CHUNKS)]
    for looked, number in enumerate(numbers, 1):
        bits, sure = step(number)
        if bits:
            chunks.append((number, bits, sure))
            hits += bits.bit_count() if sure else 0
            suspects += 0 if sure else bits.bit_count()
            # Also where there will be: an answer that is not worth it is not worth the way to it.
            if hits > many or suspects > SUSPECTS or (looked >= SOME and hits / looked > 2 * many / len(numbers)):
                raise Many
    certain: list[Bits] = []
    maybe: list[Bits] = []
    for number, bits, sure in chunks:
        (certain if sure else maybe).extend(_there(connection, number, bits))
    return certain, maybe


def _there(connection: sqlite3.Connection, chunk: int, bits: int) -> Iterator[Bits]:
    """The rows of a chunk's bits that are still there, run by run."""
    while bits:
        lowest = (bits & -bits).bit_length() - 1
        first, count, at = connection.execute(_RUN, (chunk, lowest)).fetchone() or (0, 0, 0)
        if at + count <= lowest:
            bits &= bits - 1  # its row is gone from here
            continue
        run = (1 << count) - 1 << at
        yield first, (bits & run) >> at
        bits &= ~run


# ---- the tree, chunk by chunk


def _reader(connection: sqlite3.Connection) -> Read:
    known: dict[str, tuple[int, bool]] = {}
    last = 0

    def read(chunk: int, word: str) -> tuple[int, bool]:
        """The bits of a word in a chunk, and whether it is a common one there; or of words that follow each other."""
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
        bits, sure = _phrase(read, chunk, words, given) if len(words) > 1 else (read(chunk, given + words[0])[0], True)
        for kind, wanted in kinds:
            if bits:
                other, _ = read(chunk, kind)
                bits = bits & other if wanted else bits & ~other
        return bits, (sure and column != "output") or not bits

    return step


def _phrase(read: Read, chunk: int, words: Sequence[str], given: str) -> tuple[int, bool]:
    """Rows that may have the words one behind the other. Of common ones pairs and threes are marked, in any column."""
    bits = -1
    sure = not given and len(words) <= _THREE
    pairs: list[bool] = []  # frequent ones
    for before, word in pairwise(words):
        together, frequent = read(chunk, before + PAIR + word)
        pairs.append(frequent)
        if together:
            bits &= together
        else:
            (one, often), (other, too) = read(chunk, before), read(chunk, word)
            if often and too:
                return 0, True
            bits &= one & other
            sure = False
        if not bits:
            return 0, True
    for at, (one, other) in enumerate(pairwise(pairs)):
        if one and other:
            bits &= read(chunk, PAIR.join(words[at : at + _THREE]))[0]
        else:
            sure = False
    for word in words if given else ():
        bits &= read(chunk, given + word)[0]
    return bits, sure or not bits


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
