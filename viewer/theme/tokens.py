"""The token file: every colour by meaning, light and dark. Read by viewer.theme.scheme; panes ask their Look.

It is TOML of one shape, a table per group and a line per token, and read as such: a reader of all of TOML would cost
each start some milliseconds. A test holds both to the same result.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

from PySide6.QtGui import QColor

from resources import path

Scheme: TypeAlias = Literal["light", "dark"]
FILE: Final = "themes/tokens.toml"


_LINE: Final = r"""
    (?: \[ (?P<group>\w+) \]
    |   (?P<key>\w+) \s*=\s* \{ \s* light \s*=\s* "(?P<light>\#\w+)" \s*,\s* dark \s*=\s* "(?P<dark>\#\w+)" \s*
        (?: ,\s* on \s*=\s* \[ (?P<on>[^\]]*) \] \s* )? \}
    )? \s* (?: \#.* )? """


class Token(NamedTuple):
    """One meaning: its value in both themes, and the surfaces it must be readable on."""

    name: str
    light: str
    dark: str
    on: tuple[str, ...] = ()


@cache
def tokens() -> dict[str, Token]:
    """All tokens by dotted name. A broken file raises at once: it ships with the program."""
    shape = re.compile(_LINE, re.VERBOSE)
    found: dict[str, Token] = {}
    group = ""
    for number, line in enumerate(path(FILE).read_text("utf-8").splitlines(), 1):
        match = shape.fullmatch(line)
        if match is None:
            raise ValueError(f"{FILE}, line {number}: {line}")
        group = match["group"] or group
        if match["key"]:
            name = f"{group}.{match['key']}"
            found[name] = Token(name, match["light"], match["dark"], tuple(re.findall(r'"([^"]+)"', match["on"] or "")))
    return found


def colours(scheme: Scheme) -> dict[str, QColor]:
    """Name to colour for one theme."""
    return {name: QColor(token.dark if scheme == "dark" else token.light) for name, token in tokens().items()}


def contrast(one: QColor, other: QColor) -> float:
    """The WCAG contrast ratio of two opaque colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: QColor) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
