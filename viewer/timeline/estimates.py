"""Heights of rows nobody has seen, from how much text they have. Asked by the scene."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from store.items import Item, size_of
from viewer.timeline.heights import BLOCK, Guess, guess, plain
from viewer.timeline.model import TimelineModel

FEW: Final = 64  # rows
MOST_LINES: Final = 24  # an estimate is never taller: rows fold, and a guess too small is found out by looking


def per_line_of(width: int, line: int) -> int:
    """How many characters stand in a line."""
    return max(20, min(90, width // max(1, line // 2))) if width > 0 else 90


def few(items: Iterable[Item], per_line: int, line: int, pad: int) -> list[int]:
    """The same for some rows that are at hand."""
    return [pad + line * min(MOST_LINES, 1 + size_of(item) // per_line) for item in items]


def estimates(model: TimelineModel, first: int, end: int, width: int, line: int, pad: int) -> Guess:
    """Of rows [first, end), for a view so wide, with lines and an air around a row of so many px."""
    per_line = per_line_of(width, line)
    if 0 < end - first <= FEW:
        return plain(few(map(model.item, range(first, end)), per_line, line, pad))
    # The window tells the weights of all of its rows at once: for a few of them reading the rows cost less.
    window = min(end, model.base)
    made = plain(())
    if first < window and model.window is not None:
        weights = model.window.weights()
        if first or window < len(weights):
            weights = weights[first:window]
        made = guess(weights, pad, line, per_line, MOST_LINES)
    rest = range(max(first, window), end)
    if rest:
        lines = (1 + size_of(model.item(row)) // per_line for row in rest)
        whole = len(made.heights) // BLOCK
        made.heights.extend(pad + line * min(MOST_LINES, count) for count in lines)
        made = Guess(made.heights, made.sums[:whole] + plain(made.heights[whole * BLOCK :]).sums)
    return made
