"""Cuts Markdown, as it grows, into pieces that can be laid out alone. Qt-free; viewer.rows.markdown uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

PROSE_MIN = 600  # a closed piece of prose is at least this long: one document per paragraph would cost more
PROSE_MAX = 6_000  # and no longer than this: what is open is parsed again with every flush
TABLE_MAX = 32_000  # a table may not be cut: its head would be lost
CODE_LINES, CODE_CHARS = 48, 4_000

_OPENS = re.compile(r"( {0,3})(`{3,}(?=[^`\n]*$)|~{3,})[ \t]*([^\s`]*)", re.MULTILINE)
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
# No run of spaces may be taken in two ways: a long one would be tried in all of them.
_RULE = re.compile(r"[ \t]*(?:\|[ \t]*)?:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$")
# Both begin with a line's end, which is searched far faster than '^'.
_DEEP = re.compile(r"\n[ \t]*(?:(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])[ \t]*){16}")
_INDENTED = re.compile(r"\n[ \t]{60,}\S")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]*\S.*$", re.MULTILINE)


class Piece(NamedTuple):
    """A run of whole top-level blocks, or a part of one fenced block."""

    kind: Literal["prose", "code"]
    source: str
    language: str = ""
    number: int = -1  # which fenced block of the message
    first: bool = True  # the first and last part of its fenced block
    last: bool = True


class Splitter:
    """Fed with what is new, it gives the pieces that are closed; `tail` is what is open. Sees every character once."""

    __slots__ = ("_blank", "_fence", "_first", "_lines", "_list", "_partial", "_size", "_table", "fences", "language")

    def __init__(self, fence: str = "", language: str = "") -> None:
        self._fence = fence  # the opening fence we are inside of, or ''
        self.language = language
        self.fences = 1 if fence else 0
        self._first = True
        self._lines: list[str] = []
        self._size = 0
        self._partial = ""
        self._blank = True
        self._list = False
        self._table = False

    def feed(self, text: str) -> list[Piece]:
        closed: list[Piece] = []
        lines = (self._partial + text).split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._line(line, closed)
        if self._begins():
            self._emit(closed)
        limit = CODE_CHARS if self._fence else PROSE_MAX
        if len(self._partial) > limit:
            self._long(closed, limit)
        return closed

    def _begins(self) -> bool:
        """Whether the unfinished line begins a new piece, whatever it becomes: then the one before it is closed now."""
        partial = self._partial
        if not self._blank or self._fence or self._size < PROSE_MIN or not partial.strip() or partial[0] in " \t":
            return False
        return not self._list or partial[0].isalpha()

    def finish(self) -> list[Piece]:
        """The text is complete: what was open is closed."""
        closed: list[Piece] = []
        if self._partial:
            line, self._partial = self._partial, ""
            self._line(line, closed)
        if self._fence:
            self._emit(closed, last=True)
            self._fence = ""
        else:
            self._emit(closed)
        return closed

    def tail(self) -> Piece | None:
        """What is open, as it can be shown now."""
        partial = self._partial
        bare = partial.strip()
        if self._fence:
            if bare and not bare.strip("`~"):
                partial = ""  # most likely the closing fence on its way
            lines = [*self._lines, partial] if partial else self._lines
            if not lines:
                return None
            return Piece("code", "\n".join(lines), self.language, self.fences - 1, self._first, False)
        if bare.startswith(("```", "~~~")):
            partial = ""  # the info string may still grow
        lines = [*self._lines, partial] if partial else self._lines
        source = "\n".join(lines)
        return Piece("prose", source) if source.strip() else None

    @property
    def tail_size(self) -> int:
        return self._size + len(self._partial)

    # ---- one complete line -----------------------------------------------------------------------------------------

    def _line(self, line: str, closed: list[Piece]) -> None:
        start = line.lstrip(" ")[:3]
        fence_like = start in ("```", "~~~")
        if self._fence:
            bare = line.strip()
            if fence_like and len(bare) >= len(self._fence) and not bare.strip(self._fence[0]) and line[:4] != "    ":
                self._emit(closed, last=True)
                self._fence = ""
                self._blank = True
                return
            if len(self._lines) >= CODE_LINES or (self._lines and self._size + len(line) > CODE_CHARS):
                self._emit(closed, last=False)
            if len(line) > CODE_CHARS:
                self._split_long(line, CODE_CHARS, closed)
            else:
                self._keep(line)
            return
        if fence_like:
            opening = _OPENS.match(line)
            # An indented fence inside a list belongs to its item; the prose engine draws it.
            if opening is not None and not (self._list and opening.group(1)):
                self._emit(closed)
                self._fence = opening.group(2)
                self.language = opening.group(3).strip("{}.").lower()
                self.fences += 1
                self._first = True
                self._list = self._table = False
                return
        self._prose(line, closed)

    def _prose(self, line: str, closed: list[Piece]) -> None:
        if not line.strip():
            self._blank = True
            self._table = False
            if self._lines:
                self._keep(line)
            return
        top = line[0] not in " \t"
        item = top and _ITEM.match(line) is not None
        if self._blank and top and not (self._list and item) and self._size >= PROSE_MIN:
            self._emit(closed)
        limit = TABLE_MAX if self._table else PROSE_MAX
        # Too long without a border: cut between lines, best where an item begins.
        if (
            self._lines
            and self._size + len(line) > limit
            and (item or self._size + len(line) > limit + 2_000 or not self._list)
        ):
            self._emit(closed)
            self._table = False
        if (
            "|" in line
            and self._lines
            and not self._table
            and "-" in line
            and _RULE.match(line)
            and "|" in self._lines[-1]
        ):
            self._table = True
        if top and (self._blank or item):
            self._list = item
        self._blank = False
        if len(line) > PROSE_MAX and not self._table:
            self._split_long(line, PROSE_MAX, closed)
        else:
            self._keep(line)

    def _keep(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line) + 1

    def _emit(self, closed: list[Piece], last: bool = True) -> None:
        source = "\n".join(self._lines)
        self._lines = []
        self._size = 0
        if self._fence:
            closed.append(Piece("code", source, self.language, self.fences - 1, self._first, last))
            self._first = False
        elif source.strip():
            closed.append(Piece("prose", source))

    def _long(self, closed: list[Piece], limit: int) -> None:
        """An unfinished line longer than a piece: give its beginning away."""
        self._split_long(self._partial, limit, closed)
        self._partial = self._lines.pop()
        self._size = 0
        self._blank = False

    def _split_long(self, line: str, limit: int, closed: list[Piece]) -> None:
        at = 0
        while len(line) - at > limit:
            end = line.rfind(" ", at + limit // 2, at + limit) + 1 or at + limit
            self._keep(line[at:end])
            self._emit(closed, last=False)
            at = end
        self._keep(line[at:])


def fits(source: str) -> bool:
    """Whether the Markdown engine may have it: tables and deep nesting are quadratic there, or unreadable."""
    if "|" in source and source.count("\n") >= 1:
        lines = source.split("\n")
        for number, line in enumerate(lines):
            if "|" in line and "-" in line and number and _RULE.match(line) and "|" in lines[number - 1]:
                if line.count("|") > 100 or lines[number - 1].count("|") > 100:
                    return False
                rows = next((i for i, row in enumerate(lines[number:]) if not row.strip()), len(lines) - number)
                if rows > 200:
                    return False
    lines_of = "\n" + source
    return _DEEP.search(lines_of) is None and _INDENTED.search(lines_of) is None


def references(text: str) -> str:
    """The link definitions of a text: a piece that uses one needs it, wherever it stands."""
    if "]:" not in text:
        return ""
    return "\n".join(match.group() for _, match in zip(range(50), _REFERENCE.finditer(text), strict=False))


def _fences(text: str, end: int) -> Iterator[re.Match[str]]:
    """The lines before an index that look like a fence. Signs are searched for: an expression takes too long."""
    next_of = {sign: text.find(sign, 0, end) for sign in ("```", "~~~")}
    tried = -1  # where the last line began that was looked at
    while found := [at for at in next_of.values() if at >= 0]:
        at = min(found)
        first = text.rfind("\n", max(0, at - 4), at) + 1
        match = _OPENS.match(text, first, end) if first > tried and (first or at <= 3) else None
        tried = max(tried, first)
        if match is not None:
            yield match
        after = max(at + 3, 0 if match is None else match.end())
        next_of = {
            sign: text.find(sign, after, end) if 0 <= place < after else place for sign, place in next_of.items()
        }


def fence_at(text: str, end: int) -> tuple[str, str]:
    """The fence that is open at an index of a text, and its language; ('', '') outside of one."""
    fence = language = ""
    for match in _fences(text, end):
        mark = match.group(2)
        if not fence:
            fence, language = mark, match.group(3).strip("{}.").lower()
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not match.group(3):
            fence = language = ""
    return fence, language
