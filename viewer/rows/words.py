"""Simple Markdown, laid out as one text at a fraction of what a document costs. For viewer.rows.markdown.

It looks as `Prose` does, to the pixel: nothing moves when the same words are laid out the other way. What is still
being written stays `Prose`, which grows in place.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QTextCharFormat, QTextLayout, QTextLine, QTextOption
from typing_extensions import override

from viewer.rows.parts import COUNT, KEPT_SHAPES, Lines, Part, char_format, format_range
from viewer.rows.simple import Block, Read, Run
from viewer.rows.typeset import HEADINGS, PIXELS, gap, measure, mono_form, prose_option, strong_form
from viewer.theme.look import Look

_TAKEN = Read("", [], [])
_FORMED = ("heading", "head")  # blocks that look otherwise as a whole
_ENDLESS = 100_000.0  # px; a cell's line is never broken here


class _Sign(NamedTuple):
    """What stands before an item, on one base line with its first words. `y` is where a line of our font begins."""

    x: int
    y: int
    text: str


class _Ruled(NamedTuple):
    """The lines of a table."""

    columns: list[int]
    rows: list[int]


def _for_gap(block: Block) -> str:
    """What the space around a block goes by."""
    return "table" if block.kind in ("head", "cell") else block.kind


class Words(Lines):
    """Blocks of one piece in one layout, each at its own indent and line height; cells of a table side by side."""

    __slots__ = ("_lefts", "_links", "_read", "_ruled", "_signs", "_tops", "first", "last", "widest")

    def __init__(self, read: Read, look: Look, colour: str, x: int, y: int, width: int) -> None:
        self._read = read  # until it is laid out, which is at once
        self._links = [run for run in read.runs if run.target] if read.runs else []
        self.first = _for_gap(read.blocks[0])
        self.last = _for_gap(read.blocks[-1])
        self.widest = 0  # px that the widest table wants; more than `width`, and the engine must break its lines
        self._tops: list[int] = []  # of the lines, and at last the lower end
        self._lefts: dict[int, int] = {}  # of the lines that are cells, by number
        self._signs: list[_Sign] = []
        self._ruled: list[_Ruled] = []
        wrap = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
        super().__init__(read.text, look, "prose", colour, x, y, max(width, 32), wrap=wrap)

    @override
    def _tall(self) -> int:
        self.lay()
        return self._tops[-1]

    @override
    def lay(self) -> QTextLayout:
        if self._layout is not None:
            return self._layout
        read, self._read = self._read, _TAKEN
        look, text, blocks, runs = self._look, self.text, read.blocks, read.runs
        shown = text.replace("\n", "\u2028") if len(blocks) > 1 else text
        layout = QTextLayout(shown.replace("\t", "\u2028") if "\t" in shown else shown, look.font_for("prose", text))
        layout.setTextOption(prose_option())
        layout.setCacheEnabled(len(text) <= KEPT_SHAPES)
        forms = self._forms(read) if runs or any(block.kind in _FORMED for block in blocks) else []
        if forms:
            layout.setFormats(forms)
        flat = text.isascii()
        wide = float(min(self.width, measure(look)))
        above = look.metrics("prose").ascent()
        tops = self._tops
        y, before = 0, ""
        number = 0  # the first run that may lie in the block
        cells: list[tuple[Block, QTextLine]] = []
        layout.beginLayout()
        for block in blocks:
            if block.kind in ("head", "cell"):
                line = layout.createLine()
                line.setLeadingIncluded(True)
                line.setLineWidth(_ENDLESS)
                cells.append((block, line))
                continue
            if cells:
                y, before = self._table(cells, y, before), "table"
                cells = []
            y += gap(look, before, block.kind)
            before = block.kind
            level = block.level if before == "heading" else 0
            least = look.px(HEADINGS.get(level, 14) * 1.35) if level else look.px(21)
            x = float(look.px(20) * block.level) if before == "item" else 0.0
            room = max(0.0, wide - x)
            end = self._units(0, block.end)[1] if self._wide else block.end
            while number < len(runs) and runs[number].start < block.start:
                number += 1
            # Words of one font, ours, have lines of one height; asking each would cost as much as laying it out.
            even = flat and (number == len(runs) or runs[number].start >= block.end)
            tall, ascent = _line_of(look, level) if even else (0.0, 0.0)
            high = max(least, ceil(tall))
            sign = block.sign
            at = block.start if flat else self._units(0, block.start)[1]
            while True:
                line = layout.createLine()
                if not line.isValid():
                    break
                if even:
                    line.setLineWidth(room)
                else:
                    line.setLeadingIncluded(True)
                    line.setLineWidth(room)
                    tall, ascent = line.height(), line.ascent()
                    high = max(least, ceil(tall))
                line.setPosition(QPointF(x, y + high - tall))  # the room that a line has lies above its words
                if sign:
                    self._signs.append(_Sign(round(x), floor(y + high - tall + ascent - above + 0.5), sign))
                    sign = ""
                tops.append(y)
                y += high
                at += line.textLength()
                if at >= end:
                    break
        if cells:
            y = self._table(cells, y, before)
        layout.endLayout()
        COUNT.laid_chars += len(text)
        COUNT.laid_lines += len(tops)
        tops.append(y)
        self._layout = layout
        return layout

    def _table(self, cells: list[tuple[Block, QTextLine]], y: int, before: str) -> int:
        """Place the cells of a table where Qt would. Gives back its lower end."""
        look = self._look
        pad = look.px(6)
        y += look.px(8) if before else 0
        columns = 1 + max(block.level for block, _ in cells)
        natural = [line.naturalTextWidth() for _, line in cells]
        widths = [ceil(max(natural[column::columns])) for column in range(columns)]
        lefts, x = [], 1
        for width in widths:
            lefts.append(x)
            x += width + 2 * pad + 1
        self.widest = max(self.widest, x + 3)
        rules, row = [], y + 1
        for at in range(0, len(cells), columns):
            rules.append(row)
            tall = 0
            for column, (block, line) in enumerate(cells[at : at + columns]):
                # A head alone is not aligned, and what stands out to the right of the last sign does not count.
                room = widths[column] - line.horizontalAdvance() if len(cells) > columns else 0.0
                shift = room if block.sign == ">" else room / 2 if block.sign == "^" else 0.0
                line.setPosition(QPointF(lefts[column] + pad + 1.5 + shift, row + pad + 1.5))
                tall = max(tall, ceil(line.height()))
                self._lefts[len(self._tops)] = lefts[column]
                self._tops.append(row)
            row += tall + 2 * pad + 1
        rules.append(row)
        self._ruled.append(_Ruled([*lefts, x], rules))
        return row + 3

    def _forms(self, read: Read) -> list[QTextLayout.FormatRange]:
        look = self._look
        made: list[QTextLayout.FormatRange] = []
        runs, number = read.runs, 0
        ink = look.colour("text.strong" if self.colour == "text.main" else self.colour).rgba()
        for block in read.blocks:
            whole: QTextCharFormat | None = None
            if block.kind == "heading":
                whole = _heading(look, block.level, ink)
            elif block.kind == "head":
                whole = char_format(None, bold=True)
            at = block.start
            while number < len(runs) and runs[number].start < block.end:
                run = runs[number]
                number += 1
                if whole is not None and run.start > at:
                    made.append(self._range(at, run.start - at, whole))
                at = run.start + run.length
                # The line's end goes with its last word: its font counts for the line's height.
                over = at == block.end < len(read.text)
                made.append(self._range(run.start, run.length + over, self._form(run, block, ink)))
                if block.kind == "head":
                    whole = None  # as the engine has it: what follows another look is not bold any more
            if whole is not None and at < block.end:
                made.append(self._range(at, block.end - at, whole))
        return made

    def _range(self, start: int, length: int, form: QTextCharFormat) -> QTextLayout.FormatRange:
        return format_range(*self._units(start, length), form)

    def _form(self, run: Run, block: Block, ink: int) -> QTextCharFormat:
        look = self._look
        if block.kind == "heading":
            return _heading(look, block.level, ink, run.form)
        if block.kind in ("head", "cell"):
            return _in_cell(look, run.form)
        match run.form:
            case "code":
                return mono_form(look, code=False, anchor=False)
            case "strong":
                return strong_form()
            case "italic":
                return char_format(None, italic=True)
            case "link":
                return char_format(look.colour("text.link").rgba(), underline=True)

    # ---- the part

    @override
    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        look = self._look
        self.lay()
        if self._ruled:
            _paint_ruled(painter, self._ruled, self.x, self.y, look)
        super().paint(painter, clip, selected)
        if not self._signs:
            return
        top, bottom = clip.top() - self.y - self.step, clip.bottom() - self.y
        ink = look.colour(self.colour)
        for x, y, sign in self._signs:
            if top < y < bottom:
                _paint_sign(painter, sign, self.x + x, self.y + y, look, ink)

    def _number(self, x: float, y: float) -> int:
        """The line at a point of the row."""
        tops = self._tops
        number = max(0, min(bisect_right(tops, y - self.y), len(tops) - 1) - 1)
        while number and tops[number - 1] == tops[number] and x - self.x < self._lefts.get(number, 0):
            number -= 1  # a cell further left
        return number

    @override
    def at(self, x: float, y: float) -> int:
        layout = self.lay()
        if y - self.y < 0:
            return 0
        if y - self.y >= self.height:
            return self.end()
        return layout.lineAt(self._number(x, y)).xToCursor(x - self.x)

    @override
    def link(self, x: float, y: float) -> str:
        if not self._links:
            return ""
        line = self.lay().lineAt(self._number(x, y))
        if not line.naturalTextRect().contains(QPointF(x - self.x, y - self.y)):
            return ""
        at = line.xToCursor(x - self.x, QTextLine.CursorPosition.CursorOnCharacter)
        for run in self._links:
            start, length = self._units(run.start, run.length)
            if start <= at < start + length:
                return run.target
        return ""

    @override
    def same_until(self, new: Part) -> int:
        return min(self.y, new.y)  # it is never made again for a word more

    @override
    def caret(self) -> tuple[int, int, int]:
        line = self.lay().lineAt(len(self._tops) - 2)
        x = line.x() + line.naturalTextWidth()
        return self.x + round(x), self.y + round(line.y()), round(line.height())


@lru_cache(maxsize=32)
def _line_of(look: Look, level: int) -> tuple[float, float]:
    """Height and ascent of a line of words, or of a heading's."""
    layout = QTextLayout("x", look.font_for("prose", "x"))
    if level:
        layout.setFormats([format_range(0, 1, _heading(look, level, 0))])
    layout.beginLayout()
    line = layout.createLine()
    line.setLeadingIncluded(True)
    layout.endLayout()
    return line.height(), line.ascent()


