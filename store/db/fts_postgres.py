"""The full-text index on PostgreSQL: a table keyed like the rows, its words as tsvector under GIN. Plain SQL.

The same words as in SQLite, because FTS5 itself takes the texts apart, in memory. A tsvector forgets where words stand
past 16,383, and holds a megabyte: so it finds the rows, and `words`, the text as words, has the last say on phrases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, Protocol

from msgspec import Struct

from store.db import fts_sqlite, place
from store.db.matching import words_of
from store.db.words import COLUMN_NUMBERS, taken_apart
from store.document import FACET, Document
from store.query import And, Facet, Node, Or, Words

CREATE: Final = (
    "CREATE TABLE fts_row (rowid BIGINT PRIMARY KEY, part BOOLEAN NOT NULL, tsv TSVECTOR NOT NULL, "
    'words TEXT COLLATE "C" NOT NULL)',
    "CREATE INDEX fts_row_tsv ON fts_row USING gin (tsv)",
    "CREATE INDEX fts_row_part ON fts_row (rowid) WHERE part",
)
DROP: Final = "DROP TABLE IF EXISTS fts_row"
# One statement for many rows: one of its own for each cost as much again as the index.
ADD: Final = (
    "INSERT INTO fts_row (rowid, part, tsv, words) SELECT a, b, CAST(c AS tsvector), d FROM "
    "unnest(CAST(? AS bigint[]), CAST(? AS boolean[]), CAST(? AS text[]), CAST(? AS text[])) AS t (a, b, c, d)"
)
REMOVE: Final = "DELETE FROM fts_row WHERE rowid = ?"
_FORGET: Final = (
    "DELETE FROM fts_row USING indexed AS i, session AS s WHERE s.id = i.session_id AND s.host = ? "
    "AND rowid >= i.session_id::bigint << 32 AND rowid < (i.session_id + 1)::bigint << 32",
    "DELETE FROM indexed USING session AS s WHERE s.id = session_id AND s.host = ?",
)
LABELS: Final = "ABCDD"  # weights of a tsvector's words: one per column, and facets cannot be mistaken for words
OFTEN: Final = 8  # places of a word and column that are kept: how often it is said, for the order by relevance
LONG: Final = 1_000  # bytes of a word that a tsvector takes whole (2,046 are its limit)
SHORT_WORD: Final = LONG // 4  # characters: it has no more bytes than that
SHORT: Final = 60_000  # characters of a row whose words fit for certain
FULL: Final = 900_000  # bytes of words that it takes (1 MB is its limit)
_CHUNK: Final = 1 << 18  # characters taken apart at once
_END: Final = "\x01"  # between the columns of `words`
_PLACES: Final = [
    [",".join(f"{column * OFTEN + at + 1}{label}" for at in range(count)) for count in range(OFTEN + 1)]
    for column, label in enumerate(LABELS)
]


class Executes(Protocol):
    """A transaction, for what has parameters and what has none."""

    def exec_driver_sql(self, statement: str, parameters: Any = ..., /) -> object: ...


def create(tx: Executes) -> None:
    for statement in CREATE:
        tx.exec_driver_sql(statement)


def drop(tx: Executes) -> None:
    tx.exec_driver_sql(DROP)


def forget(tx: Executes) -> None:
    """This host's sessions are indexed anew; those of others are theirs."""
    for statement in _FORGET:
        tx.exec_driver_sql(statement, (place.host(),))


def add(tx: Executes, documents: Iterable[tuple[int, Document]]) -> None:
    """Index rows, by key. They are not in it yet."""
    for some in _chunks(documents):
        records = [(rowid, *_record(words)) for rowid, words in taken_apart(some)]
        tx.exec_driver_sql(ADD, tuple(map(list, zip(*records, strict=True))))


def remove(tx: Executes, documents: Iterable[tuple[int, Document]]) -> None:
    """Forget rows."""
    values = [(rowid,) for rowid, _ in documents]
    if values:
        tx.exec_driver_sql(REMOVE, values)


def _chunks(documents: Iterable[tuple[int, Document]]) -> Iterator[list[tuple[int, Document]]]:
    some: list[tuple[int, Document]] = []
    chars = 0
    for one in documents:
        some.append(one)
        chars += sum(map(len, one[1]))
        if chars >= _CHUNK:
            yield some
            some, chars = [], 0
    if some:
        yield some


# ---- what is kept


def _record(words: list[str]) -> tuple[bool, str, str]:
    """What is kept of a row: not all of its words fit into the tsvector; that; its words as text."""
    places: dict[str, str] = {}
    for column, text in enumerate(words):
        if text:
            marks = _PLACES[column]
            for word, count in Counter(text.split(" ")).items():
                where = marks[count if count < OFTEN else OFTEN]
                before = places.get(word)
                places[word] = where if before is None else f"{before},{where}"
    text = _END.join([f" {some} " for some in words])
    if len(text) < SHORT:
        return (
            False,
            " ".join([f"{word if len(word) < SHORT_WORD else _cut(word)}:{at}" for word, at in places.items()]),
            text,
        )
    size, part = 0, False
    lexemes: list[str] = []
    for word, where in places.items():
        lexeme = f"{_cut(word)}:{where}"
        size += len(lexeme.encode())
        if size > FULL:
            part = True
            break
        lexemes.append(lexeme)
    return part, " ".join(lexemes), text


