"""The token file: every colour by meaning, light and dark. Read by viewer.theme.scheme; panes ask their Look."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from PySide6.QtGui import QColor

from resources import path

Scheme: TypeAlias = Literal["light", "dark"]


class Token(NamedTuple):
    """One meaning: its value in both themes, and the surfaces it must be readable on."""

    name: str
    light: str
    dark: str
    on: tuple[str, ...] = ()


@cache
def tokens() -> dict[str, Token]:
    """All tokens by dotted name. A broken file raises at once: it ships with the program."""
    tree = tomllib.loads(path("themes/tokens.toml").read_text("utf-8"))
    found: dict[str, Token] = {}
    for group, entries in tree.items():
        for key, entry in entries.items():
            name = f"{group}.{key}"
            found[name] = Token(name, entry["light"], entry["dark"], tuple(entry.get("on", ())))
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
