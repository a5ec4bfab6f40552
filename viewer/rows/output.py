"""Long plain text in bounded pages: tool output, inputs, details; ANSI is decoded. For row kinds."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from PySide6.QtGui import QColor

from store.text import Text
from viewer.rows import ansi
from viewer.rows.clean import clean
from viewer.rows.grid import mono
from viewer.rows.parts import Span
from viewer.rows.sheet import Sheet, size_text
from viewer.theme.look import Look

LINE_CHARS = 150  # characters that a line may have on average, before a row shows fewer lines than it is allowed
PAGE_LINES, PAGE_CHARS = 200, 16_384
MAX_PAGES = 12  # a row is never taller than this: the rest is read in the inspector
COUNTABLE = 1 << 18  # characters up to which the lines that are left are counted exactly
JSON_LIMIT = 1 << 16
SHORT = 400  # characters of a last line that is shown with the page before it


class Pages(NamedTuple):
    """The pieces that are shown, and what is left: characters, and lines when they were counted."""

    pieces: list[str]
    left_chars: int
    left_lines: int | None
    last: bool  # no further page may be asked for


def first_page(look: Look) -> tuple[int, int]:
    """Lines and characters before a row folds: the user's own choice."""
    return look.lines, look.lines * LINE_CHARS


def paged(text: Text, pages: int, first: tuple[int, int]) -> Pages:
    """The first lines of a text and as many further pages as were asked for. Looks at no more than it shows."""
    pages = min(max(pages, 0), MAX_PAGES)
    head = text.head(first[1] + pages * PAGE_CHARS)
    pieces: list[str] = []
    at = 0
    for number in range(pages + 1):
        lines, chars = first if number == 0 else (PAGE_LINES, PAGE_CHARS)
        if at >= len(head):
            break
        piece = head[at : at + chars]
        parts = piece.split("\n", lines)
        if len(parts) > lines:
            piece = piece[: len(piece) - len(parts[-1])]
        elif at + len(piece) < text.length:
            # Cut at a line's end where one is near, else inside the line: a page is bounded, and nothing is lost.
            newline = piece.rfind("\n")
            if newline > chars // 2:
                piece = piece[: newline + 1]
        at += len(piece)
        pieces.append(piece)
    left = text.length - at
    count: int | None = None
    if 0 < left <= COUNTABLE:
        rest = text.since(at)
        count = rest.count("\n") + (not rest.endswith("\n"))
        if not rest.strip("\n"):
            left = count = 0
        elif count == 1 and left <= SHORT and pages < MAX_PAGES:
            pieces.append(rest)  # one line is not worth a click
            left = count = 0
    return Pages(pieces, left, count, pages >= MAX_PAGES)


def left_text(pages: Pages) -> str:
    """'38 more lines', or a size where counting would cost."""
    if pages.left_lines is None:
        return f"{size_text(pages.left_chars)} more"
    if pages.left_lines <= 1 and pages.left_chars > 400:
        return f"{size_text(pages.left_chars)} more of this line"
    return "1 more line" if pages.left_lines == 1 else f"{pages.left_lines:,} more lines"


def ansi_span(look: Look, run: ansi.Run) -> Span:
    """A run of terminal colours in this theme's own, so that it can be read on its ground."""
    style = run.style
    ink, paper = _colour(look, style.ink), _colour(look, style.paper)
    ground = look.colour("surface.window").rgba()
    if style.inverse:
        ink, paper = paper or ground, ink or look.colour("code.text").rgba()
    elif style.dim and ink is None:
        ink = look.colour("text.faint").rgba()
    if paper is not None:
        ink = _readable(ink or look.colour("code.text").rgba(), paper)
    return Span(run.start, run.length, ink, paper, style.bold, style.italic, style.underline, style.strike)


def _coloured(look: Look, text: str, runs: list[ansi.Run]) -> tuple[str, list[Span]]:
    """The cleaned text and its colours. Cleaning may lengthen a run, so that the next one begins later."""
    safe = clean(text)
    if len(safe) == len(text):
        return safe, [ansi_span(look, run) for run in runs]
    pieces: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for run in runs:
        for end, coloured in ((run.start, False), (run.start + run.length, True)):
            piece = clean(text[at:end])
            if coloured:
                spans.append(ansi_span(look, ansi.Run(length, len(piece), run.style)))
            pieces.append(piece)
            length += len(piece)
            at = end
    pieces.append(clean(text[at:]))
    return "".join(pieces), spans