def _cut(word: str) -> str:
    """A word as a tsvector takes it. There is nothing in one that would have to be quoted."""
    data = word.encode("utf-8", "replace")
    if len(data) <= LONG:
        return word
    # Its beginning, so that it is still found by that, and what tells it from others.
    return word[: LONG // 8] + FACET + blake2b(data, digest_size=16).hexdigest()


# ---- what is looked for


class Match(Struct, frozen=True):
    """A condition on `fts_row`, and the values of its marks."""

    where: str
    values: tuple[object, ...]
    query: str  # the tsquery, for the order by relevance


def asked(node: Node, few: int = 0) -> fts_sqlite.Statements:
    """What to ask for the tree; so many hits are few."""
    found = match(node)
    rows = f"FROM fts_row AS f WHERE {found.where}"
    # D, C, B, A: as FTS5 weighs its columns.
    rank = "ts_rank('{0.25, 0.5, 0.25, 1}'::real[], f.tsv, CAST(? AS tsquery))"
    within = "AND f.rowid >= ? AND f.rowid < ?"
    return fts_sqlite.Statements(
        newest=f"SELECT f.rowid {rows} ORDER BY f.rowid DESC LIMIT ?",
        every=f"SELECT f.rowid {rows} ORDER BY f.rowid DESC",
        within=f"SELECT f.rowid, i.ts FROM fts_row AS f JOIN item AS i ON i.seq = f.rowid WHERE {found.where} {within} "  # noqa: S608
        "ORDER BY f.rowid DESC",
        count=f"SELECT count(*) FROM (SELECT 1 {rows} LIMIT ?) AS found",  # noqa: S608
        count_within=f"SELECT count(*) FROM (SELECT 1 {rows} {within} LIMIT ?) AS found",  # noqa: S608
        sessions=f"SELECT DISTINCT f.rowid >> 32 {rows}",
        relevant=f"SELECT f.rowid {rows} ORDER BY {rank} DESC, f.rowid DESC",
        values=found.values,
        rank=(found.query,),
        most=fts_sqlite.few_of(node, few),
    )


def match(node: Node) -> Match:
    """The tree as a condition."""
    query = _query(node)
    text, values = _text(node)
    if query is None:
        return Match("FALSE", (), "")
    found = "f.tsv @@ CAST(? AS tsquery)"
    if _exact(node):
        return Match(f"({found} OR (f.part AND {text}))", (query, *values), query)
    return Match(f"(({found} OR f.part) AND {text})", (query, *values), query)


def _quoted(word: str) -> str:
    return f"'{_cut(word)}'"


def _exact(node: Node) -> bool:
    """Whether the tsquery says all of it: there is no phrase."""
    match node:
        case And():
            return all(map(_exact, (*node.nodes, *node.nots)))
        case Or():
            return all(map(_exact, node.nodes))
        case Words() | Facet():
            return len(words_of(node)) <= 1


def _query(node: Node) -> str | None:
    """What every hit has, as a tsquery; None: nothing is one."""
    match node:
        case Words() | Facet():
            words = [_quoted(word) for word in words_of(node)]
            if not words:
                return None
            label = LABELS[COLUMN_NUMBERS[node.column]] if isinstance(node, Words) and node.column else ""
            marks = [f":{label}" if label else ""] * len(words)
            if node.prefix:
                marks[-1] = f":*{label}"
            return "(" + " & ".join(map(str.__add__, words, marks)) + ")"
        case Or():
            some = [query for one in node.nodes if (query := _query(one)) is not None]
            return "(" + " | ".join(some) + ")" if some else None
        case And():
            parts = []
            for one in node.nodes:
                query = _query(one)
                if query is None:
                    return None
                parts.append(query)
            parts += [f"!{query}" for one in node.nots if _exact(one) and (query := _query(one)) is not None]
            return "(" + " & ".join(parts) + ")"


def _text(node: Node) -> tuple[str, tuple[object, ...]]:
    """The same on `words`: exact, and slow."""
    match node:
        case Words() | Facet():
            words = words_of(node)
            if not words:
                return "FALSE", ()
            pattern = f"% {' '.join(words)}%" if node.prefix else f"% {' '.join(words)} %"
            column = COLUMN_NUMBERS[node.column] + 1 if isinstance(node, Words) and node.column else 0
            where = f"split_part(f.words, chr(1), {column})" if column else "f.words"
            return f"{where} LIKE ?", (pattern,)
        case Or():
            return _joined(" OR ", node.nodes)
        case And():
            text, values = _joined(" AND ", node.nodes)
            if not node.nots:
                return text, values
            without, more = _joined(" OR ", node.nots)
            return f"({text} AND NOT {without})", values + more


def _joined(word: str, nodes: tuple[Node, ...]) -> tuple[str, tuple[object, ...]]:
    parts = [_text(node) for node in nodes]
    return f"({word.join(text for text, _ in parts)})", tuple(value for _, values in parts for value in values)
