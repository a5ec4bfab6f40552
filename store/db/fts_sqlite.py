"""The full-text index on SQLite: an FTS5 table without a content of its own, keyed like the rows. Plain SQL.

Payloads are packed, so there is no column that FTS5 could read: who changes a row tells the index what it said before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from store.db import marks
from store.document import Document, facet, spaced
from store.query import And, Facet, Node, Or, Words

# hashsize: what a transaction adds is held in memory up to here, else every megabyte becomes a segment to be merged.
CREATE: Final = (
    "CREATE VIRTUAL TABLE fts_row USING fts5"
    "(said, thought, input, output, facets, content='', tokenize='unicode61 remove_diacritics 2')",
    "INSERT INTO fts_row (fts_row, rank) VALUES ('hashsize', 33554432)",
)
DROP: Final = "DROP TABLE IF EXISTS fts_row"
ADD: Final = "INSERT INTO fts_row (rowid, said, thought, input, output, facets) VALUES (?, ?, ?, ?, ?, ?)"
REMOVE: Final = (
    "INSERT INTO fts_row (fts_row, rowid, said, thought, input, output, facets) VALUES ('delete', ?, ?, ?, ?, ?, ?)"
)
CORRUPT: Final = 267  # SQLITE_CORRUPT_VTAB: the index is broken, not the database around it

# Newest first within a session is the highest row first.
NEWEST: Final = "SELECT rowid FROM fts_row WHERE fts_row MATCH ? ORDER BY rowid DESC LIMIT ?"
EVERY: Final = "SELECT rowid FROM fts_row WHERE fts_row MATCH ? ORDER BY rowid DESC"
WITHIN: Final = (
    "SELECT f.rowid, i.ts FROM fts_row AS f CROSS JOIN item AS i ON i.seq = f.rowid "
    "WHERE f.fts_row MATCH ? AND f.rowid >= ? AND f.rowid < ? ORDER BY f.rowid DESC"
)
# The same from a key on, and on below the session.
DOWN: Final = (
    "SELECT f.rowid, i.ts FROM fts_row AS f CROSS JOIN item AS i ON i.seq = f.rowid "
    "WHERE f.fts_row MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC"
)
COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM fts_row WHERE fts_row MATCH ? LIMIT ?)"
COUNT_WITHIN: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM fts_row WHERE fts_row MATCH ? AND rowid >= ? AND rowid < ? LIMIT ?)"
)
SESSIONS: Final = "SELECT DISTINCT rowid >> 32 FROM fts_row WHERE fts_row MATCH ?"
# The words of the index, for a reader: a beginning is spelled out, because FTS5 would read and sort all rows of all
# words that begin so, each time and before the first hit.
VOCABULARY: Final = "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, fts_row, 'instance')"
_WORD: Final = "SELECT term FROM temp.vocabulary WHERE term >= ? AND term < ? LIMIT 1"
SPELLED: Final = 48  # words at most
# How the index is tidied: every piece of work is so many pages, and a transaction of its own.
PIECES: Final = "SELECT count(DISTINCT segid) FROM fts_row_idx"
MERGE: Final = "INSERT INTO fts_row (fts_row, rank) VALUES ('merge', ?)"
# What a person or the agent said weighs more than what a tool printed.
RELEVANT: Final = "SELECT rowid FROM fts_row WHERE fts_row MATCH ? ORDER BY bm25(fts_row, 4.0, 1.0, 2.0, 1.0, 0.0)"


class Statements(Struct, frozen=True):
    """What a search asks the index; the values of what is looked for come first in each."""

    newest: str = NEWEST
    every: str = EVERY
    within: str = WITHIN
    down: str = ""  # for a dialect that cannot keep a look within a session
    count: str = COUNT
    count_within: str = COUNT_WITHIN
    sessions: str = SESSIONS
    relevant: str = RELEVANT
    values: tuple[object, ...] = ()
    rank: tuple[object, ...] = ()  # the values of `relevant` behind these
    slow: bool = False  # every look costs as much as all of it: the beginning of too many words
    few: bool = False  # it is certain that there are few hits
    exact: Node | None = None  # what is looked for, where marks can say which rows have it
    most: int = 0  # so many are few, where it is not: fewer, where each costs more than its place in a list


class Executes(Protocol):
    """A transaction, for what has parameters and what has none."""

    def exec_driver_sql(self, statement: str, parameters: Any = ..., /) -> object: ...


def damaged(db: Path) -> Path:
    """The file that says that the index is damaged: readers meet that, and cannot help it."""
    return db.with_name(db.name + ".index-damaged")


def sentence(db: Path) -> str:
    """What to tell the user then. The next indexer finds the mark."""
    with suppress(OSError):  # a folder that cannot be written: it is said all the same
        damaged(db).touch()
    return f"The search index of {db} is damaged: it is made anew with the next import, or by playhead search --wait."


def create(tx: Executes) -> None:
    for statement in CREATE:
        tx.exec_driver_sql(statement)
    marks.create(tx)


def drop(tx: Executes) -> None:
    tx.exec_driver_sql(DROP)
    marks.drop(tx)


def add(tx: Executes, documents: Iterable[tuple[int, Document]]) -> None:
    """Index rows, by key. They are not in it yet."""
    _many(tx, ADD, documents)


def remove(tx: Executes, documents: Iterable[tuple[int, Document]]) -> None:
    """Forget rows: with the very words that they were added with."""
    _many(tx, REMOVE, documents)


def _many(tx: Executes, sql: str, documents: Iterable[tuple[int, Document]]) -> None:
    values = [(seq, *document) for seq, document in documents]
    if values:
        tx.exec_driver_sql(sql, values)


def asked(connection: sqlite3.Connection, node: Node, few: int = 0) -> Statements:
    """What to ask for the tree; so many hits are few."""
    plain, slow = spelled_out(connection, node)
    certain = not slow and bool(few) and _at_most(connection, plain, few) <= few
    return Statements(values=(match(plain),), down=DOWN, slow=slow, few=certain, exact=plain, most=few_of(node, few))


def few_of(node: Node, few: int) -> int:
    """Words that must stand together, in one row or in a column are looked up for every hit: fewer of these are few."""
    dear = isinstance(node, And) or (isinstance(node, Words) and bool(node.column or not node.text.isalnum()))
    return few // 8 if dear else few


def _at_most(connection: sqlite3.Connection, node: Node, most: int) -> int:
    """Hits that there can be, counted up to one more than `most`: of what must be there, the rarest decides."""
    match node:
        case And():
            least = most + 1
            for one in node.nodes:
                least = min(least, _at_most(connection, one, most))
                if least <= most:
                    break
            return least
        case Or():
            total = 0
            for one in node.nodes:
                total += _at_most(connection, one, most)
                if total > most:
                    return most + 1
            return total
        case Words() if not node.text.isalnum():
            # A phrase is looked for in every row that has its words: so its words are asked for, one by one.
            parts = tuple(Words(one) for one in node.text.split() if one.isalnum())
            parts = parts[:-1] if node.prefix else parts
            return _at_most(connection, And(parts), most)
        case Words() | Facet():
            # In any column, whichever is asked for: that is counted many times faster.
            one = Words(node.text) if isinstance(node, Words) else node
            (count,) = connection.execute(COUNT, (match(one), most + 1)).fetchone()
            return int(count)


def spelled_out(connection: sqlite3.Connection, node: Node) -> tuple[Node, bool]:
    """The tree with beginnings of words replaced by the words, where they are few; and whether others are left."""
    slow = False

    def walk(node: Node) -> Node:
        nonlocal slow
        match node:
            case And():
                return And(tuple(map(walk, node.nodes)), tuple(map(walk, node.nots)))
            case Or():
                return Or(tuple(map(walk, node.nodes)))
            case Words(prefix=True) if node.text.isascii() and node.text.isalnum():
                words = [Words(word, False, node.column) for word in _beginning(connection, node.text.lower())]
                if words:
                    return Or(tuple(words))
            case Facet(prefix=True):
                facets = [Facet(node.sort, word[2:]) for word in _beginning(connection, facet(node.sort, node.value))]
                if facets:
                    return Or(tuple(facets))
            case Words() | Facet():
                pass
        slow = slow or node.prefix
        return node

    return walk(node), slow


def _beginning(connection: sqlite3.Connection, start: str) -> list[str]:
    """The words of the index that begin so; none if there are none, or too many. Each is a jump to the next one."""
    found: list[str] = []
    low, end = start, start + "\U0010ffff"
    while (row := connection.execute(_WORD, (low, end)).fetchone()) is not None:
        found.append(row[0])
        if len(found) > SPELLED:
            return []
        low = row[0] + "\x01"  # before every longer word
    return found


def match(node: Node) -> str:
    """The tree as FTS5 wants it. Every word is a string of its own, so nothing in it is syntax."""
    match node:
        case Words():
            text = _string(spaced(node.text).strip(), node.prefix)
            return f"{{{node.column}}} : {text}" if node.column else text
        case Facet():
            return _string(facet(node.sort, node.value), node.prefix)
        case Or():
            return _joined(" OR ", node.nodes)
        case And(nots=()):
            return _joined(" AND ", node.nodes)
        case And():
            return f"({_joined(' AND ', node.nodes)} NOT {_joined(' OR ', node.nots)})"


def _joined(word: str, nodes: tuple[Node, ...]) -> str:
    parts = [match(node) for node in nodes]
    return parts[0] if len(parts) == 1 else f"({word.join(parts)})"


def _string(text: str, prefix: bool) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"{" *" if prefix else ""}'
