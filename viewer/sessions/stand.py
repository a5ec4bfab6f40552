"""Where the lines of the list stand: sessions of one height, and lower headings. Qt-free; for the view."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class Stand:
    """Asked for any line it looks at the headings only, however many sessions there are. Never changes."""

    __slots__ = ("_heads", "_saved", "_tops", "count", "high", "low")

    def __init__(self, heads: Sequence[int], count: int, high: int, low: int) -> None:
        """`heads`: the rows that are headings, ascending, of `count` rows; heights in px."""
        self.count, self.high, self.low = count, high, low
        self._heads = heads
        self._saved = high - low
        self._tops = [row * high - number * self._saved for number, row in enumerate(heads)]

    @property
    def total(self) -> int:
        """The height of all lines."""
        return self.top(self.count)

    def top(self, row: int) -> int:
        return row * self.high - bisect_left(self._heads, row) * self._saved

    def height(self, row: int) -> int:
        return self.top(row + 1) - self.top(row)

    def row_at(self, y: int) -> int:
        """The row at a height; `count` or more below the last one."""
        number = bisect_right(self._tops, y) - 1
        if number < 0:
            return y // self.high
        head, below = self._heads[number], y - self._tops[number] - self.low
        return head if below < 0 else head + 1 + below // self.high
