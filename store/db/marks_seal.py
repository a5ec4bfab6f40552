"""Brings rows that are in the index into chunks of marks, when nothing waits for the index. For its one indexer.

What is read for a chunk is read without the lock; whether it is still so is asked under it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from store.db.marks import ADD, CHUNK, Executes, marked
from store.db.words import taken_apart
from store.document import Document

CHARS: Final = 32 << 20  # of text in a chunk, whatever the rows
_TWICE: Final = 2  # a last chunk that is no bigger than so many times what comes in is made anew with it
_SLICE: Final = 1_024  # rows taken apart at once
_NONE: Final[Document] = ("", "", "", "", "")
_LOOSE: Final = "SELECT id, first, count FROM fts_loose ORDER BY first LIMIT ?"
_LAST: Final = "SELECT id, rows, full, runs FROM fts_chunk ORDER BY id DESC LIMIT ?"
_STALE: Final = "SELECT first, count, below FROM fts_stale"

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
    chunks: list[int]  # that go into it
    stale: int  # entries of fts_stale then


def next_chunk(ask: Ask, documents: Documents) -> Sealed | None:
    """The next one; None: nothing is loose."""
    picked: list[tuple[int, ...]] = []
    rows = 0
    for one in ask(_LOOSE, CHUNK):
        picked.append(one)
        rows += one[2]
        if rows >= CHUNK:
            break
    if not picked:
        return None
    stale = ask("SELECT coalesce(max(id), 0) FROM fts_stale")[0][0]
    runs = [(first, count) for _, first, count in picked]
    chunks: list[int] = []
    for number, count, full, data in ask(_LAST, 64):
        if full or rows + count > CHUNK or count > _TWICE * rows:
            break
        chunks.append(number)
        rows += count
        runs += without(runs_of(data), [(one, many) for one, many, below in ask(_STALE) if number < below])
    done, rest, words = _read(sorted(runs), documents)
    full = bool(rest) or len(words) >= CHUNK
    return Sealed(done, full, marked(words), picked, rest, chunks, stale)


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
    (stale,) = tx.exec_driver_sql("SELECT coalesce(max(id), 0) FROM fts_stale").fetchall()[0]
    if stale != sealed.stale:
        return False
    for number in sealed.chunks:
        tx.exec_driver_sql("DELETE FROM fts_mark WHERE chunk = ?", (number,))
        tx.exec_driver_sql("DELETE FROM fts_chunk WHERE id = ?", (number,))
    for number, _, _ in sealed.loose:
        tx.exec_driver_sql("DELETE FROM fts_loose WHERE id = ?", (number,))
    if sealed.rest:
        tx.exec_driver_sql(ADD, sealed.rest)
    rows = sum(count for _, count in sealed.runs)
    data = array("q", [value for run in sealed.runs for value in run]).tobytes()
    tx.exec_driver_sql("INSERT INTO fts_chunk (rows, full, runs) VALUES (?, ?, ?)", (rows, sealed.full, data))
    ((number,),) = tx.exec_driver_sql("SELECT max(id) FROM fts_chunk").fetchall()
    marks = [(number, word, bits) for word, bits in sealed.marks]
    if marks:
        tx.exec_driver_sql("INSERT INTO fts_mark (chunk, word, bits) VALUES (?, ?, ?)", marks)
    tx.exec_driver_sql("DELETE FROM fts_stale WHERE below <= (SELECT min(id) FROM fts_chunk)")
    return True


def runs_of(data: bytes) -> list[Run]:
    """The runs of a chunk."""
    values = array("q", data)
    return list(zip(values[::2], values[1::2], strict=True))


def without(runs: Sequence[Run], holes: Sequence[Run]) -> list[Run]:
    """The runs without the rows that lie in holes."""
    left = list(runs)
    for hole, many in holes:
        end, kept = hole + many, []
        for first, count in left:
            if first >= end or first + count <= hole:
                kept.append((first, count))
                continue
            if first < hole:
                kept.append((first, hole - first))
            if first + count > end:
                kept.append((end, first + count - end))
        left = kept
    return left
