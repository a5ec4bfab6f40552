"""Code, diffs and output whose every line fits: signs of one width, painted without being laid out. For row kinds.

They look as `Lines` do, to the pixel (a test compares). A layout is made when somebody points at them or selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from math import ceil, floor
from typing import Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QTextOption
from typing_extensions import override

from viewer.rows.parts import KEPT_SHAPES, Lines, Span, ascent_of
from viewer.theme.look import Look

_WRAP: Final = QTextOption.WrapMode.WrapAnywhere  # nothing is so long that it matters


class _Paper(NamedTuple):
    """A ground behind some signs of a line."""

    line: int
    column: int
    length: int
    rgba: int


class _Strokes(NamedTuple):
    """What is painted: of every line its runs of one colour, as (column, text, rgba)."""

    lines: list[list[tuple[int, str, int]]]
    papers: list[_Paper]


class Grid(Lines):
    """Lines of one monospaced font, none of them wrapped."""

    __slots__ = ("_rows", "_strokes")

    def __init__(
        self, rows: list[str], text: str, look: Look, colour: str, x: int, y: int, width: int, spans: Sequence[Span],
        whole: str,
    ) -> None:  # fmt: skip
        self._rows = rows
        self._strokes: _Strokes | None = None
        super().__init__(text, look, "mono", colour, x, y, width, wrap=_WRAP, spans=spans, whole=whole)

    @override
    def _tall(self) -> int:
        return len(self._rows) * self.step

    @override
    def line_tops(self) -> list[int]:
        return list(range(0, self.height, self.step))

    @override
    def _line(self, start: int) -> int:
        return self.text.count("\n", 0, start)

    @override
    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        look, rows = self._look, self._rows
        strokes = self._strokes
        if strokes is None and self._layout is None and selected is None:
            strokes = self._strokes = _strokes(self.text, rows, self.spans, look.colour(self.colour).rgba())
        # Runs by the dozen are painted sooner by a layout.
        if strokes is None or selected is not None or sum(map(len, strokes.lines)) > 2 * len(rows) + 2:
            super().paint(painter, clip, selected)
            return
        step, x, cell = self.step, self.x, _cell(look)[0]
        high = look.metrics("mono").height()
        top = self.y + (step - high) / 2
        reach = self.reach()  # lines next to the clip are painted too
        first = max(0, floor((clip.top() - reach - self.y) / step))
        end = min(len(rows), ceil((clip.bottom() + reach - self.y) / step))
        for paper in strokes.papers:
            if first <= paper.line < end:
                left = x + paper.column * cell
                box = QRectF(left, top + paper.line * step, paper.length * cell, _cell(look)[2])
                painter.fillRect(box.toAlignedRect(), _colour(paper.rgba))
        painter.setFont(look.font_for("mono", ""))
        base = top + ascent_of(look, "mono")
        ink = -1
        for number in range(first, end):
            for column, said, rgba in strokes.lines[number]:
                if rgba != ink:
                    painter.setPen(_colour(rgba))
                    ink = rgba
                painter.drawText(QPointF(x + column * cell, base + number * step), said)


def mono(
    text: str, look: Look, colour: str, x: int, y: int, width: int, *, spans: Sequence[Span] = (), whole: str = ""
) -> Lines:
    """Monospaced text, laid out only if it takes that to know its lines."""
    if text and text.isascii() and "\t" not in text:
        rows = text.split("\n")
        cell, spare, _ = _cell(look)
        if max(map(len, rows)) * cell + spare <= width and not any(span.bold or span.italic for span in spans):
            return Grid(rows, text, look, colour, x, y, width, spans, whole)
    return Lines(text, look, "mono", colour, x, y, width, spans=spans, whole=whole)


def _strokes(text: str, rows: list[str], spans: Sequence[Span], rgba: int) -> _Strokes | None:
    """What is painted of a text; None: a layout must do it."""
    if not spans:
        return _Strokes([[(0, row, rgba)] if row else [] for row in rows], [])
    if len(text) > KEPT_SHAPES or any(span.underline or span.strike for span in spans):
        return None
    inks = [rgba] * len(text)
    for span in spans:  # later ones win
        if span.ink is not None:
            inks[span.start : span.start + span.length] = [span.ink] * span.length
    papers: list[_Paper] = []
    lines: list[list[tuple[int, str, int]]] = []
    papered = [span for span in spans if span.paper is not None]
    start = 0
    for number, row in enumerate(rows):
        size = len(row)
        some = inks[start : start + size]
        if not size:
            lines.append([])
        elif some.count(some[0]) == size:
            lines.append([(0, row, some[0])])
        else:
            lines.append([])
            column = 0
            for ink, run in groupby(some):
                length = sum(1 for _ in run)
                lines[-1].append((column, row[column : column + length], ink))
                column += length
        for span in papered:
            column, end = max(0, span.start - start), min(size, span.start + span.length - start)
            if column < end and span.paper is not None:
                papers.append(_Paper(number, column, end - column, span.paper))
        start += size + 1
    return _Strokes(lines, papers)


@lru_cache(maxsize=32)
def _cell(look: Look) -> tuple[float, float, float]:
    """The width of a sign, how far one may stand out of its own at the right, and the height of a line of them."""
    metrics = QFontMetricsF(look.font_for("mono", ""))
    least = min(metrics.rightBearing(chr(code)) for code in range(33, 127))
    return metrics.horizontalAdvance("0"), max(0.0, -least), metrics.ascent() + metrics.descent()


@lru_cache(maxsize=256)
def _colour(rgba: int) -> QColor:
    return QColor.fromRgba(rgba)
