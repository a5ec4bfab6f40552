"""Diffs as records tell them: unified ones, and whole texts that were added or removed. For the formats."""

from __future__ import annotations

import re
from typing import Final

from store.events import Hunk

DIFF_LINES: Final = 20_000  # lines of a diff that are kept; a longer one is a generated file
_HUNK: Final = re.compile(r"@@ -(\d{1,9})(?:,\d+)? \+(\d{1,9})")


def unified(diff: str, path: str = "", room: int = DIFF_LINES) -> list[Hunk]:
    """The hunks of a unified diff of one file."""
    hunks: list[Hunk] = []
    old = new = 0
    lines: list[str] = []
    inside = False
    for line in diff.split("\n")[: room + 1000]:
        start = _HUNK.match(line)
        if start is not None:
            if lines:
                hunks.append(Hunk(old, new, tuple(lines), path))
            old, new, lines, inside = int(start[1]), int(start[2]), [], True
        elif inside and line[:1] in ("+", "-", " ", "\\") and len(lines) < room:
            lines.append(line)
    if lines:
        hunks.append(Hunk(old, new, tuple(lines), path))
    return hunks


def whole(text: str, sign: str = "+", path: str = "", room: int = DIFF_LINES) -> list[Hunk]:
    """A file that was made ('+') or deleted ('-')."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        return []
    old, new = (1, 0) if sign == "-" else (0, 1)
    return [Hunk(old, new, tuple(f"{sign}{line}" for line in lines[:room]), path)]
