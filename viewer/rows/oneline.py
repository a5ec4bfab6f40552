"""A message that is one line of words, painted without being laid out. For the renderer of 'message'.

Most answers between two tool calls are such a line. It looks as the sheet has it, to the pixel (a test compares); that
one is made when somebody points at the line or selects in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, floor
from typing import Final, TypeAlias

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QTextCharFormat, QTextLayout
from typing_extensions import override

from store.items import Message
from viewer.rows.base import Fold, Hit, Laid, Pos
from viewer.rows.parts import char_format, format_range
from viewer.rows.simple import coded, inline
from viewer.rows.typeset import measure, mono_form, strong_form
from viewer.theme.look import Look

LONGEST: Final = 300  # characters; more are no line of any measure
SPARE: Final = 2.0  # px that must be left, so that no rounding can break the line

# The font of a form, its ink and ground (None: the row's own), the widths of ASCII by code, the one they share or 0.
_Face: TypeAlias = tuple[QFont, QColor | None, QColor | None, list[float], float]
# Words of one look: where they begin and how wide they are, in px of the line.
_Stroke: TypeAlias = tuple[float, float, str, _Face]


class OneLine(Laid):
    """The line, and how to have the whole row made. Its signs stay inside of it, and the painter's state as it was."""

    segments = 1
    tidy = True

    def __init__(
        self, strokes: list[_Stroke], forms: frozenset[str], left: int, look: Look, whole: Callable[[], Laid]
    ) -> None:
        self._strokes = strokes
        self._left = left
        self._look = look
        self._whole: Callable[[], Laid] | Laid = whole
        tall, ascent = _line(look, forms)
        high = max(look.px(21), ceil(tall))
        edge = look.px(8)
        self.height = high + 2 * edge
        self._top = edge + high - tall  # the room that a line has lies above its words
        self._base = self._top + ascent
        self._grounds = []
        for x, width, _, (_, _, ground, _, _) in strokes:
            if ground is not None:
                first, upper = floor(left + x), floor(self._top)
                lower = ceil(self._top + tall)
                self._grounds.append((first, upper, ceil(left + x + width) - first, lower - upper, ground))
        x, width, _, _ = strokes[-1]
        self.reach = left + ceil(x + width) + edge  # a slanted sign leans out of its width

    @property
    def whole(self) -> Laid:
        """The row as the sheet has it."""
        if not isinstance(self._whole, Laid):
            self._whole = self._whole()
        return self._whole

    @override
    def paint(self, painter: QPainter, top: int, bottom: int, selected: tuple[Pos | None, Pos | None] | None) -> None:
        if selected is not None:
            self.whole.paint(painter, top, bottom, selected)
        else:
            self.draw(painter, 0)

    @override
    def draw(self, painter: QPainter, y: int) -> None:
        main, left, base = self._look.colour("text.main"), self._left, y + self._base
        for first, upper, width, tall, ground in self._grounds:  # before all words: those beside may lean into them
            painter.fillRect(first, y + upper, width, tall, ground)
        for x, _, text, (font, ink, _, _, _) in self._strokes:
            painter.setFont(font)
            painter.setPen(ink or main)
            painter.drawText(QPointF(left + x, base), text)

    @override
    def hit(self, x: int, y: int) -> Hit:
        return self.whole.hit(x, y)

    @override
    def text(self, start: Pos | None, end: Pos | None) -> str:
        return self.whole.text(start, end)

    @override
    def word(self, pos: Pos) -> tuple[Pos, Pos]:
        return self.whole.word(pos)

    @override
    def paragraph(self, pos: Pos) -> tuple[Pos, Pos]:
        return self.whole.paragraph(pos)


def one_line(item: Message, width: int, look: Look, fold: Fold, whole: Callable[[], Laid]) -> OneLine | None:
    """The message as a line of plain letters that fits; None: it is something else."""
    if item.open or item.text.length > LONGEST or fold.depth:
        return None
    source = str(item.text).rstrip(" \n")
    if not (source.isascii() and source.isprintable() and source[:1].isalpha()) or "\\" in source:
        return None
    if "```" in source or "~~~" in source or "]:" in source:
        return None
    left = look.px(24) + look.px(24)
    room = min(max(width - look.px(24) - left, look.px(48)), measure(look)) - SPARE
    strokes: list[_Stroke] = []
    forms: set[str] = set()
    x, at = 0.0, 0
    pieces = coded(source)
    if pieces is not None:
        form = ""
        for piece in pieces:
            if piece:
                x = _put(strokes, x, piece, _face(look, form))
                forms.add(form)
            form = "" if form else "code"
        return OneLine(strokes, frozenset(forms), left, look, whole) if x <= room else None
    said = inline(source)
    if said is None:
        return None
    text, runs = said
    for start, length, form, target in runs:
        if target:
            return None  # its underline is the layout's
        if start > at:
            x = _put(strokes, x, text[at:start], _face(look, ""))
            forms.add("")
        at = start + length
        x = _put(strokes, x, text[start:at], _face(look, form))
        forms.add(form)
    if at < len(text):
        x = _put(strokes, x, text[at:], _face(look, ""))
        forms.add("")
    return OneLine(strokes, frozenset(forms), left, look, whole) if x <= room else None


def _put(strokes: list[_Stroke], x: float, text: str, face: _Face) -> float:
    """Unshaped, the signs of a text are as wide as each of them."""
    width = len(text) * face[4] or sum(map(face[3].__getitem__, text.encode()))
    strokes.append((x, width, text, face))
    return x + width


@lru_cache(maxsize=32)
def _face(look: Look, form: str) -> _Face:
    ink = ground = None
    if form == "code":
        font = look.font_for("mono", "")
        made = mono_form(look, code=False, anchor=False)
        ink, ground = made.foreground().color(), made.background().color()
    else:  # with setters: what a font only has from another one, a painter takes from its device instead
        font = QFont(look.font_for("prose", ""))
        if form == "strong":
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic(form == "italic")
    metrics = QFontMetricsF(font)
    widths = [metrics.horizontalAdvance(chr(code)) for code in range(127)]
    return font, ink, ground, widths, widths[32] if len(set(widths[32:])) == 1 else 0.0


@lru_cache(maxsize=64)
def _line(look: Look, forms: frozenset[str]) -> tuple[float, float]:
    """Height and ascent of a line of words of these forms."""
    layout = QTextLayout("x" * len(forms), look.font_for("prose", "x"))
    made = [(at, _format(look, form)) for at, form in enumerate(forms)]
    layout.setFormats([format_range(at, 1, form) for at, form in made if form is not None])
    layout.beginLayout()
    line = layout.createLine()
    line.setLeadingIncluded(True)
    layout.endLayout()
    return line.height(), line.ascent()


def _format(look: Look, form: str) -> QTextCharFormat | None:
    match form:
        case "code":
            return mono_form(look, code=False, anchor=False)
        case "strong":
            return strong_form()
        case "italic":
            return char_format(None, italic=True)
    return None
