"""Which rows a folded subagent hides, against the definition."""

from __future__ import annotations

import random
from array import array

import pytest
from thorough import seeds

from viewer.timeline.folds import Folds


class Truth:
    """The definition, row by row."""

    def __init__(self) -> None:
        self.parents: list[int | None] = []
        self.open: set[int] = set()

    def hidden(self, row: int) -> bool:
        parent = self.parents[row]
        return parent is not None and (parent not in self.open or self.hidden(parent))


def locate(name: str) -> int:
    return int(name[1:])


@pytest.mark.parametrize("seed", seeds(8, 20))
def test_any_nesting_agrees_with_the_definition(seed: int) -> None:
    chance = random.Random(seed)
    truth, folds = Truth(), Folds()
    for _ in range(chance.randint(0, 80)):
        row = len(truth.parents)
        truth.parents.append(chance.randrange(row) if row and chance.random() < 0.6 else None)
    pairs = array("i")
    for row, parent in enumerate(truth.parents):
        if parent is not None:
            pairs.extend((row, parent))
    folds.reset(pairs, (), locate)
    for _ in range(150):
        match chance.randint(0, 5):
            case 0 | 1:
                row = len(truth.parents)
                parent = chance.randrange(row) if row and chance.random() < 0.6 else None
                truth.parents.append(parent)
                folds.add(row, f"r{row}", None if parent is None else f"r{parent}", locate)
            case 2 | 3 | 4 if truth.parents:
                row, show = chance.randrange(len(truth.parents)), chance.random() < 0.6
                before = [truth.hidden(other) for other in range(len(truth.parents))]
                (truth.open.add if show else truth.open.discard)(row)
                told = folds.show_children(row, f"r{row}", show)
                after = [truth.hidden(other) for other in range(len(truth.parents))]
                assert sorted(told) == [other for other in range(len(before)) if before[other] != after[other]]
            case 5 if truth.parents and chance.random() < 0.3:
                keep = chance.randrange(len(truth.parents))
                folds.cut(keep)
                for row in [row for row in folds.state() if locate(row) >= keep]:
                    folds.put(row, None, 0)
                del truth.parents[keep:]
                truth.open = {row for row in truth.open if row < keep}
                # A row that comes again under the same name is opened again: what the reader wanted outlives a rewind.
                folds.restore({f"r{row}": (None, 0, True) for row in truth.open}, locate)
        for row, parent in enumerate(truth.parents):
            assert folds.hidden(row) == truth.hidden(row)
            assert folds.parent(row) == parent
            assert folds.steps(row) == truth.parents.count(row)
            depth, at = 0, parent
            while at is not None:
                depth, at = depth + 1, truth.parents[at]
            assert folds.fold(row, f"r{row}")[2:5] == (
                (row in truth.open, folds.steps(row), depth) if folds.steps(row) or depth else (row in truth.open, 0, 0)
            )


def test_a_parent_may_come_after_its_rows() -> None:
    folds = Folds()
    rows = {"a": 0}
    assert folds.add(0, "a", "late", rows.get) == []
    assert not folds.hidden(0)
    assert folds.add(1, "late", None, rows.get) == [0]
    assert folds.hidden(0)
    assert folds.steps(1) == 1
    folds.cut(1)
    assert not folds.hidden(0)


def test_circles_hide_nothing_for_ever() -> None:
    folds = Folds()
    folds.reset(array("i", [0, 1, 1, 0, 2, 2]), (), locate)
    assert [folds.hidden(row) for row in range(3)] == [True, True, True]
    folds.show_children(0, "r0", True)
    folds.show_children(1, "r1", True)
    folds.show_children(2, "r2", True)
    assert [folds.hidden(row) for row in range(3)] == [False, False, False]
    other = Folds()
    known: dict[str, int] = {"a": 0, "b": 1}
    other.add(0, "a", "b", {}.get)
    assert other.add(1, "b", "a", known.get) == [0]
    assert other.parent(1) == 0
    assert other.parent(0) is None


def test_state_comes_back() -> None:
    folds = Folds()
    folds.reset(array("i", [1, 0, 2, 1]), (), locate)
    folds.put("r5", True, 3)
    folds.show_children(0, "r0", True)
    state = folds.state()
    assert state == {"r5": (True, 3, False), "r0": (None, 0, True)}
    other = Folds()
    other.restore(state, locate)
    other.reset(array("i", [1, 0, 2, 1]), (), locate)
    assert [other.hidden(row) for row in range(3)] == [False, False, True]
    assert other.fold(5, "r5").pages == 3
    folds.put("r5", None, 0)
    folds.show_children(0, "r0", False)
    assert folds.state() == {}


def test_toggling_costs_its_own_rows_only() -> None:
    folds = Folds()
    pairs = array("i")
    for row in range(10, 200_000):
        pairs.extend((row, 0 if row < 199_990 else 5))
    folds.reset(pairs, (), locate)
    assert len(folds.show_children(5, "r5", True)) == 10
    assert folds.steps(0) == 199_980
