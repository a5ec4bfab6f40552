"""Heights against a plain list, and the estimates against the arithmetic they shorten."""

from __future__ import annotations

import random
from array import array
from itertools import accumulate

import pytest
from thorough import seeds

from viewer.timeline.heights import BLOCK, Heights, guess, plain


def agree(heights: Heights, truth: list[int]) -> None:
    assert len(heights) == len(truth)
    assert heights.total == sum(truth)
    sums = [0, *accumulate(truth)]
    for row in {*range(0, len(truth) + 1, max(1, len(truth) // 50)), len(truth)}:
        assert heights.prefix(row) == sums[row]


def find(truth: list[int], y: int) -> int:
    for row, height in enumerate(truth):
        if y < height:
            return row
        y -= height
    raise AssertionError(y)


@pytest.mark.parametrize("seed", seeds(5, 12))
def test_any_changes_agree_with_a_list(seed: int) -> None:
    chance = random.Random(seed)

    def some(most: int) -> list[int]:
        tall = chance.choice((0, 3, 900))  # also runs of folded rows
        return [chance.randint(0, tall) for _ in range(chance.randint(0, most))]

    heights, truth = Heights(), []
    for _ in range(60):
        match chance.randint(0, 6):
            case 0 | 1:
                new = some(700)
                heights.append(new)
                truth += new
            case 2:
                new = some(700)
                heights.insert_front(plain(new))
                truth = new + truth
            case 3 if truth:
                row = chance.randint(max(0, len(truth) - 600), len(truth))
                heights.cut(row)
                del truth[row:]
            case 4 if truth:
                count = chance.randint(0, min(300, len(truth)))
                heights.drop_front(count)
                del truth[:count]
            case _ if truth:
                for _ in range(20):
                    row, height = chance.randrange(len(truth)), chance.randint(0, 2000)
                    heights.set(row, height)
                    truth[row] = height
        agree(heights, truth)
        if sum(truth):
            for _ in range(10):
                y = chance.randrange(sum(truth))
                assert heights.find(y) == find(truth, y)
            shown = [row for row, height in enumerate(truth) if height]
            row = chance.randrange(len(truth))
            assert heights.after(row) == next((other for other in shown if other > row), None)
            assert heights.before(row) == next((other for other in reversed(shown) if other < row), None)
            assert heights.find(-5) == shown[0]
            assert heights.find(sum(truth) + 5) == shown[-1]
        else:
            with pytest.raises(LookupError):
                heights.find(0)


def test_measured_until_forgotten() -> None:
    heights = Heights()
    heights.append([10, 20, 30])
    assert heights.set(1, 25) is True
    assert heights.set(1, 26) is False
    heights.stale(1)
    assert heights[1] == 26
    assert heights.set(1, 27) is True
    heights.set(2, 5)
    heights.forget()
    assert [heights.seen(row) for row in range(3)] == [False, False, False]
    assert heights.total == 10 + 27 + 5
    heights.insert_front(plain([7]))
    heights.set(0, 8)
    assert [heights.seen(row) for row in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(("per_line", "most"), [(90, 24), (20, 24), (41, 3), (90, 255), (200, 1)])
def test_guess_follows_the_text(per_line: int, most: int) -> None:
    weights = array("H", [*range(0, 3000, 3), 0, 255, 256, 65535, 40_000])
    made = guess(weights, 20, 18, per_line, most)
    for weight, height in zip(weights, made.heights, strict=True):
        lines = (height - 20) // 18
        exact = min(most, 1 + weight // per_line)
        if weight < 256:
            assert lines == min(exact, 15) or most < 15
        else:  # coarse: a fifteenth of the tallest, and a high byte's worth of text
            assert abs(lines - exact) <= -(-most // 15) + -(-256 // per_line)
        assert lines >= 1
    assert made.sums == plain(made.heights).sums


def test_guess_of_nothing_and_of_many_blocks() -> None:
    assert guess(array("H"), 1, 1, 50, 5).sums == []
    made = guess(array("H", [10]) * (3 * BLOCK + 5), 4, 16, 80, 9)
    assert made.sums == [20 * BLOCK] * 3 + [100]
