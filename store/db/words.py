"""Texts taken apart into words as FTS5 does it: for an index of its own on a server, and for marks. Plain Python.

FTS5 itself takes them apart, in memory; only what is ASCII is done here, which is nearly everything, in a tenth of the
time and to the same words (a test compares).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from threading import get_ident
from typing import Final

from store.db import fts_sqlite
from store.document import COLUMNS, Document

_TOKENS: Final = (
    "SELECT doc, col, group_concat(term, ' ') FROM "
    '(SELECT doc, col, term FROM temp.vocabulary ORDER BY doc, col, "offset") GROUP BY doc, col'
)
COLUMN_NUMBERS: Final = {name: number for number, name in enumerate((*COLUMNS, "facets"))}
FACETS: Final = len(COLUMNS)
CUT: Final = 32_768  # bytes of a word that FTS5 takes
_RUN: Final = re.compile("[^\x00-/:-@\\[-`{-\x7f]+")
_LOWER: Final = bytes(ord(chr(at).lower()) if at < 128 and chr(at).isalnum() else ord(" ") for at in range(256))


@cache
def _tokenizer(_thread: int) -> sqlite3.Connection:
    """An empty index in memory, one per thread."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(fts_sqlite.CREATE[0])
    connection.execute(fts_sqlite.VOCABULARY)
    return connection


def taken_apart(documents: Sequence[tuple[int, Document]]) -> Iterator[tuple[int, list[str]]]:
    """The words of each row, by column, in their order, with a space between two.

    Facets are few, and the same again and again.
    """
    for rowid, (*texts, facets) in documents:
        yield rowid, [*[(plain if text.isascii() else _mixed)(text) for text in texts], _facets(facets)]


def plain(text: str) -> str:
    """The words of an ASCII text."""
    words = text.encode("ascii").translate(_LOWER).split()
    if len(text) > CUT and max(map(len, words), default=0) > CUT:
        return _whole(text)
    return b" ".join(words).decode("ascii")


def _mixed(text: str) -> str:
    """The words of any text. What is between ASCII signs is taken apart alone, and remembered if it is not ASCII."""
    runs = _RUN.findall(text)
    if len(text) * 4 > CUT and max(map(len, runs), default=0) * 4 > CUT:
        return _whole(text)
    return " ".join([word for run in runs if (word := run.lower() if run.isascii() else _odd(run))])


def _whole(text: str) -> str:
    """By FTS5, which cuts words that are too long."""
    return next((words for _, _, words in by_fts5([(0, (text, "", "", "", ""))])), "")


@lru_cache(maxsize=65_536)
def _odd(run: str) -> str:
    return _whole(run)


@lru_cache(maxsize=4096)
def _facets(text: str) -> str:
    return next((words for _, column, words in by_fts5([(0, ("", "", "", "", text))]) if column == FACETS), "")


def by_fts5(documents: Sequence[tuple[int, Document]]) -> list[tuple[int, int, str]]:
    """(document, column, words) of what has words."""
    if not documents:
        return []
    connection = _tokenizer(get_ident())
    try:
        connection.executemany(fts_sqlite.ADD, ((index, *one) for index, one in documents))
        return [(doc, COLUMN_NUMBERS[column], words) for doc, column, words in connection.execute(_TOKENS).fetchall()]
    finally:
        connection.execute("INSERT INTO fts_row (fts_row) VALUES ('delete-all')")


def tokens(text: str) -> list[str]:
    """The words of a query."""
    ((_, words),) = taken_apart([(0, (text, "", "", "", ""))])
    return words[0].split()
