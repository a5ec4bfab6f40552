"""Brings rows that are in the index into chunks of marks, when nothing waits for the index. For its one indexer.

What is read for a chunk is read without the lock; whether it is still so is asked under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeAlias

from store.db.marks import ADD, ADD_RUN, CHUNK, Executes, marked
from store.db.words import taken_apart
from store.document import Document

CHARS: Final = 32 << 20  # of text in a chunk, whatever the rows
_TWICE: Final = 2  # a last chunk that is no bigger than so many times what comes in is made anew with it
_SLICE: Final = 1_024  # rows taken apart at once
_NONE: Final[Document] = ("", "", "", "", "")
_LOOSE: Final = "SELECT id, first, count FROM fts_loose ORDER BY first LIMIT ?"
_LAST: Final = "SELECT id, live, full FROM fts_chunk ORDER BY id DESC LIMIT ?"
_HOLLOW: Final = "SELECT id, live FROM fts_chunk WHERE live * 2 < rows LIMIT 1"  # most of whose rows are gone
_HELD: Final = "SELECT first, count, at FROM fts_run WHERE chunk = ? ORDER BY at"

Run: TypeAlias = tuple[int, int]  # key of the first row, rows
Ask: TypeAlias = Callable[..., Sequence[Any]]
Documents: TypeAlias = Callable[[int, int], Sequence[tuple[int, Document]]]  # of the rows of a run


class Sealed(NamedTuple):
    """A chunk that is to be, and what it was made of."""

    runs: list[Run]
    full: bool
    marks: list[tuple[str, bytes]]
    loose: list[tuple[int, ...]]  # as they were
    rest: list[Run]  # what of all that did not fit
    chunks: dict[int, list[tuple[int, ...]]]  # that go into it, with their runs as they were


def next_chunk(ask: Ask, documents: Documents) -> Sealed | None:
    """The next one; None: nothing is loose, and no chunk is hollow."""
    picked: list[tuple[int, ...]] = []
    rows = 0
    for one in ask(_LOOSE, CHUNK):
        picked.append(one)
        rows += one[2]
        if rows >= CHUNK:
            break
    chunks: dict[int, list[tuple[int, ...]]] = {}
    for number, live in ask(_HOLLOW):
        chunks[number] = list(ask(_HELD, number))
        rows += live
    if not picked and not chunks:
        return None
    for number, live, full in ask(_LAST, 64):
        if number in chunks:
            continue
        if full or rows + live > CHUNK or live > _TWICE * rows:
            break
        chunks[number] = list(ask(_HELD, number))
        rows += live
    runs = [(first, count) for _, first, count in picked]
    runs += [(first, count) for held in chunks.values() for first, count, _ in held]
    done, rest, words = _read(_joined(sorted(runs)), documents)
    full = bool(rest) or len(words) >= CHUNK
    return Sealed(_joined(done), full, marked(words), picked, _joined(rest), chunks)


def _joined(runs: Iterable[Run]) -> list[Run]:
    """The same rows in as few runs as there can be."""
    found: list[Run] = []
    for first, count in runs:
        if found and sum(found[-1]) == first:
            found[-1] = (found[-1][0], found[-1][1] + count)
        else:
            found.append((first, count))
    return found


def _read(runs: list[Run], documents: Documents) -> tuple[list[Run], list[Run], list[list[str]]]:
    """The runs that fit into a chunk, those that do not, and the words of the rows of the first."""
    words: list[list[str]] = []
    done: list[Run] = []
    chars = 0
    waiting = list(reversed(runs))
    while waiting and len(words) < CHUNK and chars < CHARS:
        first, count = waiting.pop()
        many = min(_SLICE, count, CHUNK - len(words))
        if many < count:
            waiting.append((first + many, count - many))
        some = dict(documents(first, many))
        # A row that is gone has none: whoever took it away has said so before this is written.
        rows = [(seq, some.get(seq, _NONE)) for seq in range(first, first + many)]
        chars += sum(sum(map(len, one)) for _, one in rows)
        words += [row for _, row in taken_apart(rows)]
        done.append((first, many))
    return done, list(reversed(waiting)), words


def put(tx: Executes, sealed: Sealed) -> bool:
    """Write the chunk; False: what it was made of has changed meanwhile."""
    known = {number: (first, count) for number, first, count in tx.exec_driver_sql(_LOOSE, (-1,)).fetchall()}
    if any(known.get(number) != (first, count) for number, first, count in sealed.loose):
        return False
    for number, held in sealed.chunks.items():
        if [tuple(one) for one in tx.exec_driver_sql(_HELD, (number,)).fetchall()] != held:
            return False
    for number in sealed.chunks:
        tx.exec_driver_sql("DELETE FROM fts_mark WHERE chunk = ?", (number,))
        tx.exec_driver_sql("DELETE FROM fts_run WHERE chunk = ?", (number,))
        tx.exec_driver_sql("DELETE FROM fts_chunk WHERE id = ?", (number,))
    for number, _, _ in sealed.loose:
        tx.exec_driver_sql("DELETE FROM fts_loose WHERE id = ?", (number,))
    if sealed.rest:
        tx.exec_driver_sql(ADD, sealed.rest)
    if not sealed.runs:
        return True  # what was hollow was empty
    rows = sum(count for _, count in sealed.runs)
    tx.exec_driver_sql("INSERT INTO fts_chunk (rows, live, full) VALUES (?, ?, ?)", (rows, rows, sealed.full))
    ((number,),) = tx.exec_driver_sql("SELECT max(id) FROM fts_chunk").fetchall()
    places = accumulate((count for _, count in sealed.runs), initial=0)
    runs = [(first, count, number, at) for (first, count), at in zip(sealed.runs, places, strict=False)]
    tx.exec_driver_sql(ADD_RUN, runs)
    marks = [(number, word, bits) for word, bits in sealed.marks]
    if marks:
        tx.exec_driver_sql("INSERT INTO fts_mark (chunk, word, bits) VALUES (?, ?, ?)", marks)
    return True