def _colour(look: Look, colour: int | tuple[int, int, int] | None) -> int | None:
    if colour is None:
        return None
    if isinstance(colour, int):
        if colour < 16:
            return look.colour(f"ansi.c{colour}").rgba()
        colour = ansi.cube(colour)
    found = QColor(*colour)
    # A colour made for a black terminal is not readable on white: keep its hue, move its lightness.
    hue, saturation, light = found.hslHueF(), found.hslSaturationF(), found.lightnessF()
    light = max(light, 0.66) if look.dark else min(light, 0.36)
    return QColor.fromHslF(max(hue, 0.0), saturation, light).rgba()


def _readable(ink: int, paper: int) -> int:
    luminance = QColor.fromRgba(paper).lightnessF()
    if abs(luminance - QColor.fromRgba(ink).lightnessF()) > 0.35:
        return ink
    return 0xFF101318 if luminance > 0.45 else 0xFFF6F7F9


def add_output(
    sheet: Sheet,
    text: Text,
    pages: int,
    *,
    ink: str = "code.text",
    edge: str = "line.guide",
    action: str = "more",
    first: tuple[int, int] | None = None,
) -> None:
    """A text with a quiet edge at its left, paged, its terminal colours decoded."""
    look = sheet.look
    found = paged(text, pages, first or first_page(look))
    x = sheet.left + look.px(12)
    top = sheet.y
    style = ansi.PLAIN
    for number, piece in enumerate(found.pieces):
        if number == len(found.pieces) - 1 and (found.left_chars == 0 or piece.endswith("\n")):
            piece = piece.rstrip("\n")
        elif piece.endswith("\n"):
            piece = piece[:-1]
        shown, runs, style = ansi.decode(piece, style)
        safe, spans = _coloured(look, shown, runs)
        sheet.add(mono(safe, look, ink, x, sheet.y, sheet.right - x, spans=spans))
    if found.left_chars > 0:
        if found.last:
            sheet.more(f"{left_text(found)} · in the inspector", "inspect", x, 0)
        else:
            sheet.more(left_text(found), action, x, 0)
    sheet.fill(sheet.left, top, max(1, look.px(2)), sheet.y - top, edge)


def pretty(text: Text) -> tuple[str, list[tuple[int, int]]]:
    """A tool's JSON input for people: flat objects as 'key  value', others indented; with the places of the keys.

    What is too long, still streaming or not JSON stays as it is.
    """
    if text.length > JSON_LIMIT:
        return text.head(JSON_LIMIT), []
    source = str(text)
    try:
        value: object = orjson.loads(source)
    except ValueError:
        return source, []
    if isinstance(value, dict) and value and all(not isinstance(part, dict | list) for part in value.values()):
        lines: list[str] = []
        keys: list[tuple[int, int]] = []
        at = 0
        for key, part in value.items():
            said = part if isinstance(part, str) else orjson.dumps(part).decode()
            # Several lines stand below their key, where they keep their own indentation.
            line = f"{key}\n{said}" if "\n" in said else f"{key}  {said}"
            keys.append((at, len(key)))
            lines.append(line)
            at += len(line) + 1
        return "\n".join(lines), keys
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), []
    except (TypeError, ValueError):  # what can be read cannot always be written, such as very large integers
        return source, []


def add_input(sheet: Sheet, text: Text) -> None:
    """A tool's input, bounded to the first lines."""
    look = sheet.look
    shown, keys = pretty(text)
    found = paged(Text(shown), 0, first_page(look))
    piece = "".join(found.pieces).rstrip("\n")
    safe = clean(piece)
    muted = look.colour("text.muted").rgba()
    spans = [Span(at, size, muted) for at, size in keys if at + size <= len(safe)] if len(safe) == len(piece) else []
    x, top = sheet.left + look.px(12), sheet.y
    sheet.add(mono(safe, look, "code.text", x, top, sheet.right - x, spans=spans))
    if found.left_chars > 0:
        sheet.more(f"{left_text(found)} · in the inspector", "inspect", x, 0)
    sheet.fill(sheet.left, top, max(1, look.px(2)), sheet.y - top, "line.guide")
