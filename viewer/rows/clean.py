"""Makes any text safe to lay out: what cannot be seen is shown, long runs can break. For row kinds."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby

# What may not reach a text engine as it is. C0 and C1 controls; bidi controls, which reorder what was written; other
# invisible characters, with which text can be hidden; separators and non-characters that QTextDocument uses for
# itself; halves of surrogate pairs, which QString refuses. The joiners U+200C and U+200D and the variation selectors
# stay: emoji and Persian need them, and they hide nothing.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\uffff\ud800-\udfff\ufdd0-\ufdef\U0001d173-\U0001d17a\U000e0000-\U000e007f"
    "\U0001fffe\U0001ffff\U0010fffe\U0010ffff]+"
)
_NAMES = {
    0xAD: "SHY",
    0x61C: "ALM",
    0x200B: "ZWSP",
    0x200E: "LRM",
    0x200F: "RLM",
    0x202A: "LRE",
    0x202B: "RLE",
    0x202C: "PDF",
    0x202D: "LRO",
    0x202E: "RLO",
    0x2060: "WJ",
    0x2066: "LRI",
    0x2067: "RLI",
    0x2068: "FSI",
    0x2069: "PDI",
    0xFEFF: "BOM",
    0xFFFC: "OBJ",
    0xFFFD: "\ufffd",
    0x7F: "DEL",
}
# fmt: off
_C0 = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)
# fmt: on
_RUN = re.compile(r"\S{500}(?=\S)")
BREAK = "\u200b"  # a place where a line may break and nothing is seen; only we put it there, so copying strips it


def _shown(match: re.Match[str]) -> str:
    found = match.group()
    return _short(found) if len(found) <= 4 else _named(found)


def _named(found: str) -> str:
    shown: list[str] = []
    hidden = ""
    for char, run in groupby(found):
        code = ord(char)
        count = sum(1 for _ in run)
        if 0xE0020 <= code <= 0xE007E:
            hidden += chr(code - 0xE0000) * count  # a second alphabet that no font draws: say what it says
            continue
        if hidden:
            shown.append(f"⟨hidden: {hidden}⟩")
            hidden = ""
        if char in "\u2028\u2029\x85":
            shown.append("\n" * count)
        elif code == 0xFFFD or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF) or 0xFDD0 <= code <= 0xFDEF:
            shown.append("\ufffd" * count)
        else:
            name = _C0[code] if code < 0x20 else _NAMES.get(code) or f"U+{code:04X}"
            shown.append(f"⟨{name}⟩" * count if count <= 4 else f"⟨{name} ×{count:,}⟩")
    if hidden:
        shown.append(f"⟨hidden: {hidden}⟩")
    return "".join(shown)


_short = lru_cache(512)(_named)  # colours in an output, line ends of a terminal: the same few, thousands of times


def clean(text: str) -> str:
    """The text with everything that cannot be seen made visible. Line ends become '\\n'. Free for ordinary text."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():
        return text  # ten times cheaper than the search
    return _ODD.sub(_shown, text) if _ODD.search(text) else text


def breakable(text: str) -> str:
    """The text with a place to break every 500 characters of an unbroken run: wrapping prose is quadratic without."""
    at = 0
    while len(text) - at > 500:
        at = text.rfind(" ", at, at + 500) + 1 or -1
        if at < 0:
            break
    else:
        return text  # a space in every 500 characters: found far sooner than the run that is not there
    return _RUN.sub(lambda match: match.group() + BREAK, text)


def one_line(text: str, limit: int = 400) -> str:
    """The first of a text as one line, for titles: line ends become a space, the rest is cut."""
    cut = text[: limit + 1]
    line = clean(" ".join(cut.split()))
    return line[:limit] + "…" if len(text) > limit else line


def plain(text: str) -> str:
    """What was laid out, as it is copied."""
    return text.replace(BREAK, "").replace("\u2029", "\n").replace("\u2028", "\n").replace("\xa0", " ")
