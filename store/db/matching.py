"""Whether a row's words answer a query: what the index would say about it, word by word. Pure.

For rows that marks only suspect, and for those that are in no chunk yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from store.db.words import COLUMN_NUMBERS, tokens
from store.document import facet, spaced
from store.query import And, Facet, Node, Or, Words

Row: TypeAlias = Sequence[str]  # its words by column, with a space between two
Test: TypeAlias = Callable[[Row], bool]


def words_of(node: Words | Facet) -> list[str]:
    """The words that the index looks for."""
    return tokens(spaced(node.text) if isinstance(node, Words) else facet(node.sort, node.value))


def test_of(node: Node) -> Test:
    """The query as a question to a row."""
    match node:
        case Words() | Facet():
            words = words_of(node)
            wanted = f" {' '.join(words)}" + ("" if node.prefix else " ")
            column = COLUMN_NUMBERS[node.column] if isinstance(node, Words) and node.column else None
            if not words:
                return lambda _row: False
            if column is not None:
                return lambda row: wanted in f" {row[column]} "
            return lambda row: any(wanted in f" {text} " for text in row)
        case Or():
            tests = [test_of(one) for one in node.nodes]
            return lambda row: any(test(row) for test in tests)
        case And():
            wants = [test_of(one) for one in node.nodes]
            nots = [test_of(one) for one in node.nots]
            return lambda row: all(test(row) for test in wants) and not any(test(row) for test in nots)
