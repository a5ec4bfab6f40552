"""Selectable text at a place in a row, one segment per part. Made by row kinds, held by sheets."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple
from unicodedata import bidirectional

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QTextCharFormat, QTextLayout, QTextOption
from typing_extensions import override

from viewer.rows.clean import breakable, plain
from viewer.rows.marks import ours
from viewer.rows.same import common, woven
from viewer.theme.look import Look

_WORD = re.compile(r"\w+|[^\w\s]+|\s+")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
LEADING = {"ui": 20, "ui.bold": 20, "prose": 20, "mono": 18, "meta": 16, "meta.bold": 16, "title": 24}


# A text up to this long keeps what the font engine found out about it: half of what painting it costs, for 40 bytes
# per character.
KEPT_SHAPES = 4_000


class Counters:
    """What was laid out and parsed since the program began. Only tests and benches read it, as differences."""

    __slots__ = ("laid_chars", "laid_lines", "parsed_chars")

    def __init__(self) -> None:
        self.laid_chars = 0
        self.laid_lines = 0
        self.parsed_chars = 0


COUNT = Counters()
_NO_WRAP = QTextOption.WrapMode.NoWrap


class Part(ABC):
    """One selectable text. Places in it are UTF-16 units, as Qt counts; nobody outside a part looks into them."""

    __slots__ = ("height", "width", "x", "y")
    x: int
    y: int
    width: int
    height: int

    @abstractmethod
    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        """Paint at (x, y) what lies inside the clip, with a range selected."""

    @abstractmethod
    def at(self, x: float, y: float) -> int:
        """The place nearest to a point of the row."""

    @abstractmethod
    def end(self) -> int:
        """The last place."""

    @abstractmethod
    def cut(self, start: int, end: int) -> str:
        """The characters between two places, as they are copied."""

    @abstractmethod
    def around(self, char: int, whole: bool) -> tuple[int, int]:
        """The word around a place, or the whole line."""

    def link(self, x: float, y: float) -> str:
        """The target of the link at a point, as it was written."""
        return ""

    def caret(self) -> tuple[int, int, int]:
        """Where the next character would go: x, y, height."""
        return self.x, self.y, self.height

    def reach(self) -> int:
        """How many px its signs may stand out of their lines, and of the part."""
        return 0

    def same_until(self, new: Part) -> int:
        """The first y of the row at which the part that takes this one's place may look different."""
        return min(self.y, new.y)


@lru_cache(maxsize=16)
def option(wrap: QTextOption.WrapMode, tab: float, leftward: bool = False) -> QTextOption:
    """A shared option: left to right for code and titles, whatever they begin with; what was said as it begins."""
    made = QTextOption()
    made.setWrapMode(wrap)
    made.setTabStopDistance(tab)
    made.setTextDirection(Qt.LayoutDirection.RightToLeft if leftward else Qt.LayoutDirection.LeftToRight)
    if leftward:
        made.setAlignment(Qt.AlignmentFlag.AlignRight)
    return made


def leftward(text: str) -> bool:
    """Whether it is read from the right to the left: its first letter says so."""
    if text.isascii():
        return False
    return next((kind != "L" for kind in map(bidirectional, text[:500]) if kind in ("L", "R", "AL")), False)


@lru_cache(maxsize=512)
def char_format(
    ink: int | None,
    paper: int | None = None,
    bold: bool = False,
    italic: bool = False,
    underline: bool = False,
    strike: bool = False,
) -> QTextCharFormat:
    """A shared character format; colours are QRgb numbers, so that equal looks share one."""
    made = QTextCharFormat()
    if ink is not None:
        made.setForeground(QColor.fromRgba(ink))
    if paper is not None:
        made.setBackground(QColor.fromRgba(paper))
    if bold:
        made.setFontWeight(QFont.Weight.Bold)
    if italic:
        made.setFontItalic(True)
    if underline:
        made.setFontUnderline(True)
    if strike:
        made.setFontStrikeOut(True)
    return made


def format_range(start: int, length: int, form: QTextCharFormat) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start = start
    made.length = length
    made.format = form
    return made


class Span(NamedTuple):
    """A run of one look inside a text, in code points; colours are QRgb numbers."""

    start: int
    length: int
    ink: int | None
    paper: int | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False

    @property
    def form(self) -> QTextCharFormat:
        return char_format(*self[2:])