@lru_cache(maxsize=32)
def _heading(look: Look, level: int, ink: int, run: str = "") -> QTextCharFormat:
    """The words of a heading, and what stands among them. Bold they all are."""
    form = QTextCharFormat(char_format(ink, italic=run == "italic"))
    form.setProperty(PIXELS, look.px(HEADINGS.get(level, 14)))
    if run == "code":
        form.merge(mono_form(look, code=False, anchor=False))
    elif run == "link":
        form.merge(char_format(look.colour("text.link").rgba(), underline=True))
    form.setFontWeight(QFont.Weight.DemiBold)
    return form


@lru_cache(maxsize=32)
def _in_cell(look: Look, run: str) -> QTextCharFormat:
    """What stands among the words of a cell."""
    form = QTextCharFormat(char_format(None, bold=run == "strong", italic=run == "italic"))
    if run == "code":
        form.merge(mono_form(look, code=False, anchor=False))
    elif run == "link":
        form.merge(char_format(look.colour("text.link").rgba(), underline=True))
    return form


def _paint_ruled(painter: QPainter, tables: list[_Ruled], x: int, y: int, look: Look) -> None:
    """The lines of tables, and the ground of their first rows."""
    ink, ground = look.colour("line.hair"), look.colour("surface.raised")
    for columns, rows in tables:
        left, right, top, bottom = x + columns[0], x + columns[-1], y + rows[0], y + rows[-1]
        painter.fillRect(left, top, right - left, rows[1] - rows[0], ground)
        for at in columns:
            painter.fillRect(x + at, top, 1, bottom - top + 1, ink)
        for at in rows:
            painter.fillRect(left, y + at, right - left + 1, 1, ink)


def _paint_sign(painter: QPainter, sign: str, x: int, y: int, look: Look, ink: QColor) -> None:
    """A bullet or a number, where Qt draws it."""
    metrics = look.metrics("prose")
    space = metrics.horizontalAdvance(" ")
    painter.setPen(ink)
    if len(sign) > 1:
        painter.setFont(look.font("prose"))
        painter.drawText(x - space - metrics.horizontalAdvance(sign), y + metrics.ascent(), sign)
        return
    size = metrics.lineSpacing() // 3
    box = QRectF(x - space - size, y + metrics.height() // 2 - size / 2, size, size)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if sign == "+":
        painter.fillRect(box, ink)
    elif sign == "*":
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(box.translated(0.5, 0.5))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(box)
    painter.restore()
