"""Reads Markdown that is simple: paragraphs, headings, lists and tables of words. Qt-free; for viewer.rows.words.

The engine of `dress` reads everything, and takes most of a row's time for it. What is read here comes out the same (a
test compares the two, to the pixel); of whatever might not, `read` says None, and the engine has its turn.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from viewer.rows.clean import breakable
from viewer.rows.same import woven

Form = Literal["strong", "italic", "code", "link"]
Kind = Literal["para", "heading", "item", "head", "cell"]


class Run(NamedTuple):
    """Characters of one look, counted in the whole text."""

    start: int
    length: int
    form: Form
    target: str = ""


class Block(NamedTuple):
    """A paragraph, heading, item, or a cell of a table; `head` is one of its first row.

    `sign` stands before an item: '-', '*' or '+' for a bullet, '1.' as it is; of a cell the alignment: '^', '>', ''.
    """

    start: int
    end: int
    kind: Kind
    level: int = 0  # of a heading; how deep an item is nested; the column of a cell
    sign: str = ""


class Read(NamedTuple):
    """What the Markdown says: blocks divided by line ends, cells of one row by tabs, as they are copied."""

    text: str
    blocks: list[Block]
    runs: list[Run]


class _List(NamedTuple):
    """An open list."""

    offset: int  # where the text of its last item begins
    mark: str
    number: int


_DEEPEST = 6  # more levels than this are for the engine, which bounds them
# Hard breaks, escapes, code by its indent, separators, and scripts that run the other way.
_NEVER = re.compile("[\t\\\\\u2028\u2029\U00010800-\U00010fff\U0001e800-\U0001efff]|  \n")
_HEADING = re.compile(r"(#{1,6}) +(\S.*)$")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( {1,4})(?=\S)")
_START = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?: |$)")
_RULE = re.compile(r" *:?-+:? *$")
# Code first: what stands in it is no sign. Emphasis is words between white space or closing marks, and nothing else.
_RUN = re.compile(
    r"`(?<!``)(?! )([^`]+)(?<! )`(?!`)"
    r"|\*\*(?<![^\s(]\*\*)(?:`(?! )([^`]+)(?<! )`|(\w(?:[^*`_\[\]<&~@]*[\w.:!?)%])?))\*\*(?![^\s.,;:!?)])"
    r"|\*(?<![^\s(]\*)(\w(?:[^*`_\[\]<&~@]*[\w.:!?)%])?)\*(?![^\s.,;:!?)])"
    r"|\[(?<!!\[)([^\[\]`*_<>&~@!]+)\]\(([^\s()<>&*_`~]+)\)"
)
_ODD = re.compile(r"<[a-zA-Z/!?]|&[#\w]+;|\w@|!\[|\][(\[:]|(?<![^\W_])_|_(?![^\W_])|\[[ xX]\]")


def read(source: str) -> Read | None:
    """The Markdown, or None when it takes the engine to be sure what it says."""
    if source.isascii():  # three looks are far cheaper than the search
        if "\\" in source or "\t" in source or "  \n" in source:
            return None
    elif _NEVER.search(source) is not None or woven(source):
        return None
    if breakable(source) is not source:
        return None
    reader = _Reader()
    if "\n" not in source and source[:1].isalpha():  # one paragraph, as most answers between two tool calls are
        return reader.done() if reader.put("para", 0, "", source.rstrip(" ")) else None
    for line in source.split("\n"):
        if not reader.line(line):
            return None
    return reader.done()


def _signs(words: str) -> bool:
    """Whether words that should be nothing else might be something to the engine."""
    if "`" in words or "*" in words or "~" in words or "//" in words or "ww" in words or "WW" in words:
        return True
    if "_" in words or "[" in words or "<" in words or "&" in words or "@" in words:
        return _ODD.search(words) is not None
    return False


def inline(text: str, start: int = 0) -> tuple[str, list[Run]] | None:
    """What the words of one block say, and their runs, counted from `start`; None: the engine must tell."""
    if "`" not in text and "*" not in text and "[" not in text:
        return None if _signs(text) else (text, [])
    runs: list[Run] = []
    said: list[str] = []
    between: list[str] = []
    at, here = start, 0
    for match in _RUN.finditer(text):
        plain = text[here : match.start()]
        here = match.end()
        which = match.lastindex or 0
        words, target = (match[5], match[6]) if which == 6 else (match[which], "")
        form = _FORMS[which]
        if form != "code" and _signs(words):
            return None
        said += (plain, words)
        between.append(plain)
        at += len(plain)
        runs.append(Run(at, len(words), form, target))
        at += len(words)
    rest = text[here:]
    between.append(rest)
    said.append(rest)
    return None if _signs("x".join(between)) else ("".join(said), runs)


def coded(text: str) -> list[str] | None:
    """Words and code of one block by turns, words first, as `inline` finds them; None: it must tell.

    Most lines with a sign have no other: this is all that it takes for them, a third of the search.
    """
    if "*" in text or "[" in text:
        return None
    pieces = text.split("`")
    if len(pieces) > 1:
        if not (len(pieces) & 1 and all(pieces[1:-1])):
            return None
        for code in pieces[1::2]:
            if code[0] == " " or code[-1] == " ":
                return None
        return None if _signs("x".join(pieces[::2])) else pieces
    return None if _signs(text) else pieces


class _Reader:
    """Takes line after line. What it refuses makes `read` say None."""

    __slots__ = (
        "_aligned", "_at", "_blocks", "_head", "_kind", "_level", "_lines", "_lists", "_runs", "_sign", "_texts",
        "_trailing",
    )  # fmt: skip

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._runs: list[Run] = []
        self._texts: list[str] = []
        self._at = 0
        self._lines: list[str] = []  # of the open block
        self._kind: Literal["para", "item"] = "para"
        self._level = 0
        self._sign = ""
        self._trailing = False  # whether a line of it ended in a space
        self._lists: list[_List] = []  # that are open, outermost first
        self._head: list[str] | None = None  # what may be the first row of a table
        self._aligned: list[str] | None = None  # the columns of the open table

    def line(self, line: str) -> bool:
        bare = line.strip(" ")
        if not bare:
            return self._close()
        first = line[0]
        if first == "|" or self._head is not None or self._aligned is not None:
            return self._row(bare)
        if first == "#":
            heading = _HEADING.match(bare)
            if heading is None or bare[-1] == "#" or not self._close():
                return False
            self._lists.clear()
            return self.put("heading", len(heading[1]), "", heading[2])
        if not bare.strip("-=*_+:| ") or bare[0] in ">|":
            return False  # a rule, an underline, a quote
        if bare[0] in "-*+0123456789":
            item = _ITEM.match(line)
            if item is not None:
                return self._item(item, line)
            if _START.match(line) is not None:
                return False
        if self._lines:
            if bare[0] == "#" or (self._trailing and "`" in bare):
                return False  # code that goes on from one line to the next keeps the space between them
            self._lines.append(bare)
            self._trailing = self._trailing or line[-1] == " "
            return True
        if first == " ":
            return False  # a paragraph of an item, or code
        self._lists.clear()
        self._kind, self._level, self._sign = "para", 0, ""
        self._lines.append(bare)
        self._trailing = line[-1] == " "
        return True

    def _item(self, item: re.Match[str], line: str) -> bool:
        indent, mark = len(item[1]), item[2]
        text = line[item.end() :].rstrip(" ")
        lists = self._lists
        depth = 0
        for one in lists:
            depth += one.offset <= indent
        if indent - (lists[depth - 1].offset if depth else 0) > 3 or text[0] in "#>|=" or not text.strip("-*_ "):
            return False
        sort, number = mark[-1], int(mark[:-1] or 1)
        known = lists[depth] if depth < len(lists) else None
        if known is None:
            if number != 1 and self._lines and len(mark) > 1:
                return False  # words that go on, most likely
        elif known.mark != sort:
            return False  # two lists one after the other
        else:
            number = known.number + 1
        if not self._close():
            return False
        del lists[depth:]
        lists.append(_List(item.end(), sort, number))
        self._kind, self._level = "item", depth + 1
        self._sign = f"{number}{sort}" if len(mark) > 1 else sort
        self._lines.append(text)
        self._trailing = line[-1] == " "
        if depth >= _DEEPEST:
            return False
        return text[0] not in "-*+0123456789" or (_ITEM.match(text) is None and _START.match(text) is None)

    def _row(self, bare: str) -> bool:
        """A row of a table: the first, the line under it, or one more."""
        if bare[0] != "|" or bare[-1] != "|" or len(bare) < 2:
            return False
        cells = [cell.strip(" ") for cell in bare[1:-1].split("|")]
        if self._aligned is not None:
            return len(cells) == len(self._aligned) and self._cells("cell", cells)
        if self._head is None:
            self._head = cells
            # Under words it is a part of them, and two tables have a line between them that we do not know.
            return not self._lines and (not self._blocks or self._blocks[-1].kind != "cell")
        head, self._head = self._head, None
        if len(cells) != len(head) or not all(_RULE.match(cell) for cell in cells):
            return False
        self._lists.clear()
        self._aligned = ["" if cell[-1] != ":" else "^" if cell[0] == ":" else ">" for cell in cells]
        return self._cells("head", head)

    def _cells(self, kind: Literal["head", "cell"], cells: list[str]) -> bool:
        for column, cell in enumerate(cells):
            sign = self._aligned[column] if self._aligned is not None else ""
            if not self.put(kind, column, sign, cell, "\t" if column < len(cells) - 1 else "\n"):
                return False
        return True

    def _close(self) -> bool:
        """The open block ends."""
        if self._head is not None:
            return False
        self._aligned = None
        if not self._lines:
            return True
        text = " ".join(self._lines)
        self._lines.clear()
        return self.put(self._kind, self._level, self._sign, text)

    def put(self, kind: Kind, level: int, sign: str, text: str, ends: str = "\n") -> bool:
        start = self._at
        said = inline(text, start)
        if said is None:
            return False
        shown, runs = said
        if runs:
            self._runs += runs
        self._texts += (shown, ends)
        end = start + len(shown)
        self._blocks.append(Block(start, end, kind, level, sign))
        self._at = end + 1
        return True

    def done(self) -> Read | None:
        if not self._close() or not self._blocks:
            return None
        return Read("".join(self._texts[:-1]), self._blocks, self._runs)


_FORMS: dict[int, Form] = {1: "code", 2: "code", 3: "strong", 4: "italic", 6: "link"}