class Lines(Part):
    """Plain text in lines of one height, wrapped or cut: titles, code, tool output, diffs, prompts.

    `text` is what was laid out (already clean); `whole` is what copying all of it gives, when that is longer.
    """

    __slots__ = ("_ascent", "_layout", "_look", "_role", "_wide", "_wrap", "colour", "spans", "step", "text", "whole")

    def __init__(
        self,
        text: str,
        look: Look,
        role: str,
        colour: str,
        x: int,
        y: int,
        width: int,
        *,
        wrap: QTextOption.WrapMode | None = None,
        spans: Sequence[Span] = (),
        whole: str = "",
    ) -> None:
        self.text = text
        self.whole = whole
        self.colour = colour
        self.spans = spans
        self.x, self.y, self.width = x, y, max(width, 8)
        self.step = look.px(LEADING[role])
        self._look = look
        self._role = role
        if wrap is None:
            # Between words is better to read, but quadratic in an unbroken run: there, anywhere.
            mode = QTextOption.WrapMode
            wrap = mode.WrapAtWordBoundaryOrAnywhere if breakable(text) is text else mode.WrapAnywhere
        self._wrap = wrap
        self._wide = not text.isascii() and _ASTRAL.search(text) is not None
        self._layout: QTextLayout | None = None
        # One line that is cut instead of wrapped needs no layout to know its height: it is made when it is painted.
        self.height = self.step if wrap is _NO_WRAP else self._tall()

    def _tall(self) -> int:
        return self.lay().lineCount() * self.step

    def lay(self) -> QTextLayout:
        """The laid out text; made once."""
        if self._layout is not None:
            return self._layout
        look, metrics = self._look, self._look.metrics(self._role)
        tab = metrics.horizontalAdvance("0") * (8 if self._role == "mono" else 4)
        layout = QTextLayout(self.text.replace("\n", "\u2028"), look.font_for(self._role, self.text))
        layout.setTextOption(option(self._wrap, float(tab), self._role == "prose" and leftward(self.text)))
        layout.setCacheEnabled(len(self.text) <= KEPT_SHAPES)
        if self.spans:
            layout.setFormats([format_range(*self._units(span.start, span.length), span.form) for span in self.spans])
        layout.beginLayout()
        top = (self.step - metrics.height()) / 2
        ascent = metrics.ascent()
        flat = self.text.isascii()
        count = 0
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(self.width)
            # Another font (emoji, CJK) may be taller: keep its baseline on ours.
            line.setPosition(QPointF(0, count * self.step + top + (0 if flat else ascent - line.ascent())))
            count += 1
        layout.endLayout()
        COUNT.laid_chars += len(self.text)
        COUNT.laid_lines += count
        self._layout = layout
        return layout

    def _units(self, start: int, length: int) -> tuple[int, int]:
        if not self._wide:
            return start, length
        before = len(self.text[:start].encode("utf-16-le")) // 2
        return before, len(self.text[start : start + length].encode("utf-16-le")) // 2

    @override
    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        if self._layout is None and selected is None and not self.spans and self._wrap is _NO_WRAP and ours(self.text):
            self._draw(painter)
            return
        layout = self.lay()
        marked: list[QTextLayout.FormatRange] = []
        if selected is not None and selected[0] < selected[1]:
            look = self._look
            form = char_format(look.colour("selection.text").rgba(), look.colour("selection.background").rgba())
            marked.append(format_range(selected[0], selected[1] - selected[0], form))
        painter.setPen(self._look.colour(self.colour))
        reach = self.reach()  # lines next to the clip are drawn too; what lies outside of it is not touched
        layout.draw(painter, QPointF(self.x, self.y), marked, clip.adjusted(0, -reach, 0, reach))

    def _draw(self, painter: QPainter) -> None:
        """One line, as `lay` would place it: a layout is for those that are pointed at."""
        look, role, text = self._look, self._role, self.text
        metrics = look.metrics(role)
        ascent = ascent_of(look, role) if text.isascii() else metrics.ascent()
        painter.setFont(look.font_for(role, text))
        painter.setPen(look.colour(self.colour))
        painter.drawText(QPointF(self.x, self.y + (self.step - metrics.height()) / 2 + ascent), text)

    @override
    def at(self, x: float, y: float) -> int:
        layout = self.lay()
        count = layout.lineCount()
        if count == 0:
            return 0
        number = int((y - self.y) // self.step)
        if number < 0:
            return 0
        if number >= count:
            return self.end()
        return layout.lineAt(number).xToCursor(x - self.x)

    @override
    def end(self) -> int:
        return len(self.text) if not self._wide else len(self.text.encode("utf-16-le")) // 2

    @override
    def cut(self, start: int, end: int) -> str:
        if self.whole and start <= 0 and end >= self.end():
            return self.whole
        if not self._wide:
            return plain(self.text[start:end])
        return plain(self.text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace"))

    @override
    def around(self, char: int, whole: bool) -> tuple[int, int]:
        text = self.text
        if self._wide:  # rare: look at it in units, one character per unit
            text = "".join(c if ord(c) < 0x10000 else "xx" for c in text)
        return around(text, char, whole)

    @override
    def reach(self) -> int:
        return reach(self._look, self.text)

    @override
    def same_until(self, new: Part) -> int:
        top = min(self.y, new.y)
        if not isinstance(new, Lines) or (self.x, self.y, self.width) != (new.x, new.y, new.width):
            return top
        if self._role != new._role or self._wrap != new._wrap or woven(self.text) or woven(new.text):
            return top
        same = common(self.text, new.text)
        for mine, other in zip_longest(self.spans, new.spans):
            if mine is None or other is None or (mine.start, mine.length) != (other.start, other.length):
                same = min(same, *(span.start for span in (mine, other) if span is not None))
                break
            if mine[2:] != other[2:]:
                same = min(same, mine.start)
                break
        return top + max(0, min(self._line(same), new._line(same))) * self.step

    def _line(self, start: int) -> int:
        """The number of the line that holds a code point."""
        return self.lay().lineForTextPosition(self._units(0, start)[1]).lineNumber()

    def line_tops(self) -> list[int]:
        """The y, from the part's top, at which every line of the text begins, as it was before it was wrapped."""
        tops, at = [], 0
        for line in self.text.split("\n"):
            tops.append(self._line(at) * self.step)
            at += len(line) + 1
        return tops

    @override
    def caret(self) -> tuple[int, int, int]:
        layout = self.lay()
        last = layout.lineCount() - 1
        if last < 0:
            return self.x, self.y, self.step
        return int(self.x + layout.lineAt(last).naturalTextWidth()), self.y + last * self.step, self.step


def reach(look: Look, text: str) -> int:
    """How far signs of a text may stand out of their lines: ours by a pixel or two, other fonts' by a line."""
    return look.px(3) if text.isascii() else look.px(20)


def around(text: str, char: int, whole: bool) -> tuple[int, int]:
    """The word, or the line, around an index of a text."""
    start = text.rfind("\n", 0, char) + 1
    end = text.find("\n", char)
    end = len(text) if end < 0 else end
    if whole:
        return start, end
    low = max(start, char - 400)  # a word is never longer than can be seen
    for match in _WORD.finditer(text, low, min(end, char + 400)):
        if match.start() <= char < match.end():
            return match.start(), match.end()
    return char, char


@lru_cache(maxsize=32)
def ascent_of(look: Look, role: str) -> float:
    """The exact ascent of a role's font."""
    return QFontMetricsF(look.font_for(role, "")).ascent()


@lru_cache(maxsize=4096)
def _advance(look: Look, role: str, text: str) -> int:
    return look.metrics(role).horizontalAdvance(text)


def advance(look: Look, role: str, text: str) -> int:
    """The width of a short text. Cached: the same words stand in nearly every row."""
    return _advance(look, role, text) if len(text) <= 40 else look.metrics(role).horizontalAdvance(text)


def elide(look: Look, role: str, text: str, width: int, *, middle: bool = False) -> str:
    """The text cut with an ellipsis where it is wider than `width`; `middle` keeps its end, such as a file's name."""
    metrics = look.metrics(role)
    if len(text) * metrics.averageCharWidth() * 2 < width:
        return text
    # Nothing wider than this can show, so nothing longer is measured.
    most = max(8, width // 2)
    if len(text) <= most:
        if metrics.horizontalAdvance(text) <= width:
            return text
    elif middle:
        text = f"{text[: most // 2]}…{text[-most // 2 :]}"
    else:
        text = f"{text[:most]}…"
    mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
    return metrics.elidedText(text, mode, max(width, 0))
