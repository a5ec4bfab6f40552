"""Diffs as records tell them: unified ones, and whole texts that were added or removed. For the formats."""

from __future__ import annotations

import re
from typing import Final

from store.events import Hunk

AROUND: Final = 3  # lines of context
COMPARED: Final = 5_000  # lines that are compared; of more, the part that differs is one piece
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


def between(old: str, new: str, path: str = "", room: int = DIFF_LINES) -> list[Hunk]:
    """What makes one text of another: hunks with some lines around. No old text is a new file."""
    if not old or not new:
        return whole(old or new, "-" if old else "+", path, room)
    before, after = old.split("\n"), new.split("\n")
    least = min(len(before), len(after))
    first = next((row for row in range(least) if before[row] != after[row]), least)
    last = next((row for row in range(least - first) if before[-1 - row] != after[-1 - row]), least - first)
    left, right = before[first : len(before) - last], after[first : len(after) - last]
    if not left and not right:
        return []
    pieces = [(0, len(left), 0, len(right))]
    if left and right and len(left) + len(right) <= COMPARED:
        from rapidfuzz.distance import Indel  # a reader that meets no such diff does without it

        found = Indel.opcodes(left, right)
        pieces = []
        for op in found:
            if op.tag == "equal":
                continue
            start, begin = op.src_start, op.dest_start
            if pieces and pieces[-1][1] == start and pieces[-1][3] == begin:  # taken away and put there is one change
                start, _, begin, _ = pieces.pop()
            pieces.append((start, op.src_end, begin, op.dest_end))
    hunks: list[Hunk] = []
    group: list[tuple[int, int, int, int]] = []
    for piece in pieces:
        if group and piece[0] - group[-1][1] > 2 * AROUND:
            hunks.append(_hunk(before, after, first, group, path))
            group = []
        group.append(piece)
    hunks.append(_hunk(before, after, first, group, path))
    kept: list[Hunk] = []
    for hunk in hunks:
        if room > 0:
            kept.append(Hunk(hunk.old_start, hunk.new_start, hunk.lines[:room], path))
            room -= len(hunk.lines)
    return kept


def _hunk(before: list[str], after: list[str], shift: int, pieces: list[tuple[int, int, int, int]], path: str) -> Hunk:
    """Neighbouring pieces as one hunk; they count from `shift` on."""
    start = max(0, pieces[0][0] + shift - AROUND)
    new_start = pieces[0][2] + shift - (pieces[0][0] + shift - start)
    lines: list[str] = []
    at = start
    for left, left_end, right, right_end in pieces:
        lines += [f" {line}" for line in before[at : left + shift]]
        lines += [f"-{line}" for line in before[left + shift : left_end + shift]]
        lines += [f"+{line}" for line in after[right + shift : right_end + shift]]
        at = left_end + shift
    lines += [f" {line}" for line in before[at : at + AROUND]]
    if lines and lines[-1] == " " and at + AROUND >= len(before):
        lines.pop()  # the line behind the last line end is none
    return Hunk(start + 1, new_start + 1, tuple(lines), path)
