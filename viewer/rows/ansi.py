"""Decodes terminal colours (SGR) into style runs and drops every other escape; executes nothing. For tool rows."""

from __future__ import annotations

import re
from typing import NamedTuple

# One regex splits text from escapes: CSI, OSC/DCS/APC/PM/SOS with their ends, charset switches, two-byte escapes, and
# the 8-bit CSI. An escape that never ends swallows at most the piece up to the next line.
_ESCAPE = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"
    r"|\x1b\](?:[^\x07\x1b\x9c\n]*)(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[PX^_][^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b\[[0-?]*[ -/]*"
    r"|\x1b[0-Z\\-~]?"
    r"|\x9b([0-?]*)[ -/]*([@-~])"
)
_BACK = re.compile(r"[^\n\x08]\x08")


class Style(NamedTuple):
    """How a run looks. Colours: None is the default, 0-15 a token, 16-255 of the cube, a tuple a true colour."""

    ink: int | tuple[int, int, int] | None = None
    paper: int | tuple[int, int, int] | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    inverse: bool = False


class Run(NamedTuple):
    start: int
    length: int
    style: Style


PLAIN = Style()


def decode(text: str, style: Style = PLAIN) -> tuple[str, list[Run], Style]:
    """The visible text, its coloured runs (code points), and the style in force at its end."""
    if "\r" in text:
        text = _returns(text)
    if "\x1b" not in text and "\x9b" not in text:
        if "\x08" in text:
            text = _backspaces(text)
        runs = [Run(0, len(text), style)] if style != PLAIN and text else []
        return text, runs, style
    pieces: list[str] = []
    runs = []
    length = 0
    last = 0
    for match in _ESCAPE.finditer(text):
        piece = text[last : match.start()]
        last = match.end()
        if piece:
            if style != PLAIN:
                runs.append(Run(length, len(piece), style))
            pieces.append(piece)
            length += len(piece)
        if (match.group(2) or match.group(4)) == "m":
            style = _sgr(style, match.group(1) or match.group(3) or "")
    piece = text[last:]
    if piece:
        if style != PLAIN:
            runs.append(Run(length, len(piece), style))
        pieces.append(piece)
    return "".join(pieces), runs, style


def _returns(text: str) -> str:
    """What is left to see when a line was written over again and again, as progress bars do."""
    text = text.replace("\r\n", "\n")
    if "\r" not in text:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if "\r" in line:
            # In a terminal the rest of a longer line would be left standing; here the last one written wins.
            kept = [part for part in line.split("\r") if part]
            lines[index] = kept[-1] if kept else ""
    return "\n".join(lines)


def _backspaces(text: str) -> str:
    # Overstrike ('_\bx') as man pages write it. Bounded: each pass removes at least one pair.
    for _ in range(8):
        text, count = _BACK.subn("", text)
        if not count:
            break
    return text.replace("\x08", "")


def _sgr(style: Style, parameters: str) -> Style:
    if not parameters:
        return PLAIN
    codes: list[list[int]] = []
    for part in parameters.split(";")[:64]:
        try:
            codes.append([int(sub) if sub else 0 for sub in part.split(":")])
        except ValueError:
            return style  # a private sequence such as '>4;2m'
    index = 0
    while index < len(codes):
        code = codes[index]
        first = code[0]
        index += 1
        match first:
            case 0:
                style = PLAIN
            case 1:
                style = style._replace(bold=True)
            case 2:
                style = style._replace(dim=True)
            case 3:
                style = style._replace(italic=True)
            case 4:
                style = style._replace(underline=len(code) < 2 or code[1] != 0)
            case 7:
                style = style._replace(inverse=True)
            case 9:
                style = style._replace(strike=True)
            case 21:
                style = style._replace(underline=True)
            case 22:
                style = style._replace(bold=False, dim=False)
            case 23:
                style = style._replace(italic=False)
            case 24:
                style = style._replace(underline=False)
            case 27:
                style = style._replace(inverse=False)
            case 29:
                style = style._replace(strike=False)
            case 38 | 48:
                if len(code) > 1:
                    colour = _colon(code)
                else:
                    colour, used = _semicolon(codes[index:])
                    index += used
                if colour is not None:
                    style = style._replace(ink=colour) if first == 38 else style._replace(paper=colour)
            case 39:
                style = style._replace(ink=None)
            case 49:
                style = style._replace(paper=None)
            case _ if 30 <= first <= 37:
                style = style._replace(ink=first - 30)
            case _ if 40 <= first <= 47:
                style = style._replace(paper=first - 40)
            case _ if 90 <= first <= 97:
                style = style._replace(ink=first - 82)
            case _ if 100 <= first <= 107:
                style = style._replace(paper=first - 92)
            case _:
                pass  # blink, conceal, fonts: text stays readable text
    return style


def _byte(value: int) -> int:
    return min(max(value, 0), 255)


def _colon(code: list[int]) -> int | tuple[int, int, int] | None:
    if code[1] == 5 and len(code) > 2:
        return _byte(code[2])
    if code[1] == 2 and len(code) >= 5:
        red, green, blue = (
            code[-3:] if len(code) < 7 else code[3:6]
        )  # 38:2:r:g:b, 38:2:space:r:g:b, with or without tolerance
        return _byte(red), _byte(green), _byte(blue)
    return None


def _semicolon(rest: list[list[int]]) -> tuple[int | tuple[int, int, int] | None, int]:
    if len(rest) >= 2 and rest[0][0] == 5:
        return _byte(rest[1][0]), 2
    if len(rest) >= 4 and rest[0][0] == 2:
        return (_byte(rest[1][0]), _byte(rest[2][0]), _byte(rest[3][0])), 4
    return None, 0


def cube(number: int) -> tuple[int, int, int]:
    """The colour of 16-255 in the 256 colour table."""
    if number >= 232:
        grey = 8 + (number - 232) * 10
        return grey, grey, grey
    number -= 16
    steps = (0, 95, 135, 175, 215, 255)
    return steps[number // 36 % 6], steps[number // 6 % 6], steps[number % 6]
