"""When a digest is folded (SYSTEMS G.5), by a clock of our own."""

from __future__ import annotations

from store.due import MANY, OLD_S, Due


def test_a_closed_turn_is_due_at_once() -> None:
    """000-25."""
    due: Due[str] = Due()
    due.note("a", 0.0)
    assert due.collect(0.0) == {}
    due.note("a", 0.0, closed=True)
    due.note("a", 0.0)  # what comes behind it does not take it back
    assert due.collect(0.0) == {"a": 3}
    assert due.collect(9.0) == {}


def test_many_are_due_and_a_few_young_ones_are_not() -> None:
    """000-25."""
    due: Due[str] = Due()
    due.note("a", 0.0, MANY - 1)
    assert due.collect(OLD_S - 0.01) == {}
    due.note("a", OLD_S - 0.01)
    assert due.collect(OLD_S - 0.01) == {"a": MANY}


def test_the_oldest_one_counts() -> None:
    """000-25."""
    due: Due[str] = Due()
    due.note("a", 1.0)
    due.note("a", 1.7)
    assert due.next() == 1.0 + OLD_S
    assert due.collect(1.749) == {}
    assert due.collect(1.75) == {"a": 2}
    assert due.next() is None  # no timer while nothing waits
    due.note("a", 1.8)
    assert due.collect(1.8) == {}  # it starts anew


def test_collecting_takes_only_what_is_due() -> None:
    """000-25: Agents of several sessions in one pass; the others keep what was counted."""
    due: Due[tuple[str, str]] = Due()
    due.note(("s1", ""), 0.0, 31)
    due.note(("s2", ""), 0.0, closed=True)
    due.note(("s2", "h1"), 0.0, 40)
    assert due.collect(0.1) == {("s2", ""): 1, ("s2", "h1"): 40}
    due.note(("s1", ""), 0.2)
    assert due.collect(0.2) == {("s1", ""): 32}


def test_limits_can_be_set() -> None:
    """000-25."""
    due: Due[str] = Due(many=2, old=5.0)
    due.note("a", 0.0)
    assert due.collect(4.9) == {}
    due.note("a", 4.9)
    assert due.collect(4.9) == {"a": 2}


def test_a_clock_that_goes_back_makes_nobody_wait() -> None:
    due: Due[str] = Due()
    due.note("a", 100.0)
    assert due.collect(3.0) == {"a": 1}
