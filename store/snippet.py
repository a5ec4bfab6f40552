"""The piece of a row's text that a search is shown with: at most 160 characters around the first match. Pure.

Finds again in the text as it was written what the index found in its words; letters are compared as the index does it,
without case and accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from store.document import COLUMNS, plain, spaced
from store.query import And, Node, Or, Words

WIDTH: Final = 160
_BEFORE: Final = 50  # characters shown before the match
_STEP: Final = 1 << 18  # characters looked at at once: an output can have millions, and the match is mostly near
_OVERLAP: Final = 2_000
_LETTER: Final = r"[^\W_]"
_GAP: Final = r"[\W_]+"


class Snippet(Struct, frozen=True):
    """One line of text. `matches` are (start, end) in it."""

    text: str = ""
    matches: tuple[tuple[int, int], ...] = ()
    column: str = ""


class Finder:
    """Finds a query's words in texts."""

    def __init__(self, node: Node) -> None:
        every: list[str] = []
        own: dict[str, list[str]] = {name: [] for name in COLUMNS}
        for words in _positive(node):
            pattern = _pattern(words)
            if pattern:
                (own[words.column] if words.column else every).append(pattern)
        self._patterns = [_compiled(every + own[name]) for name in COLUMNS]

    def snippet(self, texts: Sequence[str]) -> Snippet:
        """From the first column that has a match; without any, the beginning of what there is."""
        for name, pattern, text in zip(COLUMNS, self._patterns, texts, strict=True):
            if pattern is not None and text:
                text = plain(text)
                at = _first(pattern, text)
                if at is not None:
                    return _cut(pattern, text, at, name)
        for name, text in zip(COLUMNS, texts, strict=True):
            if text:
                return Snippet(_line(plain(text[: WIDTH * 2]))[:WIDTH], (), name)
        return Snippet()


def _positive(node: Node) -> Iterator[Words]:
    match node:
        case Words():
            yield node
        case And() | Or():
            for inner in node.nodes:
                yield from _positive(inner)
        case _:
            return


def _pattern(words: Words) -> str:
    tokens = re.findall(f"{_LETTER}+", fold(spaced(words.text)))
    if not tokens:
        return ""
    # Signs of scripts without spaces are words of their own, with nothing between them.
    parts: list[str] = [re.escape(tokens[0])]
    for before, after in pairwise(tokens):
        loose = not (before.isascii() and after.isascii())
        parts.append((r"[\W_]*" if loose else _GAP) + re.escape(after))
    # Behind the first word and not before it: a pattern that begins with plain letters is looked for many times faster.
    start = rf"(?<!{_LETTER}{parts[0]})" if tokens[0].isascii() else ""
    end = f"{_LETTER}*" if words.prefix else rf"(?!{_LETTER})" if tokens[-1].isascii() else ""
    return parts[0] + start + "".join(parts[1:]) + end


def _compiled(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(patterns)) if patterns else None


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    for start in range(0, len(text), _STEP):
        found = pattern.search(fold(text[start : start + _STEP + _OVERLAP]))
        if found is not None:
            return start + found.start()
    return None


def _cut(pattern: re.Pattern[str], text: str, at: int, column: str) -> Snippet:
    begin = max(0, at - _BEFORE)
    while 0 < begin < at and text[begin - 1].isalnum() and at - begin > 10:
        begin += 1  # not in the middle of a word
    piece = text[begin : begin + WIDTH * 3]  # lines and runs of blanks are about to get shorter
    shown = _line(piece)
    before = "…" if begin else ""
    after = "…" if len(shown) > WIDTH - 1 or begin + len(piece) < len(text) else ""
    shown = shown[: WIDTH - len(before) - len(after)].rstrip()
    ahead = len(before)
    matches = [(found.start() + ahead, found.end() + ahead) for found in pattern.finditer(fold(shown))]
    return Snippet(f"{before}{shown}{after}", tuple(matches), column)


def _line(text: str) -> str:
    """One line without what a screen would obey."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return " ".join("".join([char if char.isprintable() else " " for char in line]).split())


class _Fold(dict[int, int]):
    """Every character to the one that the index keeps of it; made when it is first met."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        base = unicodedata.normalize("NFD", char.lower())[:1]
        kept = ord(base) if len(base) == 1 else code
        if len(self) < 10_000:
            self[code] = kept
        return kept


_FOLDS: Final = _Fold()


def fold(text: str) -> str:
    """The text in small letters without accents, character by character: positions stay."""
    return text.lower() if text.isascii() else text.translate(_FOLDS)
