"""What is typed to search, cut into words, phrases, fields and signs, each with its place. For store.query."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from store.document import COLUMNS
from store.errors import StoreError

COLUMN_ALIASES: Final = {"thinking": "thought", "answer": "said", "prompt": "said"}
WHOLE: Final = ("agent", "project", "since", "until")  # they narrow the whole search, not one word of it
FIELDS: Final = ("kind", "tool", "is", *WHOLE, *COLUMNS)
_FIELD: Final = re.compile(r"([A-Za-z_]+):")


class QueryError(StoreError):
    """The query is not one. `at` is the character where, from 0."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(text)
        self.at = at


class Token(NamedTuple):
    sort: str  # word, phrase, (, ), AND, OR, NOT, field
    text: str
    at: int
    star: bool = False


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "()":
            found.append(Token(char, char, at))
            at += 1
        elif char == '"':
            close = text.find('"', at + 1)
            if close < 0:
                raise QueryError(f"The quote at {where(at)} is not closed.", at)
            star = text.startswith("*", close + 1)
            found.append(Token("phrase", text[at + 1 : close], at, star))
            at = close + 1 + star
        elif char == "-" and at + 1 < end and (text[at + 1].isalnum() or text[at + 1] in '("'):
            found.append(Token("NOT", "-", at))
            at += 1
        else:
            at = _word(text, at, found)
    return found


def _word(text: str, at: int, found: list[Token]) -> int:
    """Add the word that begins here, and a field in front of it; returns where it ends."""
    field = _FIELD.match(text, at)
    if field is not None:
        name = field[1].lower()
        if name in FIELDS or name in COLUMN_ALIASES:
            found.append(Token("field", name, at))
            at = field.end()
            if at == len(text) or text[at].isspace() or text[at] in '"()':
                return at  # a phrase, or nothing: the parser says so
        elif not text.startswith(("/", ":"), field.end()):
            import difflib  # here, because the importer never parses a query

            close = difflib.get_close_matches(name, FIELDS, 1, 0.75)
            if close:
                raise QueryError(
                    f"There is no field {field[1]}: at {where(at)}. Is it {close[0]}:? Else put it in quotes.", at
                )
    start, deep = at, 0
    while at < len(text):
        char = text[at]
        if char.isspace() or char == '"':
            break
        if char == "(":
            deep += 1  # a call, as in main(argv)
        elif char == ")":
            if deep == 0:
                break
            deep -= 1
        at += 1
    word = text[start:at]
    if word in ("AND", "OR", "NOT") and not (found and found[-1].sort == "field" and _touches(found[-1], start)):
        found.append(Token(word, word, start))
        return at
    body = word.rstrip("*")
    if "*" in body:
        raise QueryError(
            f"A * can only end a word, as in pars*; this one is at {where(start + body.index('*'))}.", start
        )
    found.append(Token("word", body, start, len(body) < len(word)))
    return at


def _touches(field: Token, at: int) -> bool:
    return field.at + len(field.text) + 1 == at


def where(at: int) -> str:
    return f"character {at + 1}"
