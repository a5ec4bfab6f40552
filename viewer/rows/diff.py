"""A diff from hunks: line numbers, colours by first character, changed words. Used by viewer.rows.tool_edit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtGui import QPainter

from store.events import Hunk
from viewer.rows.clean import clean
from viewer.rows.grid import mono
from viewer.rows.marks import draw_text
from viewer.rows.parts import Span, advance
from viewer.rows.sheet import Sheet

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
LINE_MAX = 2_000  # characters of one line that are shown; longer lines are generated files
WORDS_MAX = 300  # words of a line that are compared
CHUNK = 200  # lines of one layout


class Line(NamedTuple):
    sign: str  # ' ', '+', '-', '@'
    text: str
    old: int
    new: int
    words: tuple[tuple[int, int], ...] = ()


def counts(hunks: Sequence[Hunk]) -> tuple[int, int]:
    """Lines added and removed."""
    added = sum(line.startswith("+") for hunk in hunks for line in hunk.lines)
    removed = sum(line.startswith("-") for hunk in hunks for line in hunk.lines)
    return added, removed


def total(hunks: Sequence[Hunk]) -> int:
    """How many lines all of it has, with one between the hunks, and one before them if they are of several files."""
    between = len(hunks) if _several(hunks) else max(0, len(hunks) - 1)
    return sum(len(hunk.lines) for hunk in hunks) + between


def _several(hunks: Sequence[Hunk]) -> bool:
    return any(hunk.path != hunks[0].path for hunk in hunks)


def lines_of(hunks: Sequence[Hunk], limit: int) -> list[Line]:
    """The first `limit` lines, numbered. A hunk after the first begins with a line that says where it is, and the first
    of each file with its name, if there are several."""
    found: list[Line] = []
    file: str | None = None if _several(hunks) else hunks[0].path if hunks else ""
    for number, hunk in enumerate(hunks):
        if len(found) >= limit:
            break
        if hunk.path != file:
            file = hunk.path
            found.append(Line("@", clean(file.replace("\n", "␊")[:LINE_MAX]) or "no name", 0, 0))
        elif number:
            found.append(Line("@", f"line {hunk.new_start}" if hunk.new_start else "another place", 0, 0))
        old, new = hunk.old_start, hunk.new_start
        # A hunk that does not know where it stands (a proposed edit) starts at 0: its lines have no numbers.
        one_old, one_new = min(1, old), min(1, new)
        for line in hunk.lines[: limit - len(found)]:
            sign = line[:1] if line[:1] in ("+", "-", " ") else "\\" if line.startswith("\\") else " "
            text = line[1:] if line[:1] in ("+", "-", " ") else line
            if len(text) > LINE_MAX:
                text = f"{text[:LINE_MAX]}… {len(text) - LINE_MAX:,} more characters"
            text = clean(text.rstrip("\r\n")).replace("\n", "␊")
            match sign:
                case "+":
                    found.append(Line(sign, text, 0, new))
                    new += one_new
                case "-":
                    found.append(Line(sign, text, old, 0))
                    old += one_old
                case "\\":
                    found.append(Line("@", text.removeprefix("\\ "), 0, 0))
                case _:
                    found.append(Line(" ", text, old, new))
                    old, new = old + one_old, new + one_new
    return _emphasised(found)


def _emphasised(lines: list[Line]) -> list[Line]:
    """Mark the words that changed where a removed run is followed by an added one of the same length."""
    at = 0
    while at < len(lines):
        if lines[at].sign != "-":
            at += 1
            continue
        middle = at
        while middle < len(lines) and lines[middle].sign == "-":
            middle += 1
        end = middle
        while end < len(lines) and lines[end].sign == "+":
            end += 1
        if middle - at == end - middle and middle - at <= 40:
            for offset in range(middle - at):
                cut, add = _changed(lines[at + offset].text, lines[middle + offset].text)
                lines[at + offset] = lines[at + offset]._replace(words=cut)
                lines[middle + offset] = lines[middle + offset]._replace(words=add)
        at = end
    return lines


def _changed(old: str, new: str) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    one, two = _WORDS.findall(old[:LINE_MAX]), _WORDS.findall(new[:LINE_MAX])
    if not one or not two or len(one) > WORDS_MAX or len(two) > WORDS_MAX:
        return (), ()
    # Here: loading it costs a tenth of a start, and the first screen seldom has a changed line.
    from rapidfuzz.distance import Indel

    if Indel.normalized_similarity(one, two) < 0.4:
        return (), ()  # another line altogether: all of it changed, so nothing stands out
    cut: list[tuple[int, int]] = []
    add: list[tuple[int, int]] = []
    for code in Indel.opcodes(one, two):
        if code.tag == "equal":
            continue
        if code.src_end > code.src_start:
            cut.append((_length(one[: code.src_start]), _length(one[code.src_start : code.src_end])))
        if code.dest_end > code.dest_start:
            add.append((_length(two[: code.dest_start]), _length(two[code.dest_start : code.dest_end])))
    return tuple(cut), tuple(add)


def _length(words: Sequence[str]) -> int:
    return sum(map(len, words))


def add_diff(sheet: Sheet, hunks: Sequence[Hunk], limit: int) -> int:
    """Lay out at most `limit` lines over the full width; gives back how many are left."""
    look = sheet.look
    px = look.px
    lines = lines_of(hunks, limit)
    highest = max((max(line.old, line.new) for line in lines), default=1)
    digit = advance(look, "meta", "0")
    column = digit * max(3, len(str(highest)))
    numbers_right = sheet.left + column
    sign_x = numbers_right + px(8)
    text_x = sign_x + px(16)
    for start in range(0, len(lines), CHUNK):
        _chunk(sheet, lines[start : start + CHUNK], numbers_right, sign_x, text_x)
    return max(0, total(hunks) - len(lines))


def _chunk(sheet: Sheet, lines: list[Line], numbers_right: int, sign_x: int, text_x: int) -> None:
    look = sheet.look
    spans: list[Span] = []
    at = 0
    token = {"+": "diff.add_text", "-": "diff.cut_text", "@": "diff.hunk", " ": "code.text"}
    words = {"+": "diff.add_word", "-": "diff.cut_word"}
    for line in lines:
        ink = look.colour(token[line.sign]).rgba()
        if line.sign != " " and line.text:
            spans.append(Span(at, len(line.text), ink))
        for first, length in line.words:
            if first + length <= len(line.text):
                spans.append(Span(at + first, length, ink, look.colour(words[line.sign]).rgba()))
        at += len(line.text) + 1
    text = "\n".join(line.text for line in lines)
    part = mono(text, look, "code.text", text_x, sheet.y, sheet.right - text_x, spans=spans)
    whole_end = part.height
    tops = part.line_tops()
    heights = [(tops[index + 1] if index + 1 < len(tops) else whole_end) - top for index, top in enumerate(tops)]
    y0 = sheet.y
    left, right = sheet.left, sheet.right
    grounds = {"+": look.colour("diff.add_background"), "-": look.colour("diff.cut_background")}
    inks = {sign: look.colour(name) for sign, name in token.items()}
    gutter = look.colour("code.gutter")
    meta, code = look.font("meta"), look.font("mono")
    step = part.step
    meta_top = y0 + (step - look.metrics("meta").height()) // 2
    mono_top = y0 + (step - look.metrics("mono").height()) // 2
    labels = [str(line.new or line.old or "") if line.sign != "@" else "…" for line in lines]
    label_x = [numbers_right - advance(look, "meta", label) for label in labels]

    def draw(painter: QPainter) -> None:
        for line, top, height in zip(lines, tops, heights, strict=True):
            ground = grounds.get(line.sign)
            if ground is not None:
                painter.fillRect(left, y0 + top, right - left, height, ground)
        painter.setFont(meta)
        painter.setPen(gutter)
        for label, x, top in zip(labels, label_x, tops, strict=True):
            draw_text(painter, x, top + meta_top, label, look, "meta")
        painter.setFont(code)
        for line, top in zip(lines, tops, strict=True):
            if line.sign in "+-":
                painter.setPen(inks[line.sign])
                draw_text(painter, sign_x, top + mono_top, "+" if line.sign == "+" else "−", look, "mono")

    sheet.mark(y0, part.height, draw)
    sheet.add(part)
