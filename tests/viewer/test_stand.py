"""Where the lines of the list stand: the short sums give what adding up every line gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as s

from viewer.sessions.stand import Stand


@given(s.lists(s.integers(1, 5), max_size=12), s.integers(10, 60), s.integers(5, 60))
def test_every_height_leads_to_its_row(groups: list[int], high: int, low: int) -> None:
    heads, heights = [], []
    for sessions in groups:
        heads.append(len(heights))
        heights += [low] + [high] * sessions
    stand = Stand(heads, len(heights), high, low)
    top = 0
    for row, height in enumerate(heights):
        assert (stand.top(row), stand.height(row)) == (top, height)
        assert stand.row_at(top) == stand.row_at(top + height - 1) == row
        top += height
    assert stand.total == top
    assert stand.row_at(top) >= len(heights)
