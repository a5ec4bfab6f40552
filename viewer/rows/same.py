"""How far a text that was laid out again looks as it did before: what lies above need not be painted. For parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor

from PySide6.QtGui import QTextBlock, QTextDocument, QTextLayout, QTextList, QTextTable

Blocks = Sequence[tuple[int, object]]  # where a block begins, and what it is
# Scripts whose signs join or are reordered across a line's end, and marks that stand far outside of their line.
_WOVEN = re.compile("[\u0300-\u036f\u0483-\u0489\u0590-\u1fff\u200c-\u200f\u20d0-\u20ff\ua800-\udfff\ufb1d-\ufeff]")


def woven(text: str) -> bool:
    """Whether new characters may change how the lines before them look."""
    return not text.isascii() and _WOVEN.search(text) is not None


def common(old: str, new: str) -> int:
    """How many characters two texts begin with in common."""
    if new.startswith(old):
        return len(old)
    low, high = 0, min(len(old), len(new))
    while low < high:  # slices are compared at once, characters one by one
        middle = (low + high + 1) // 2
        if new.startswith(old[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def documents(old: QTextDocument, was: Blocks, new: QTextDocument, now: Blocks) -> int:
    """The first y at which two dressed documents of one width may look different."""
    here, there = old.documentLayout(), new.documentLayout()
    table = _first_table(old, new)
    bottom = 0.0
    before, after = old.begin(), new.begin()
    number = 0
    while before.isValid() and after.isValid() and number < min(len(was), len(now)):
        at = before.position()
        # A table is one thing: its columns depend on every cell.
        if was[number] != now[number] or (0 <= table <= at + 1):
            break
        text = before.text()
        box, place = here.blockBoundingRect(before), there.blockBoundingRect(after)
        if box.topLeft() != place.topLeft() or not _alike(before, after):
            break
        same = _runs(before, after)
        if same < before.length() - 1 or before.length() != after.length() or text != after.text():
            if woven(text) or woven(after.text()):
                break
            same = min(same, common(text, after.text()))
            return floor(_lines(before.layout(), after.layout(), same, box.top(), bottom))
        if box != place:
            break
        bottom = box.bottom()
        before, after = before.next(), after.next()
        number += 1
    return floor(bottom)


def _first_table(old: QTextDocument, new: QTextDocument) -> int:
    """Where the first table of either begins; -1: there is none."""
    starts = [
        frame.firstPosition()
        for document in (old, new)
        for frame in document.rootFrame().childFrames()
        if isinstance(frame, QTextTable)
    ]
    return min(starts, default=-1)


def _alike(old: QTextBlock, new: QTextBlock) -> bool:
    """Whether two blocks have one form, and as items one sign before them."""
    if old.blockFormat() != new.blockFormat():
        return False
    mine, other = list_of(old), list_of(new)
    if mine is None or other is None:
        return mine is other
    return mine.format() == other.format() and mine.itemNumber(old) == other.itemNumber(new)


def list_of(block: QTextBlock) -> QTextList | None:
    """The list a block is an item of. Qt's type hints say there always is one."""
    return block.textList()


def _runs(old: QTextBlock, new: QTextBlock) -> int:
    """How many characters of two blocks have the same form."""
    same = 0
    for mine, other in zip(old.textFormats(), new.textFormats(), strict=False):
        if mine.start != other.start or mine.format != other.format:
            return same
        same = mine.start + min(mine.length, other.length)
        if mine.length != other.length:
            return same
    return same


def _lines(old: QTextLayout, new: QTextLayout, same: int, top: float, above: float) -> float:
    """The top of the first line that is not the same in both; `above` if that is the first line of all."""
    for number in range(min(old.lineCount(), new.lineCount())):
        mine, other = old.lineAt(number), new.lineAt(number)
        end = mine.textStart() + mine.textLength()
        if end > same or end != other.textStart() + other.textLength() or mine.rect() != other.rect():
            return top + min(mine.y(), other.y()) if number else above
    number = min(old.lineCount(), new.lineCount())
    return top + old.lineAt(number - 1).rect().bottom() if number else above
