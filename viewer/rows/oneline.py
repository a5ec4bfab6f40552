"""A paragraph that is one line of words, painted without being laid out. Used by words.

Most answers between two tool calls are such a line. It looks as the layout would draw it, to the pixel (a test compares);
the layout is made when somebody points at it or selects.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QTextCharFormat, QTextLayout

from viewer.rows.parts import char_format, format_range
from viewer.rows.simple import Read
from viewer.rows.typeset import mono_form, strong_form
from viewer.theme.look import Look

LONGEST: Final = 300  # characters; more are no line of any measure
SPARE: Final = 2.0  # px that must be left, so that no rounding can break the line


class _Face(NamedTuple):
    """How the words of one form look."""

    font: QFont
    ink: QColor | None
    paper: QColor | None


class Stroke(NamedTuple):
    """Words of one look; x and width in px from the line's beginning."""

    x: float
    width: float
    text: str
    form: str


class OneLine(NamedTuple):
    """All there is to paint, and the line's height and ascent."""

    strokes: list[Stroke]
    tall: float
    ascent: float


def one_line(read: Read, look: Look, width: float) -> OneLine | None:
    """The strokes of a text that is one paragraph of plain letters and fits; None: a layout must tell."""
    text, runs = read.text, read.runs
    if len(text) > LONGEST or len(read.blocks) != 1 or read.blocks[0].kind != "para" or not text.isascii():
        return None
    strokes: list[Stroke] = []
    forms: set[str] = set()
    x, at = 0.0, 0
    for start, length, form, _ in runs:
        if form == "link":
            return None  # its underline is left to the layout
        if start > at:
            x = _put(strokes, x, text[at:start], "", look)
            forms.add("")
        x = _put(strokes, x, text[start : start + length], form, look)
        forms.add(form)
        at = start + length
    if at < len(text):
        x = _put(strokes, x, text[at:], "", look)
        forms.add("")
    return OneLine(strokes, *_line(look, frozenset(forms))) if x + SPARE <= width else None


def _put(strokes: list[Stroke], x: float, text: str, form: str, look: Look) -> float:
    widths, cell = _widths(look, form)
    width = len(text) * cell if cell else sum(map(widths.__getitem__, text.encode()))
    strokes.append(Stroke(x, width, text, form))
    return x + width


def paint_line(painter: QPainter, line: OneLine, x: float, top: float, look: Look, colour: QColor) -> None:
    """Paint it at the upper left corner of its line."""
    base = top + line.ascent
    for left, width, text, form in line.strokes:
        font, ink, paper = _face(look, form)
        if paper is not None:
            painter.fillRect(QRectF(x + left, top, width, line.tall).toAlignedRect(), paper)
        painter.setFont(font)
        painter.setPen(colour if ink is None else ink)
        painter.drawText(QPointF(x + left, base), text)


@lru_cache(maxsize=32)
def _face(look: Look, form: str) -> _Face:
    made = _format(look, form)
    if form == "code":
        font = look.font_for("mono", "")
    else:  # with setters: a painter takes what a font only has from another one from its device instead
        font = QFont(look.font_for("prose", ""))
        if form == "strong":
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic(form == "italic")
    if made is None or form != "code":
        return _Face(font, None, None)
    return _Face(font, made.foreground().color(), made.background().color())


@lru_cache(maxsize=32)
def _widths(look: Look, form: str) -> tuple[list[float], float]:
    """The widths of the ASCII signs, by code, and the one that they share, else 0."""
    metrics = QFontMetricsF(_face(look, form).font)
    widths = [metrics.horizontalAdvance(chr(code)) for code in range(128)]
    return widths, widths[32] if len(set(widths[32:127])) == 1 else 0.0


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
